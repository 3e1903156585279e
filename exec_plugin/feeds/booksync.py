"""
Joining an order book's snapshot with the diffs around it.

The rule is Binance's (web-socket-streams.md, "How to manage a local order book correctly"): a diff counts when its
last update id is above the snapshot's, and its first id continues the book's.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .messages import Message

    Levels = Mapping[int, int]

#: Diffs kept to be applied to a snapshot that is older than they are: over a minute at ten a second.
KEPT_DIFFS = 1000


class BookSync:
    """
    One symbol's book as far as a capture tells it.

    Args:
        seen_id: an update id near the capture's begin.
    """

    def __init__(self, seen_id: int = 0) -> None:
        self.seen_id = seen_id
        self.ticker: tuple[Any, ...] = ()
        self.ticker_id = 0
        self.book_id = 0
        self._diffs: deque[tuple[int, Levels, Levels]] = deque(maxlen=KEPT_DIFFS)

    def body(self, message: Message, note: Callable[[str], None]) -> tuple[Any, ...] | None:
        """A row's body for a message about the book; None for a diff that the book already includes."""
        if message.kind == "bookTicker":
            self.see_ticker(message.last_id, message.body)
            return message.body
        if message.kind == "depthUpdate":
            return message.body if self.diff(message.first_id, message.body, note) else None
        return self.snapshot(message.body, note)

    def see_ticker(self, last_id: int, body: tuple[Any, ...]) -> None:
        """The best prices at an update id."""
        self.seen_id = self.ticker_id = last_id
        self.ticker = body

    def diff(self, first_id: int, body: tuple[Any, ...], note: Callable[[str], None]) -> bool:
        """Whether a diff adds to the book."""
        bids, asks, last_id = body
        self.seen_id = last_id
        if self.book_id:
            if last_id <= self.book_id:
                return False
            if first_id > self.book_id + 1:
                note(f"the book misses updates {self.book_id + 1} to {first_id - 1}; it may be wrong until a snapshot")
            self.book_id = last_id
        self._diffs.append((last_id, bids, asks))
        return True

    def snapshot(self, body: tuple[Any, ...], note: Callable[[str], None]) -> tuple[Any, ...]:
        """The whole book: a snapshot, every diff newer than it, and not better than a newer best bid and ask."""
        bids: dict[int, int] = dict(body[0])
        asks: dict[int, int] = dict(body[1])
        book_id: int = body[2]
        if self._diffs and self._diffs[0][0] > book_id + 1 and len(self._diffs) == KEPT_DIFFS:
            note(f"the snapshot {book_id} is older than the diffs kept; the book may be wrong")
        for last_id, bid_changes, ask_changes in self._diffs:
            if last_id > book_id:
                _change(bids, bid_changes)
                _change(asks, ask_changes)
                book_id = last_id
        self.book_id = book_id
        if self.ticker_id > book_id:
            bids, asks = self._clipped(bids, asks)
        return bids, asks, book_id

    def _clipped(self, bids: Levels, asks: Levels) -> tuple[dict[int, int], dict[int, int]]:
        bid, bid_quantity, ask, ask_quantity = self.ticker
        bids = {price: quantity for price, quantity in bids.items() if price < bid}
        asks = {price: quantity for price, quantity in asks.items() if price > ask}
        if bid:
            bids[bid] = bid_quantity
        if ask < FAR:
            asks[ask] = ask_quantity
        return bids, asks


def _change(side: dict[int, int], changes: Levels) -> None:
    for price, quantity in changes.items():
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
