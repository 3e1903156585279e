"""
What each account is told, numbered from 1 without gaps, and told again to those who ask from a number on.

Most events are never read again, so as they happen they are only kept. `packed` makes rows of them, plain values that can
be written down; what a report says of its order is left out where the one before says the same. `unpacked` makes whole
records of such rows, which ``protocol.user_data`` renders.
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
    from collections.abc import Callable, Collection, Iterable

    from exec_plugin.core.events import Event, ListChange
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.orders import LiveOrder

#: The first item of a record.
REPORT, LIST, BALANCES = range(3)
#: How many events are kept of an account that is not written down.
MOST_IN_MEMORY = 10_000

#: An event as plain values, of which a report may leave its order out; and one that is whole.
Row = Sequence[Any]
Record = Sequence[Any]

#: The length of a report that leaves its order out.
_SHORT = 11


def packed(events: Iterable[Event]) -> list[Row]:
    """Events in a row as plain values."""
    found: list[Row] = []
    before: LiveOrder | None = None
    then: tuple[Any, ...] = ()
    for event in events:
        if not isinstance(event, Execution):
            found.append(_balances(event) if isinstance(event, BalanceChange) else _list(event))
            continue
        order: LiveOrder = event.order
        # by their places, because there are many: those before the order and after it, and when it began to work
        row = (REPORT, *event[:_ORDER], *event[_STATUS:_REASON], event[_SINCE], _rest(event))
        if order is before and event[_QTY:] == then:
            found.append(row)
        else:
            before, then = order, event[_QTY:]
            found.append((*row, _order(order, *then)))
    return found


_ORDER, _STATUS, _REASON, _CANCEL_ID, _SINCE, _FORMER_ID, _GONE, _QTY = map(
    Execution._fields.index,
    ("order", "status", "reason", "cancel_id", "since", "former_id", "prevented", "qty"),
)


def _rest(event: Execution) -> Any:
    """What few reports tell; 0 for one of the others."""
    if event[_REASON] or event[_CANCEL_ID] or event[_FORMER_ID] or event[_GONE]:
        return (event.reason, event.cancel_id, event.former_id, event.prevented, event.match)
    return 0


def _order(order: LiveOrder, qty: int, given_id: str, follows: tuple[Any, ...] | None) -> Row:
    group, number = order.group, order.id
    price, trail, peg = follows or (order.price, None, None)
    rest: Any = 0
    if order.iceberg or order.quote_qty or group or order.extra or follows or order.stp != "NONE":
        list_id = None if group is None else group.id
        rest = (order.iceberg, order.quote_qty, order.stp, list_id, order.extra, trail, peg)
    return (
        number, given_id or f"{GENERATED}{number}", order.symbol.name, order.is_buy, order.kind, order.tif, qty,
        price, order.stop, order.time, rest,
    )  # fmt: skip


def _balances(event: BalanceChange) -> Row:
    row: list[Any] = [BALANCES, event.time]
    for asset, held in event.balances.items():
        row += (asset, *held)
    return row


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
    if isinstance(event, Execution):
        found = event.order.desk.account
    else:
        found = event.account if isinstance(event, BalanceChange) else event.group.desk.account
    return found


class Past(Protocol):
    """The events of an account that are written down."""

    def oldest(self) -> int | None:
        """The number of the oldest; None where there is none."""

    def after(self, number: int, most: int) -> list[tuple[int, Record]]:
        """Those after a number that are there, oldest first: at most so many, or a few more."""


class _Log:
    """The events of one account: ``last`` is the number of the newest that may be told."""

    __slots__ = ("events", "last", "past")

    def __init__(self, most: int | None, last: int = 0, past: Past | None = None) -> None:
        self.last = last
        #: where those are that may be told; in memory without one
        self.past = past
        #: those in memory: of an account that is written down the ones that are not yet
        self.events: deque[Event] = deque(maxlen=most)


class Chronicle:
    """
    What the accounts of a venue are told.

    Of an account that is written down an event may be told once it is; the journal says when. Of others it may be told
    at once, and as many are kept as ``most`` says.

    Args:
        most: of an account that is not written down.
        on_demand: whether an account's events are noted from when somebody asks for them, instead of all accounts'.
    """

    def __init__(self, most: int = MOST_IN_MEMORY, *, on_demand: bool = False) -> None:
        self._most = most
        self._logs: dict[str, _Log] = {}
        #: whose events are noted; None for everybody's
        self._noted: set[str] | None = set() if on_demand else None
        self._listeners: list[Callable[[Event], None]] = []
        #: whether there is a new one among them, which is to be written down
        self.has_begun = False

    def attend(self, listeners: list[Callable[[Event], None]]) -> None:
        """Hear of a venue's events, by its listeners, as soon as they are to be noted."""
        self._listeners = listeners
        if self._noted is None:
            self._listen()

    def begin(self, name: str) -> None:
        """Somebody asks for an account's events: they are noted from now on, for good."""
        if self._noted is not None and name not in self._noted:
            self._noted.add(name)
            self.has_begun = True
            self._listen()

    def _listen(self) -> None:
        if self not in self._listeners:
            # before those who tell what it notes
            self._listeners.insert(0, self)

    def is_noted(self, name: str) -> bool:
        """Whether an account's events are noted."""
        return self._noted is None or name in self._noted

    def __call__(self, event: Event) -> None:
        """Number and note a venue's next event."""
        name = event.order.desk.account.name if isinstance(event, Execution) else owner(event).name
        if self._noted is not None and name not in self._noted:
            return
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = _Log(self._most)
        log.events.append(event)
        if log.past is None:
            log.last += 1

    # ------------------------------------------------------------------ accounts that are written down

    def keep(self, name: str, last: int | None, past: Past) -> None:
        """
        Have an account's events wait from now on until they are written down.

        ``last`` is the newest that is; None where none was ever asked for.
        """
        self._logs[name] = _Log(None, last or 0, past)
        if last is not None:
            self.begin(name)

    def fresh(self, name: str) -> Collection[Event]:
        """What is to be written down of an account."""
        log = self._logs.get(name)
        return () if log is None or log.past is None else log.events

    def written(self, name: str, last: int) -> None:
        """What was to be written down of an account is, up to a number."""
        log = self._logs[name]
        while log.last < last:
            log.events.popleft()
            log.last += 1

    def drop(self) -> None:
        """What was to be written down has not happened; nobody was told of it, and its numbers are given again."""
        for log in self._logs.values():
            if log.past is not None:
                log.events.clear()

    def release(self) -> None:
        """Nothing is written down any more: accounts go on in memory."""
        self._logs = {name: log if log.past is None else _Log(self._most, log.last) for name, log in self._logs.items()}

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
        if log.past is None:
            return log.last - len(log.events) + 1
        found = log.past.oldest()
        return log.last + 1 if found is None else found

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
        if log.past is not None:
            # what is being written down may be there already
            return [each for each in log.past.after(number, most) if each[0] <= log.last]
        first = log.last - len(log.events) + 1
        start = max(number + 1 - first, 0)
        events = islice(log.events, start, start + most)
        return list(enumerate(unpacked(packed(events)), first + start))
