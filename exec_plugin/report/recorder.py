"""Watches an account while a bot trades on it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from exec_plugin.core.clock import SECOND
from exec_plugin.core.units import FAR, SCALE, to_decimal
from exec_plugin.paper_broker.positions import CostBasis
from exec_plugin.report.result import Deal, Point, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.events import Fill
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.matching import Market
    from exec_plugin.core.venue import Venue

#: Points of the curve: twice as many are kept before every second one goes.
POINTS = 400


def mark(market: Market) -> int:
    """The price that a position is valued at: half way between bid and ask, else the last; 0 while unknown."""
    if market.bid and market.ask < FAR:
        return (market.bid + market.ask) // 2
    return market.last


class Recorder:
    """
    One account on one symbol, from now on.

    Args:
        venue: where it trades.
        account: who.
        symbol: Binance's name of the symbol; its quote asset is what everything is valued in.
    """

    def __init__(self, venue: Venue, account: Account, symbol: str) -> None:
        self._venue = venue
        self._account = account
        self._market = venue.market(symbol)
        self._desk = account.desk(self._market.symbol)
        self._start = venue.now
        self._price = mark(self._market)
        self._held = self._balances()
        self._worth = self._value(self._held)
        self._first_order, self._first_deal = len(self._desk.orders), len(self._desk.records)
        self._fees = self._fees_paid()
        self._curve: list[tuple[int, int, int]] = []
        self._every = SECOND
        self.sample()

    def sample(self) -> None:
        """Add a point to the curve when its time has come; may be called whenever the market moved."""
        now = self._venue.now
        if self._curve and now < self._curve[-1][0] + self._every:
            return
        self._curve.append(self._point())
        if len(self._curve) > 2 * POINTS:
            del self._curve[1::2]
            self._every *= 2

    def result(self) -> Result:
        """What has come of it until now."""
        symbol = self._market.symbol
        price = mark(self._market)
        basis = self._basis()
        deals = self._desk.fills_since(self._first_deal)
        paid = self._fees_paid()
        fees = {asset: paid[asset] - self._fees.get(asset, 0) for asset in sorted(paid)}
        return Result(
            symbol=symbol.name,
            base=symbol.base,
            quote=symbol.quote,
            start=self._start,
            end=self._venue.now,
            orders=Counter(order.status for order in self._desk.orders[self._first_order :]),
            deals=tuple(map(_deal, deals)),
            fees={asset: to_decimal(units) for asset, units in fees.items() if units},
            realized_pnl=to_decimal(basis.realized),
            unrealized_pnl=to_decimal(basis.unrealized(price)),
            price_start=to_decimal(self._price),
            price_end=to_decimal(price),
            equity_start=to_decimal(self._worth),
            equity_end=to_decimal(self._value(self._balances())),
            equity_held=to_decimal(self._value(self._held)),
            curve=tuple(Point(time, to_decimal(worth), to_decimal(at)) for time, worth, at in self._points()),
        )

    def _points(self) -> list[tuple[int, int, int]]:
        """The curve up to this moment."""
        last = self._point()
        return [point for point in self._curve if point[0] < last[0]] + [last]

    def _point(self) -> tuple[int, int, int]:
        return self._venue.now, self._value(self._balances()), mark(self._market)

    def _basis(self) -> CostBasis:
        basis = CostBasis()
        held = self._held.get(self._market.symbol.base, 0)
        basis.add(held, -(held * self._price // SCALE))
        basis.seen = self._first_deal
        basis.catch_up(self._desk, self._venue.convert)
        return basis

    def _balances(self) -> dict[str, int]:
        return {asset: held.free + held.locked for asset, held in self._account.balances.items()}

    def _fees_paid(self) -> dict[str, int]:
        return {asset: held.fees for asset, held in self._account.balances.items()}

    def _value(self, balances: Mapping[str, int]) -> int:
        """What balances are worth in quote; what no market values counts as nothing."""
        symbol = self._market.symbol
        worth = balances.get(symbol.base, 0) * mark(self._market) // SCALE
        for asset, units in balances.items():
            if units and asset != symbol.base:
                worth += self._venue.convert(units, asset, symbol.quote) or 0
        return worth


def _deal(fill: Fill) -> Deal:
    return Deal(
        fill.time,
        fill.order_id,
        fill.is_buyer,
        fill.is_maker,
        to_decimal(fill.price),
        to_decimal(fill.qty),
        to_decimal(fill.quote),
        to_decimal(fill.commission),
        fill.commission_asset,
    )
