"""Replies of Binance's REST API about trades and books, read into units (rest-api.md, Market Data endpoints)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from exec_plugin.feeds.base import milliseconds, positive_units, price_units
from exec_plugin.feeds.ohlcv import Candle, checked

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class Print(NamedTuple):
    """A public trade, or several of one taker at one price of which ``first_id`` is the first."""

    id: int
    time: int
    price: int
    qty: int
    taker_is_seller: bool
    first_id: int


class Minute(NamedTuple):
    """A candle of one minute, with the number of trades in it."""

    candle: Candle
    trades: int


def read_trades(payload: Any) -> list[Print]:
    """
    The reply to ``GET /api/v3/trades`` (Recent trades list), oldest first.

    Raises:
        ValueError: when it is none.
    """
    return sorted(_all(payload, _trade, "trades"))


def read_aggregates(payload: Any) -> list[tuple[int, Print]]:
    """
    The reply to ``GET /api/v3/aggTrades`` (Compressed/Aggregate trades list): each with its aggregate id.

    Raises:
        ValueError: when it is none.
    """
    return sorted(_all(payload, _aggregate, "aggregate trades"))


def read_minutes(payload: Any) -> list[Minute]:
    """
    The reply to ``GET /api/v3/klines`` (Kline/Candlestick data).

    Raises:
        ValueError: when it is none.
    """
    return _all(payload, _minute, "klines")


def _all(payload: Any, read: Callable[[Any], _T], what: str) -> list[_T]:
    try:
        return [read(entry) for entry in payload]
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        msg = f"no list of {what}: {error!r}"
        raise ValueError(msg) from error


def _trade(entry: Any) -> Print:
    number = int(entry["id"])
    time, price, qty = milliseconds(int(entry["time"])), price_units(entry["price"]), price_units(entry["qty"])
    return Print(number, time, price, qty, bool(entry["isBuyerMaker"]), number)


def _aggregate(entry: Any) -> tuple[int, Print]:
    time, price, qty = milliseconds(int(entry["T"])), price_units(entry["p"]), price_units(entry["q"])
    return int(entry["a"]), Print(int(entry["l"]), time, price, qty, bool(entry["m"]), int(entry["f"]))


def _minute(row: Any) -> Minute:
    time, *numbers = row[:6]
    # a minute without trades has no volume, and stands at the price before it
    return Minute(checked(Candle(milliseconds(int(time)), *map(positive_units, numbers))), int(row[8]))
