"""One symbol's order book: a snapshot and the diffs that join it, anew whenever an update was missed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from exec_plugin.core.events import BOOK, DEPTH, QUOTE
from exec_plugin.feeds.booksync import BookSync

from .trades import LATER, LONGEST_DELAY, Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Row
    from exec_plugin.feeds.messages import Message

logger = logging.getLogger(__name__)

#: Levels of each side in a snapshot: a weight of 50 (rest-api.md, Order book).
LEVELS = 1000
#: Diffs in a row after which a book is sound again: a minute.
PROVEN = 600


class BookLine:
    """
    The book of one symbol (web-socket-streams.md, How to manage a local order book correctly).

    ``ask`` is called with what must be fetched.
    """

    def __init__(self, name: str, ask: Callable[[Ask], None]) -> None:
        self.name = name
        self.is_open = False
        self._ask = ask
        # the book's update, and the snapshot's
        self._last_id = self._floor = 0
        # how often a snapshot had to be asked for again, and the diffs that went well since
        self._tries = self._good = 0
        self._begin()

    def _begin(self) -> None:
        # what came since the connection began, to be joined with the snapshot; and the first update of it
        self._sync = BookSync()
        self._first_id = 0

    def catch_up(self) -> None:
        """A connection is new: begin again with a snapshot."""
        self.is_open = False
        self._tries = 0
        self._begin()
        self._ask(Ask("depth", self.name, (("limit", LEVELS),)))

    def _ask_again(self, soonest: float) -> None:
        """Less and less often: a snapshot weighs much, and a host that has none that fits is not to be hurried."""
        self._ask(Ask("depth", self.name, (("limit", LEVELS),), min(soonest * 2**self._tries, LONGEST_DELAY)))
        self._tries += 1

    def ticker(self, message: Message, now: int) -> list[Row]:
        """The best bid and ask."""
        if not self.is_open:
            self._sync.see_ticker(message.last_id, message.body)
            return []
        # one from before the snapshot is out of date
        return [(QUOTE, now, self.name, *message.body)] if message.last_id >= self._floor else []

    def diff(self, message: Message, now: int) -> list[Row]:
        """Changed levels."""
        if self.is_open:
            if message.last_id <= self._last_id:
                return []
            if message.first_id <= self._last_id + 1:
                self._last_id = message.last_id
                self._good += 1
                if self._good == PROVEN:
                    self._tries = 0
                return [(DEPTH, now, self.name, *message.body)]
            logger.info(
                "%s: the book misses updates %d to %d, it begins again with a snapshot",
                self.name, self._last_id + 1, message.first_id - 1,
            )  # fmt: skip
            self.is_open = False
            self._begin()
            self._ask_again(LATER if self._tries else 0.0)
        self._first_id = self._first_id or message.first_id
        self._sync.diff(message.first_id, message.body, logger.info)
        return []

    def snapshot(self, message: Message, now: int) -> list[Row]:
        """The whole book; one that is older than the first update is asked for again."""
        if self._first_id > message.last_id + 1:
            self._ask_again(LATER)
            return []
        bids, asks, self._last_id = self._sync.snapshot(message.body, logger.info)
        self._floor = message.last_id
        self.is_open = True
        self._good = 0
        # what was joined is not needed again
        self._begin()
        return [(BOOK, now, self.name, bids, asks, self._last_id)]
