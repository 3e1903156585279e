"""Order books as everybody sees them, under ids that change whenever they may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.matching import level_view
from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from exec_plugin.core.matching import Market
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.streams.depth import DepthDiffs

#: Updates of one side that are looked through one by one; after more of them the whole side is.
_MOST_CHANGED = 1000


class Book:
    """
    One market's book with the paper orders in it.

    The venue numbers what the feed shows. Paper orders that rest, leave or trade change the book as well, so its id
    here grows with them: as long as it stays the same, so does the book. It is found out when somebody asks, which
    keeps ticks and orders free of it.
    """

    def __init__(self, venue: Venue, market: Market) -> None:
        self.market = market
        #: those who have to know what was shown of it
        self.watchers: list[DepthDiffs] = []
        self._venue = venue
        self._id = 0
        self._seen = -1
        self._signs: tuple[int, ...] = ()
        self._sides: tuple[_Side, ...] = ()

    def update_id(self) -> int:
        """The id of the book as it is now: the feed's where it is higher, growing by at least one else."""
        market, venue = self.market, self._venue
        signs = (
            market.update_id, market.bid, market.bid_qty, market.ask, market.ask_qty,
            market.trade_id, venue.order_id, venue.outbox.seq,
        )  # fmt: skip
        if signs != self._signs:
            self._id = max(self._id + 1 if self._signs else 0, market.update_id)
            self._signs = signs
        return self._id

    def show(self) -> int:
        """The id under which somebody is shown the book as it is now."""
        if self.watchers:
            self.refresh()
        return self.update_id()

    def watch(self, watcher: DepthDiffs) -> None:
        """Let somebody know each price that is touched from now on."""
        if not self.watchers:
            self._sides = tuple(_Side(self.market, is_bid) for is_bid in (True, False))
        self.refresh()
        self.watchers.append(watcher)

    def unwatch(self, watcher: DepthDiffs) -> None:
        """He need not know any more; nothing is followed for nobody."""
        self.watchers.remove(watcher)
        if not self.watchers:
            self._sides = ()
            self.market.bids.changed = self.market.asks.changed = None

    def refresh(self) -> int:
        """Tell the watchers what was touched since the last time; answers the id."""
        number = self.update_id()
        if number != self._seen:
            self._seen = number
            for place, side in enumerate(self._sides):
                touched = side.refresh()
                for watcher in self.watchers:
                    watcher.touched[place].update(touched)
        return number


class _Side:
    """One side of a book that is followed: its levels as they were last seen."""

    def __init__(self, market: Market, is_bid: bool) -> None:  # noqa: FBT001  as in the core
        self._market = market
        self._is_bid = is_bid
        self._depth = market.bids if is_bid else market.asks
        self._resting = market.buys if is_bid else market.sells
        self._levels: dict[int, int] = {}
        self._touch = -1
        self._ours: set[int] = set()

    def refresh(self) -> set[int]:
        """The prices whose quantity is another than at the last look."""
        market, depth = self._market, self._depth
        touch = market.bid if self._is_bid else market.ask
        # what our orders show and what our takers took may change at any time, and is little
        ours = {*self._resting.levels, *depth.taken}
        if depth.changed is None or len(depth.changed) > _MOST_CHANGED or {touch, self._touch} & {-1, 0, FAR}:
            touched = self._look_at_all()
        else:
            prices = {touch, self._touch, *ours, *self._ours}.union(*depth.changed)
            if touch != self._touch:
                prices.update(depth.within(touch, self._touch))
            touched = self._look_at(prices)
        depth.changed = []
        self._touch, self._ours = touch, ours
        return touched

    def _look_at_all(self) -> set[int]:
        before = self._levels
        self._levels = after = dict(self._market.depth_view(FAR)[0 if self._is_bid else 1])
        return {price for price in before.keys() | after.keys() if before.get(price) != after.get(price)}

    def _look_at(self, prices: set[int]) -> set[int]:
        levels, touched = self._levels, set()
        for price in prices:
            qty = level_view(price, self._market, is_bid=self._is_bid)
            if qty != levels.get(price, 0):
                touched.add(price)
                if qty:
                    levels[price] = qty
                else:
                    del levels[price]
        return touched
