"""All that must hold of a venue whenever it is at rest, whoever drives it."""

from __future__ import annotations

from collections import Counter

from exec_plugin.core.ledger import Desk
from exec_plugin.core.units import FAR, SCALE


class Watch:
    """A venue, the accounts on it and what was paid into them; ``check`` asserts what must hold."""

    def __init__(self, venue, accounts, deposits):
        self.venue = venue
        self.accounts = accounts
        self.deposits = deposits

    @property
    def orders(self):
        """Every order ever, oldest first."""
        found = [order for account in self.accounts for desk in account.desks.values() for order in desk.orders]
        return sorted(found, key=lambda order: order.id)

    @property
    def open(self):
        """Every open order, oldest first."""
        return sorted((order for account in self.accounts for order in account.open_orders), key=lambda order: order.id)

    @property
    def fills(self):
        """Every fill, by trade."""
        found = [fill for account in self.accounts for desk in account.desks.values() for fill in desk.fills]
        return sorted(found, key=lambda fill: (fill.id, not fill.is_maker))

    # ------------------------------------------------------------------ what must hold

    def check(self):
        """All that must hold whenever the venue is at rest."""
        self.check_money()
        self.check_orders()
        self.check_guards()
        self.check_stops()
        self.check_lists()

    def check_money(self):
        """Nothing is created, lost or negative, and what is locked is what open orders need."""
        total, needs = Counter(), Counter()
        for account in self.accounts:
            for balance in account.balances.values():
                assert min(balance.free, balance.locked, balance.fees) >= 0, balance
                total[balance.asset] += balance.free + balance.locked + balance.fees
            for desk in account.desks.values():
                total[desk.symbol.base] -= desk.net_base
                total[desk.symbol.quote] -= desk.net_quote
                for order in desk.open.values():
                    assert order.locked == self._held(order)
                    needs[account, (desk.quote if order.is_buy else desk.base).asset] += order.locked
            for asset, balance in account.balances.items():
                assert balance.locked == needs[account, asset]
        assert {asset: units for asset, units in total.items() if units or asset in self.deposits} == self.deposits

    @staticmethod
    def _held(order):
        """What an order locks: of a pair only the one that needs more, and what a pending order was paid."""
        group, need = order.group, Desk.need(order)
        if order.status == "PENDING_NEW" and group.pays and order is group.pending[0]:
            return order.locked
        other = group.sibling(order) if group is not None else None
        if other is None or not other.is_open or order.status == "PENDING_NEW":
            return need
        both = (need, Desk.need(other))
        assert (order.locked, other.locked) in {(max(both), 0), (0, max(both))}
        return order.locked

    def check_lists(self):
        """Lists are open while an order of theirs is, and only one of a pair ever trades."""
        for account in self.accounts:
            for group in account.lists:
                assert group.is_open == any(leg.is_open for leg in group.legs) == (group.id in group.desk.lists)
                assert sum(leg.filled > 0 for leg in group.pair) <= 1
                waits = [leg.status == "PENDING_NEW" for leg in group.pending]
                assert any(waits) == (group.working is not None and group.working.is_open)
                assert all(waits) or not any(waits)

    def check_orders(self):
        """Each order is what its status says, and no fill is worse than its limit."""
        for order in self.orders:
            waits = order.level is not None or order.armed or order.status == "PENDING_NEW"
            assert order.is_open == (order.id in order.desk.open) == waits
            assert 0 <= order.filled <= order.qty - order.prevented <= order.qty
            if order.qty:
                assert (order.remaining == 0) == (order.status in {"FILLED", "EXPIRED_IN_MATCH"})
            assert (order.prevented_match >= 0) == (order.prevented > 0)
            assert order.locked == 0 or order.is_open
        limits = {order.id: order for order in self.orders}
        for fill in self.fills:
            order = limits[fill.order_id]
            assert fill.qty > 0
            assert fill.quote == fill.price * fill.qty // SCALE
            if order.price:
                assert fill.price <= order.price if order.is_buy else fill.price >= order.price

    def check_guards(self):
        """The cached prices are those that a look at every order finds."""
        for market in self.venue.markets.values():
            self._check_guards(market, [order for order in self.open if order.symbol is market.symbol])
        for account in self.accounts:
            for desk in account.desks.values():
                assert desk.algo_open == sum(order.is_algo for order in desk.open.values())

    @staticmethod
    def _check_guards(market, orders):
        resting = [order for order in orders if order.level is not None]
        buys = [order.price for order in resting if order.is_buy]
        sells = [order.price for order in resting if not order.is_buy]
        armed = [order for order in orders if order.armed and (order.trail is None or order.trail.since < 0)]
        above = [order.stop for order in armed if order.is_buy == order.kind.startswith("STOP")]
        below = [order.stop for order in armed if order.is_buy != order.kind.startswith("STOP")]
        assert market.buys.best == max(buys, default=0)
        assert market.sells.best == min(sells, default=FAR)
        assert market.buys.best < market.sells.best
        assert market.stops_above.nearest == min(above, default=FAR)
        assert market.stops_below.nearest == max(below, default=0)
        assert Counter(buys) == {price: len(list(level)) for price, level in market.buys.levels.items()}
        assert Counter(sells) == {price: len(list(level)) for price, level in market.sells.levels.items()}
        assert not market.prevented
        assert not market.reached

    def check_stops(self):
        """No stop waits that the last price has reached."""
        for market in self.venue.markets.values():
            assert market.last < market.stops_above.nearest
            assert not market.last or market.last > market.stops_below.nearest
        for order in self.open:
            last = self.venue.markets[order.symbol.name].last
            if order.armed and order.trail is not None and order.trail.extreme:
                trigger = order.trail.trigger(order.is_buy)
                assert last < trigger if order.is_buy else last > trigger
