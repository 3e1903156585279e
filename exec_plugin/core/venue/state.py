"""
What a venue holds, as plain lists and numbers that can be written down, and as orders again.

The lists are version ``STATE_VERSION`` of what docs/journal.md describes: a field is only ever added at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import Amendment
from exec_plugin.core.orders import UNSEEN, LiveOrder, OrderList, Peg, Trail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exec_plugin.core.ledger import Desk
    from exec_plugin.core.matching import Market
    from exec_plugin.core.venue.exchange import Venue

STATE_VERSION = 1
#: The fields of an order's state, and of a list's.
ORDER_FIELDS = (
    "id", "given_id", "symbol", "is_buy", "kind", "tif", "qty", "price", "time", "updated", "working_since", "filled",
    "quote_filled", "prevented", "prevented_match", "quote_qty", "stop", "stp", "locked", "status", "reason", "iceberg",
    "extra", "trail", "peg", "list", "ahead", "armed", "turn", "amendments", "named",
)  # fmt: skip
LIST_FIELDS = ("id", "given_id", "symbol", "orders", "working", "pays", "status", "time", "winner")
ORDER_ID, GIVEN_ID, SYMBOL, STATUS, LIST_ID, GAP, IS_ARMED, TURN, NAMED = (
    ORDER_FIELDS.index(name)
    for name in ("id", "given_id", "symbol", "status", "list", "ahead", "armed", "turn", "named")
)
LIST_SYMBOL, LIST_LEGS = (LIST_FIELDS.index(name) for name in ("symbol", "orders"))


def order_state(order: LiveOrder, turn: Sequence[int] | None = None) -> list[Any]:
    """
    All of an order.

    Its queue position is what is ahead of it, -1 where no book has told, None where it does not rest; ``turn`` is its
    place among those at its price where that is not the order of their ids.
    """
    trail, peg, group = order.trail, order.peg, order.group
    return [
        order.id, order.given_id, order.symbol.name, order.is_buy, order.kind, order.tif, order.qty, order.price,
        order.time, order.updated, order.working_since, order.filled, order.quote_filled, order.prevented,
        order.prevented_match, order.quote_qty, order.stop, order.stp, order.locked, order.status, order.reason,
        order.iceberg, order.extra,
        None if trail is None else [trail.delta, trail.since, trail.extreme, trail.bound],
        None if peg is None else [peg.kind, peg.offset, peg.given, peg.price],
        None if group is None else group.id,
        _gap(order), order.armed, turn, order.amendments or None, order.named,
    ]  # fmt: skip


def revive_order(state: Sequence[Any], desk: Desk) -> LiveOrder:
    """The order of a state; it is not in the market, and in no list."""
    order = LiveOrder(
        state[0], state[1], desk, desk.symbol, state[3], state[4], state[5], state[6], state[7], state[8]
    )  # fmt: skip
    (
        order.updated, order.working_since, order.filled, order.quote_filled, order.prevented, order.prevented_match,
        order.quote_qty, order.stop, order.stp, order.locked, order.status, order.reason, order.iceberg, order.extra,
    ) = state[9:23]  # fmt: skip
    if state[23] is not None:
        order.trail = trail = Trail(state[23][0])
        trail.since, trail.extreme, trail.bound = state[23][1:]
    if state[24] is not None:
        order.peg = peg = Peg(*state[24][:2])
        peg.given, peg.price = state[24][2:]
    if state[29]:
        order.amendments = tuple(Amendment(*change) for change in state[29])
    order.named = naming(state)
    return order


def naming(state: Sequence[Any]) -> int:
    """When an order was given its client id: an older state does not tell, and orders were numbered as they came."""
    named: int = state[NAMED] if len(state) > NAMED else state[ORDER_ID]
    return named


def list_state(group: OrderList) -> list[Any]:
    """All of an order list."""
    return [
        group.id,
        group.given_id,
        group.desk.symbol.name,
        [leg.id for leg in group.legs],
        None if group.working is None else group.working.id,
        group.pays,
        group.status,
        group.time,
        None if group.winner is None else group.winner.id,
    ]


def revive_list(state: Sequence[Any], legs: Sequence[LiveOrder]) -> OrderList:
    """The order list of a state; its orders belong to it from then on."""
    by_id = {leg.id: leg for leg in legs}
    group = OrderList(state[0], state[1], list(legs), by_id.get(state[4]), state[5])
    group.status, group.time, group.winner = state[6], state[7], by_id.get(state[8])
    for leg in legs:
        leg.group = group
    return group


def turns(order: LiveOrder) -> dict[int, list[int]]:
    """The places of all orders at the price of a resting one: an iceberg's next slice stands behind later orders."""
    found: dict[int, list[int]] = {}
    latest = 0
    for place, each in enumerate(order.level):
        latest = max(latest, each.id)
        found[each.id] = [latest, int(latest != each.id), place]
    return found


def place(order: LiveOrder) -> tuple[int | None, int, int]:
    """What moves without an event: an open order's queue position and what a trailing one follows."""
    trail = order.trail
    return (_gap(order), 0, 0) if trail is None else (_gap(order), trail.since, trail.extreme)


def _gap(order: LiveOrder) -> int | None:
    if order.level is None:
        return None
    return UNSEEN if order.ahead == UNSEEN else max(order.ahead - order.level.consumed, 0)


def resume(venue: Venue, orders: Iterable[tuple[LiveOrder, Sequence[Any]]]) -> None:
    """
    Put open orders back where their states say they were.

    Queue positions are the last known ones: what the next book shows at the price can only shorten them.
    """
    for order, state in sorted(orders, key=_turn):
        market = venue.markets[order.symbol.name]
        if state[GAP] is not None:
            _rest(market, order, state[GAP])
        elif state[IS_ARMED]:
            _arm(market, order)


def _turn(entry: tuple[LiveOrder, Sequence[Any]]) -> tuple[int, ...]:
    order, state = entry
    return tuple(state[TURN] or (order.id, 0, 0))


def _rest(market: Market, order: LiveOrder, gap: int) -> None:
    side, depth = (market.buys, market.bids) if order.is_buy else (market.sells, market.asks)
    is_new = order.price not in side.levels
    side.add(order, gap if market._fill_model == "queue" else market._queue_at(order.price, depth))
    if is_new:
        # what is shown there now tells nothing about who left while nobody looked
        order.level.shown = UNSEEN


def _arm(market: Market, order: LiveOrder) -> None:
    trail = order.trail
    if trail is not None and trail.since >= 0:
        market.trails.track(order, trail, trail.extreme, trail.since)
    else:
        (market.stops_above if market.waits_above(order) else market.stops_below).add(order)
    market._guard_stops()


def meet_missed(venue: Venue, after: Mapping[str, int]) -> None:
    """
    Let orders that were put back meet the public trades that were printed while they were away.

    ``after`` is the id of the last trade by symbol that they have met. Prices that trades went through fill at the
    orders' own; a stop that was reached trades on the book as it is now.
    """
    for name, last_id in after.items():
        market = venue.markets[name]
        last = market.last
        for trade_id, _, price, qty, _, taker_is_seller in market.tape[:]:
            if trade_id <= last_id:
                continue
            if price <= market.buys.best or price >= market.sells.best:
                market._print_meets_orders(price, qty, taker_is_seller)
            if price >= market._rise or price <= market._fall:
                market._reach_stops(price)
            market.run_stops()
        # what is told now is older than what was seen last
        market.last = last


def look_again(venue: Venue) -> None:
    """Let the markets as they are now meet the orders that were put back."""
    for market in venue.markets.values():
        # as the feed has told it, not what is printed now
        last = market.last
        if market.ask <= market.buys.best or market.bid >= market.sells.best:
            market._book_went_through()
        if last and (last >= market._rise or last <= market._fall):
            market._reach_stops(last)
            market.run_stops()
    venue.outbox.deliver(venue.now)


def clear(venue: Venue) -> None:
    """
    Take all orders out of the market and tell nobody: their accounts are put back from elsewhere, or not any more.

    It does not matter what state an interruption has left them in.
    """
    for market in venue.markets.values():
        market.clear()
    venue.outbox.clear()
    # books without them are others, under ids of their own
    venue.outbox.seq += 1
