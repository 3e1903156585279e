"""Candles as numbers: the one in progress as an object, those that are over column by column, which is small."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from attrs import define, fields

from exec_plugin.core.packed import Packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exec_plugin.core.packed import Column
    from exec_plugin.core.tape import Record


@define(eq=False)
class Candle:
    """The trades of one interval in integers; ``position`` counts the trades that came before them."""

    start: int
    position: int
    first_id: int
    last_id: int
    open: int
    high: int
    low: int
    close: int
    count: int = 0
    volume: int = 0
    quote: int = 0
    buy_volume: int = 0
    buy_quote: int = 0

    @classmethod
    def opened(cls, start: int, position: int, first: Record) -> Candle:
        """A candle that takes its open from its first trade, which is still to be added."""
        trade_id, price = first[0], first[2]
        return cls(start, position, trade_id, trade_id, price, price, price, price)

    def add(self, records: list[Record]) -> None:
        """Take in trades that followed; column by column, which is faster than trade by trade."""
        _, _, prices, quantities, quotes, _ = zip(*records, strict=True)
        self.high = max(self.high, *prices)
        self.low = min(self.low, *prices)
        self.close = prices[-1]
        self.last_id = records[-1][0]
        self.count += len(records)
        self.volume += sum(quantities)
        self.quote += sum(quotes)
        self.buy_volume += sum([record[3] for record in records if not record[5]])
        self.buy_quote += sum([record[4] for record in records if not record[5]])

    def merge(self, later: Candle) -> None:
        """Take in what happened after this candle's trades."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.last_id = later.last_id
        self.count += later.count
        self.volume += later.volume
        self.quote += later.quote
        self.buy_volume += later.buy_volume
        self.buy_quote += later.buy_quote

    def copy(self, start: int) -> Candle:
        """The same trades in a candle that opened at ``start``."""
        return Candle(start, *_numbers(self)[1:])


_NAMES = tuple(field.name for field in fields(Candle))
_numbers = attrgetter(*_NAMES)
_first, _last = itemgetter(0), itemgetter(-1)
#: What the fields of consecutive candles become in the one that they are merged to.
_FOLDS: tuple[Callable[[Column], int], ...] = (
    _first, _first, _first, _last, _first, max, min, _last, sum, sum, sum, sum, sum,
)  # fmt: skip


class Columns(Packed):
    """Candles that are over, oldest first: a column for each field of `Candle`."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(len(_NAMES))

    @property
    def starts(self) -> Sequence[int]:
        """When each candle opened."""
        return self.columns[0]

    def follow(self, candle: Candle) -> None:
        """Take in the candle that followed."""
        self._end_before(candle.start)
        self.append(_numbers(candle))

    def _end_before(self, start: int) -> None:
        """Let go of what somebody was interrupted by Ctrl-C to take in, and takes in again, be it in some columns only."""
        if self.starts and self.starts[-1] >= start:
            end = bisect_left(self.starts, start)
            self.columns = [column[:end] for column in self.columns]

    def candle(self, place: int) -> Candle:
        """One candle as an object."""
        return Candle(*[column[place] for column in self.columns])

    def merged(self, first: int, stop: int) -> Candle:
        """All trades of consecutive candles, one at least, in a candle that opened with the first of them."""
        return Candle(*[fold(column[first:stop]) for fold, column in zip(_FOLDS, self.columns, strict=True)])

    def take(self, finer: Columns, bounds: list[int], starts: list[int]) -> None:
        """Take in candles that opened at ``starts``, merged from those of ``finer`` between two ``bounds`` each."""
        if not starts:
            return
        self._end_before(starts[0])
        spans = [slice(first, stop) for first, stop in pairwise(bounds)]
        for place, (fold, column) in enumerate(zip(_FOLDS, finer.columns, strict=True)):
            self.extend(place, [fold(column[span]) for span in spans] if place else starts)
