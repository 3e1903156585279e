"""
One line of a Binance stream capture -> one `Message` (web-socket-streams.md).

This is the general path: it accepts every form of every message, and says what is wrong with the rest.
`shapes` reads the usual form of the usual messages several times faster, to the same result.
"""

from __future__ import annotations

from json import loads
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.events import BOOK, DEPTH, QUOTE, TRADE
from exec_plugin.core.units import FAR

from .base import milliseconds, positive_units, price_units, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

#: Kinds of messages that make rows, and the rows' kind.
ROW_KINDS = {"aggTrade": TRADE, "bookTicker": QUOTE, "depthUpdate": DEPTH, "snapshot": BOOK, "trade": TRADE}

#: Streams that Binance offers and a venue has no use for: it makes its own tickers and candles from trades.
UNUSED = frozenset(
    {
        "1dTicker", "1hTicker", "24hrMiniTicker", "24hrTicker", "4hTicker", "avgPrice", "kline", "referencePrice",
        "serverShutdown", "blockTrade",
    }
)  # fmt: skip

#: How much of a bad line a message shows.
SHOWN = 60


class Message(NamedTuple):
    """
    What a line says.

    Times are milliseconds, 0 where the line tells none. ``body`` is the row from its third place on, the symbol
    left out. ``first_id`` and ``last_id`` are order book update ids.
    """

    kind: str
    symbol: str
    received: int
    event: int
    first_id: int
    last_id: int
    body: tuple[Any, ...]


def parse_line(line: str) -> Message:
    """
    Read a line in any of its forms: with or without a leading receive time, combined or raw stream.

    Raises:
        ValueError: with what is wrong.
    """
    head, brace, _ = line.partition("{")
    if not brace:
        msg = f"no JSON object in {_cut(line)}"
        raise ValueError(msg)
    stamp = head.strip()
    received = milliseconds(whole_number(stamp, "receive time")) if stamp else 0
    try:
        outer = loads(line[len(head) :])
    except (ValueError, RecursionError) as error:
        msg = f"broken JSON: {error}"
        raise ValueError(msg) from None
    stream, data = (outer["stream"], outer.get("data")) if "stream" in outer else ("", outer)
    return parse_message(str(stream), data, received)


def parse_message(stream: str, data: Any, received: int = 0) -> Message:
    """
    Read a payload that is no text any more; ``stream`` may be empty where the payload tells what it is.

    Raises:
        ValueError: with what is wrong.
    """
    if not isinstance(data, dict):
        msg = f"unknown stream {_cut(stream)}"
        raise ValueError(msg)  # noqa: TRY004 - whatever is wrong with a line is a ValueError
    try:
        return _message(stream, data, received)
    except KeyError as error:
        msg = f"{error} is missing in {_cut(str(data))}"
        raise ValueError(msg) from None


def _message(stream: str, data: dict[str, Any], received: int) -> Message:
    kind = str(data.get("e", "")) or _kind_by_keys(data)
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(stream, data, received)
    if kind in UNUSED or kind == "control":
        return Message(kind, str(data.get("s", "")), received, 0, 0, 0, ())
    msg = f"unknown stream {_cut(stream)} with event {_cut(kind)}"
    raise ValueError(msg)


def _kind_by_keys(data: dict[str, Any]) -> str:
    if {"u", "s", "b", "B", "a", "A"} <= data.keys():
        return "bookTicker"
    if {"lastUpdateId", "bids", "asks"} <= data.keys():
        return "snapshot"
    # Answers to SUBSCRIBE and the like.
    return "control" if "id" in data and ("result" in data or "error" in data) else ""


def _ticker(_stream: str, data: dict[str, Any], received: int) -> Message:
    last_id = _integer(data["u"])
    bid, ask = _zero_or_units(data["b"]), _zero_or_units(data["a"])
    body = (bid, _zero_or_units(data["B"]), ask or FAR, _zero_or_units(data["A"]))
    event = milliseconds(_integer(data["E"])) if "E" in data else 0
    return Message("bookTicker", _symbol(data["s"]), received, event, last_id, last_id, body)


def _trade(_stream: str, data: dict[str, Any], received: int) -> Message:
    # An aggregate is known by its last trade, so that the next single trade's id is above it.
    kind, key = ("trade", "t") if data["e"] == "trade" else ("aggTrade", "l")
    traded, maker = milliseconds(_integer(data["T"])), data["m"]
    if not isinstance(maker, bool):
        msg = f"'m' was {_cut(repr(maker))}; expected true or false"
        raise ValueError(msg)  # noqa: TRY004 - as above
    body = (_price(data["p"]), _price(data["q"]), maker, _integer(data[key]), traded)
    event = milliseconds(_integer(data["E"]))
    return Message(kind, _symbol(data["s"]), received, event, 0, 0, body)


def _depth(_stream: str, data: dict[str, Any], received: int) -> Message:
    first_id, last_id = _integer(data["U"]), _integer(data["u"])
    body = (_levels(data["b"]), _levels(data["a"]), last_id)
    event = milliseconds(_integer(data["E"]))
    return Message("depthUpdate", _symbol(data["s"]), received, event, first_id, last_id, body)


def _snapshot(stream: str, data: dict[str, Any], received: int) -> Message:
    last_id = _integer(data["lastUpdateId"])
    body = (_levels(data["bids"]), _levels(data["asks"]), last_id)
    # A partial book stream names its symbol; a REST reply names none.
    name = stream.partition("@")[0].upper()
    return Message("snapshot", name, received, 0, last_id, last_id, body)


_READERS: dict[str, Callable[[str, dict[str, Any], int], Message]] = {
    "aggTrade": _trade,
    "bookTicker": _ticker,
    "depthUpdate": _depth,
    "snapshot": _snapshot,
    "trade": _trade,
}


def _levels(pairs: Any) -> dict[int, int]:
    try:
        return {_price(price): _zero_or_units(quantity) for price, quantity in pairs}
    except TypeError:
        msg = f"levels were {_cut(repr(pairs))}; expected pairs of texts"
        raise ValueError(msg) from None


def _price(text: Any) -> int:
    return price_units(_number(text))


def _zero_or_units(text: Any) -> int:
    return positive_units(_number(text))


def _number(text: Any) -> str:
    if not isinstance(text, str):
        msg = f"a number was {_cut(repr(text))}; expected a text such as '0.10000000'"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return text


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        msg = f"{_cut(repr(value))} is not a whole number"
        raise ValueError(msg)
    return value


def _symbol(name: Any) -> str:
    if not isinstance(name, str) or not name:
        msg = f"the symbol was {_cut(repr(name))}"
        raise ValueError(msg)
    return name


def _cut(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
