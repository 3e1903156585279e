"""
One symbol's market: the external book and trades as the feed shows them, and our orders added to it.

The promise of docs/fills.md is kept here. A tick that crosses nothing is a few stores and two comparisons against
cached guard prices, whatever the number of resting orders; all else happens only when a guard is met.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from exec_plugin.core.events import plain_levels
from exec_plugin.core.matching.depth import DepthSide
from exec_plugin.core.matching.offers import merged, plan_by_value
from exec_plugin.core.matching.prevention import prevention, prevents
from exec_plugin.core.matching.resting import RestingSide, StopSide
from exec_plugin.core.matching.trailing import Trails
from exec_plugin.core.matching.views import Offer, side_view
from exec_plugin.core.orders import STOP_KINDS, UNSEEN
from exec_plugin.core.tape import Tape
from exec_plugin.core.units import FAR, SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exec_plugin.core.fill_models import QueueModel, SlippageModel
    from exec_plugin.core.matching.prevention import Prevention
    from exec_plugin.core.matching.resting import Level
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.symbols import Symbol


class Sink(Protocol):
    """Who settles what a market decides."""

    now: int

    def fill(self, order: LiveOrder, price: int, qty: int, trade_id: int, is_maker: bool) -> None:
        """Move the money of one execution; the quantity never exceeds what the order has left."""

    def trigger(self, order: LiveOrder) -> None:
        """The last price has reached the order's stop price."""


class Market:
    """
    Matching for one symbol.

    Args:
        symbol: what is traded.
        sink: who settles fills and triggered stops.
        queue: what cancellations do to queue positions.
        slippage: how far from the touch takers trade where the book shows no quantities.
        fill_model: ``queue`` (wait for those ahead), ``touch`` (nobody is ahead) or ``through`` (only prices that
            go through the order's).
    """

    __slots__ = (
        "_fall", "_fill_model", "_queue", "_rise", "_sink", "_slippage", "ask", "ask_qty", "asks", "bid", "bid_qty",
        "bids", "buys", "last", "match_id", "prevented", "quoted", "reached", "sells", "stops_above", "stops_below",
        "symbol", "tape", "trade_id", "trails", "unmet", "update_id", "volume",
    )  # fmt: skip

    def __init__(
        self, symbol: Symbol, sink: Sink, *, queue: QueueModel, slippage: SlippageModel, fill_model: str = "queue"
    ) -> None:
        self.symbol = symbol
        self._sink = sink
        self._queue = queue
        self._slippage = slippage
        self._fill_model = fill_model
        self.bid = self.bid_qty = self.ask_qty = self.last = self.volume = 0
        self.ask = FAR
        self.quoted = False
        #: what the plan that was just made would have prevented, in order
        self.prevented: list[Prevention] = []
        #: what a plan by value does not trade of the quantity it stands for, because of self-trade prevention
        self.unmet = 0
        self.bids, self.asks = DepthSide(is_bid=True), DepthSide(is_bid=False)
        self.buys, self.sells = RestingSide(is_bid=True), RestingSide(is_bid=False)
        self.stops_above, self.stops_below = StopSide(above=True), StopSide(above=False)
        self.trails = Trails()
        # the nearest prices at which any stop has to be looked at
        self._rise, self._fall = FAR, 0
        self.reached: deque[LiveOrder] = deque()
        self.tape = Tape()
        self.trade_id = 0
        #: of the last prevented match
        self.match_id = -1
        self.update_id = 0

    # ------------------------------------------------------------------ what the feed shows

    def quote(self, bid: int, bid_qty: int, ask: int, ask_qty: int) -> None:
        """The best bid and ask."""
        self.bid = bid
        self.bid_qty = bid_qty
        self.ask = ask
        self.ask_qty = ask_qty
        self.quoted = True
        if ask <= self.buys.best or bid >= self.sells.best:
            self._book_went_through()

    def trade(self, price: int, qty: int, taker_is_seller: bool, trade_id: int = 0, time: int = 0) -> None:
        """A public trade; paper orders at better prices trade first, the rest is printed at ``price``."""
        left = qty
        if price <= self.buys.best or price >= self.sells.best:
            left = self._print_meets_orders(price, qty, taker_is_seller)
        if left:
            self._print(price, left, taker_is_seller, trade_id, time or self._sink.now)
        if self.reached:
            self.run_stops()

    def ticker(self, last: int, volume: int) -> None:
        """A last price and a volume without the trades they come from: stops see the price, the tape does not."""
        self.volume = volume
        if last:
            self.last = last
            if last >= self._rise or last <= self._fall:
                self._reach_stops(last)
                self.run_stops()

    def execute(self, order: LiveOrder, price: int) -> None:
        """Fill all that is left of a resting order at a price, as its maker."""
        qty = order.remaining
        (self.buys if order.is_buy else self.sells).remove(order)
        self._sink.fill(order, price, qty, self._print(price, qty, order.is_buy, 0, self._sink.now), True)
        self.run_stops()

    def depth(self, bids: Mapping[int, int], asks: Mapping[int, int], update_id: int = 0) -> None:
        """Changed levels of the book."""
        if self.buys.levels:
            self._queues_moved(self.buys, bids)
        if self.sells.levels:
            self._queues_moved(self.sells, asks)
        self.bids.update(bids)
        self.asks.update(asks)
        self.update_id = update_id if update_id > self.update_id else self.update_id + 1
        if not self.quoted:
            self._touch_from_depth()

    def book(self, bids: Mapping[int, int], asks: Mapping[int, int], update_id: int = 0) -> None:
        """The whole book anew; it also says where the touch is until the next quote does."""
        self.bids.replace(bids)
        self.asks.replace(asks)
        if self.buys.levels or self.sells.levels:
            self._queues_moved(
                self.buys, {price: bids.get(price, 0) for price in self.buys.levels if price >= self.bids.edge}
            )
            self._queues_moved(
                self.sells, {price: asks.get(price, 0) for price in self.sells.levels if price <= self.asks.edge}
            )
        self.update_id = max(update_id, self.update_id + 1)
        self.quoted = False
        self._touch_from_depth()

    def _touch_from_depth(self) -> None:
        self.bid, self.bid_qty = self.bids.touch()
        self.ask, self.ask_qty = self.asks.touch()
        if self.ask <= self.buys.best or self.bid >= self.sells.best:
            self._book_went_through()

    def _print(self, price: int, qty: int, taker_is_seller: bool, trade_id: int, time: int) -> int:
        """Add a public trade to the tape; ids grow by at least one, following the feed's where it numbers them."""
        following = self.trade_id + 1
        if trade_id < following:
            trade_id = following
        self.trade_id = trade_id
        self.last = price
        tape = self.tape
        records = tape.records
        records.append((trade_id, time, price, qty, price * qty // SCALE, taker_is_seller))
        if price < tape.lowest:
            tape.lowest = price
        if price > tape.highest:
            tape.highest = price
        if len(records) >= tape.room:
            tape.trim()
        if price >= self._rise or price <= self._fall:
            self._reach_stops(price)
        return trade_id

    # ------------------------------------------------------------------ resting orders

    def rest(self, order: LiveOrder) -> None:
        """Put an order on the book, at the end of the queue at its price."""
        side, depth = (self.buys, self.bids) if order.is_buy else (self.sells, self.asks)
        ahead = self._queue_at(order.price, depth)
        if ahead != UNSEEN and (level := side.levels.get(order.price)) is not None:
            self._level_shown(level, ahead)
        side.add(order, ahead)

    def _queue_at(self, price: int, depth: DepthSide) -> int:
        """The external quantity an order arriving at ``price`` would stand behind; UNSEEN where no book tells."""
        if self._fill_model != "queue":
            return 0 if self._fill_model == "touch" else UNSEEN
        touch, touch_qty = (self.bid, self.bid_qty) if depth.is_bid else (self.ask, self.ask_qty)
        if price == touch:
            return UNSEEN if touch_qty == FAR else touch_qty
        if touch in (0, FAR):
            return UNSEEN
        if price > touch if depth.is_bid else price < touch:
            return 0
        if depth.is_known and (price >= depth.edge if depth.is_bid else price <= depth.edge):
            return depth.shown(price)
        return UNSEEN

    def arm(self, order: LiveOrder) -> None:
        """Let an order wait for its stop price, or follow the market from here."""
        if order.trail is not None and not order.stop:
            self.trails.track(order, order.trail, self.last, self._sink.now)
        else:
            (self.stops_above if self.waits_above(order) else self.stops_below).add(order)
        self._guard_stops()

    def _guard_stops(self) -> None:
        self._rise = min(self.stops_above.nearest, self.trails.rise)
        self._fall = max(self.stops_below.nearest, self.trails.fall)

    @staticmethod
    def waits_above(order: LiveOrder) -> bool:
        """Whether a stop order triggers on a rising price."""
        return order.is_buy is STOP_KINDS[order.kind]

    def withdraw(self, order: LiveOrder) -> None:
        """Take an order off the book or out of the waiting stops."""
        if order.level is not None:
            (self.buys if order.is_buy else self.sells).remove(order)
        elif order.armed:
            if order.trail is not None and order.trail.since >= 0:
                self.trails.remove(order)
            else:
                (self.stops_above if self.waits_above(order) else self.stops_below).remove(order)
            self._guard_stops()

    def clear(self) -> None:
        """Forget all orders, whatever state they were left in."""
        for side in (self.buys, self.sells, self.stops_above, self.stops_below, self.trails, self.reached):
            side.clear()
        self._guard_stops()

    def _reach_stops(self, price: int) -> None:
        # each print counts, also when the same event goes on to trade at other prices
        above, below, trails = self.stops_above, self.stops_below, self.trails
        if price >= trails.rise or price <= trails.fall:
            self.reached.extend(trails.follow(price))
        while price >= above.nearest:
            self._reach(above.pop(), price)
        while price <= below.nearest:
            self._reach(below.pop(), price)
        self._guard_stops()

    def _reach(self, order: LiveOrder, price: int) -> None:
        """A stop price was met: a trailing order begins to follow with this print, any other has triggered."""
        if order.trail is None:
            self.reached.append(order)
        else:
            self.trails.track(order, order.trail, price, self._sink.now)

    def run_stops(self) -> None:
        """Trigger every stop that a print has reached, also those that the triggered ones reach."""
        while self.reached:
            self._sink.trigger(self.reached.popleft())

    # ------------------------------------------------------------------ makers

    def _maker_fill(self, order: LiveOrder, qty: int) -> None:
        side = self.buys if order.is_buy else self.sells
        if qty == order.remaining:
            side.remove(order)
        trade_id = self._print(order.price, qty, order.is_buy, 0, self._sink.now)
        self._sink.fill(order, order.price, qty, trade_id, True)

    def _print_meets_orders(self, price: int, qty: int, taker_is_seller: bool) -> int:
        """Let a print fill what it went through and what it reached in the queue at its price; answer the rest."""
        left = qty
        # a book tells by itself when it went through an order; only without one a print of either side has to
        blind = not self.bid and self.ask == FAR
        if taker_is_seller or blind:
            left = self._print_meets_side(self.buys, price, left)
        if left and (blind or not taker_is_seller):
            left = self._print_meets_side(self.sells, price, left)
        return left

    def _print_meets_side(self, side: RestingSide, price: int, qty: int) -> int:
        left = qty
        while left and (side.best > price if side.is_bid else side.best < price):
            left = self._fill_level(side.levels[side.best], left)
        level = side.levels.get(price)
        if left and level is not None:
            left = self._print_at(level, left)
        return left

    def _fill_level(self, level: Level, qty: int) -> int:
        """Fill a level's orders in turn, regardless of queues; answer what is left of the quantity."""
        alive = len(level.orders) - level.dead
        while qty and alive:
            order = level.first()
            part = min(order.remaining, qty)
            qty -= part
            alive -= part == order.remaining
            self._maker_fill(order, part)
        return qty

    def _print_at(self, level: Level, qty: int) -> int:
        """A print at a level's own price: first the external queue, then our orders; answer what was not ours."""
        level.printed += qty
        left, public = qty, qty
        alive = len(level.orders) - level.dead
        while left and alive:
            order = level.first()
            if order.ahead == UNSEEN and not self._see(order, level):
                break
            queue = min(max(order.ahead - level.consumed, 0), left)
            level.consumed += queue
            left -= queue
            part = min(order.visible, left)
            if not part:
                break
            left -= part
            public -= part
            alive -= part == order.remaining
            shown = part == order.visible
            self._maker_fill(order, part)
            if shown and order.level is level:
                self._requeue(order, level)
        return public

    def _requeue(self, order: LiveOrder, level: Level) -> None:
        """The next slice of an iceberg goes behind all that is shown at its price."""
        level.orders.remove(order)
        level.orders.append(order)
        if self._fill_model == "queue":
            order.ahead = UNSEEN if level.shown == UNSEEN else level.consumed + max(level.shown - level.printed, 0)

    def _see(self, order: LiveOrder, level: Level) -> bool:
        """Give an order whose queue was unknown its position, if the touch now stands at its price."""
        touch, touch_qty = (self.bid, self.bid_qty) if order.is_buy else (self.ask, self.ask_qty)
        if self._fill_model != "queue" or level.price != touch or touch_qty == FAR:
            return False
        order.ahead = level.consumed + touch_qty
        return True

    def _queues_moved(self, side: RestingSide, shown: Mapping[int, int]) -> None:
        """The feed shows price levels of ours anew."""
        changes = plain_levels(shown)
        for price in side.levels.keys() & changes.keys():
            self._level_shown(side.levels[price], changes[price])

    def _level_shown(self, level: Level, after: int) -> None:
        """A level is displayed anew: what left it without trading shortens the queue."""
        step = self.symbol.lot.step
        expected = after if level.shown == UNSEEN else max(level.shown - level.printed, 0)
        level.shown = after
        level.printed = 0
        for order in level:
            if order.ahead == UNSEEN:
                if self._fill_model == "queue":
                    order.ahead = level.consumed + after
                continue
            gap = max(order.ahead - level.consumed, 0)
            if after < expected:
                # whole lots, so that a print that reaches the order leaves it whole lots as well
                gap = -(-self._queue.shrink(gap, expected, after) // step) * step
            order.ahead = level.consumed + min(gap, after)

    def _book_went_through(self) -> None:
        self._fill_through(self.buys, self.asks, self.ask, self.ask_qty)
        self._fill_through(self.sells, self.bids, self.bid, self.bid_qty)
        self.run_stops()

    def _fill_through(self, side: RestingSide, depth: DepthSide, touch: int, touch_qty: int) -> None:
        """Fill resting orders at their own prices, up to what the opposite book displays at or beyond them."""
        margin = 1 if self._fill_model == "through" else 0
        for price, shown, available in depth.walk(touch, touch_qty):
            left = available
            while left and (side.best >= price + margin if side.is_bid else side.best <= price - margin):
                left = self._fill_level(side.levels[side.best], left)
            if left != available:
                depth.take(price, shown, available - left)
            if left:
                return

    # ------------------------------------------------------------------ takers

    def offers(self, is_buy: bool, limit: int) -> Iterator[Offer]:
        """All that a taker may have at ``limit`` or better, best price first, then by place in the queue."""
        if is_buy:
            return merged(self.asks.walk(self.ask, self.ask_qty), self.sells, limit, is_buy=True)
        return merged(self.bids.walk(self.bid, self.bid_qty), self.buys, limit, is_buy=False)

    def forget_prevention(self) -> None:
        """Drop what the last plan prevented: the order it was for does not trade."""
        if self.prevented:
            self.prevented, self.unmet = [], 0

    def plan(self, is_buy: bool, limit: int, qty: int, account: object = None, stp: str = "NONE") -> list[Offer]:
        """What a taker of ``qty`` would get now, within ``limit``; less than ``qty`` when the book is short."""
        self.forget_prevention()
        if is_buy:
            touch, shown, alone = self.ask, self.ask_qty, self.ask < self.sells.best
            reachable, depth = touch <= limit, self.asks
        else:
            touch, shown, alone = self.bid, self.bid_qty, self.bid > self.buys.best
            reachable, depth = touch >= limit and touch > 0, self.bids
        if alone and (not reachable or touch == FAR):
            return []
        if alone and shown == FAR:
            return [(self.slipped(is_buy, limit, qty), qty, None)]
        if alone and qty <= (depth.available(touch, shown) if depth.taken else shown):
            return [(touch, qty, None)]
        return self._walk(is_buy, limit, qty, account, stp)

    def _walk(self, is_buy: bool, limit: int, qty: int, account: object, stp: str) -> list[Offer]:
        found: list[Offer] = []
        left = qty
        for price, available, maker in self.offers(is_buy, limit):
            if maker is not None and prevents(stp, maker, account):
                if self.was_prevented(maker):
                    continue
                self.prevented.append(stop := prevention(stp, len(found), price, maker, left))
                left -= stop.taker_qty
            else:
                part = min(available, left)
                at = self.slipped(is_buy, limit, part) if available == FAR else price
                found.append((at, part, maker))
                left -= part
            if not left:
                break
        return found

    def was_prevented(self, maker: LiveOrder) -> bool:
        """Whether this is the hidden part of an iceberg that the plan has already met."""
        return maker.iceberg is not None and any(stop.maker is maker for stop in self.prevented)

    def plan_quote(
        self, is_buy: bool, amount: int, step: int, account: object = None, stp: str = "NONE"
    ) -> list[Offer]:
        """
        What a MARKET order by ``quoteOrderQty`` would get: the most lots whose value stays within ``amount``.

        What self-trade prevention takes of it counts at the price of the prevented match.
        """
        self.forget_prevention()
        return plan_by_value(self, is_buy, amount, step, account=account, stp=stp)

    def slipped(self, is_buy: bool, limit: int, qty: int) -> int:
        """The touch moved against the taker by the slippage model, on a tick, not beyond the limit."""
        step = self.symbol.price.step
        slip = self._slippage.units(self.symbol.name, is_buy, qty, self.bid, self.ask, self.last, self.volume)
        if is_buy:
            return min(-(-(self.ask + slip) // step) * step if slip else self.ask, limit)
        return max((self.bid - slip) // step * step if slip else self.bid, limit, 1)

    def take(self, order: LiveOrder, offers: list[Offer]) -> None:
        """Execute a plan that was just made."""
        is_buy, fill, now = order.is_buy, self._sink.fill, self._sink.now
        opposite = self.sells if is_buy else self.buys
        self.tape.cut()
        for price, qty, maker in offers:
            trade_id = self._print(price, qty, not is_buy, 0, now)
            if maker is None:
                self._take_from_book(is_buy, price, qty)
                if price in opposite.levels:
                    opposite.levels[price].consumed += qty
            else:
                shown = maker.iceberg is not None and qty >= maker.visible
                if qty == maker.remaining:
                    opposite.remove(maker)
                fill(maker, price, qty, trade_id, True)
                if shown and maker.level is not None:
                    self._requeue(maker, maker.level)
            fill(order, price, qty, trade_id, False)
        self.tape.cut()

    def _take_from_book(self, is_buy: bool, price: int, qty: int) -> None:
        if is_buy:
            depth, touch, shown = self.asks, self.ask, self.ask_qty
        else:
            depth, touch, shown = self.bids, self.bid, self.bid_qty
        # a touch of unknown size stands for all there is, at whatever price slippage made of it
        depth.take(price, shown if price == touch or shown == FAR else depth.shown(price), qty)

    # ------------------------------------------------------------------ what everybody sees

    def depth_view(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as ``(price, quantity)``, best first: the external book with the paper orders on it."""
        return (
            side_view(self.bids.walk(self.bid, self.bid_qty), self.buys, limit),
            side_view(self.asks.walk(self.ask, self.ask_qty), self.sells, limit),
        )

    def top(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Best bid and best ask as ``(price, quantity)`` with the paper orders in; an empty side is ``(0, 0)``."""
        bids, asks = self.depth_view(1)
        return bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)
