"""A host that trades wherever its configuration says: buys once, and tells what came of it."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from pathlib import Path
from typing import Any

import exec_plugin


async def run(config: dict[str, Any]) -> None:
    """Buy for what the configuration says."""
    # all that a host needs of exec_plugin: these two lines, and the import
    plugins = exec_plugin.load(config["exec_plugin"])
    async with exec_plugin.exchanges(plugins)[config["exchange"]](config) as client:
        order = await client.place_order(config["symbol"], "BUY", "MARKET", quote_quantity=config["spend"])
        print(f"bought {order.filled_quantity:f} for {order.filled_quote:f}")
        account = await client.get_account_info()
        for balance in account["balances"]:
            print(balance["asset"], balance["free"])


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("config.toml"))
    asyncio.run(run(tomllib.loads(path.read_text(encoding="utf-8"))))
