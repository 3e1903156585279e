"""
Candles of one market, folded from its public trades when somebody asks.

Trades become minutes, minutes become quarters of an hour, and every longer interval is merged from the two as it is
asked for. Each series remembers how far it got, so a poll costs what has happened since the last one. Intervals
without a trade are not stored; they are shown flat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import MINUTE, SECOND
from exec_plugin.core.units import FAR, to_text
from exec_plugin.protocol.aggregates import Aggregates
from exec_plugin.protocol.periods import Period, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exec_plugin.core.tape import Tape

#: A trade as the tape keeps it: id, time, price, quantity, quote quantity, whether the taker sold.
Record = tuple[int, int, int, int, int, bool]

_start = attrgetter("start")
_time = itemgetter(1)
_QUARTER = Period(15 * MINUTE)
_ZERO = to_text(0)
#: How many intervals and time zones are kept up to date at once.
_SERIES = 48


class Candle:
    """The trades of one interval in integers; ``position`` counts the trades that came before them."""

    __slots__ = (
        "buy_quote", "buy_volume", "close", "count", "first_id", "high", "last_id", "low", "open", "position", "quote",
        "shown", "start", "volume",
    )  # fmt: skip

    def __init__(self, start: int, position: int, trade_id: int, price: int) -> None:
        self.start = start
        self.position = position
        self.first_id = self.last_id = trade_id
        self.open = self.high = self.low = self.close = price
        self.count = self.volume = self.quote = self.buy_volume = self.buy_quote = 0
        self.shown: list[Any] | None = None

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
        self.shown = None

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
        self.shown = None

    def copy(self, start: int) -> Candle:
        """The same trades in a candle that opened at ``start``."""
        twin = Candle(start, self.position, self.first_id, self.open)
        twin.merge(self)
        return twin


class Series(ABC):
    """
    Candles on one grid, oldest first, each with at least one trade.

    ``rows`` are the newest ``keep`` to ``2 * keep``; ``dropped`` counts those that left.
    """

    def __init__(self, period: Period, keep: int) -> None:
        self.period = period
        self.keep = keep
        self.rows: list[Candle] = []
        self.dropped = 0

    @abstractmethod
    def refresh(self) -> None:
        """Take in what is new."""

    def tail(self) -> Candle | None:
        """The newest candle with all that happened so far, None before the first trade."""
        return self.rows[-1] if self.rows else None

    def trim(self) -> None:
        """Let the oldest candles go when there are twice as many as should be kept."""
        if len(self.rows) >= 2 * self.keep:
            del self.rows[: self.keep]
            self.dropped += self.keep

    def between(self, first: int, last: int) -> list[Candle]:
        """The candles that opened within both, the newest one included."""
        rows = self.rows
        found = rows[bisect_left(rows, first, key=_start) : bisect_right(rows, last, key=_start)]
        tail = self.tail()
        if tail is not None and first <= tail.start <= last:
            if found and found[-1].start == tail.start:
                found.pop()
            found.append(tail)
        return found

    def before(self, moment: int) -> Candle | None:
        """The last candle that opened before a moment."""
        tail = self.tail()
        if tail is None or tail.start < moment:
            return tail
        index = bisect_left(self.rows, moment, key=_start)
        return self.rows[index - 1] if index else None


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
        fresh = tape.records[position - tape.trimmed :] if position > tape.trimmed else tape.records
        if not fresh:
            return
        rows = self.rows
        if rows:
            rows[-1].shown = None
        index, length = 0, len(fresh)
        while index < length:
            # a slice per candle: what it sums is then summed by C code
            end = rows[-1].start + self.period.width if rows else 0
            stop = next((at for at in range(index, length) if fresh[at][1] >= end), length)
            if stop > index:
                rows[-1].add(fresh[index:stop])
                index = stop
            else:
                trade_id, time, price, _, _, _ = fresh[index]
                rows.append(Candle(self.period.start(time), position + index, trade_id, price))
        self._position = position + length


class MergedSeries(Series):
    """Candles merged from those of a finer series that are over; the one in progress is merged in when asked for."""

    def __init__(self, base: Series, period: Period, keep: int) -> None:
        super().__init__(period, keep)
        self._base = base
        self._taken = base.dropped
        self._end = 0
        if base.dropped:
            # the first candle would lack its beginning
            oldest = base.rows[0].start
            self._taken += sum(1 for row in base.rows if period.start(row.start) < oldest)

    def refresh(self) -> None:
        """Take in what is new in the finer series."""
        base = self._base
        base.refresh()
        newest = base.tail()
        if newest is None:
            return
        index = self._taken - base.dropped
        stop = len(base.rows) - (base.rows[-1].start == newest.start) if base.rows else 0
        for row in base.rows[index:stop]:
            if row.start >= self._end:
                start = self.period.start(row.start)
                self._end = self.period.following(start)
                self.rows.append(row.copy(start))
            else:
                self.rows[-1].merge(row)
        self._taken = max(stop, index) + base.dropped

    def tail(self) -> Candle | None:
        """The newest candle with all that happened so far, None before the first trade."""
        newest = self._base.tail()
        if newest is None:
            return None
        if newest.start >= self._end:
            return newest.copy(self.period.start(newest.start))
        tail = self.rows[-1].copy(self.rows[-1].start)
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
        oldest = series.rows[0].start if series.rows else tail.start
        starts = chosen(period.starts(oldest, period.start(max(now, tail.start))), start, end, limit)
        if not starts:
            return []
        found = series.between(starts[0], starts[-1])
        if len(found) == len(starts):
            return [_shown(row, period) for row in found]
        previous = series.before(starts[0])
        return _filled(found, starts, previous.close if previous else found[0].open, period)

    def since(self, start: int) -> list[Candle]:
        """
        All trades from a moment on, as few consecutive candles.

        The minute in which the moment lies is cut to the millisecond as long as the tape holds its trades, and counts
        as a whole otherwise.
        """
        self.quarters.refresh()
        minute, quarter = -(-start // MINUTE) * MINUTE, -(-start // _QUARTER.width) * _QUARTER.width
        edge = self._cut(start, minute) if minute > start else []
        return edge + self.minutes.between(minute, quarter - 1) + self.quarters.between(quarter, FAR)

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
        trade_id, time, price, _, _, _ = rest[0]
        part = Candle(time, 0, trade_id, price)
        part.add(rest)
        return [part]

    def _held(self, row: Candle, moment: int) -> list[Record]:
        """The trades of a minute as far as the tape has them, none when it lacks some after the moment."""
        records, first = self.tape.records, row.position - self.tape.trimmed
        last = first + row.count
        if first < 0 and (last <= 0 or records[0][1] >= moment):
            return []
        return records[max(first, 0) : last]


def _shown(row: Candle, period: Period) -> list[Any]:
    """A candle in Binance's twelve elements; rendered once, since what is over is asked for again and again."""
    if row.shown is None:
        row.shown = [
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
    return row.shown


def _filled(found: list[Candle], starts: Sequence[int], close: int, period: Period) -> list[list[Any]]:
    """The candles of every opening; those without trades stay at the close before them."""
    shown, rows = [], {row.start: row for row in found}
    for start in starts:
        row = rows.get(start)
        if row is None:
            price = to_text(close)
            ending = period.following(start) - 1
            shown.append([start, price, price, price, price, _ZERO, ending, _ZERO, 0, _ZERO, _ZERO, "0"])
        else:
            close = row.close
            shown.append(_shown(row, period))
    return shown
