"""The streams of the order book: its best level, its best levels, and its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.matching import level_view
from exec_plugin.core.units import to_text
from exec_plugin.protocol.market_data import shown_levels, shown_qty
from exec_plugin.protocol.streams.topics import Periodic, Snapshots, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.core.matching import Market
    from exec_plugin.protocol.streams.books import Book
    from exec_plugin.protocol.streams.hub import StreamHub


class BookTickers(Topic):
    """``<symbol>@bookTicker`` (Individual Symbol Book Ticker Streams): every change of the best bid or ask."""

    polls = True

    def __init__(self, hub: StreamHub, name: str, markets: Iterable[Market]) -> None:
        super().__init__(hub, name)
        self._books = [hub.book(market.symbol.name) for market in markets]
        self._seen = [(book.update_id(), book.market.top()) for book in self._books]

    def poll(self) -> None:
        """Send the touch where it is another than before."""
        seen = self._seen
        for place, book in enumerate(self._books):
            number, touch = seen[place]
            current = book.update_id()
            if current != number:
                top = book.market.top()
                seen[place] = (current, top)
                if top != touch:
                    self.send(_touch(book.market, current, top))


def _touch(market: Market, number: int, top: tuple[tuple[int, int], tuple[int, int]]) -> dict[str, Any]:
    (bid, bid_qty), (ask, ask_qty) = top
    return {
        "u": number,
        "s": market.symbol.name,
        "b": to_text(bid),
        "B": shown_qty(market, bid_qty),
        "a": to_text(ask),
        "A": shown_qty(market, ask_qty),
    }


class PartialDepth(Snapshots):
    """``<symbol>@depth<levels>`` (Partial Book Depth Streams): the best levels."""

    def __init__(self, hub: StreamHub, name: str, speed: int, market: Market, levels: int) -> None:
        super().__init__(hub, name, speed)
        self._book = hub.book(market.symbol.name)
        self._levels = levels
        self._seen = -1

    def say(self) -> None:
        """Look at the book where it may be another than before."""
        number = self._book.update_id()
        if number != self._seen or self._newcomers:
            self._seen = number
            super().say()

    def show(self) -> dict[str, Any]:
        """The levels now."""
        market = self._book.market
        bids, asks = market.depth_view(self._levels)
        return {
            "lastUpdateId": self._book.update_id(),
            "bids": shown_levels(market, bids),
            "asks": shown_levels(market, asks),
        }


class DepthDiffs(Periodic):
    """
    ``<symbol>@depth`` (Diff. Depth Stream): the levels that changed, paper orders included.

    The ranges of ids join without a gap, and their ends are the ids that ``GET /api/v3/depth`` shows. Whoever was
    shown the book between two turns has to be told of what came and went since the first of them as well.
    """

    def __init__(self, hub: StreamHub, name: str, speed: int, market: Market) -> None:
        super().__init__(hub, name, speed)
        self._book: Book = hub.book(market.symbol.name)
        #: prices of bids and asks to tell of
        self.touched: tuple[set[int], set[int]] = (set(), set())
        self._book.watch(self)
        self._told = self._book.update_id()

    def close(self) -> None:
        """Nobody listens any more."""
        self._book.unwatch(self)

    def say(self) -> None:
        """Send what was touched since the last time, as it is now."""
        number = self._book.refresh()
        if not any(self.touched):
            return
        first, self._told = self._told + 1, number
        bids, asks = self.touched
        self.send({
            "e": "depthUpdate",
            "E": self.hub.venue.now,
            "s": self._book.market.symbol.name,
            "U": first,
            "u": number,
            "b": self._shown(bids, is_bid=True),
            "a": self._shown(asks, is_bid=False),
        })  # fmt: skip
        bids.clear()
        asks.clear()

    def _shown(self, prices: set[int], *, is_bid: bool) -> list[list[str]]:
        market = self._book.market
        # those that are gone have no quantity
        return shown_levels(market, [(price, level_view(price, market, is_bid=is_bid)) for price in sorted(prices)])
