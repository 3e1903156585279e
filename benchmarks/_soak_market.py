"""A plugin whose feed ``soak`` is the synthetic market with twenty symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin import hookimpl
from exec_plugin.core.clock import DAY
from exec_plugin.core.symbols import default_symbol
from exec_plugin.feeds import SyntheticFeed

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Name and price of each symbol; all of them have the same tick and lot.
PRICES = {
    f"{name}USDT": str(price)
    for name, price in zip(
        ("AAVE", "ADA", "ATOM", "AVAX", "BCH", "BNB", "BTC", "DOGE", "DOT", "ETH", "FIL", "ICP", "LINK", "LTC", "NEAR",
         "SOL", "TRX", "UNI", "XLM", "XRP"),
        (94, 45, 48, 27, 330, 570, 640, 33, 52, 268, 39, 88, 113, 66, 51, 155, 36, 71, 30, 59),
        strict=True,
    )
}  # fmt: skip
TICK, STEP = "0.01", "0.001"


@hookimpl
def exec_market_source(name: str, config: Mapping[str, Any]) -> SyntheticFeed | None:
    """The feed, from now on and with so much of a past that an exchange remembers no more."""
    if name != "soak":
        return None
    symbols = [default_symbol(symbol, tick=TICK, step=STEP) for symbol in PRICES]
    start = max(config["clock"](), config["seen"].get("now", 0))
    return SyntheticFeed(symbols, config["seed"], start, history_ms=10 * DAY, prices=PRICES)
