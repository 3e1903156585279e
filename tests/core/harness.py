"""A venue driven by the steps of strategies.py, and everything that must hold after each of them."""

from __future__ import annotations

from collections import Counter

from strategies import symbol
from watch import Watch

from exec_plugin.core.errors import VenueError
from exec_plugin.core.events import Execution, ListChange
from exec_plugin.core.orders import Peg
from exec_plugin.core.venue import Venue

POOR = {"AAA": 300_000, "BBB": 300_000}
RICH = {"AAA": 10**15, "BBB": 10**15}


class Run(Watch):
    """One venue with three accounts on one symbol; ``step`` plays a step, ``check`` asserts what must hold."""

    def __init__(self, *, balances=POOR, pair=None, **options):
        pair = pair or symbol(orders=12, algo=3)
        venue = Venue([pair], **options)
        accounts = [venue.open_account(f"account {number}", balances) for number in range(3)]
        super().__init__(venue, accounts, {asset: units * len(accounts) for asset, units in balances.items()})
        self.market = venue.markets[pair.name]
        self.name = pair.name
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
