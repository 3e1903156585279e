"""
Captures of Binance's streams: one message per line, as ``<local receive time in ns> <JSON>`` or plain JSON.

The venue's clock is the exchange's, yet never goes back: a row's time is the line's receive time plus one fixed
offset, the difference between the two clocks at the first message that carries an exchange event time.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from exec_plugin.core.errors import FeedError
from exec_plugin.core.symbols import Symbol

from .base import Problems, inferred_symbol
from .booksync import BookSync
from .lines import batches
from .messages import ROW_KINDS, Message, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from exec_plugin.core.events import Row

    from .base import OnBad, Wanted

#: Lines that are read at opening to learn the symbols, their tick and step, and the clocks' offset.
HEAD_LINES = 2000


class CaptureFeed:
    """
    Rows of a capture, with counts that add up to the file.

    Args:
        path: plain or gzip file.
        symbol: keep only this symbol, by name or with its filters; without it, all that the file's head shows.
        on_bad: ``"raise"`` or ``"skip"`` a line that cannot be read; skipped ones are in ``problems``.

    Attributes:
        rows_read: lines read, blank ones included.
        rows_skipped: lines that made no row: other symbols, superseded diffs, unused streams, bad lines.
        rows_by_kind: lines by kind of message; the sum is ``rows_read``.
    """

    def __init__(self, path: Path, symbol: Wanted = None, on_bad: OnBad = "raise") -> None:
        self.path = path
        self._problems = Problems(path, on_bad)
        head = _Head(path, self._problems)
        self.start = head.start
        self.symbols = head.symbols(symbol)
        self._head = head
        self._wanted = frozenset(item.name for item in self.symbols)
        self._asked = symbol is not None
        self._reset()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong, newest last; a long file keeps only the latest."""
        return tuple(self._problems.kept)

    def rows(self) -> Iterator[Row]:
        """
        The file's rows in time order; every call reads the file anew.

        Raises:
            FeedError: for a line that cannot be read, unless such lines are skipped.
        """
        self._reset()
        try:
            for lines in batches(self.path):
                yield from self._batch(lines)
        except EOFError as error:
            # What follows is gone, but what was read is sound.
            self._problems.bad(self.rows_read + 1, error)

    def _reset(self) -> None:
        self._problems.clear()
        self.rows_read = 0
        self.rows_skipped = 0
        self.rows_by_kind: Counter[str] = Counter()
        self._now = self.start
        self._books = {name: BookSync(self._head.first_ids.get(name, 0)) for name in self._head.names}
        # Both trade streams tell of the same trades: the single ones win.
        self._single = set(self._head.single)

    def _batch(self, lines: list[str]) -> Iterator[Row]:
        for line in lines:
            row = self._line(line)
            if row is not None:
                yield row

    def _line(self, line: str) -> Row | None:
        self.rows_read += 1
        row = None
        kind = "blank"
        if line.strip():
            try:
                message = parse_line(line)
                kind = message.kind
                row = self._row(message)
            except ValueError as error:
                self._problems.bad(self.rows_read, error)
                kind = "bad"
        self.rows_by_kind[kind] += 1
        self.rows_skipped += row is None
        return row

    def _row(self, message: Message) -> Row | None:
        if message.kind not in ROW_KINDS:
            return None
        name = message.symbol or self._snapshot_symbol(message.last_id)
        if name not in self._wanted:
            self._unwanted(name)
            return None
        self._now = max(self._now, self._head.time(message))
        body = message.body
        if message.kind == "trade":
            self._single.add(name)
        elif message.kind == "aggTrade":
            if name in self._single:
                return None
        else:
            synced = self._books.setdefault(name, BookSync()).body(
                message, lambda reason: self._problems.note(self.rows_read, reason)
            )
            if synced is None:
                return None
            body = synced
        return (ROW_KINDS[message.kind], self._now, name, *body)

    def _unwanted(self, name: str) -> None:
        if not self._asked:
            msg = f"{name} was not seen in the first {HEAD_LINES} lines; ask for a symbol by name"
            raise ValueError(msg)

    def _snapshot_symbol(self, last_id: int) -> str:
        # Symbols count their updates apart, millions of ids away from each other.
        if not self._books:
            msg = "a snapshot without a symbol, and no other message to tell it"
            raise ValueError(msg)
        return min(self._books, key=lambda name: abs(self._books[name].seen_id - last_id))


class _Head:
    """What the first lines tell about the whole file."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.offset = 0
        self.start = 0
        self.first_ids: dict[str, int] = {}
        self.single: set[str] = set()
        self._prices: dict[str, set[int]] = {}
        self._quantities: dict[str, set[int]] = {}
        messages = self._read(problems)
        for message in messages:
            self._learn(message)
        stamped = next((message for message in messages if message.received and message.event), None)
        if stamped:
            self.offset = stamped.event - stamped.received
        self.start = next((time for message in messages if (time := self.time(message))), 0)

    @property
    def names(self) -> Iterable[str]:
        """The symbols seen."""
        return self._prices

    def time(self, message: Message) -> int:
        """The venue's time of a message; 0 when it tells none."""
        return message.received + self.offset if message.received else message.event

    def symbols(self, wanted: Wanted) -> tuple[Symbol, ...]:
        """The symbols asked for, or all seen, with tick and step as the data shows them."""
        if isinstance(wanted, Symbol):
            return (wanted,)
        names = list(self.names) if wanted is None else [wanted]
        missing = [name for name in names if name not in self._prices]
        if missing or not names:
            seen = ", ".join(self.names) or "no symbol at all"
            msg = f"{self.path}: {' '.join(missing) or 'market data'} not found in the first lines, which show {seen}"
            raise FeedError(msg)
        return tuple(inferred_symbol(name, self._prices[name], self._quantities[name]) for name in names)

    def _read(self, problems: Problems) -> list[Message]:
        messages = []
        try:
            lines = (line for batch in batches(self.path) for line in batch)
            for line in islice(lines, HEAD_LINES):
                try:
                    messages.append(parse_line(line))
                except ValueError:
                    continue  # rows() reports it in its turn
        except EOFError as error:
            if not messages:
                problems.refuse(1, error)
        return [message for message in messages if message.kind in ROW_KINDS]

    def _learn(self, message: Message) -> None:
        name = message.symbol
        if not name:
            return
        prices = self._prices.setdefault(name, set())
        quantities = self._quantities.setdefault(name, set())
        if message.kind in {"trade", "aggTrade"}:
            prices.add(message.body[0])
            quantities.add(message.body[1])
            if message.kind == "trade":
                self.single.add(name)
            return
        self.first_ids.setdefault(name, message.first_id)
        if message.kind != "bookTicker":
            for side in message.body[:2]:
                prices.update(side)
                quantities.update(side.values())
