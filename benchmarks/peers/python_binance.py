"""python-binance's AsyncClient on a loopback server: told a call's name, the median seconds of a block of such calls."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from statistics import median

from binance.async_client import AsyncClient


async def serve(job: dict) -> None:
    """Make a block of calls for each line of the input."""
    client = AsyncClient(job["key"], job["secret"])
    client.API_URL = f"{job['url']}/api"
    order = job["order"]
    calls = {
        "get_ticker": lambda: client.get_ticker(symbol="BTCUSDT"),
        "get_account_info": client.get_account,
        "place_order": lambda: client.create_order(**order),
    }
    for line in sys.stdin:
        call, took = calls[json.loads(line)], []
        for _ in range(job["block"]):
            start = time.perf_counter()
            await call()
            took.append(time.perf_counter() - start)
        print(median(took), flush=True)
    await client.close_connection()


if __name__ == "__main__":
    print(f"python-binance {version('python-binance')}", file=sys.stderr)
    asyncio.run(serve(json.loads(sys.stdin.readline())))
