"""One symbol's order book: a snapshot and the diffs that join it, anew whenever an update was missed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from exec_plugin.core.events import BOOK, DEPTH, QUOTE
from exec_plugin.feeds.booksync import BookSync

from .trades import LATER, Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Row
    from exec_plugin.feeds.messages import Message

logger = logging.getLogger(__name__)

#: Levels of each side in a snapshot: a weight of 50 (rest-api.md, Order book).
LEVELS = 1000


class BookLine:
    """
    The book of one symbol (web-socket-streams.md, How to manage a local order book correctly).

    ``ask`` is called with what must be fetched.
    """

    def __init__(self, name: str, ask: Callable[[Ask], None]) -> None:
        self.name = name
        self._ask = ask
        self.is_open = False
        self._sync = BookSync()
        # the first update that is buffered, and the id that a ticker must have to be newer than the snapshot
        self._first_id = 0
        self._floor = 0

    def catch_up(self) -> None:
        """A connection is new: begin again with a snapshot."""
        self.is_open = False
        self._sync = BookSync()
        self._first_id = self._floor = 0
        self._ask(Ask("depth", self.name, (("limit", LEVELS),)))

    def ticker(self, message: Message, now: int) -> list[Row]:
        """The best bid and ask."""
        self._sync.see_ticker(message.last_id, message.body)
        if not self.is_open or message.last_id < self._floor:
            return []
        return [(QUOTE, now, self.name, *message.body)]

    def diff(self, message: Message, now: int) -> list[Row]:
        """Changed levels."""
        if self.is_open and message.first_id > self._sync.book_id + 1:
            logger.info(
                "%s: the book misses updates %d to %d, it begins again with a snapshot",
                self.name, self._sync.book_id + 1, message.first_id - 1,
            )  # fmt: skip
            ticker, ticker_id = self._sync.ticker, self._sync.ticker_id
            self.catch_up()
            self._sync.see_ticker(ticker_id, ticker)
        if not self.is_open:
            self._first_id = self._first_id or message.first_id
            self._sync.diff(message.first_id, message.body, logger.info)
            return []
        is_new = self._sync.diff(message.first_id, message.body, logger.info)
        return [(DEPTH, now, self.name, *message.body)] if is_new else []

    def snapshot(self, message: Message, now: int) -> list[Row]:
        """The whole book; one that is older than the first update is asked for again."""
        if self._first_id > message.last_id + 1:
            self._ask(Ask("depth", self.name, (("limit", LEVELS),), LATER))
            return []
        self.is_open = True
        self._floor = message.last_id
        return [(BOOK, now, self.name, *self._sync.snapshot(message.body, logger.info))]
