"""Changing orders that keep their place in the queue (faqs/order_amend_keep_priority.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core import filters
from exec_plugin.core.errors import AmendRejected
from exec_plugin.core.events import Amendment
from exec_plugin.core.orders import UPDATED
from exec_plugin.core.units import short_text
from exec_plugin.core.venue.admission import check_value

if TYPE_CHECKING:
    from exec_plugin.core.ledger import Desk
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.venue.exchange import Venue

_NO_CHANGE = "The requested action would change no state; rejecting."


def amend(venue: Venue, order: LiveOrder, qty: int, client_id: str) -> Amendment:
    """Do what ``Venue.amend`` promises; both orders of a pair always have the same quantity."""
    desk: Desk = order.desk
    if order.id not in desk.open:
        raise AmendRejected("Unknown order sent.", f"order {order.id} is {order.status}")
    group = order.group
    other = group.sibling(order) if group is not None else None
    changed = [order] if other is None or not other.is_open else [order, other]
    _check(venue, order, qty, changed)
    earlier = order.amendments
    if len(earlier) >= order.symbol.max_amends:
        raise AmendRejected("Filter failure: MAX_NUM_ORDER_AMENDS", f"{len(earlier)} amendments is the most")
    old_id, old_qty = order.client_id, order.qty
    for each in changed:
        each.qty = qty
        each.updated = venue.now
    if group is not None and len(changed) > 1:
        venue.lists.lock_pair(group)
    else:
        desk.lock(order)
    outbox = venue.outbox
    outbox.touch(desk, venue.now)
    outbox.report(venue.now, "REPLACED", order, cancel_id=client_id)
    if client_id != old_id:
        desk.rename(order, client_id)
    amendment = Amendment(outbox.seq, venue.now, old_id, client_id, old_qty, qty)
    order.amendments = (*earlier, amendment)
    for each in changed[1:]:
        outbox.report(venue.now, "REPLACED", each)
    if group is not None and client_id != old_id:
        outbox.report_list(venue.now, group, UPDATED)
    outbox.deliver(venue.now)
    return amendment


def _check(venue: Venue, order: LiveOrder, qty: int, changed: list[LiveOrder]) -> None:
    venue.lists.check_amend(order)
    if qty > order.qty:
        raise AmendRejected("Order amend (quantity increase) is not supported.")
    # self-trade prevention may have taken more from one of a pair than from the other
    if qty == order.qty or qty <= max(each.filled + each.prevented for each in changed):
        raise AmendRejected(_NO_CHANGE, f"{short_text(order.remaining)} of {short_text(order.qty)} is left")
    filters.check_lot(order.symbol, qty)
    market = venue.markets[order.symbol.name]
    for each in changed:
        check_value(market, each, qty)
