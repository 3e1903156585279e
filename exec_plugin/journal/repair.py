"""What is whole of a damaged database, in another one."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import JournalError
from exec_plugin.core.venue.state import ORDER_FIELDS, SYMBOL
from exec_plugin.journal.entries import Entry, Fold, Step, list_line, order_line
from exec_plugin.journal.looking import look, verify, whole_events
from exec_plugin.journal.telling import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.journal.looking import Look
    from exec_plugin.journal.store import Row, Store


def repair(damaged: Store, fresh: Store) -> Iterator[str]:
    """Write what is whole of each account into another database, and tell in words what is not there any more."""
    for row in damaged.rows():
        seen = look(damaged, row)
        yield from (f"{row.name}: {problem}" for problem in verify(seen))
        if not seen.numbers:
            yield f"{row.name}: without its numbers nothing can be kept of it"
            continue
        kept = _whole_lists(seen)
        yield from (f"{row.name}: {told}" for told in _unlock(kept))
        target = fresh.enrol(row.venue, row.name, row.created)
        told = _told(damaged, row, kept.numbers)
        fresh.fold(Fold(Entry(target.id, 0, 0, ""), kept.numbers, _step(kept)))
        fresh.append((), [each._replace(account=target.id) for each in told])
        # where these cannot be read either, listeners begin anew
        with suppress(JournalError):
            for name, seq in damaged.told.heard(row.id).items():
                fresh.told.acknowledge(target.id, name, seq)


def _told(damaged: Store, row: Row, numbers: dict[str, Any]) -> list[Told]:
    """What the account was told; no number of it is given again, whatever has become of the step."""
    if "events" not in numbers:
        return []
    told = [each for each in whole_events(damaged, row, numbers["events"]) if isinstance(each, Told)]
    numbers["events"] = max(numbers["events"], *[each.last for each in told], 0)
    return told


def _whole_lists(seen: Look) -> Look:
    """The account without lists that lack an order, and without orders that lack their list."""
    orders = {state[0]: state for state in seen.records["orders"]}
    lists = [group for group in seen.records["lists"] if all(leg in orders for leg in group[3])]
    known = {group[0] for group in lists}
    place = ORDER_FIELDS.index("list")
    whole = [state for state in orders.values() if state[place] is None or state[place] in known]
    return seen._replace(records={**seen.records, "orders": whole, "lists": lists})


def _unlock(seen: Look) -> Iterator[str]:
    """Give back what no open order holds."""
    numbers, fields = seen.numbers, {name: place for place, name in enumerate(ORDER_FIELDS)}
    needs: Counter[str] = Counter()
    for state in seen.open_orders:
        base, quote = numbers["assets"][state[SYMBOL]]
        needs[quote if state[fields["is_buy"]] else base] += state[fields["locked"]]
    for asset, (free, locked, fees) in numbers["balances"].items():
        if locked != needs[asset]:
            numbers["balances"][asset] = [free + locked - needs[asset], needs[asset], fees]
            yield f"{locked - needs[asset]} units of {asset} were locked for what is not there any more, and are free"


def _step(seen: Look) -> Step:
    step = Step()
    step.add("orders", map(order_line, seen.records["orders"]))
    step.add("lists", map(list_line, seen.records["lists"]))
    for table, place in (("fills", 2), ("prevented", 1)):
        by_symbol: dict[str, list[Any]] = {}
        for record in seen.records[table]:
            by_symbol.setdefault(record[place], []).append(record)
        for symbol, records in by_symbol.items():
            step.add_records(table, symbol, 0, records)
    return step
