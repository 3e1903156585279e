"""
What a live connection means, without any input or output: messages and replies go in, rows and requests come out.

Trades come before the book: after a gap, orders in the queue meet the prints that were missed first, then the book as
it is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.feeds.messages import Message, parse_line, parse_message
from exec_plugin.feeds.shapes import find_lines, levels, sides

from .books import BookLine
from .payloads import Print, read_aggregates, read_trades
from .trades import TradeLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exec_plugin.core.events import Row

    from .trades import Ask

#: The streams of a symbol that a venue needs: it makes its own tickers and candles (web-socket-streams.md).
STREAMS = ("trade", "bookTicker", "depth@100ms")


class LiveMarket:
    """
    The market of some symbols as one connection after another tells it.

    ``asks`` gathers what is to be fetched; each is answered by `answer` or `refuse`. ``note`` is called with what a
    user should know.
    """

    def __init__(self, names: Iterable[str], note: Callable[[str], None]) -> None:
        self.names = tuple(names)
        self.asks: list[Ask] = []
        #: the server is about to end the connection (web-socket-streams.md, Server Shutdown)
        self.is_ending = False
        self._note = note
        self._unreadable = 0
        self.trades = {name: TradeLine(name, self.asks.append, note) for name in self.names}
        self._books = {name: BookLine(name, self.asks.append) for name in self.names}
        # snapshots that wait for the trades before them
        self._early: dict[str, Message] = {}

    @property
    def streams(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return tuple(f"{name.lower()}@{stream}" for name in self.names for stream in STREAMS)

    def missing(self) -> list[str]:
        """What has not been told yet, for every symbol."""
        told = (("trades", self.trades), ("book", self._books))
        return [f"{name} {what}" for name in self.names for what, lines in told if not lines[name].is_open]

    def connect(self) -> None:
        """A new connection is there, which tells all that happens from now on."""
        self.is_ending = False
        self.asks.clear()
        self._early.clear()
        for name in self.names:
            self.trades[name].catch_up()
            self._books[name].catch_up()

    def receive(self, text: str, now: int) -> list[Row]:
        """A message of the connection, received ``now``."""
        try:
            message = _usual_diff(text, now) or parse_line(text)
        except ValueError as error:
            self._unreadable += 1
            if self._unreadable == 1:
                self._note(f"a message cannot be read and is left out, as any further one: {error}")
            return []
        if message.kind == "serverShutdown":
            self.is_ending = True
        book = self._books.get(message.symbol)
        if book is None:
            return []
        if message.kind == "trade":
            price, qty, maker, number, traded = message.body
            return self.trades[message.symbol].add(Print(number, traded, price, qty, maker, number), now)
        if message.kind == "bookTicker":
            return book.ticker(message, now)
        return book.diff(message, now) if message.kind == "depthUpdate" else []

    def answer(self, ask: Ask, payload: Any, now: int) -> list[Row]:
        """
        The reply to what was asked.

        Raises:
            ValueError: when it is none.
        """
        name, line = ask.symbol, self.trades[ask.symbol]
        if ask.path == "depth":
            message = parse_message(f"{name.lower()}@depth", payload)
            if not line.is_open:
                self._early[name] = message
                return []
            return self._books[name].snapshot(message, now)
        rows = (
            line.recent(read_trades(payload), now)
            if ask.path == "trades"
            else line.aggregates(read_aggregates(payload), now)
        )
        return rows + self._after_trades(name, now)

    def refuse(self, ask: Ask, reason: str, now: int) -> list[Row]:
        """What was asked for will not be had."""
        self._note(f"{ask.symbol}: {ask.path} cannot be had: {reason}")
        if ask.path == "depth":
            return []
        return self.trades[ask.symbol].give_up(now) + self._after_trades(ask.symbol, now)

    def _after_trades(self, name: str, now: int) -> list[Row]:
        early = self._early.pop(name, None) if self.trades[name].is_open else None
        return self._books[name].snapshot(early, now) if early is not None else []


def _usual_diff(text: str, now: int) -> Message | None:
    """
    Changed levels in the form in which Binance writes them; None for anything else, which goes the general way.

    These are most of what is received: hundreds of levels ten times a second.
    """
    if '"depthUpdate"' not in text:
        return None
    found = find_lines(f"{now}000000 {text}\n")[0]
    both = sides(found[-1]) if found[-4] else None
    if both is None:
        return None
    name, first_id, last_id = found[-4], int(found[-3]), int(found[-2])
    try:
        body = (levels(both[0]), levels(both[1]), last_id)
    except ValueError:
        return None
    return Message("depthUpdate", name, now, 0, first_id, last_id, body)
