"""Executing a plan in which self-trade prevention stops some of the matches (faqs/stp_faq.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.orders import EXPIRED_IN_MATCH

if TYPE_CHECKING:
    from exec_plugin.core.events import PreventedMatch
    from exec_plugin.core.matching import Market, Offer, Prevention
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.venue.exchange import Venue

KIND = "TRADE_PREVENTION"


def take_and_prevent(venue: Venue, market: Market, order: LiveOrder, offers: list[Offer]) -> None:
    """Trade the offers of the plan that was just made, and prevent the matches between them, in their order."""
    stops, done = market.prevented, 0
    market.forget_prevention()
    for stop in stops:
        market.take(order, offers[done : stop.position])
        done = stop.position
        _prevent(venue, market, order, stop)
    market.take(order, offers[done:])


def _prevent(venue: Venue, market: Market, taker: LiveOrder, stop: Prevention) -> None:
    """Take from both orders what they lose instead of trading, and keep a record of it."""
    market.match_id += 1
    match = stop.recorded(market.match_id, taker, venue.now)
    taker.desk.prevented_matches.append(match)
    for order, qty in ((stop.maker, stop.maker_qty), (taker, stop.taker_qty)):
        if qty:
            _lose(venue, order, qty, match)


def _lose(venue: Venue, order: LiveOrder, qty: int, match: PreventedMatch) -> None:
    order.prevented += qty
    order.prevented_match = match.id
    if not order.remaining:
        venue.close(order, EXPIRED_IN_MATCH, KIND, match=match)
        return
    order.updated = venue.now
    if order.group is not None and (other := order.group.sibling(order)) is not None and other.is_open:
        venue.lists.lock_pair(order.group)
    elif order.locked:
        order.desk.set_aside(order, order.locked)
        venue.outbox.touch(order.desk, venue.now)
    venue.outbox.report(venue.now, KIND, order, match=match)
