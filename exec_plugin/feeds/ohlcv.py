"""
Candles as a market: ccxt's six columns, and the archive's klines.

A candle says where the price was, not when. It is played as four prints, so that no order sees its future:

1. the open, at the candle's first millisecond;
2. the extreme that is farther from the close, a quarter in; the low where both are as far;
3. the other extreme, half in;
4. the close, at its last millisecond.

The price thus makes its detour before it goes where it ends, and a stop is met before the target behind it. Each
print is preceded by a quote one tick to either side, of unknown size, for market orders to take. The taker is a
seller when the print is below the one before. The volume is split evenly, the rest goes to the close; a candle
without volume makes quotes only.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.events import TRADE
from exec_plugin.core.units import SCALE

from .base import milliseconds
from .lines import batches
from .tables import TableFeed, is_header, quote_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.events import Row
    from exec_plugin.core.symbols import Symbol

    from .tables import Record

_COLUMNS = ("time", "open", "high", "low", "close", "volume")
_TIME_NAMES = {"time", "timestamp", "date", "datetime", "open time", "opentime", "open_time"}
_PARTS = 4
#: The power of ten beyond which no price and no quantity lies.
_LARGEST = 20


class Candle(NamedTuple):
    """One candle in units, with its first millisecond."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class CandleFeed(TableFeed):
    """Candles of a CSV file or of the archive's klines; the interval is the shortest between two of the first."""

    kind = "candle"

    def _reset(self) -> None:
        super()._reset()
        self._last: Candle | None = None
        self._seller = False

    def _learn(self, head: list[Record]) -> None:
        times = [self._time(record) for record in head]
        steps = [after - before for before, after in pairwise(times) if after > before]
        self.interval = min(steps, default=MINUTE)

    def _time(self, record: Record) -> int:
        return moment(record[self._places[0]])

    def _numbers(self, record: Record) -> tuple[tuple[int, ...], int]:
        candle = self._candle(record)
        return candle[1:5], candle.volume

    def _records(self) -> Iterator[Record]:
        # Columns may come in any order under a header; without one they are ccxt's.
        self._places = tuple(range(len(_COLUMNS)))
        for number, record in enumerate(super()._records()):
            if number == 0 and is_header(record):
                self._places = _places(record)
            yield record

    def _candle(self, record: Record) -> Candle:
        if len(record) <= max(self._places):
            msg = f"{len(record)} columns; expected {max(self._places) + 1}"
            raise ValueError(msg)
        time, *numbers = (record[place] for place in self._places)
        return checked(Candle(moment(time), *map(rounded_units, numbers)))

    def _rows(self, record: Record) -> list[Row]:
        candle = self._candle(record)
        if self._last and candle.time <= self._last.time:
            msg = f"the candle at {candle.time} does not follow the one at {self._last.time}"
            raise ValueError(msg)
        before = self._last.close if self._last else candle.open
        self._last = candle
        rows = candle_rows(self.symbols[0], candle, self.interval, before, seller=self._seller)
        self._seller = next((row[5] for row in reversed(rows) if row[0] == TRADE), self._seller)
        return rows


class JsonCandleFeed(CandleFeed):
    """Candles of a JSON file: a list of lists as ccxt's ``fetch_ohlcv`` gives; problems name the candle's number."""

    headers = False

    def _records(self) -> Iterator[Record]:
        self._problems.unit = "candle"
        self._places = tuple(range(len(_COLUMNS)))
        text = "\n".join(line for lines in batches(self.path) for line in lines)
        try:
            candles = json.loads(text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError) as error:
            self._problems.refuse(getattr(error, "lineno", 1), f"broken JSON: {error}", unit="line")
        if not isinstance(candles, list):
            self._problems.refuse(1, "expected a list of candles", unit="line")
        for candle in candles:
            yield [str(value) for value in candle] if isinstance(candle, list) else [str(candle)]


def candle_rows(symbol: Symbol, candle: Candle, interval: int, before: int, *, seller: bool = False) -> list[Row]:
    """
    A candle as quotes and prints by the rule above.

    Args:
        symbol: whose candle it is.
        candle: prices and volume.
        interval: its length in milliseconds.
        before: the last print before it.
        seller: the taker's side where the price does not move.
    """
    rows: list[Row] = []
    for offset, price, quantity in zip(_offsets(interval), path(candle), _split(candle, symbol), strict=True):
        time = candle.time + offset
        rows.append(quote_around(symbol, time, price))
        seller = price < before or (price == before and seller)
        before = price
        if quantity:
            rows.append((TRADE, time, symbol.name, price, quantity, seller, 0, time))
    return rows


def path(candle: Candle) -> tuple[int, int, int, int]:
    """The four prices in the order in which they are printed."""
    low_first = candle.close - candle.low >= candle.high - candle.close
    extremes = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    return (candle.open, *extremes, candle.close)


def checked(candle: Candle) -> Candle:
    """
    The candle, if its numbers agree.

    Raises:
        ValueError: with what does not.
    """
    if candle.low <= 0:
        reason = "the low is not above zero"
    elif candle.high < max(candle.open, candle.close):
        reason = "the high is below open or close"
    elif candle.low > min(candle.open, candle.close):
        reason = "the low is above open or close"
    elif candle.volume < 0:
        reason = "the volume is negative"
    else:
        return candle
    raise ValueError(reason)


def moment(text: str) -> int:
    """
    Milliseconds in a number since the epoch (s, ms, us or ns, by its size) or an ISO date; UTC where it has no zone.

    Raises:
        ValueError: for anything else.
    """
    if text.isdecimal():
        return milliseconds(int(text))
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        msg = f"the time was {text!r}; expected milliseconds or an ISO date"
        raise ValueError(msg) from None
    since = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def rounded_units(text: str) -> int:
    """
    Units in a number as programs write floats: exponents are read, noise beyond eight decimals is rounded off.

    Raises:
        ValueError: for what is no finite number.
    """
    with suppress(ArithmeticError, ValueError):
        value = Decimal(text)
        # beyond, a whole number of millions of digits would take minutes
        if value.adjusted() <= _LARGEST:
            return int((value * SCALE).to_integral_value())
    msg = f"{text[:60]!r} is not a number"
    raise ValueError(msg)


def _places(header: Record) -> tuple[int, ...]:
    names = ["time" if name.lower() in _TIME_NAMES else name.lower() for name in header]
    if not set(_COLUMNS) <= set(names):
        # A header in other words stands over ccxt's order.
        return tuple(range(len(_COLUMNS)))
    return tuple(names.index(name) for name in _COLUMNS)


def _offsets(interval: int) -> tuple[int, int, int, int]:
    return 0, interval // _PARTS, interval // 2, max(interval - 1, 0)


def _split(candle: Candle, symbol: Symbol) -> tuple[int, int, int, int]:
    # On the lot grid where there is enough for four lots.
    grain = symbol.lot.step if candle.volume >= _PARTS * symbol.lot.step else 1
    part = candle.volume // (_PARTS * grain) * grain
    return part, part, part, candle.volume - 3 * part
