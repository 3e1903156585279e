"""The public trades of one symbol: the recent ones one by one, and their moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.events import PublicTrade
from exec_plugin.core.packed import Packed
from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Callable

#: A trade as it is kept: id, time, price, quantity, quote quantity, whether the taker sold.
Record = tuple[int, int, int, int, int, bool]
#: How many of the newest trades are not packed.
FRESH = 4096


class Tape:
    """
    A bounded sequence of public trades, oldest first, with the moving average that filters ask for.

    It holds the fields of the newest ``limit`` to ``most`` of them: the latest in ``records``, as tuples, and those
    before, where somebody has time to ``pack`` them, as columns. ``lowest`` and ``highest`` bound every price there was,
    and so every average. ``trimmed`` counts those that left; ``on_trim`` is called before some do, so that candles can
    be complete although the tape is not. ``cuts`` are the places between trades that are known to be of different
    takers.
    """

    __slots__ = (
        "_after",
        "_amount",
        "_first",
        "_packed",
        "_volume",
        "_window",
        "cuts",
        "highest",
        "limit",
        "lowest",
        "most",
        "on_trim",
        "records",
        "room",
        "trimmed",
    )

    def __init__(self, limit: int = 50_000, most: int = 56_250) -> None:
        self.limit = limit
        self.most = most
        self.records: list[Record] = []
        self._packed = Packed(6)
        #: how many may be in ``records``
        self.room = most
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

    def __len__(self) -> int:
        return len(self._packed) + len(self.records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        packed = len(self._packed)
        if isinstance(place, slice):
            start, stop, _ = place.indices(packed + len(self.records))
            fresh = self.records[max(start - packed, 0) : max(stop - packed, 0)]
            if start >= packed:
                return fresh
            ids, times, prices, quantities, quotes, sides = [column[start:stop] for column in self._packed.columns]
            return [*zip(ids, times, prices, quantities, quotes, map(bool, sides), strict=True), *fresh]
        if place < 0:
            place += packed + len(self.records)
        if place >= packed:
            return self.records[place - packed]
        if place < 0:
            raise IndexError(place)
        return self[place : place + 1][0]

    def pack(self) -> None:
        """Have all but the newest take a fifth of the memory; called where there is time."""
        surplus = len(self.records) - FRESH
        if surplus < FRESH:
            return
        columns = self._packed.with_rows(zip(*self.records[:surplus], strict=True))
        # in one: what Ctrl-C interrupts leaves the tape as it was
        self._packed.columns, self.records[:surplus], self.room = columns, (), self.room - surplus

    def trades(self, start: int = 0, stop: int | None = None) -> list[PublicTrade]:
        """A slice of the kept trades, oldest first."""
        return [PublicTrade(*record) for record in self[start:stop]]

    def trim(self) -> None:
        """Let the oldest go; called when there are as many as there may be."""
        if self.on_trim is not None:
            self.on_trim()
        leaving = self.most - self.limit
        packed = min(leaving, len(self._packed))
        columns, fresh = self._packed.after(packed), leaving - packed
        # in one, as in ``pack``
        self._packed.columns, self.records[:fresh], self.room, self.trimmed = (
            columns, (), self.room + packed, self.trimmed + leaving,
        )  # fmt: skip
        self.cuts = [cut for cut in self.cuts if cut >= self.trimmed]

    @property
    def end(self) -> int:
        """How many trades there have been."""
        return self.trimmed + len(self)

    def cut(self) -> None:
        """The next trade is of another taker than the last."""
        end = self.trimmed + len(self._packed) + len(self.records)
        if not self.cuts or self.cuts[-1] != end:
            self.cuts.append(end)

    def window(self, minutes: int, now: int) -> tuple[int, int]:
        """
        Volume, and volume times price, of the trades of the last minutes.

        Each trade is added once and taken away once, however often this is asked.
        """
        if minutes != self._window or self._first < self.trimmed:
            self._restart()
            self._window = minutes
        since = now - minutes * MINUTE
        if self._first == self._after:
            # nothing is in it yet: what came before it need not be added
            self._first = self._after = self._passed(since)
        volume, amount, first = self._volume, self._amount, self._first
        # most often all that is looked at is among the newest
        records, offset = self.records, self.trimmed + len(self._packed)
        known, place = offset + len(records), self._after - offset
        for record in records[place:] if place >= 0 else self[place - len(records) :]:
            qty = record[3]
            volume += qty
            amount += record[2] * qty
        while first < known:
            place = first - offset
            record = records[place] if place >= 0 else self[place - len(records)]
            if record[1] > since:
                break
            qty = record[3]
            volume -= qty
            amount -= record[2] * qty
            first += 1
        self._after, self._first, self._volume, self._amount = known, first, volume, amount
        return volume, amount

    def _passed(self, since: int) -> int:
        """The place of the first trade from ``_first`` on that is later than a moment."""
        place, packed = self._first - self.trimmed, len(self._packed)
        for column in (
            self._packed.columns[1][place:],
            [record[1] for record in self.records[max(place - packed, 0) :]],
        ):
            for time in column:
                if time > since:
                    return place + self.trimmed
                place += 1
        return place + self.trimmed

    def average(self, minutes: int, now: int) -> int:
        """Volume-weighted price of the last minutes, rounded down; 0 without trades in them."""
        volume, amount = self.window(minutes, now)
        return amount // volume if volume else 0
