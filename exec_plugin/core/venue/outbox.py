"""What a venue tells: events collected while it works and delivered when it is consistent again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import BalanceChange, Execution, ListChange

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Event, Fill, PreventedMatch
    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.orders import LiveOrder, OrderList


#: Make events of their fields, as their classes do in twice the time.
_execution, _balances = partial(tuple.__new__, Execution), partial(tuple.__new__, BalanceChange)


def _follows(order: LiveOrder) -> tuple[int, tuple[int, int] | None, tuple[Any, ...] | None]:
    trail, peg = order.trail, order.peg
    return (
        order.price,
        None if trail is None else (trail.delta, trail.since),
        None if peg is None else (peg.kind, peg.offset, peg.given, peg.price),
    )


class Outbox:
    """
    Events in order, and those who listen.

    ``seq`` numbers them; without listeners none are made. ``changed`` and ``changed_lists`` collect what something has
    happened to, by id, for one who looks now and then and empties them; None while there is nobody.
    """

    __slots__ = ("_changed", "_delivering", "changed", "changed_lists", "events", "listeners", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.listeners: list[Callable[[Event], None]] = []
        self.events: list[Event] = []
        self.changed: dict[int, LiveOrder] | None = None
        self.changed_lists: dict[int, OrderList] = {}
        self._changed: dict[str, Account] = {}
        self._delivering = False

    def clear(self) -> None:
        """Tell nothing of what was not delivered yet."""
        self.events.clear()
        self._changed.clear()
        self._delivering = False

    def touch(self, desk: Desk, now: int) -> None:
        """Remember that a desk's two balances may have changed."""
        account = desk.account
        account.updated = now
        if self.listeners:
            account.touched[desk.symbol.base] = desk.base
            account.touched[desk.symbol.quote] = desk.quote
            self._changed[account.name] = account

    def report(
        self,
        now: int,
        kind: str,
        order: LiveOrder,
        fill: Fill | None = None,
        *,
        reason: str = "",
        cancel_id: str = "",
        match: PreventedMatch | None = None,
    ) -> None:
        """Add an execution report about an order as it stands."""
        self.seq += 1
        if self.changed is not None:
            self.changed[order.id] = order
        if not self.listeners:
            return
        # what an order takes it takes before it is on the book (faqs/market_orders_faq.md, the sample payload)
        working = order.is_open and order.working_since >= 0 and (fill is None or fill.is_maker)
        self.events.append(
            _execution((
                self.seq, now, kind, order, order.status, order.filled, order.quote_filled, working, fill, reason,
                cancel_id, order.working_since, order.client_id if cancel_id else "", order.prevented, match,
                order.qty, order.given_id, _follows(order) if order.trail or order.peg else None,
            ))
        )  # fmt: skip

    def report_list(self, now: int, group: OrderList, status: str) -> None:
        """Add a report about an order list as it stands."""
        self.seq += 1
        group.time = now
        if self.changed is not None:
            self.changed_lists[group.id] = group
        if self.listeners:
            legs = tuple((order.id, order.client_id) for order in group.legs)
            self.events.append(ListChange(self.seq, now, group, status, legs))

    def deliver(self, now: int) -> None:
        """
        Hand the events out, the balances that changed after the reports.

        A listener may place and cancel orders: their events join the end of the queue.
        """
        for account in self._changed.values():
            self.seq += 1
            balances = {asset: (held.free, held.locked) for asset, held in account.touched.items()}
            account.touched.clear()
            self.events.append(_balances((self.seq, now, account, balances)))
        self._changed.clear()
        if self._delivering:
            return
        self._delivering = True
        try:
            position = 0
            events, listeners = self.events, self.listeners
            while position < len(events):
                event = events[position]
                position += 1
                # one that begins or ends to listen meanwhile is no harm to another
                for listener in tuple(listeners):
                    listener(event)
        finally:
            self._delivering = False
            self.events.clear()
