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
from exec_plugin.core.events import DEPTH, QUOTE, TRADE, LateLevels
from exec_plugin.core.symbols import Symbol
from exec_plugin.core.units import FAR

from .base import Problems, inferred_symbol
from .booksync import BookSync
from .lines import batches, texts
from .messages import ROW_KINDS, Message, parse_line
from .shapes import Units, find_lines, has_zero, levels, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from exec_plugin.core.events import Row

    from .base import OnBad, Wanted
    from .shapes import Found

#: Lines that are read at opening to learn the symbols, their tick and step, and the clocks' offset.
HEAD_LINES = 300
#: Prices remembered as units; enough for a day of one symbol, little memory for any number of symbols.
KEPT_PRICES = 100_000


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
            for text in texts(self.path):
                rows: list[Row] = []
                try:
                    self._batch(text, rows.append)
                except FeedError:
                    # What stands before the line is sound.
                    yield from rows
                    raise
                yield from rows
        except EOFError as error:
            self._problems.bad(self.rows_read + 1, error)

    def _reset(self) -> None:
        self._problems.clear()
        self.rows_read = 0
        self.rows_skipped = 0
        self.rows_by_kind: Counter[str] = Counter()
        self._now = self.start
        self._books = {name: BookSync(self._head.first_ids.get(name, 0)) for name in self._head.names}
        # The latest ticker of each symbol, not yet told to its book.
        self._latest: dict[str, Found] = {}
        self._prices = Units()
        # The text at hand, taken apart when a line of it goes the general way.
        self._text = ""
        self._lines: list[str] = []
        # Both trade streams tell of the same trades: the single ones win.
        self._single = set(self._head.single)

    def _batch(self, text: str, add: Callable[[Row], None]) -> None:
        """
        The rows of whole lines: what `_line` makes of each, only faster.

        It is one loop, since a call for each line would cost as much as the line itself.
        """
        prices, wanted, offset, now = self._prices, self._wanted, self._head.offset, self._now
        latest, tickers, trades = self._latest, 0, 0
        first = number = self.rows_read
        try:
            for found in find_lines(text):
                number += 1
                (
                    stamp, _, ticker, bid, bid_quantity, ask, ask_quantity,
                    trade, trade_id, price, quantity, traded, maker, _, _, _, _,
                ) = found  # fmt: skip
                if ticker in wanted:
                    time = int(stamp) + offset
                    if time > now:
                        now = time
                    tickers += 1
                    latest[ticker] = found
                    bid_lots, ask_lots = int(bid_quantity.replace(".", "")), int(ask_quantity.replace(".", ""))
                    add((QUOTE, now, ticker, prices[bid], bid_lots, prices[ask] or FAR, ask_lots))
                    continue
                if trade in wanted and (units := prices[price]) and (lots := int(quantity.replace(".", ""))):
                    time = int(stamp) + offset
                    if time > now:
                        now = time
                    trades += 1
                    self._single.add(trade)
                    add((TRADE, now, trade, units, lots, maker == "true", int(trade_id), int(traded)))
                    continue
                self._now, self.rows_read = now, number - 1
                row = self._other(found, text, number - first - 1)
                if row is not None:
                    add(row)
                now = self._now
        finally:
            self._now, self.rows_read = now, number
            # Only what occurred is listed.
            self.rows_by_kind.update({kind: n for kind, n in (("bookTicker", tickers), ("trade", trades)) if n})
        if len(prices) > KEPT_PRICES:
            prices.clear()

    def _other(self, found: Found, text: str, place: int) -> Row | None:
        """What is not a usual ticker or trade of a symbol that is wanted."""
        depth, first_id, last_id, text_of_sides = found[-4:]
        both = sides(text_of_sides) if depth else None
        if depth in self._wanted and both is not None:
            self._count("depthUpdate")
            self._now = max(self._now, int(found[0]) + self._head.offset)
            body = (LateLevels(both[0], levels), LateLevels(both[1], levels), int(last_id))
            if self._book(depth).diff(int(first_id), body, self._note):
                return (DEPTH, self._now, depth, *body)
            self.rows_skipped += 1
            return None
        if self._skippable(found, sound=both is not None or not depth):
            self._count("depthUpdate" if depth else "trade" if found[7] else "bookTicker")
            self.rows_skipped += 1
            return None
        if self._text is not text:
            self._text, self._lines = text, text.split("\n")
        return self._line(self._lines[place])

    def _skippable(self, found: Found, *, sound: bool) -> bool:
        """Whether a line is a sound one about a symbol that nobody asked for."""
        usual = self._asked and bool(found[0]) and sound
        return usual and not self._wanted.intersection(found) and not has_zero(found)

    def _count(self, kind: str) -> None:
        self.rows_read += 1
        self.rows_by_kind[kind] += 1

    def _note(self, reason: str) -> None:
        self._problems.note(self.rows_read, reason)

    def _book(self, name: str) -> BookSync:
        """A symbol's book, with the tickers that went by since it was last looked at."""
        book = self._books.get(name)
        if book is None:
            book = self._books[name] = BookSync()
        found = self._latest.pop(name, None)
        if found is not None:
            _, last_id, _, *numbers = found[:7]
            bid, bid_quantity, ask, ask_quantity = map(self._prices.__getitem__, numbers)
            book.see_ticker(int(last_id), (bid, bid_quantity, ask or FAR, ask_quantity))
        return book

    def _line(self, line: str) -> Row | None:
        """The row of any line, by the general path."""
        row = None
        kind = "blank"
        self.rows_read += 1
        if line.strip():
            try:
                message = parse_line(line)
                kind = message.kind
                row = self._row(message)
            except ValueError as error:
                kind = "bad"
                self._problems.bad(self.rows_read, error)
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
            synced = self._book(name).body(message, self._note)
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
        return min(self._books, key=lambda name: abs(self._book(name).seen_id - last_id))


class _Head:
    """What the first lines tell about the whole file."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.offset = 0
        self.start = 0
        self.first_ids: dict[str, int] = {}
        self.single: set[str] = set()
        self._seen: dict[str, tuple[set[int], set[int]]] = {}
        self._deep: dict[str, tuple[set[int], set[int]]] = {}
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
        return self._seen

    def time(self, message: Message) -> int:
        """The venue's time of a message; 0 when it tells none."""
        return message.received + self.offset if message.received else message.event

    def symbols(self, wanted: Wanted) -> tuple[Symbol, ...]:
        """The symbols asked for, or all seen, with tick and step as the data shows them."""
        if isinstance(wanted, Symbol):
            return (wanted,)
        names = list(self.names) if wanted is None else [wanted]
        missing = [name for name in names if name not in self._seen]
        if missing or not names:
            seen = ", ".join(self.names) or "no symbol at all"
            msg = f"{self.path}: {' '.join(missing) or 'market data'} not found in the first lines, which show {seen}"
            raise FeedError(msg)
        return tuple(map(self._infer, names))

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
        prices, quantities = self._seen.setdefault(name, (set(), set()))
        if message.kind in {"trade", "aggTrade"}:
            prices.add(message.body[0])
            quantities.add(message.body[1])
            if message.kind == "trade":
                self.single.add(name)
            return
        self.first_ids.setdefault(name, message.first_id)
        if message.kind == "bookTicker":
            bid, bid_quantity, ask, ask_quantity = message.body
            prices.update({bid, ask} - {FAR})
            quantities.update((bid_quantity, ask_quantity))
            return
        # Deep in the book stand orders from before the lot step grew, so it counts only where there is nothing else.
        deep_prices, deep_quantities = self._deep.setdefault(name, (set(), set()))
        for side in message.body[:2]:
            deep_prices.update(side)
            deep_quantities.update(side.values())

    def _infer(self, name: str) -> Symbol:
        deep_prices, deep_quantities = self._deep.get(name, (set(), set()))
        prices, quantities = self._seen[name]
        return inferred_symbol(name, prices or deep_prices, quantities or deep_quantities)
