"""The public trades of one symbol: the recent ones one by one, and their moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.events import PublicTrade
from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Callable


class Tape:
    """
    A bounded list of public trades, oldest first, with the moving average that filters ask for.

    ``records`` holds the fields of the newest ``limit`` to ``most`` of them: plain tuples of numbers are
    cheap to keep. ``lowest`` and ``highest`` bound every price there was, and so every average. ``trimmed`` counts those
    that left; ``on_trim`` is called before some do, so that candles can be complete although the list is not. ``cuts``
    are the places between trades that are known to be of different takers.
    """

    __slots__ = (
        "_after",
        "_amount",
        "_first",
        "_volume",
        "_window",
        "cuts",
        "highest",
        "limit",
        "lowest",
        "most",
        "on_trim",
        "records",
        "trimmed",
    )

    def __init__(self, limit: int = 50_000, most: int = 56_250) -> None:
        self.limit = limit
        self.most = most
        self.records: list[tuple[int, int, int, int, int, bool]] = []
        self.lowest = FAR
        self.highest = 0
        self.trimmed = 0
        self.cuts: list[int] = []
        self.on_trim: Callable[[], None] | None = None
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
        """Let the oldest go; called when there are as many as there may be."""
        if self.on_trim is not None:
            self.on_trim()
        leaving = self.most - self.limit
        del self.records[:leaving]
        self.trimmed += leaving
        self.cuts = [cut for cut in self.cuts if cut >= self.trimmed]
        self._restart()

    @property
    def end(self) -> int:
        """How many trades there have been."""
        return self.trimmed + len(self.records)

    def cut(self) -> None:
        """The next trade is of another taker than the last."""
        end = self.trimmed + len(self.records)
        if not self.cuts or self.cuts[-1] != end:
            self.cuts.append(end)

    def window(self, minutes: int, now: int) -> tuple[int, int]:
        """
        Volume, and volume times price, of the trades of the last minutes.

        Each trade is added once and taken away once, however often this is asked.
        """
        if minutes != self._window:
            self._window = minutes
            self._restart()
        records, offset = self.records, self.trimmed
        volume, amount, first = self._volume, self._amount, self._first
        known = len(records) + offset
        for index in range(self._after - offset, known - offset):
            record = records[index]
            qty = record[3]
            volume += qty
            amount += record[2] * qty
        since = now - minutes * MINUTE
        while first < known and (record := records[first - offset])[1] <= since:
            qty = record[3]
            volume -= qty
            amount -= record[2] * qty
            first += 1
        self._after, self._first, self._volume, self._amount = known, first, volume, amount
        return volume, amount

    def average(self, minutes: int, now: int) -> int:
        """Volume-weighted price of the last minutes, rounded down; 0 without trades in them."""
        volume, amount = self.window(minutes, now)
        return amount // volume if volume else 0
