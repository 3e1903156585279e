"""The public trades of one symbol: the recent ones one by one, and their moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.events import PublicTrade

if TYPE_CHECKING:
    from collections.abc import Callable


class Tape:
    """
    A bounded list of public trades, oldest first, with the moving average that filters ask for.

    ``records`` holds the fields of the newest ``limit`` to ``2 * limit`` of them: plain tuples of numbers are cheap
    to keep. ``trimmed`` counts those that left; ``on_trim`` hears them, so that candles can be complete although the
    list is not.
    """

    __slots__ = ("_after", "_amount", "_first", "_volume", "_window", "limit", "on_trim", "records", "trimmed")

    def __init__(self, limit: int = 50_000) -> None:
        self.limit = limit
        self.records: list[tuple[int, int, int, int, int, bool]] = []
        self.trimmed = 0
        self.on_trim: Callable[[list[PublicTrade]], None] | None = None
        self._window = 0
        self._restart()

    def _restart(self) -> None:
        # positions count from the first trade ever, so that trimming does not move them
        self._first = self._after = self.trimmed
        self._volume = self._amount = 0

    def trades(self, start: int = 0, stop: int | None = None) -> list[PublicTrade]:
        """A slice of the kept trades, oldest first."""
        return [PublicTrade(*record) for record in self.records[start:stop]]

    def trim(self) -> None:
        """Let the older half go; called when the list has reached twice its limit."""
        if self.on_trim is not None:
            self.on_trim(self.trades(0, self.limit))
        del self.records[: self.limit]
        self.trimmed += self.limit
        self._restart()

    def average(self, minutes: int, now: int) -> int:
        """
        Volume-weighted price of the last minutes, 0 without trades in them.

        Each trade is added once and taken away once, however often this is asked.
        """
        if minutes != self._window:
            self._window = minutes
            self._restart()
        records, offset = self.records, self.trimmed
        known = len(records)
        for index in range(self._after - offset, known):
            _, _, price, qty, _, _ = records[index]
            self._volume += qty
            self._amount += price * qty
        self._after = offset + known
        since = now - minutes * MINUTE
        while self._first < self._after and records[self._first - offset][1] <= since:
            _, _, price, qty, _, _ = records[self._first - offset]
            self._volume -= qty
            self._amount -= price * qty
            self._first += 1
        return self._amount // self._volume if self._volume else 0
