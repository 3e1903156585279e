"""What the caller last said about one symbol, as Decimals, and the prices at which that concerns an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.events import QUOTE
from exec_plugin.core.units import FAR
from exec_plugin.paper_broker.amounts import FARTHEST, ZERO, ceil_units, floor_units, to_decimal
from exec_plugin.paper_broker.positions import CostBasis

if TYPE_CHECKING:
    from decimal import Decimal

    from exec_plugin.core.events import Row
    from exec_plugin.core.matching import Market
    from exec_plugin.core.orders import LiveOrder


class Ticker:
    """
    One symbol's newest tick and the guards of its orders.

    The broker compares ticks with the guards, which are Decimals like the ticks, and tells the venue only of those
    that reach one, or when an order needs the market. ``buy`` and ``sell`` are the best own resting prices, ``below``
    and ``above`` the last prices that concern a stop or have passed a resting order. ``stale`` says that the venue
    does not know the tick yet; ``passed`` that the last price has moved since it does.
    """

    __slots__ = (
        "_guards", "_margin", "above", "ask", "below", "bid", "buy", "last", "market", "name", "passed", "position", "sell",
        "stale", "volume",
    )  # fmt: skip

    def __init__(self, market: Market, *, touch_fills: bool) -> None:
        self.market = market
        #: how far a trade must go beyond a resting order's price to fill it
        self._margin = 0 if touch_fills else 1
        self.name = market.symbol.name
        self.bid = self.last = self.volume = ZERO
        self.ask = FARTHEST
        self.stale = self.passed = False
        self.position = CostBasis()
        self._guards: tuple[int, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Take the guards from the market, after anything that may have moved them."""
        market = self.market
        guards = (market.buys.best, market.sells.best, market.stops_below.nearest, market.stops_above.nearest)
        if guards == self._guards:
            return
        self._guards = guards
        buy, sell, below, above = guards
        # a trade at a lower price has gone through a resting buy, one at a higher price through a resting sell
        self.buy, self.sell = to_decimal(buy), to_decimal(sell)
        self.below, self.above = to_decimal(max(below, buy - self._margin)), to_decimal(min(above, sell + self._margin))

    def concerns(self, bid: Decimal, ask: Decimal, last: Decimal) -> bool:
        """Whether a tick that met a guard means something: an unmoved last price passes no order anew."""
        _, _, below, above = self._guards
        if ask <= self.buy or bid >= self.sell:
            return True
        if last == self.last:
            return bool(last) and (last <= to_decimal(below) or last >= to_decimal(above))
        return last <= self.below or last >= self.above

    def row(self, now: int) -> Row:
        """The tick as a market row; quantities are the book's where it has some at that price, else unknown."""
        market = self.market
        bid, ask = floor_units(self.bid), ceil_units(self.ask)
        bid_qty, ask_qty = market.bids.shown(bid) or FAR, market.asks.shown(ask) or FAR
        return QUOTE, now, self.name, bid, bid_qty if bid else 0, ask, ask_qty if ask < FAR else 0

    def passed_orders(self, last: int) -> list[LiveOrder]:
        """The resting orders at prices that a trade at ``last`` has gone through, best first."""
        market = self.market
        levels = [*market.buys.until(last + self._margin), *market.sells.until(last - self._margin)]
        return [order for level in levels for order in level]

    @property
    def mark(self) -> Decimal:
        """What the base is worth: the last price, or half way between bid and ask while none has been given."""
        if self.last:
            return self.last
        if self.bid and self.ask < FARTHEST:
            return (self.bid + self.ask) / 2
        return self.bid or (self.ask if self.ask < FARTHEST else ZERO)
