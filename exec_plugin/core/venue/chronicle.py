"""
What each account is told, numbered from 1 without gaps, and told again to those who ask from a number on.

An event becomes a line of JSON as it happens, because its order goes on changing; most lines are never read again, so
they are made in haste: by hand, and what a report says of its order only where the one before did not say the same.
`read_lines` makes records of them, plain lists that ``protocol.user_data`` renders.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.events import BalanceChange, Execution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.core.events import Event, Fill, ListChange
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.orders import LiveOrder

#: The first item of a record.
REPORT, LIST, BALANCES = range(3)
#: How many events are kept of an account that is not written down.
MOST_IN_MEMORY = 10_000

#: What a report says of itself and of its order, the latter empty for other events.
Line = tuple[str, str]
Record = list[Any]

_quoted = encode_basestring_ascii
#: The length of a report that leaves its order out.
_SHORT = 11


def _report(event: Execution, order: str) -> Line:
    rest: Any = 0
    if event.reason or event.cancel_id or event.former_id or event.prevented:
        rest = json.dumps((event.reason, event.cancel_id, event.former_id, event.prevented, event.match))
    fill = 0 if event.fill is None else _fill(event.fill)
    told = (
        f'[0,{event.seq},{event.time},"{event.kind}","{event.status}",{event.filled},{event.quote_filled},'
        f"{'1' if event.working else '0'},{event.since},{rest},{fill}"
    )
    return told, order


def _fill(fill: Fill) -> str:
    return (
        f"[{fill.id},{fill.price},{fill.qty},{fill.quote},{fill.commission},{_quoted(fill.commission_asset)},"
        f"{'1' if fill.is_maker else '0'}]"
    )


def _order(order: LiveOrder) -> str:
    rest: Any = 0
    trail, peg, group = order.trail, order.peg, order.group
    if order.iceberg or order.quote_qty or group or order.extra or trail or peg or order.stp != "NONE":
        rest = json.dumps((
            order.iceberg, order.quote_qty, order.stp, None if group is None else group.id, order.extra,
            None if trail is None else (trail.delta, trail.since),
            None if peg is None else (peg.kind, peg.offset, peg.given, peg.price),
        ))  # fmt: skip
    return (
        f'[{order.id},{_quoted(order.client_id)},{_quoted(order.symbol.name)},{1 if order.is_buy else 0},"{order.kind}",'
        f'"{order.tif}",{order.qty},{order.price},{order.stop},{order.time},{rest}]'
    )


def _balances(event: BalanceChange) -> Line:
    held = ",".join([f"{_quoted(asset)}:[{free},{locked}]" for asset, (free, locked) in event.balances.items()])
    return f"[2,{event.time},{{{held}}}]", ""


def _list(event: ListChange) -> Line:
    group = event.group
    told = (LIST, event.time, group.desk.symbol.name, group.id, group.kind, event.status, group.client_id, event.legs)
    return json.dumps(told), ""


def line(event: Event) -> Line:
    """The line of an event, whatever was told before."""
    if isinstance(event, Execution):
        return _report(event, _order(event.order))
    return _balances(event) if isinstance(event, BalanceChange) else _list(event)


def joined(lines: Iterable[Line]) -> str:
    """Lines in a row as the inner part of a JSON array."""
    found, before = [], ""
    for head, order in lines:
        if not order:
            found.append(head)
        elif order is before:
            found.append(head + "]")
        else:
            found.append(f"{head},{order}]")
            before = order
    return ",".join(found)


def read_lines(text: str) -> list[Record]:
    """The records of lines that were joined."""
    records: list[Record] = json.loads(f"[{text}]")
    order = None
    for each in records:
        if each[0] == REPORT:
            if len(each) == _SHORT:
                each.append(order)
            order = each[-1]
    return records


def owner(event: Event) -> Account:
    """Whose event it is."""
    if isinstance(event, Execution):
        found: Account = event.order.desk.account
    else:
        found = event.account if isinstance(event, BalanceChange) else event.group.desk.account
    return found


class Past(Protocol):
    """Where the events of an account are that are written down and not in memory any more."""

    def oldest(self) -> int | None:
        """The number of the oldest; None where there is none."""

    def after(self, number: int, most: int) -> list[tuple[int, Record]]:
        """Those after a number, oldest first, at most so many of them or a few more."""


class _Log:
    """The events of one account: ``last`` is the number of the newest that may be told."""

    __slots__ = ("fresh", "last", "order", "past", "seen", "tail")

    def __init__(self, most: int | None, last: int = 0, past: Past | None = None) -> None:
        self.last = last
        self.past = past
        #: those that may be told, as far as they are in memory
        self.tail: deque[Line] = deque(maxlen=most)
        #: those that are not written down yet
        self.fresh: list[Line] = []
        #: what the latest report said of its order
        self.order = ""
        self.seen: tuple[Any, ...] = ()

    def line(self, event: Event) -> Line:
        """The line of an event."""
        if not isinstance(event, Execution):
            return line(event)
        order = event.order
        # all that may change of an order, but for those that follow the market
        seen = (order, order.qty, order.given_id, order.group)
        if seen != self.seen or order.trail is not None or order.peg is not None:
            self.seen, self.order = seen, _order(order)
        return _report(event, self.order)


class Chronicle:
    """
    What the accounts of a venue are told.

    Of an account that is written down an event may be told once it is; the journal says when. Of others it may be told
    at once, and as many are kept as ``most`` says.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._logs: dict[str, _Log] = {}

    def add(self, name: str, event: Event) -> None:
        """An account's next event."""
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = _Log(self._most)
        if log.past is not None:
            log.fresh.append(log.line(event))
            return
        log.tail.append(log.line(event))
        log.last += 1

    # ------------------------------------------------------------------ accounts that are written down

    def keep(self, name: str, last: int, past: Past) -> None:
        """Have an account's events wait from now on until they are written down; ``last`` is the newest that is."""
        self._logs[name] = _Log(None, last, past)

    def fresh(self, name: str) -> list[Line]:
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
        lines = islice(log.tail, start, start + most)
        return list(enumerate(read_lines(joined(lines)), first + start))
