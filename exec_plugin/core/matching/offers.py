"""What a taker may have: what the feed shows and what paper orders offer, in the order in which it trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.matching.prevention import prevention, prevents
from exec_plugin.core.matching.views import trimmed
from exec_plugin.core.units import FAR, SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.matching.market import Market
    from exec_plugin.core.matching.resting import RestingSide
    from exec_plugin.core.matching.views import Offer
    from exec_plugin.core.orders import LiveOrder


def merged(shown: Iterator[tuple[int, int, int]], side: RestingSide, limit: int, *, is_buy: bool) -> Iterator[Offer]:
    """The street's levels and one side's paper orders at ``limit`` or better, best price first, then by queue."""
    own = _own_offers(side, limit)
    waiting = next(own, None)
    for price, _, shown_left in shown:
        if price > limit if is_buy else price < limit:
            break
        while waiting is not None and (waiting[0] < price if is_buy else waiting[0] > price):
            yield waiting[0], waiting[1], waiting[2]
            waiting = next(own, None)
        left, passed = shown_left, 0
        while waiting is not None and waiting[0] == price:
            ahead = min(max(waiting[3] - passed, 0), left)
            if ahead:
                yield price, ahead, None
                left, passed = left - ahead, passed + ahead
            yield price, waiting[1], waiting[2]
            waiting = next(own, None)
        if left:
            yield price, left, None
    while waiting is not None:
        yield waiting[0], waiting[1], waiting[2]
        waiting = next(own, None)


def _own_offers(side: RestingSide, limit: int) -> Iterator[tuple[int, int, LiveOrder, int]]:
    for level in side.until(limit):
        hidden = []
        for order in level:
            visible = order.visible
            yield level.price, visible, order, level.gap(order)
            if (rest := order.remaining - visible) > 0:
                hidden.append((rest, order))
        for rest, order in hidden:
            # what an iceberg hides comes after all that is shown
            yield level.price, rest, order, FAR


def plan_by_value(market: Market, is_buy: bool, amount: int, step: int, *, account: object, stp: str) -> list[Offer]:
    """Do what ``Market.plan_quote`` promises."""
    found: list[Offer] = []
    total, left = 0, amount * SCALE
    limit = FAR if is_buy else 0
    for price, available, maker in market.offers(is_buy, limit):
        at = market.slipped(is_buy, limit, left // price) if available == FAR else price
        # the last piece makes the whole a multiple of the lot step
        reach = (total + left // at) // step * step - total
        if maker is not None and prevents(stp, maker, account):
            if market.was_prevented(maker):
                continue
            if reach <= 0:
                break
            market.prevented.append(stop := prevention(stp, len(found), price, maker, reach))
            part = stop.taker_qty
            market.unmet += part
        else:
            part = min(available, left // at)
            if part < available:
                part = reach
            if part <= 0:
                break
            found.append((at, part, maker))
        total += part
        left -= part * at
        if part == reach:
            break
    else:
        if market.prevented:
            market.unmet += max((total + left // market.prevented[-1].price) // step * step - total, 0)
    return trimmed(found, total % step)
