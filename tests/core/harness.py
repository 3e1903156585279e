"""A venue driven by the steps of strategies.py, and everything that must hold after each of them."""

from __future__ import annotations

from collections import Counter

from strategies import symbol

from exec_plugin.core.errors import VenueError
from exec_plugin.core.events import Execution, ListChange
from exec_plugin.core.ledger import Desk
from exec_plugin.core.orders import Peg
from exec_plugin.core.units import FAR, SCALE
from exec_plugin.core.venue import Venue

POOR = {"AAA": 300_000, "BBB": 300_000}
RICH = {"AAA": 10**15, "BBB": 10**15}


class Run:
    """One venue with three accounts on one symbol; ``step`` plays a step, ``check`` asserts what must hold."""

    def __init__(self, *, balances=POOR, pair=None, **options):
        pair = pair or symbol(orders=12, algo=3)
        self.venue = Venue([pair], **options)
        self.market = self.venue.markets[pair.name]
        self.name = pair.name
        self.accounts = [self.venue.open_account(f"account {number}", balances) for number in range(3)]
        self.deposits = {asset: units * len(self.accounts) for asset, units in balances.items()}
        self.joined = {}
        self.steps = 0
        self.events = []
        self.venue.listeners.append(self.hear)

    def hear(self, event):
        """Note an event as plain values."""
        if isinstance(event, Execution):
            self.events.append(event._replace(order=event.order.id))
        elif isinstance(event, ListChange):
            self.events.append(event._replace(group=event.group.id))
        else:
            balances = dict(sorted(event.balances.items()))
            self.events.append(event._replace(account=event.account.name, balances=balances))

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

    def step(self, step):
        """Play one step; answer whether the venue accepted it."""
        kind, *values = step
        self.steps += 1
        try:
            getattr(self, f"_{kind}")(*values)
        except VenueError:
            return False
        return True

    def _clock(self, ms):
        self.venue.advance(self.venue.now + ms)

    def _quote(self, *values):
        self.venue.quote(self.name, *values)

    def _trade(self, *values):
        self.venue.trade(self.name, *values)

    def _depth(self, bids, asks):
        self.venue.depth(self.name, bids, asks)

    def _book(self, bids, asks):
        self.venue.book(self.name, bids, asks)

    def _place(self, account, is_buy, order, stp="NONE"):
        self.call(self.venue.place, account, is_buy, order, stp)

    def call(self, method, account, is_buy, order, stp="NONE"):
        """Hand an order of a step to ``venue.place`` or ``venue.check``."""
        kind, qty, price, tif, stop, quote_qty = (*order, *(0, 0, "GTC", 0, 0)[len(order) - 1 :])
        options = {"tif": tif, "stop": stop, "quote_qty": quote_qty, "stp": stp}
        method(self.accounts[account], self.name, is_buy, kind, qty, price, **options)

    def _cancel(self, pick):
        if orders := self.orders:
            self.venue.cancel(orders[pick % len(orders)])

    def _special(self, account, is_buy, order):
        self.venue.place(*self._basics(account, is_buy, order[0]), **self._options(order))

    def _basics(self, account, is_buy, order):
        kind, qty, price = (*order, 0)[:3]
        return self.accounts[account], self.name, is_buy, kind, qty, price

    @staticmethod
    def _options(order):
        (_, _, *rest), special = order
        options = dict(zip(("tif", "stop"), rest[1:], strict=False))
        options.update(special)
        if "peg" in special:
            options["peg"] = Peg(*special["peg"])
        return options

    def _draft(self, account, is_buy, order):
        return self.venue.draft(*self._basics(account, is_buy, order[0]), **self._options(order))

    def _drafted_pair(self, account, is_buy, sizes):
        qty, *legs = sizes
        return [self._draft(account, is_buy, ((leg[0], qty, *leg[2:]), {})) for leg in legs]

    def _oco(self, account, is_buy, sizes):
        self.venue.lists.place_oco(self._drafted_pair(account, is_buy, sizes), "", id)

    def _oto(self, account, is_buy, working, follows_buying, order, pays):
        pending = [self._draft(account, follows_buying and not pays, order)]
        self._place_after(account, is_buy or pays, working, pending, pays)

    def _otoco(self, account, is_buy, working, follows_buying, sizes, pays):
        pending = self._drafted_pair(account, follows_buying and not pays, sizes)
        self._place_after(account, is_buy or pays, working, pending, pays)

    def _place_after(self, account, is_buy, working, pending, pays):
        for order in pending if pays else ():
            order.qty = 0
        first = self._draft(account, is_buy, (working, {}))
        self.venue.lists.place_oto(first, pending, "", id, pays=pays)

    def _amend(self, pick, qty):
        if orders := self.open:
            order = orders[pick % len(orders)]
            self.venue.amend(order, qty, order.client_id)

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
        resting = [order for order in self.open if order.level is not None]
        buys = [order.price for order in resting if order.is_buy]
        sells = [order.price for order in resting if not order.is_buy]
        armed = [order for order in self.open if order.armed and (order.trail is None or order.trail.since < 0)]
        above = [order.stop for order in armed if order.is_buy == order.kind.startswith("STOP")]
        below = [order.stop for order in armed if order.is_buy != order.kind.startswith("STOP")]
        market = self.market
        assert market.buys.best == max(buys, default=0)
        assert market.sells.best == min(sells, default=FAR)
        assert market.buys.best < market.sells.best
        assert market.stops_above.nearest == min(above, default=FAR)
        assert market.stops_below.nearest == max(below, default=0)
        assert Counter(buys) == {price: len(list(level)) for price, level in market.buys.levels.items()}
        assert Counter(sells) == {price: len(list(level)) for price, level in market.sells.levels.items()}
        assert [desk.algo_open for account in self.accounts for desk in account.desks.values()] == [
            sum(order.is_algo for order in desk.open.values())
            for account in self.accounts
            for desk in account.desks.values()
        ]

    def check_stops(self):
        """No stop waits that the last price has reached."""
        market = self.market
        assert market.last < market.stops_above.nearest
        assert not market.last or market.last > market.stops_below.nearest
        for order in self.open:
            if order.armed and order.trail is not None and order.trail.extreme:
                trigger = order.trail.trigger(order.is_buy)
                assert market.last < trigger if order.is_buy else market.last > trigger

    def check_turns(self, fills):
        """None of these fills passed over an order that had joined the same queue in an earlier step."""
        resting = [order for order in self.open if order.level is not None]
        orders = {order.id: order for order in self.orders}
        for fill in fills:
            if fill.is_maker:
                filled = orders[fill.order_id]
                since = self.joined.get(filled.id, self.steps)
                for other in resting:
                    if other.is_buy == filled.is_buy and other.price == filled.price and other is not filled:
                        assert self.joined.get(other.id, self.steps) >= since
        for order in resting:
            self.joined.setdefault(order.id, self.steps)

    def snapshot(self):
        """The whole state as plain values; balances of nothing do not count."""
        market = self.market
        sides = [
            ({price: side.shown(price) for price in side.best_first()}, dict(side.taken), side.edge)
            for side in (market.bids, market.asks)
        ]
        balances = [
            {name: (held.free, held.locked, held.fees) for name, held in account.balances.items()}
            for account in self.accounts
        ]
        return (
            (market.bid, market.bid_qty, market.ask, market.ask_qty, market.last, market.trade_id, sides),
            [{name: held for name, held in account.items() if any(held)} for account in balances],
            [
                (order.id, order.status, order.filled, order.locked, order.ahead, order.armed, order.level is None)
                for order in self.orders
            ],
            self.fills,
            market.tape.trades(),
            (self.venue.order_id, self.venue.outbox.seq, self.venue.now),
        )


def street_fills(fills):
    """The fills whose other side is no paper order."""
    sides = Counter(fill.id for fill in fills)
    return [fill for fill in fills if sides[fill.id] == 1]
