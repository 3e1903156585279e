"""What the readers of archives and candle files share: numbered records, a symbol, a clock, and counts that add up."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.core.events import QUOTE
from exec_plugin.core.symbols import Symbol
from exec_plugin.core.units import FAR

from .base import Problems, inferred_symbol
from .lines import batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exec_plugin.core.events import Row

    from .base import OnBad, Wanted

#: Records that are read at opening to learn tick, step and interval.
HEAD_RECORDS = 1000

Record = list[str]

# BTCUSDT-1m-2024-01.zip, BTC_USDT-1m.json, btcusdt.csv
_FILE_NAME = re.compile(r"([A-Za-z0-9]{2,}?)[_/]?([A-Za-z0-9]{3,})(?=[-_. ]|$)")


class TableFeed:
    """
    A file of records of one symbol, each of which makes zero or more rows.

    Attributes:
        rows_read: records read, a header and blank lines included.
        rows_skipped: records that made no row.
        rows_by_kind: records by kind; the sum is ``rows_read``.
    """

    kind: ClassVar[str]
    headers: ClassVar[bool] = True

    def __init__(self, path: Path, symbol: Wanted = None, on_bad: OnBad = "raise") -> None:
        self.path = path
        self._problems = Problems(path, on_bad)
        head = list(islice(self._good_records(), HEAD_RECORDS))
        if not head:
            msg = f"{path} has no {self.kind} that can be read"
            raise FeedError(msg)
        self._learn(head)
        self.start = self._time(head[0])
        self.symbols = (symbol if isinstance(symbol, Symbol) else self._infer(symbol or name_in(path), head),)
        self._reset()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong, newest last; a long file keeps only the latest."""
        return tuple(self._problems.kept)

    def rows(self) -> Iterator[Row]:
        """
        The file's rows in time order; every call reads the file anew.

        Raises:
            FeedError: for a record that cannot be read, unless such records are skipped.
        """
        self._reset()
        try:
            for record in self._records():
                rows = self._read(record)
                self.rows_skipped += not rows
                yield from rows
        except EOFError as error:
            self._problems.bad(self.rows_read + 1, error)

    def _read(self, record: Record) -> Sequence[Row]:
        self.rows_read += 1
        kind = self.kind
        rows: list[Row] = []
        if not any(record):
            kind = "blank"
        elif self.rows_read == 1 and self.headers and is_header(record):
            kind = "header"
        else:
            try:
                rows = self._rows(record)
            except ValueError as error:
                kind = "bad"
                self._problems.bad(self.rows_read, error)
        self.rows_by_kind[kind] += 1
        return rows

    def _reset(self) -> None:
        self._problems.clear()
        self.rows_read = 0
        self.rows_skipped = 0
        self.rows_by_kind: Counter[str] = Counter()

    def _records(self) -> Iterator[Record]:
        for lines in batches(self.path):
            for line in lines:
                yield fields(line)

    def _good_records(self) -> Iterator[Record]:
        # What is wrong is reported by rows() in its turn.
        try:
            for record in self._records():
                try:
                    self._time(record), self._numbers(record)
                except (ValueError, IndexError):
                    continue
                yield record
        except EOFError:
            return

    def _infer(self, name: str, head: list[Record]) -> Symbol:
        prices, quantities = zip(*map(self._numbers, head), strict=True)
        return inferred_symbol(name, {price for some in prices for price in some}, set(quantities))

    def _learn(self, head: list[Record]) -> None:
        """Take from the first records what the rest needs."""

    def _time(self, record: Record) -> int:
        """A record's moment in milliseconds."""
        raise NotImplementedError

    def _numbers(self, record: Record) -> tuple[tuple[int, ...], int]:
        """A record's prices and its quantity, in units."""
        raise NotImplementedError

    def _rows(self, record: Record) -> list[Row]:
        """What a record makes."""
        raise NotImplementedError


def fields(line: str) -> Record:
    """The fields of a line of a CSV file, without blanks and quotes around them."""
    return [field.strip(' \t\r"\ufeff') for field in line.split(",")]


def is_header(record: Record) -> bool:
    """Whether a first record names columns: each begins with a letter."""
    return all(field[:1].isalpha() for field in record)


def name_in(path: Path) -> str:
    """
    The symbol that a file is named after.

    Raises:
        FeedError: when the name does not begin with a symbol.
    """
    match = _FILE_NAME.match(path.name)
    name = "".join(match.groups()).upper() if match else ""
    try:
        return inferred_symbol(name, (), ()).name
    except ConfigError as error:
        msg = f"{path.name!r} does not begin with a symbol such as BTCUSDT; pass symbol="
        raise FeedError(msg) from error


def quote_around(symbol: Symbol, time: int, price: int) -> Row:
    """
    Something for market orders to take where a file tells only of prints: one tick to either side, size unknown.

    Neither side touches the print, so an order resting there still waits for the print's quantity.
    """
    tick = symbol.price.step
    bid = price - tick
    return (QUOTE, time, symbol.name, max(bid, 0), FAR if bid > 0 else 0, price + tick, FAR)
