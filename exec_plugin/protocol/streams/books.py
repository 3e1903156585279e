"""Order books as everybody sees them, under ids that change whenever they may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from exec_plugin.core.matching import Market
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.streams.depth import DepthDiffs

Side = dict[int, int]


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
        self._signs: tuple[int, ...] = ()
        self._sides: tuple[int, Side, Side] | None = None

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
        for watcher in self.watchers:
            watcher.note()
        return self.update_id()

    def sides(self) -> tuple[Side, Side]:
        """All levels of bids and asks as ``{price: quantity}``; not to be edited."""
        number = self.update_id()
        if self._sides is None or self._sides[0] != number:
            bids, asks = self.market.depth_view(FAR)
            self._sides = (number, dict(bids), dict(asks))
        return self._sides[1], self._sides[2]
