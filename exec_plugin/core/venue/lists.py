"""
Order lists: orders that cancel, trigger or pay each other (rest-api.md, Order lists; faqs/opo.md).

Of an OCO pair only one can trade, so both share one lock: the order that needs more holds it, and hands it over when
the other one trades. A pending order locks nothing until the working one is filled; in an OPO list it holds what the
working order receives.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from exec_plugin.core.errors import AmendRejected, OrderRejected, VenueError
from exec_plugin.core.filters import check_count
from exec_plugin.core.orders import (
    ALL_DONE,
    CANCELED,
    EXEC_STARTED,
    EXPIRED,
    FILLED,
    LIMIT_MAKER,
    MARKET,
    NEW,
    OCO_TRIGGER,
    PENDING_NEW,
    PHASE_ONE_EXPIRED,
    REJECTED,
    STOP_KINDS,
    OrderList,
)
from exec_plugin.core.units import short_text
from exec_plugin.core.venue.admission import check_maker, check_room, check_rules, check_stop, peg_now, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from exec_plugin.core.ledger import Balance, Desk
    from exec_plugin.core.matching import Market
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.venue.exchange import Venue

    T = TypeVar("T")

#: The asset whose commission an OPO list always takes from what it receives (faqs/opo.md).
_FEE_ASSET = "BNB"


class Lists:
    """The order lists of one venue: placed here, and told of all that happens to their orders."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.last_id = 0

    # ------------------------------------------------------------------ placing

    def place_oco(self, legs: Sequence[LiveOrder], client_id: str, acknowledge: Callable[[OrderList], T]) -> T:
        """
        Place two drafts of which one cancels the other.

        Args:
            legs: one that waits above the last price and one below it, in any order.
            client_id: the caller's id of the list, unique among the open ones; generated when empty.
            acknowledge: makes the answer from the list as it stands once it is placed.

        Raises:
            FilterFailure, OrderRejected: nothing has changed then.
        """
        venue, legs = self._venue, _stop_first(legs)
        desk: Desk = legs[0].desk
        market = venue.markets[desk.symbol.name]
        self._admit(market, desk, client_id, legs)
        self._check_pair(market, desk, legs)
        group = self._open(legs, client_id)
        self._start_pair(market, group)
        venue.outbox.report_list(venue.now, group, EXEC_STARTED)
        return self._answer(market, group, acknowledge)

    def place_oto(
        self,
        working: LiveOrder,
        pending: Sequence[LiveOrder],
        client_id: str,
        acknowledge: Callable[[OrderList], T],
        *,
        pays: bool = False,
    ) -> T:
        """
        Place a draft that is followed, once it is filled, by one or by a pair of others.

        Args:
            working: what is placed at once.
            pending: what follows.
            client_id: the caller's id of the list, unique among the open ones; generated when empty.
            acknowledge: makes the answer from the list as it stands once it is placed, before anything follows.
            pays: whether the pending orders sell what the working one receives.

        Raises:
            FilterFailure, OrderRejected: nothing has changed then.
        """
        venue, pending = self._venue, _stop_first(pending)
        desk: Desk = working.desk
        market = venue.markets[desk.symbol.name]
        legs = [working, *pending]
        self._admit(market, desk, client_id, legs, working, pays=pays)
        if len(pending) > 1:
            _check_prices(pending, 0)
        offers = plan(market, desk, working)
        group = self._open(legs, client_id, working, pays=pays)
        outbox = venue.outbox
        outbox.report(venue.now, "NEW", working)
        # before the pending ones: what is open stands in the order of its ids
        desk.keep_open(working)
        for order in pending:
            order.status = PENDING_NEW
            order.working_since = -1
            desk.algo_open += order.is_algo
            desk.keep_open(order)
            outbox.report(venue.now, "NEW", order)
        outbox.report_list(venue.now, group, EXEC_STARTED)
        venue._work(market, desk, working, offers)
        return self._answer(market, group, acknowledge)

    def _answer(self, market: Market, group: OrderList, acknowledge: Callable[[OrderList], T]) -> T:
        answer = acknowledge(group)
        market.run_stops()
        self._venue.outbox.deliver(self._venue.now)
        return answer

    def _admit(
        self,
        market: Market,
        desk: Desk,
        client_id: str,
        legs: Sequence[LiveOrder],
        working: LiveOrder | None = None,
        *,
        pays: bool = False,
    ) -> None:
        """Check all that does not depend on prices that are not reached yet."""
        if client_id and desk.account.is_list_used(client_id):
            raise OrderRejected("Duplicate order sent.", f"an open order list has the client id {client_id!r}")
        names = [leg.given_id for leg in legs if leg.given_id]
        if len(set(names)) < len(names) or any(desk.is_used(name) for name in names):
            raise OrderRejected("Duplicate order sent.", f"client ids must be unique: {', '.join(names)}")
        for leg in legs:
            if self._venue.guard is not None:
                self._venue.guard(leg)
            now = working in (None, leg)
            if now:
                peg_now(market, leg)
            check_rules(market, leg, sized=now or not pays)
        check_room(self._venue.rules, market, desk, legs)
        symbol, rules = desk.symbol, self._venue.rules
        check_count("MAX_NUM_ORDER_LISTS", len(desk.lists), symbol.max_lists)
        check_count("EXCHANGE_MAX_NUM_ORDER_LISTS", len(desk.account.open_lists), rules.max_lists)

    def _open(
        self, legs: list[LiveOrder], client_id: str, working: LiveOrder | None = None, *, pays: bool = False
    ) -> OrderList:
        venue = self._venue
        self.last_id += 1
        group = OrderList(self.last_id, client_id, legs, working, pays)
        desk = group.desk
        for leg in legs:
            venue.order_id = leg.id = venue.order_id + 1
            leg.group = group
            desk.remember(leg)
        account = desk.account
        account.lists.append(group)
        desk.lists[group.id] = group
        if client_id:
            account.lists_by_client_id[client_id] = group
        return group

    def _check_pair(self, market: Market, desk: Desk, legs: Sequence[LiveOrder]) -> None:
        """Whether a pair may wait where the market is now, and its account pay for either."""
        _check_prices(legs, market.last)
        for leg in legs:
            if leg.kind == LIMIT_MAKER:
                check_maker(market, leg)
            else:
                check_stop(market, leg)
        desk.require(legs[0].is_buy, max(map(desk.need, legs)))

    def _start_pair(self, market: Market, group: OrderList) -> None:
        venue, desk = self._venue, group.desk
        for leg in group.pair:
            if leg.kind == LIMIT_MAKER:
                leg.working_since = venue.now
                market.rest(leg)
            else:
                desk.algo_open += leg.working_since >= 0
                leg.working_since = -1
                market.arm(leg)
            desk.keep_open(leg)
        self.lock_pair(group)
        for leg in group.pair:
            venue.outbox.report(venue.now, "NEW", leg)

    def lock_pair(self, group: OrderList) -> None:
        """Let the order of a pair that needs more hold the lock of both."""
        desk, pair = group.desk, group.pair
        for leg in pair:
            desk.release(leg)
        desk.lock(max(pair, key=desk.need))
        self._venue.outbox.touch(desk, self._venue.now)

    # ------------------------------------------------------------------ what happens to the orders

    def touched(self, order: LiveOrder) -> None:
        """An order is about to trade: what its pair has locked becomes its own."""
        other = order.group.sibling(order) if order.group is not None else None
        if other is not None and other.is_open and other.locked:
            order.desk.release(other)
            order.desk.lock(order)

    def triggered(self, order: LiveOrder) -> None:
        """A stop order is about to work: the other one of its pair is over before that."""
        self.touched(order)
        self._end_other(order)

    def filled(self, order: LiveOrder) -> None:
        """An order has traded: the other one of its pair is over, and when it is filled its pending orders follow."""
        group = order.group
        if group is None:
            return
        self._end_other(order)
        if order.status == FILLED:
            if order is group.working:
                self._venue.markets[order.symbol.name].reached.append(group.pending[0])
            self._finish(group)

    def _end_other(self, order: LiveOrder) -> None:
        group = order.group
        other = group.sibling(order) if group is not None else None
        if group is not None and other is not None and other.is_open:
            group.winner = order
            self._venue.close(other, EXPIRED, "EXPIRED", reason=OCO_TRIGGER)

    def left(self, order: LiveOrder) -> None:
        """An order was closed: those that depend on it go with it."""
        group = order.group
        if group is None or group.closing:
            return
        other = group.sibling(order)
        if other is not None and other.is_open and group.winner is not other:
            self._venue.close(other, EXPIRED, "EXPIRED", reason=OCO_TRIGGER)
        if order is group.working:
            self._close_all(group, EXPIRED, "EXPIRED", reason=PHASE_ONE_EXPIRED)
        self._finish(group)

    def cancel(self, group: OrderList, cancel_id: str = "") -> None:
        """Cancel what is open of a list."""
        self._close_all(group, CANCELED, "CANCELED", cancel_id=cancel_id)
        self._finish(group)

    def _close_all(self, group: OrderList, status: str, kind: str, *, reason: str = "", cancel_id: str = "") -> None:
        group.closing = True
        for leg in group.legs:
            if leg.is_open:
                self._venue.close(leg, status, kind, reason=reason, cancel_id=cancel_id)
        group.closing = False

    def _finish(self, group: OrderList) -> None:
        if group.is_open and not any(leg.is_open for leg in group.legs):
            group.status = ALL_DONE
            del group.desk.lists[group.id]
            self._venue.outbox.report_list(self._venue.now, group, ALL_DONE)

    def check_amend(self, order: LiveOrder) -> None:
        """
        Whether an order's quantity can be lowered.

        Raises:
            AmendRejected: when it is not known before another order is filled.
        """
        group = order.group
        if group is not None and group.pays and order.status == PENDING_NEW:
            raise AmendRejected("Order amend (pending OPO order) is not supported.")

    # ------------------------------------------------------------------ what follows a working order

    def keep_received(self, group: OrderList, qty: int, fee: int, payer: Balance) -> None:
        """Lock what the working order of an OPO list has just received; its commission comes from elsewhere if it can."""
        base = group.desk.base
        if payer is base and (base.asset == _FEE_ASSET or base.free - qty < fee):
            qty -= fee
        base.free -= qty
        base.locked += qty
        group.pending[0].locked += qty

    def release(self, market: Market, order: LiveOrder) -> None:
        """Place the pending orders of a list whose working order was filled; what is refused now expires."""
        venue, group = self._venue, order.group
        if group is None:
            return
        desk, pending = group.desk, group.pending
        if group.pays:
            self._size(group)
        for leg in pending:
            leg.status = NEW
            leg.updated = venue.now
        venue.outbox.touch(desk, venue.now)
        venue.outbox.report_list(venue.now, group, EXEC_STARTED)
        if group.pair:
            self._release_pair(market, group)
        else:
            self._release_one(market, pending[0])

    def _size(self, group: OrderList) -> None:
        """Sell what was received: the most that LOT_SIZE and MARKET_LOT_SIZE allow."""
        desk, pending = group.desk, group.pending
        received = pending[0].locked
        desk.release(pending[0])
        rules = [desk.symbol.lot]
        if any(leg.kind == MARKET for leg in pending):
            rules.append(desk.symbol.market_lot)
        for rule in rules:
            received = min(received, rule.maximum) // rule.step * rule.step
        for leg in pending:
            leg.qty = received

    def _release_one(self, market: Market, order: LiveOrder) -> None:
        venue, desk = self._venue, order.desk
        try:
            peg_now(market, order)
            check_rules(market, order)
            check_stop(market, order)
            offers = plan(market, desk, order)
        except VenueError:
            venue.close(order, EXPIRED, "EXPIRED", reason=REJECTED)
            return
        if order.kind not in STOP_KINDS:
            order.working_since = venue.now
        venue.start(market, order, offers)

    def _release_pair(self, market: Market, group: OrderList) -> None:
        desk, pair = group.desk, group.pair
        refused = None
        for leg in pair:
            try:
                peg_now(market, leg)
                check_rules(market, leg)
            except VenueError:
                refused = leg
                break
        else:
            try:
                self._check_pair(market, desk, pair)
            except VenueError:
                refused = pair[0]
        if refused is not None:
            self._venue.close(refused, EXPIRED, "EXPIRED", reason=REJECTED)
        else:
            self._start_pair(market, group)


def _stop_first(legs: Sequence[LiveOrder]) -> list[LiveOrder]:
    """A pair in the order of its ids: Binance numbers the stop loss first."""
    return sorted(legs, key=lambda leg: not leg.kind.startswith("STOP_LOSS"))


def _check_prices(legs: Sequence[LiveOrder], last: int) -> None:
    """The prices of a pair must lie on both sides of the last price; those that follow the market have none yet."""
    stop, other = legs
    above, below = (stop, other) if stop.is_buy else (other, stop)
    high, low = _place_of(above), _place_of(below)
    known = [price for price in (high, last, low) if price]
    if any(upper <= lower for upper, lower in pairwise(known)):
        raise OrderRejected(
            "The relationship of the prices for the orders is not correct.",
            f"{short_text(high)} above, {short_text(low)} below, and the last price is {short_text(last)}",
        )


def _place_of(leg: LiveOrder) -> int:
    return leg.price if leg.kind in (LIMIT_MAKER, "TAKE_PROFIT_LIMIT") else leg.stop
