"""
What each account is told, numbered from 1 without gaps, and told again to those who ask from a number on.

Most events are never read again, so they are only noted as they happen, with what may change of their order later.
`packed` makes rows of them, plain values that can be written down; what a report says of its order is left out where the
one before says the same. `unpacked` makes whole records of such rows, which ``protocol.user_data`` renders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.events import BalanceChange, Execution
from exec_plugin.core.orders import GENERATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.core.events import Event, ListChange
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.orders import LiveOrder

#: The first item of a record.
REPORT, LIST, BALANCES = range(3)
#: How many events are kept of an account that is not written down.
MOST_IN_MEMORY = 10_000

#: An event with the quantity and the client id that its order had, or all that was to be said of the order then.
Note = tuple[Any, int, str, Any]
#: An event as plain values, of which a report may leave its order out; and one that is whole.
Row = Sequence[Any]
Record = Sequence[Any]

#: The length of a report that leaves its order out.
_SHORT = 11


def note(event: Event) -> Note:
    """An event that stays what it is when its order changes."""
    if type(event) is not Execution:
        return event, 0, "", None
    order: LiveOrder = event.order
    if order.trail is None and order.peg is None:
        return event, order.qty, order.given_id, None
    # these follow the market
    return event, 0, "", _order(order, order.qty, order.given_id)


def packed(notes: Iterable[Note]) -> list[Row]:
    """Events in a row as plain values."""
    found: list[Row] = []
    before: LiveOrder | None = None
    qty, given_id = 0, ""
    for event, qty_then, given_id_then, about in notes:
        if type(event) is not Execution:
            found.append(_balances(event) if type(event) is BalanceChange else _list(event))
            continue
        seq, time, kind, order, status, filled, quote, working, fill, reason, cancel_id, since, former_id, gone, match = event
        rest = (reason, cancel_id, former_id, gone, match) if reason or cancel_id or former_id or gone else 0
        if about is not None:
            before = None
        elif order is before and qty_then == qty and given_id_then == given_id:
            found.append((REPORT, seq, time, kind, status, filled, quote, working, since, rest, fill))
            continue
        else:
            before, qty, given_id = order, qty_then, given_id_then
            about = _order(order, qty, given_id)
        found.append((REPORT, seq, time, kind, status, filled, quote, working, since, rest, fill, about))
    return found


def _order(order: LiveOrder, qty: int, given_id: str) -> Row:
    trail, peg, group, number = order.trail, order.peg, order.group, order.id
    rest: Any = 0
    if order.iceberg or order.quote_qty or group or order.extra or trail or peg or order.stp != "NONE":
        rest = (
            order.iceberg, order.quote_qty, order.stp, None if group is None else group.id, order.extra,
            None if trail is None else (trail.delta, trail.since),
            None if peg is None else (peg.kind, peg.offset, peg.given, peg.price),
        )  # fmt: skip
    return (
        number, given_id or f"{GENERATED}{number}", order.symbol.name, order.is_buy, order.kind, order.tif, qty,
        order.price, order.stop, order.time, rest,
    )  # fmt: skip


def _balances(event: BalanceChange) -> Row:
    return (BALANCES, event.time, event.balances)


def _list(event: ListChange) -> Row:
    group = event.group
    return (
        LIST, event.time, group.desk.symbol.name, group.id, group.kind, event.status, group.client_id, event.legs,
    )  # fmt: skip


def unpacked(rows: Iterable[Row]) -> list[Record]:
    """Rows with the orders that they leave out."""
    found: list[Record] = []
    order = None
    for row in rows:
        is_short = row[0] == REPORT and len(row) == _SHORT
        whole = (*row, order) if is_short else row
        if whole[0] == REPORT:
            order = whole[-1]
        found.append(whole)
    return found


def owner(event: Event) -> Account:
    """Whose event it is."""
    found: Account
    if type(event) is Execution:
        found = event.order.desk.account
    else:
        found = event.account if type(event) is BalanceChange else event.group.desk.account
    return found


class Past(Protocol):
    """Where the events of an account are that are written down and not in memory any more."""

    def oldest(self) -> int | None:
        """The number of the oldest; None where there is none."""

    def after(self, number: int, most: int) -> list[tuple[int, Record]]:
        """Those after a number, oldest first, at most so many of them or a few more."""


class _Log:
    """The events of one account: ``last`` is the number of the newest that may be told."""

    __slots__ = ("fresh", "last", "past", "tail")

    def __init__(self, most: int | None, last: int = 0, past: Past | None = None) -> None:
        self.last = last
        self.past = past
        #: those that may be told, as far as they are in memory
        self.tail: deque[Note] = deque(maxlen=most)
        #: those that are not written down yet
        self.fresh: list[Note] = []


class Chronicle:
    """
    What the accounts of a venue are told.

    Of an account that is written down an event may be told once it is; the journal says when. Of others it may be told
    at once, and as many are kept as ``most`` says.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._logs: dict[str, _Log] = {}

    def __call__(self, event: Event) -> None:
        """Number and note a venue's next event."""
        log = self._log(owner(event).name)
        if log.past is not None:
            log.fresh.append(note(event))
        else:
            log.tail.append(note(event))
            log.last += 1

    def _log(self, name: str) -> _Log:
        found = self._logs.get(name)
        if found is None:
            found = self._logs[name] = _Log(self._most)
        return found

    # ------------------------------------------------------------------ accounts that are written down

    def keep(self, name: str, last: int, past: Past) -> None:
        """Have an account's events wait from now on until they are written down; ``last`` is the newest that is."""
        self._logs[name] = _Log(None, last, past)

    def fresh(self, name: str) -> list[Note]:
        """What is to be written down of an account."""
        log = self._logs.get(name)
        return [] if log is None else log.fresh

    def written(self, name: str) -> None:
        """What was to be written down is."""
        log = self._logs[name]
        log.tail.extend(log.fresh)
        log.last += len(log.fresh)
        log.fresh = []

    def folded(self, name: str) -> None:
        """What was told by now is to be had from the past."""
        self._logs[name].tail.clear()

    def release(self) -> None:
        """Nothing is written down any more: accounts go on in memory."""
        self._logs = {name: log if log.past is None else _Log(self._most, log.last) for name, log in self._logs.items()}

    def drop(self) -> None:
        """What was to be written down has not happened; nobody was told of it, and its numbers are given again."""
        for log in self._logs.values():
            log.fresh = []

    # ------------------------------------------------------------------ reading

    def last(self, name: str) -> int:
        """The number of the newest event that may be told; 0 while there is none."""
        log = self._logs.get(name)
        return 0 if log is None else log.last

    def oldest(self, name: str) -> int:
        """The number of the oldest event that can be told again, or of the next one where there is none."""
        log = self._logs.get(name)
        if log is None:
            return 1
        found = None if log.past is None else log.past.oldest()
        return log.last - len(log.tail) + 1 if found is None else found

    def check(self, name: str, after: int) -> None:
        """
        Whether all events after a number can be told.

        Raises:
            RequestRejected: -1130 when the first of them is gone, or the number was not given yet.
        """
        last, oldest = self.last(name), self.oldest(name)
        if after > last:
            raise RequestRejected(-1130, f"after={after} is yet to come: the newest event is {last}.")
        if after < oldest - 1:
            raise RequestRejected(
                -1130,
                f"Events after {after} are gone: the oldest there is is {oldest}, the newest {last}.",
                f"ask for after={oldest - 1} or more",
            )

    def after(self, name: str, number: int, most: int) -> list[tuple[int, Record]]:
        """The events of an account after a number that are there, oldest first: at most so many, or a few more."""
        log = self._logs.get(name)
        if log is None or number >= log.last:
            return []
        first = log.last - len(log.tail) + 1
        if number + 1 < first and log.past is not None and (oldest := log.past.oldest()) is not None:
            return log.past.after(max(number, oldest - 1), most)
        start = max(number + 1 - first, 0)
        notes = islice(log.tail, start, start + most)
        return list(enumerate(unpacked(packed(notes)), first + start))
