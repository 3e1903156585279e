"""The streams of public trades: one by one, and those of one taker as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR, to_text
from exec_plugin.protocol.market_data import aggregate_row
from exec_plugin.protocol.streams.topics import Topic

if TYPE_CHECKING:
    from exec_plugin.core.matching import Market
    from exec_plugin.protocol.streams.hub import StreamHub


class Trades(Topic):
    """``<symbol>@trade`` (web-socket-streams.md, Trade Streams): each public trade once, in order."""

    polls = True

    def __init__(self, hub: StreamHub, name: str, market: Market) -> None:
        super().__init__(hub, name)
        self._symbol = market.symbol.name
        self._tape = market.tape
        self._position = self._tape.end

    def poll(self) -> None:
        """Send the trades that are new on the tape."""
        tape = self._tape
        first, self._position = self._position - tape.trimmed, tape.end
        now = self.hub.venue.now
        for trade_id, time, price, qty, _, taker_is_seller in tape[first:]:
            self.send({
                "e": "trade",
                "E": now,
                "s": self._symbol,
                "t": trade_id,
                "p": to_text(price),
                "q": to_text(qty),
                "T": time,
                "m": taker_is_seller,
                "M": True,
            })  # fmt: skip


class AggregateTrades(Topic):
    """
    ``<symbol>@aggTrade`` (web-socket-streams.md, Aggregate Trade Streams).

    An aggregate is sent once it is whole: the orders of paper accounts and scripted takers are at once, a trade of a
    feed when another taker follows or a millisecond has passed.
    """

    polls = True

    def __init__(self, hub: StreamHub, name: str, market: Market) -> None:
        super().__init__(hub, name)
        self._symbol = market.symbol.name
        self._tape = market.tape
        self._aggregates = hub.gateway.candles(self._symbol).aggregates
        # what traded before belongs to aggregates that this stream will not tell of
        self._tape.cut()
        self._next = self._aggregates.total() + 1
        self._position = self._tape.end

    def poll(self) -> None:
        """Send the aggregates that are whole."""
        if self._position == self._tape.end and self.due == FAR:
            return
        now = self.hub.venue.now
        if self._position != self._tape.end:
            self._position = self._tape.end
            self.due = now + 1
            self.hub.due = min(self.hub.due, self.due)
        total = self._aggregates.total()
        whole = total - (not self._aggregates.is_whole)
        if whole == total:
            self.due = FAR
        for row in self._aggregates.from_id(self._next, whole - self._next + 1):
            self.send({"e": "aggTrade", "E": now, "s": self._symbol, **aggregate_row(row)})
        self._next = whole + 1

    def tick(self) -> None:
        """Nothing went on with the last aggregate in its millisecond: it is whole."""
        self._tape.cut()
        self.poll()
