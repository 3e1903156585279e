"""A feed of the market as it is."""

from __future__ import annotations

import os
import re
import weakref
from typing import TYPE_CHECKING

from exec_plugin.core.clock import DAY
from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.feeds.push import PushFeed

from .places import Places
from .worker import Plan, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exec_plugin.core.events import Row

#: The most symbols of one connection: beyond, the address of its streams becomes longer than servers take.
MOST_SYMBOLS = 100
#: Seconds until all has to be there, and for each symbol more.
PATIENCE, PATIENCE_EACH = 15.0, 0.5
_NAME = re.compile(r"[A-Z0-9]{2,20}")


class LiveFeed(PushFeed):
    """
    Binance's public market data, pushed by a thread of its own; no key is used and nothing else is ever sent.

    The constructor waits until every symbol has its book and its trades. ``close`` ends the thread; so does the end
    of the process, and of the feed itself.

    Args:
        symbols: their names.
        clock: the wall clock, in ms.
        url: where REST requests go; streams are found by it. The market-data-only hosts by default.
        history_ms: so much time before now is told by candles.
        patience: seconds to wait for the market at most; by default 15 and a half for each symbol.

    Raises:
        ConfigError: when symbols or the address cannot be used.
        FeedError: when the market is not there in time, with what did not answer.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        clock: Callable[[], int],
        *,
        url: str = "",
        history_ms: int = 3 * DAY,
        patience: float = 0.0,
    ) -> None:
        super().__init__(())
        names = _checked(symbols)
        plan = Plan(names, Places.of(url), history_ms, clock)
        # the thread must not keep alive what nobody else uses
        feed = weakref.ref(self)

        def deliver(rows: list[Row]) -> None:
            if (found := feed()) is not None:
                found.push(*rows)

        self._closed = False
        self._process = os.getpid()
        self._worker = Worker(plan, deliver)
        self._stop = weakref.finalize(self, self._worker.stop)
        self._worker.wait(patience or PATIENCE + PATIENCE_EACH * len(names))
        self.symbols = self._worker.symbols
        self.start = self._worker.start

    def rows(self) -> Iterator[Row]:
        """
        What has arrived since the last time.

        Raises:
            FeedError: when nothing will arrive any more.
        """
        if self._closed:
            msg = "the live feed was closed: open the paper exchange again"
            raise FeedError(msg)
        if self._process != os.getpid():
            msg = "the live feed belongs to another process: open the paper exchange after the fork"
            raise FeedError(msg)
        if self._worker.failure is not None:
            msg = f"the live feed ended: {self._worker.failure!r}"
            raise FeedError(msg)
        return super().rows()

    @property
    def is_behind(self) -> bool:
        """Whether the connection is lost, or was and what was missed is not here yet."""
        return self._closed or self._worker.is_behind

    @property
    def is_running(self) -> bool:
        """Whether its thread is there."""
        return self._worker.is_running

    def close(self) -> None:
        """End the connection and its thread."""
        self._closed = True
        self._stop()


def _checked(symbols: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(symbols))
    for name in names:
        if not _NAME.fullmatch(name):
            msg = f"{name!r} is no symbol such as BTCUSDT"
            raise ConfigError(msg)
    if not 1 <= len(names) <= MOST_SYMBOLS:
        msg = f"a live feed follows 1 to {MOST_SYMBOLS} symbols, not {len(names)}: name them in symbols"
        raise ConfigError(msg)
    return names
