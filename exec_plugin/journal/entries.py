"""
What an entry says, and how it is put into words: JSON, of which each record is also a line of a table.

An entry is what one step changed of one account: some numbers, and whole records of the orders, lists, fills and
prevented matches that are new or not what they were. It carries a checksum that covers all entries before it.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import JournalError
from exec_plugin.core.orders import ALL_DONE, OPEN
from exec_plugin.core.venue.state import GIVEN_ID, LIST_ID, LIST_LEGS, ORDER_ID, STATUS, SYMBOL, naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: The tables of records. A line's key is its first column, of the last two its first two; its last is the record.
RECORDS = ("orders", "lists", "fills", "prevented")
#: A line of such a table without its account.
Line = tuple[Any, ...]


def _encoder() -> Callable[[Any], str]:
    """What writes compact JSON; json's own, without what that prepares anew for every text."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # pragma: no cover - other Pythons than CPython
        return json.JSONEncoder(separators=(",", ":")).encode
    escape = json.encoder.encode_basestring_ascii
    # neither circles looked for, nor keys sorted or skipped, nor numbers that are none
    parts = make(None, _refuse, escape, None, ":", ",", *(False,) * 3)
    return lambda value: "".join(parts(value, 0))


def _refuse(value: Any) -> None:
    msg = f"{value!r} cannot be written down"
    raise TypeError(msg)


dump = _encoder()


class Entry(NamedTuple):
    """What is written down."""

    account: int
    seq: int
    crc: int
    body: str


def chain(crc: int, body: str) -> int:
    """The checksum of an entry that follows one with the checksum ``crc``."""
    return zlib.crc32(body.encode(), crc)


def seal(text: str) -> str:
    """A text of a table with its own checksum before it."""
    return "%08x%s" % (zlib.crc32(text.encode()), text)  # noqa: UP031 - each line of a table comes by here


def unseal(text: str) -> Any:
    """
    What a sealed text says.

    Raises:
        JournalError: when it is not what was written.
    """
    body = text[_SEAL:]
    if text[:_SEAL] != f"{zlib.crc32(body.encode(errors='replace')):08x}":
        raise JournalError(f"a record is damaged: {body[:_SHOWN]!r}. See exec-plugin account verify")
    return json.loads(body)


#: How long a seal is, and how much of a damaged record is shown.
_SEAL, _SHOWN = 8, 60


def order_line(state: Sequence[Any]) -> Line:
    """The line of an order."""
    is_open = int(state[STATUS] in OPEN)
    return (state[ORDER_ID], state[SYMBOL], state[GIVEN_ID], naming(state), state[LIST_ID], is_open, dump(state))


def list_line(state: Sequence[Any]) -> Line:
    """The line of an order list; it names the first order."""
    return (state[0], state[1], state[LIST_LEGS][0], int(state[6] != ALL_DONE), state[7], dump(state))


class Step:
    """What one step, or several in a row, changed of an account."""

    __slots__ = ("lines", "numbers")

    def __init__(self, numbers: dict[str, Any] | None = None) -> None:
        self.numbers: dict[str, Any] = numbers or {}
        self.lines: dict[str, dict[Any, Line]] = {table: {} for table in RECORDS}

    def add(self, table: str, lines: Iterable[Line]) -> None:
        """Add lines of orders or lists."""
        self.lines[table].update((line[0], line) for line in lines)

    def add_records(self, table: str, symbol: str, first: int, records: Iterable[Any]) -> None:
        """Add fills or prevented matches of a symbol, of which ``first`` came before."""
        found = self.lines[table]
        for n, record in enumerate(records, first):
            found[symbol, n] = (symbol, n, dump(record))

    def body(self) -> str:
        """The body of its entry."""
        parts = [f'"numbers":{dump(self.numbers)}']
        parts += [
            f'"{table}":[{",".join([line[-1] for line in lines.values()])}]'
            for table in ("orders", "lists")
            if (lines := self.lines[table])
        ]
        for table in ("fills", "prevented"):
            if lines := self.lines[table]:
                names = {line[0]: dump(line[0]) for line in lines.values()}
                told = [f"[{names[symbol]},{n},{text}]" for symbol, n, text in lines.values()]
                parts.append(f'"{table}":[{",".join(told)}]')
        return f"{{{','.join(parts)}}}"

    def follow(self, later: Step) -> None:
        """Add what a later step changed."""
        merge(self.numbers, later.numbers)
        for table, lines in later.lines.items():
            if lines:
                self.lines[table].update(lines)

    @property
    def weight(self) -> int:
        """How many lines it has."""
        return sum(map(len, self.lines.values()))


class Fold(NamedTuple):
    """What entries up to one have told of an account: its numbers as a whole, and the records that they changed."""

    upto: Entry
    numbers: Mapping[str, Any]
    step: Step


def read_step(body: str) -> Step:
    """The step of an entry's body."""
    told = json.loads(body)
    step = Step(told["numbers"])
    step.add("orders", map(order_line, told.get("orders", ())))
    step.add("lists", map(list_line, told.get("lists", ())))
    for table in ("fills", "prevented"):
        for symbol, n, record in told.get(table, ()):
            step.add_records(table, symbol, n, (record,))
    return step


def merge(numbers: dict[str, Any], later: Mapping[str, Any]) -> None:
    """Bring numbers up to date: tables of them entry by entry, others as a whole."""
    for name, value in later.items():
        if isinstance(value, dict):
            numbers.setdefault(name, {}).update(value)
        else:
            numbers[name] = value
