"""What a play is, and the means of which plays are made."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from exec_plugin.binance import BinanceClient, BinanceError
    from exec_plugin.cassettes.scene import Scene

    Run = Callable[[Scene], Awaitable[Any]]

SYMBOL, NOWHERE = "BTCUSDT", "NOSUCHCOIN"
PUBLIC, ACCOUNT, TRADING = "public", "account", "trading"
ORDER, TIME = "/api/v3/order", "/api/v3/time"
#: What an order is worth, in quote; small, and above every exchange's least.
WORTH = Decimal(25)
MISSING_ID, MISSING = 999_999_999_999, "missing"
#: ms that a request is valid, where a play waits until it no longer is.
SHORT_WINDOW = 1_000
_FAR_BELOW = Decimal("0.7")
_UNIT = Decimal("1e-8")


@frozen
class Play:
    """
    One cassette's worth of requests.

    Args:
        run: plays it and answers what the calls answered.
        calls: the client's method that it shows.
        needs: ``public``, ``account`` for a key that may read, or ``trading`` for one that places orders.
        fails: the error in which it ends.
        faults: what the exchange must be told to do wrong; then only one of our own will do.
        repeats: how often it asks depends on how fast the answers come.
    """

    run: Run
    calls: str
    needs: str = PUBLIC
    fails: type[BinanceError] | None = None
    faults: tuple[Mapping[str, Any], ...] = ()
    repeats: bool = False

    @property
    def name(self) -> str:
        """The cassette's file, without its suffix."""
        return self.run.__name__


PLAYS: dict[str, Play] = {}


def play(calls: str, needs: str = PUBLIC, **more: Any) -> Callable[[Run], Run]:
    """Make a function a play; the arguments are those of ``Play``."""

    def keep(run: Run) -> Run:
        PLAYS[run.__name__] = Play(run, calls, needs, **more)
        return run

    return keep


def fault(kind: str, method: str, path: str, **more: Any) -> Mapping[str, Any]:
    """A rule for the faults of a paper exchange (docs/faults.md)."""
    return {"fault": kind, "method": method, "path": path, **more}


def own(name: str) -> str:
    """A client order id; told, so that a second recording asks the same."""
    return f"exec-plugin-{name}"


async def price_below(client: BinanceClient) -> Decimal:
    """A price at which nothing is bought."""
    return Decimal((await client.get_ticker(SYMBOL))["lastPrice"]) * _FAR_BELOW


def affordable(price: Decimal) -> Decimal:
    """A small quantity at that price."""
    return (WORTH / price).quantize(_UNIT, ROUND_UP)


async def resting(client: BinanceClient, name: str = "first") -> Any:
    """A small order to buy, far below the market."""
    price = await price_below(client)
    return await client.place_order(
        SYMBOL, "BUY", "LIMIT", affordable(price), price, round="down", client_order_id=own(name)
    )
