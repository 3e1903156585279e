"""Looking at what is written down, without a venue and without writing: to show, to export and to verify."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import JournalError
from exec_plugin.core.orders import OPEN
from exec_plugin.core.venue.state import LIST_FIELDS, ORDER_FIELDS, ORDER_ID, STATUS, SYMBOL
from exec_plugin.journal.entries import RECORDS, Step, dump, merge, read_step, unseal
from exec_plugin.journal.telling import Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from exec_plugin.journal.store import Row, Store

#: The fields of a fill, as `core.events.Fill` has them, and of a prevented match.
FILL_FIELDS = (
    "id", "order_id", "symbol", "time", "price", "qty", "quote", "commission", "commission_asset", "is_buyer", "is_maker",
)  # fmt: skip
PREVENTED_FIELDS = (
    "id", "symbol", "time", "taker_id", "maker_id", "mode", "price", "qty", "taker_qty", "maker_qty",
)  # fmt: skip
_FIELDS = {"orders": ORDER_FIELDS, "lists": LIST_FIELDS, "fills": FILL_FIELDS, "prevented": PREVENTED_FIELDS}


class Look(NamedTuple):
    """An account as it is written down: its numbers, its records by table, and what is wrong with any of them."""

    row: Row
    numbers: dict[str, Any]
    records: dict[str, list[Any]]
    problems: list[str]

    @property
    def open_orders(self) -> list[Any]:
        """The states of its open orders."""
        return [state for state in self.records["orders"] if state[STATUS] in OPEN]


def look(store: Store, row: Row) -> Look:
    """Everything of an account; what cannot be read is a problem and left out."""
    problems: list[str] = []
    numbers: dict[str, Any] = {}
    try:
        numbers = unseal(row.state)
    except (JournalError, ValueError) as error:
        problems.append(f"its numbers: {error}")
    found = {table: dict(_read(store, row, table, problems)) for table in RECORDS}
    problems += store.holes(row.id)
    step = _entries(store, row, problems)
    if numbers:
        merge(numbers, step.numbers)
        problems += _check_events(store, row, numbers)
    for table, lines in step.lines.items():
        found[table].update({key: json.loads(line[-1]) for key, line in lines.items()})
    return Look(row, numbers, {table: [each[key] for key in sorted(each)] for table, each in found.items()}, problems)


def whole_events(store: Store, row: Row, last: int) -> Iterator[Told | str]:
    """What an account was told, oldest first, as far as it is whole; and in words what is not, up to event ``last``."""
    expected = None
    try:
        for first, until, text in store.told.rows(row.id):
            if expected is not None and first != expected:
                yield f"events {expected} to {first - 1} are missing"
            expected = until + 1
            try:
                body = unseal(text)
                if len(body) == until - first + 1:
                    yield Told(row.id, first, until, dump(body))
                else:
                    yield f"events {first} to {until} are {len(body)}"
            except (JournalError, TypeError, ValueError) as error:
                yield f"events {first} to {until}: {error}"
    except (JournalError, TypeError) as error:
        yield f"events: {error}"
        return
    if expected not in (None, last + 1):
        yield f"event {last} should be the last that was told, it is {expected - 1}"


def _check_events(store: Store, row: Row, numbers: Mapping[str, Any]) -> list[str]:
    """What is wrong with what an account was told, if it was told anything by the version that wrote it."""
    if "events" not in numbers:
        return []
    return [each for each in whole_events(store, row, numbers["events"]) if isinstance(each, str)]


def _read(store: Store, row: Row, table: str, problems: list[str]) -> Iterator[tuple[Any, Any]]:
    try:
        for line in store.table(table, row.id):
            # orders are sorted by their symbol as well
            key = line[:2] if table in ("fills", "prevented") else line[1] if table == "orders" else line[0]
            try:
                yield key, unseal(line[-1])
            except (JournalError, ValueError) as error:
                problems.append(f"{table} {key}: {error}")
    except JournalError as error:
        problems.append(f"{table}: {error}")


def _entries(store: Store, row: Row, problems: list[str]) -> Step:
    """What whole entries say, up to the first that is not."""
    step = Step()
    try:
        entries, problem = store.whole_entries(row)
    except JournalError as error:
        problems.append(f"entries: {error}")
        return step
    if problem:
        problems.append(problem)
    for entry in entries:
        step.follow(read_step(entry.body))
    return step


def verify(seen: Look) -> list[str]:
    """What does not add up in an account, in words; nothing when all does."""
    if not seen.numbers:
        return seen.problems
    return [*seen.problems, *_check_orders(seen), *_check_money(seen)]


def _check_orders(seen: Look) -> Iterator[str]:
    """Whether orders are what their fills say, and lists have their orders."""
    filled: Counter[int] = Counter()
    spent: Counter[int] = Counter()
    for fill in seen.records["fills"]:
        filled[fill[1]] += fill[5]
        spent[fill[1]] += fill[6]
    known = set()
    fields = {name: place for place, name in enumerate(ORDER_FIELDS)}
    for state in seen.records["orders"]:
        number = state[ORDER_ID]
        known.add(number)
        told = (state[fields["filled"]], state[fields["quote_filled"]])
        if told != (filled[number], spent[number]):
            yield f"order {number} says it was filled {told}, its fills say {(filled[number], spent[number])}"
    for number in sorted(filled.keys() - known):
        yield f"order {number} has fills and is not there"
    for group in seen.records["lists"]:
        if missing := [leg for leg in group[3] if leg not in known]:
            yield f"order list {group[0]} lacks its orders {missing}"
    if known and max(known) > seen.numbers["ids"][0]:
        yield f"order {max(known)} has a number that was not given yet"


def _check_money(seen: Look) -> Iterator[str]:
    """Whether what is held is what was paid in and traded, and what is locked is what open orders hold."""
    numbers = seen.numbers
    fields = {name: place for place, name in enumerate(ORDER_FIELDS)}
    needs: Counter[str] = Counter()
    for state in seen.open_orders:
        base, quote = numbers["assets"][state[SYMBOL]]
        needs[quote if state[fields["is_buy"]] else base] += state[fields["locked"]]
    due = Counter(numbers["deposit"])
    for fill in seen.records["fills"]:
        base, quote = numbers["assets"][fill[2]]
        sign = 1 if fill[9] else -1
        due[base] += sign * fill[5]
        due[quote] -= sign * fill[6]
        due[fill[8]] -= fill[7]
    for asset, (free, locked, _) in numbers["balances"].items():
        if free + locked != due[asset]:
            yield f"{asset}: {free + locked} units are held, and {due[asset]} were paid in and traded"
        if locked != needs[asset]:
            yield f"{asset}: {locked} units are locked, and open orders hold {needs[asset]}"


def exported(seen: Look) -> dict[str, Any]:
    """
    An account as JSON values with names; amounts and prices are in units of 1e-8.

    Raises:
        JournalError: when its numbers are damaged.
    """
    if not seen.numbers:
        raise JournalError(f"account {seen.row.name!r}: {'; '.join(seen.problems)}")
    records = {
        table: [dict(zip(_FIELDS[table], record, strict=False)) for record in found]
        for table, found in seen.records.items()
    }
    return {"account": seen.row.name, "market": seen.row.venue, **_numbers(seen.numbers), **records}


def _numbers(numbers: Mapping[str, Any]) -> dict[str, Any]:
    def named(fields: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(fields, values, strict=True))

    balances = {asset: named(("free", "locked", "fees"), held) for asset, held in numbers["balances"].items()}
    return {
        "version": numbers["version"],
        "time": numbers["now"],
        "deposit": numbers["deposit"],
        "balances": balances,
        "last_ids": named(("order", "list", "event"), numbers["ids"]),
    }
