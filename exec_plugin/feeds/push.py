"""A feed that the caller fills."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exec_plugin.core.events import Row
    from exec_plugin.core.symbols import Symbol


class PushFeed:
    """
    Rows pushed by the caller, from any thread; ``rows()`` drains what is there and ends.

    ``listeners`` are called after each push, by the thread that pushed.

    Args:
        symbols: what rows will be pushed for.
        start: the market's first moment, in milliseconds since the epoch.
    """

    def __init__(self, symbols: Iterable[Symbol], start: int = 0) -> None:
        self.symbols = tuple(symbols)
        self.start = start
        #: the time of the newest row
        self.newest = start
        # A deque's append and popleft are atomic, so no lock is needed.
        self._rows: deque[Row] = deque()
        self.listeners: list[Callable[[], None]] = []

    @property
    def is_behind(self) -> bool:
        """Whether something has happened in the market that is yet to be pushed, as far as is known."""
        return False

    def __len__(self) -> int:
        return len(self._rows)

    def push(self, *rows: Row) -> None:
        """Append rows; several in one call stay together."""
        self._rows.extend(rows)
        if rows:
            self.newest = rows[-1][1]
        for listener in tuple(self.listeners):
            listener()

    def close(self) -> None:
        """Nothing runs behind it; a feed that fills itself ends here."""

    def rows(self) -> Iterator[Row]:
        """Take out what was pushed, oldest first, until nothing is left."""
        while True:
            try:
                row = self._rows.popleft()
            except IndexError:
                return
            yield row
