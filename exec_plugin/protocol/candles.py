"""
Candles of one market, folded from its public trades when somebody asks.

Trades become minutes, minutes become quarters of an hour, and every longer interval is merged from the two as it is
asked for. Each series remembers how far it got, so a poll costs what has happened since the last one. Intervals
without a trade are not stored; they are shown flat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import MINUTE, SECOND
from exec_plugin.core.units import FAR, to_text
from exec_plugin.protocol.aggregates import Aggregates
from exec_plugin.protocol.columns import Candle, Columns
from exec_plugin.protocol.periods import Period, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exec_plugin.core.tape import Record, Tape

_time = itemgetter(1)
_QUARTER = Period(15 * MINUTE)
_ZERO = to_text(0)
#: How many intervals and time zones are kept up to date at once.
_SERIES = 48
#: How many windows each of them remembers the totals of.
_SUMS = 16


class Rendered:
    """
    Candles that are over in Binance's twelve elements, rendered once, since they are asked for again and again.

    As many are kept as were ever asked for at once, and what was rendered first leaves first: who polls the newest
    thousand finds them all, and a history that is paged through does not stay.
    """

    def __init__(self, period: Period) -> None:
        self._period = period
        self._most = 0
        self._shown: dict[int, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._shown)

    def rows(self, columns: Columns, dropped: int, first: int, stop: int) -> list[list[Any]]:
        """Consecutive candles; ``dropped`` have left the columns."""
        numbers = range(first + dropped, stop + dropped)
        try:
            return list(map(self._shown.__getitem__, numbers))
        except KeyError:
            self._most = max(self._most, len(numbers))
            known = [self._shown.get(number) for number in numbers]
            return [
                row or self._render(columns.candle(place), place + dropped) for place, row in enumerate(known, first)
            ]

    def _render(self, candle: Candle, number: int) -> list[Any]:
        row = self._shown[number] = _shown(candle, self._period)
        if len(self._shown) > self._most:
            del self._shown[next(iter(self._shown))]
        return row


class Series(ABC):
    """
    Candles on one grid, oldest first, each with at least one trade.

    ``rows`` are those that are over, ``newest`` is what was taken in since. Both together are the newest ``keep`` to
    ``2 * keep``; ``dropped`` counts those that left.
    """

    def __init__(self, period: Period, keep: int) -> None:
        self.period = period
        self.keep = keep
        self.rows = Columns()
        self.newest: Candle | None = None
        self.rendered = Rendered(period)
        self._sums: dict[tuple[int, int], Candle] = {}
        self.dropped = 0

    @abstractmethod
    def refresh(self) -> None:
        """Take in what is new."""

    def tail(self) -> Candle | None:
        """The candle in progress with all that happened so far, None before the first trade."""
        return self.newest

    def _finish(self) -> None:
        """The newest candle is over."""
        if self.newest is not None:
            self.rows.follow(self.newest)
            self.newest = None

    def trim(self) -> None:
        """Let the oldest candles go when there are twice as many as should be kept."""
        if len(self.rows) + (self.newest is not None) >= 2 * self.keep:
            # in one: Ctrl-C must not leave columns of several lengths
            self.rows.columns, self.dropped = self.rows.after(self.keep), self.dropped + self.keep

    def _span(self, first: int, last: int) -> tuple[int, int]:
        """The places of those candles that are over and opened within both."""
        starts = self.rows.starts
        return bisect_left(starts, first), bisect_right(starts, last)

    def _last(self, first: int, last: int) -> list[Candle]:
        """The candle in progress if it opened within both."""
        tail = self.tail()
        return [tail] if tail is not None and first <= tail.start <= last else []

    def between(self, first: int, last: int) -> list[Candle]:
        """The candles that opened within both, the newest one included."""
        return [self.rows.candle(place) for place in range(*self._span(first, last))] + self._last(first, last)

    def summed(self, first: int, last: int) -> list[Candle]:
        """The same trades in two candles at most, those that are over as one; not to be edited."""
        begin, stop = self._span(first, last)
        return ([self._sum(begin, stop)] if begin < stop else []) + self._last(first, last)

    def _sum(self, begin: int, stop: int) -> Candle:
        # a window that is asked for again and again mostly begins and ends with the same candles as before
        number = (begin + self.dropped, stop + self.dropped)
        found = self._sums.get(number)
        if found is None:
            found = self._sums[number] = self.rows.merged(begin, stop)
            if len(self._sums) > _SUMS:
                del self._sums[next(iter(self._sums))]
        return found

    def shown(self, first: int, last: int) -> list[list[Any]]:
        """The same candles in Binance's twelve elements."""
        newest = [_shown(candle, self.period) for candle in self._last(first, last)]
        return self.rendered.rows(self.rows, self.dropped, *self._span(first, last)) + newest

    def before(self, moment: int) -> Candle | None:
        """The last candle that opened before a moment."""
        tail = self.tail()
        if tail is None or tail.start < moment:
            return tail
        place = bisect_left(self.rows.starts, moment)
        return self.rows.candle(place - 1) if place else None

    def oldest(self) -> int:
        """When the first candle opened that is kept, FAR without one."""
        if len(self.rows):
            return self.rows.starts[0]
        tail = self.tail()
        return FAR if tail is None else tail.start


class TradeSeries(Series):
    """Candles folded from the tape itself."""

    def __init__(self, tape: Tape, period: Period, keep: int) -> None:
        super().__init__(period, keep)
        self._tape = tape
        self._position = tape.trimmed

    def refresh(self) -> None:
        """
        Fold the new trades.

        A trade whose time lies before its predecessor's counts where the predecessor does: paper fills carry the
        venue's time, feeds the exchange's, and candles never change once they are over.
        """
        tape, position = self._tape, self._position
        fresh = tape[max(position - tape.trimmed, 0) :]
        index, length = 0, len(fresh)
        while index < length:
            # a slice per candle: what it sums is then summed by C code
            newest = self.newest
            end = newest.start + self.period.width if newest else 0
            stop = next((at for at in range(index, length) if fresh[at][1] >= end), length)
            if newest is not None and stop > index:
                grown = newest.copy(newest.start)
                grown.add(fresh[index:stop])
                # in one: what Ctrl-C interrupts is done again, and no trade counts twice
                self.newest, self._position = grown, position + stop
                index = stop
            else:
                self._finish()
                first = fresh[index]
                self.newest = Candle.opened(self.period.start(first[1]), position + index, first)


class MergedSeries(Series):
    """Candles merged from those of a finer series that are over; the one in progress is merged in when asked for."""

    def __init__(self, base: Series, period: Period, keep: int) -> None:
        super().__init__(period, keep)
        self._base = base
        self._taken = base.dropped
        self._end = 0
        if base.dropped:
            # the first candle would lack its beginning
            oldest = base.oldest()
            whole = period.start(oldest)
            if whole < oldest:
                whole = period.following(whole)
            self._taken += bisect_left(base.rows.starts, whole)

    def refresh(self) -> None:
        """Take in what is new in the finer series."""
        base = self._base
        base.refresh()
        starts, place = base.rows.starts, self._taken - base.dropped
        if self.newest is not None:
            stop = bisect_left(starts, self._end, place)
            if place < stop:
                grown = self.newest.copy(self.newest.start)
                grown.merge(base.rows.merged(place, stop))
                # in one, as above
                self.newest, self._taken = grown, stop + base.dropped
                place = stop
        if place < len(starts):
            self._begin(place)
        newest = base.tail()
        if newest is not None and newest.start >= self._end:
            self._finish()

    def _begin(self, place: int) -> None:
        """Take in the candles that begin at a place of the finer series, the last of which may be in progress."""
        self._finish()
        finer, period = self._base.rows, self.period
        starts, length = finer.starts, len(finer)
        # a bound on the search, since the next candle mostly begins close by
        most = period.width // self._base.period.width or length
        bounds, openings = [], []
        while place < length:
            opening = period.start(starts[place])
            self._end = period.following(opening)
            bounds.append(place)
            openings.append(opening)
            place = bisect_left(starts, self._end, place, min(place + most, length))
        self.rows.take(finer, bounds, openings[:-1])
        newest = finer.merged(bounds[-1], length)
        newest.start = openings[-1]
        self.newest, self._taken = newest, length + self._base.dropped

    def tail(self) -> Candle | None:
        """The candle in progress with all that happened so far, None before the first trade."""
        newest = self._base.tail()
        if newest is None:
            return None
        if self.newest is None:
            return newest.copy(self.period.start(newest.start))
        tail = self.newest.copy(self.newest.start)
        tail.merge(newest)
        return tail


class CandleStore:
    """
    Every candle of one market.

    Minutes, and what is merged from them, reach back over the newest ``keep`` candles with trades; from a quarter of
    an hour on nothing is forgotten. Seconds begin with what the tape holds when they are first asked for.
    """

    def __init__(self, tape: Tape, keep: int = 66_000) -> None:
        self.tape = tape
        self.aggregates = Aggregates(tape)
        self.minutes: Series = TradeSeries(tape, Period(MINUTE), keep)
        self.quarters: Series = MergedSeries(self.minutes, _QUARTER, keep)
        self._keep = keep
        self._series: dict[Period, Series] = {self.minutes.period: self.minutes, _QUARTER: self.quarters}
        tape.on_trim = self._on_trim

    def _on_trim(self) -> None:
        self.aggregates.trim()
        for series in self._series.values():
            series.refresh()
        for series in self._series.values():
            if series.period.width and series.period.width < _QUARTER.width:
                series.trim()

    def series(self, period: Period) -> Series:
        """The candles on a grid, up to date."""
        found = self._series.get(period)
        if found is None:
            found = self._series[period] = self._new(period)
            if len(self._series) > _SERIES:
                # the two that the others are merged from come first and stay
                del self._series[list(self._series)[2]]
        found.refresh()
        return found

    def _new(self, period: Period) -> Series:
        if period.width == SECOND:
            return TradeSeries(self.tape, period, self._keep)
        fits = period.width % _QUARTER.width == 0 and period.shift % _QUARTER.width == 0
        return MergedSeries(self.quarters if fits else self.minutes, period, self._keep)

    def klines(self, period: Period, now: int, start: int | None, end: int | None, limit: int) -> list[list[Any]]:
        """
        Klines as Binance lists them, intervals without trades included; not to be edited.

        The first is that of the first trade, the last the one in progress.
        """
        series = self.series(period)
        tail = series.tail()
        if tail is None:
            return []
        last = period.start(max(now, tail.start))
        starts = chosen(period.starts(series.oldest(), last), start, end, limit)
        if not starts:
            return []
        found = series.shown(starts[0], starts[-1])
        if len(found) == len(starts):
            return found
        previous = series.before(starts[0])
        return _filled(found, starts, to_text(previous.close) if previous else found[0][1], period)

    def since(self, start: int) -> list[Candle]:
        """
        All trades from a moment on, as few consecutive candles.

        The minute in which the moment lies is cut to the millisecond as long as the tape holds its trades, and counts
        as a whole otherwise.
        """
        self.quarters.refresh()
        minute, quarter = -(-start // MINUTE) * MINUTE, -(-start // _QUARTER.width) * _QUARTER.width
        edge = self._cut(start, minute) if minute > start else []
        return edge + self.minutes.summed(minute, quarter - 1) + self.quarters.summed(quarter, FAR)

    def previous_close(self, start: int) -> int:
        """The price of the last trade before a moment, 0 without one."""
        self.quarters.refresh()
        found = self.minutes.between(start - start % MINUTE, start)
        if found and (held := self._held(found[0], start)):
            cut = bisect_left(held, start, key=_time)
            if cut:
                return held[cut - 1][2]
        before = self.minutes.before(start - start % MINUTE)
        return before.close if before else 0

    def _cut(self, start: int, minute: int) -> list[Candle]:
        found = self.minutes.between(minute - MINUTE, start)
        held = self._held(found[0], start) if found else []
        if not held:
            return found
        rest = held[bisect_left(held, start, key=_time) :]
        if not rest:
            return []
        part = Candle.opened(rest[0][1], 0, rest[0])
        part.add(rest)
        return [part]

    def _held(self, row: Candle, moment: int) -> list[Record]:
        """The trades of a minute as far as the tape has them, none when it lacks some after the moment."""
        tape, first = self.tape, row.position - self.tape.trimmed
        last = first + row.count
        if first < 0 and (last <= 0 or tape[0][1] >= moment):
            return []
        return tape[max(first, 0) : last]


def _shown(row: Candle, period: Period) -> list[Any]:
    """A candle in Binance's twelve elements."""
    return [
        row.start,
        to_text(row.open),
        to_text(row.high),
        to_text(row.low),
        to_text(row.close),
        to_text(row.volume),
        period.following(row.start) - 1,
        to_text(row.quote),
        row.count,
        to_text(row.buy_volume),
        to_text(row.buy_quote),
        "0",
    ]


def _filled(found: list[list[Any]], starts: Sequence[int], price: str, period: Period) -> list[list[Any]]:
    """The candles of every opening; those without trades stay at the close before them, at first at ``price``."""
    shown, rows = [], {row[0]: row for row in found}
    for start in starts:
        row = rows.get(start)
        if row is None:
            ending = period.following(start) - 1
            row = [start, price, price, price, price, _ZERO, ending, _ZERO, 0, _ZERO, _ZERO, "0"]
        price = row[4]
        shown.append(row)
    return shown
