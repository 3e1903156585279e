"""
A matcher to check the real one by: slow and obvious.

Written from the promise of docs/fills.md. It keeps plain lists, scans all of them on every event and remembers nothing
that it could work out anew. It knows no money but commissions: its accounts can pay for everything.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

SCALE = 10**8
FAR = 1 << 62


class Refused(Exception):
    """The order would not be accepted."""


class Done(NamedTuple):
    """One fill of one order."""

    order: int
    price: int
    qty: int
    is_maker: bool
    commission: int


class Paper:
    """A paper order; ``ahead`` is the street's quantity before it in its queue, None while nobody knows."""

    def __init__(self, number, account, stp, is_buy, kind, qty, price, tif, stop):
        self.number = number
        self.account = account
        self.stp = stp
        self.is_buy = is_buy
        self.kind = kind
        self.left = qty
        self.price = price
        self.tif = tif
        self.stop = stop
        self.state = "new"
        self.ahead = None

    def waits_above(self):
        """Whether its stop is reached from below."""
        return self.is_buy == self.kind.startswith("STOP")


class Street:
    """One side of the book as the feed shows it."""

    def __init__(self, sign):
        self.sign = sign  # 1: lower prices are better (asks), -1: higher ones are (bids)
        self.touch = (0, 0) if sign < 0 else (FAR, 0)
        self.levels = {}
        self.edge = None
        self.taken = {}

    def merge(self, levels):
        """Show some levels anew."""
        for price, qty in levels.items():
            self.levels.pop(price, None)
            self.taken.pop(price, None)
            if qty:
                self.levels[price] = qty

    def replace(self, levels):
        """Show all levels anew."""
        self.levels = {}
        self.taken = {}
        self.merge(levels)
        self.edge = max((self.sign * price for price in self.levels), default=None)

    def best(self):
        """The touch that the levels alone would tell."""
        if not self.levels:
            return (0, 0) if self.sign < 0 else (FAR, 0)
        price = min(self.levels, key=lambda price: self.sign * price)
        return price, self.levels[price]

    def displayed(self):
        """``[price, shown]``, best first: the touch, and what lies behind it."""
        if self.touch[0] in {0, FAR}:
            return []
        behind = [price for price in self.levels if self.sign * price > self.sign * self.touch[0]]
        return [self.touch, *((price, self.levels[price]) for price in sorted(behind, key=lambda p: self.sign * p))]

    def available(self, price, shown):
        """What is left of a level."""
        before, qty = self.taken.get(price, (None, 0))
        return shown - qty if before == shown else shown

    def take(self, price, shown, qty):
        """Take some of a level; unknown quantities never end."""
        if shown != FAR:
            self.taken[price] = (shown, shown - self.available(price, shown) + qty)

    def queue(self, price):
        """What is displayed at a price: None where nobody knows."""
        touch, qty = self.touch
        if touch == price:
            return None if qty == FAR else qty
        if touch in {0, FAR}:
            return None
        if self.sign * price < self.sign * touch:
            return 0
        if self.edge is not None and self.sign * price <= self.edge:
            return self.levels.get(price, 0)
        return None


class Reference:
    """The market of one symbol and all paper orders on it."""

    def __init__(self, rates, fill_model="queue", patient=False, step=1):
        self.rates = rates  # {(is_maker, is_buy): Fraction}
        self.fill_model = fill_model
        self.patient = patient
        self.step = step
        self.bids, self.asks = Street(-1), Street(1)
        self.quoted = False
        self.last = 0
        self.orders = []
        self.resting = []  # by time of joining the book
        self.waiting = []
        self.reached = []
        self.shown = {}  # (is_buy, price) with paper orders -> quantity last displayed there, None: unknown
        self.printed = {}  # the same -> traded there since then
        self.fills = []

    # what the feed shows

    def quote(self, bid, bid_qty, ask, ask_qty):
        """Best bid and ask."""
        self.bids.touch, self.asks.touch = (bid, bid_qty), (ask, ask_qty)
        self.quoted = True
        self.book_meets_orders()
        self.run_stops()

    def depth(self, bids, asks):
        """Changed levels."""
        for is_buy, street, levels in ((True, self.bids, bids), (False, self.asks, asks)):
            for price, qty in levels.items():
                self.level_shown(is_buy, price, qty)
            street.merge(levels)
        self.follow_levels()

    def book(self, bids, asks):
        """All levels."""
        for is_buy, street, levels in ((True, self.bids, bids), (False, self.asks, asks)):
            street.replace(levels)
            for price in {order.price for order in self.resting if order.is_buy == is_buy}:
                if street.edge is not None and street.sign * price <= street.edge:
                    self.level_shown(is_buy, price, levels.get(price, 0))
        self.quoted = False
        self.follow_levels()

    def follow_levels(self):
        """Without quotes the levels tell where the touch is."""
        if not self.quoted:
            self.bids.touch, self.asks.touch = self.bids.best(), self.asks.best()
            self.book_meets_orders()
            self.run_stops()

    def trade(self, price, qty, taker_is_seller):
        """A public trade."""
        blind = self.bids.touch[0] == 0 and self.asks.touch[0] == FAR
        left = qty
        for is_buy in (True, False):
            if blind or is_buy == taker_is_seller:
                left = self.print_meets(is_buy, price, left)
        if left:
            self.print(price)
        self.run_stops()

    # queues

    def at(self, is_buy, price):
        """The paper orders at a price, by time."""
        return [order for order in self.resting if order.is_buy == is_buy and order.price == price]

    def level_shown(self, is_buy, price, qty):
        """A price with paper orders is displayed anew: what left without trading shortens the queues."""
        orders = self.at(is_buy, price)
        if not orders:
            return
        before = self.shown.get((is_buy, price))
        expected = None if before is None else max(before - self.printed.get((is_buy, price), 0), 0)
        for order in orders:
            if self.fill_model == "queue" and order.ahead is None:
                order.ahead = qty
            elif order.ahead is not None:
                if expected and qty < expected and not self.patient:
                    share = Fraction(order.ahead * qty, expected)
                    lots = share / self.step
                    order.ahead = -(-lots.numerator // lots.denominator) * self.step
                order.ahead = min(order.ahead, qty)
        self.shown[is_buy, price] = qty
        self.printed[is_buy, price] = 0

    def join(self, order):
        """Rest on the book, behind all that is displayed at the price."""
        street = self.bids if order.is_buy else self.asks
        key = (order.is_buy, order.price)
        if not self.at(*key):
            self.shown.pop(key, None)
            self.printed.pop(key, None)
        if self.fill_model == "touch":
            order.ahead = 0
        elif self.fill_model == "queue":
            order.ahead = street.queue(order.price)
            if order.ahead is not None:
                self.level_shown(*key, order.ahead)
                self.shown[key], self.printed[key] = order.ahead, 0
        order.state = "resting"
        self.resting.append(order)

    def street_traded(self, is_buy, price, qty):
        """So much of the street's queue at a price is gone."""
        for order in self.at(is_buy, price):
            if order.ahead is not None:
                order.ahead = max(order.ahead - qty, 0)

    # makers

    def best_resting(self, is_buy):
        """The paper order that is next on a side, by price, then time."""
        sign = -1 if is_buy else 1
        side = [order for order in self.resting if order.is_buy == is_buy]
        return min(side, key=lambda order: sign * order.price, default=None)

    def print_meets(self, is_buy, price, qty):
        """A print fills what it went through and, at its own price, whose turn it is; answer what was not paper."""
        sign = -1 if is_buy else 1
        left = qty
        while left and (order := self.best_resting(is_buy)) and sign * order.price < sign * price:
            part = min(left, order.left)
            self.fill_maker(order, part)
            left -= part
        if not left or not self.at(is_buy, price):
            return left
        key = (is_buy, price)
        self.printed[key] = self.printed.get(key, 0) + left
        public = left
        for order in self.at(is_buy, price):
            if order.ahead is None:
                touch, shown = (self.bids if is_buy else self.asks).touch
                if self.fill_model != "queue" or touch != price or shown == FAR:
                    break
                order.ahead = shown
            queue = min(order.ahead, left)
            self.street_traded(is_buy, price, queue)
            left -= queue
            part = min(order.left, left)
            if not part:
                break
            self.fill_maker(order, part)
            left -= part
            public -= part
        return public

    def book_meets_orders(self):
        """Each side's orders against what the other side displays at their price or beyond."""
        margin = 1 if self.fill_model == "through" else 0
        for is_buy, street in ((True, self.asks), (False, self.bids)):
            for price, shown in street.displayed():
                left = street.available(price, shown)
                before = left
                while left and (order := self.best_resting(is_buy)):
                    if street.sign * order.price < street.sign * price + margin:
                        break
                    part = min(left, order.left)
                    self.fill_maker(order, part)
                    left -= part
                if left != before:
                    street.take(price, shown, before - left)
                if left:
                    break

    def fill_maker(self, order, qty):
        """A resting order trades at its price with the street."""
        self.print(order.price)
        self.fill(order, order.price, qty, is_maker=True)

    def fill(self, order, price, qty, *, is_maker):
        """Book one fill."""
        order.left -= qty
        if not order.left:
            order.state = "done"
            if order in self.resting:
                self.resting.remove(order)
        received = qty if order.is_buy else int(Fraction(price * qty, SCALE))
        commission = int(received * self.rates[is_maker, order.is_buy])
        self.fills.append(Done(order.number, price, qty, is_maker, commission))

    # stops

    def print(self, price):
        """A trade at a price: every stop that it reaches will be triggered."""
        self.last = price
        above = [order for order in self.waiting if order.waits_above() and price >= order.stop]
        below = [order for order in self.waiting if not order.waits_above() and price <= order.stop]
        above.sort(key=lambda order: (order.stop, order.number))
        below.sort(key=lambda order: (-order.stop, order.number))
        self.reached += above + below
        self.waiting = [order for order in self.waiting if order not in self.reached]

    def run_stops(self):
        """Turn reached stops into orders, and those that these reach."""
        while self.reached:
            order = self.reached.pop(0)
            self.execute(order)

    # takers

    def offers(self, is_buy, limit):
        """``[price, quantity, paper order or None]`` for a taker, in the order of their turn."""
        street = self.asks if is_buy else self.bids
        display = {price: (shown, street.available(price, shown)) for price, shown in street.displayed()}
        own = {order.price for order in self.resting if order.is_buy != is_buy}
        found = []
        for price in sorted({*display, *own}, reverse=not is_buy):
            if price > limit if is_buy else price < limit:
                break
            left, passed = display.get(price, (0, 0))[1], 0
            for order in self.at(not is_buy, price):
                before = left if order.ahead is None else min(max(order.ahead - passed, 0), left)
                found += [(price, before, None)] if before else []
                left, passed = left - before, passed + before
                found.append((price, order.left, order))
            found += [(price, left, None)] if left else []
        return found

    def allowed(self, order, limit):
        """
        What an order trades, what its own account's orders lose instead, and what it loses itself.

        It looks no further than the order would have gone.
        """
        found, lost, own, left = [], [], 0, order.left
        for price, qty, maker in self.offers(order.is_buy, limit):
            if not left:
                break
            part = min(qty, left)
            if maker is None or maker.account != order.account or order.stp == "NONE":
                found.append((price, part, maker))
                left -= part
                continue
            theirs, ours = self.losses(order.stp, qty, left)
            lost.append((maker, theirs))
            own += ours
            left -= ours
        return found, lost, own

    @staticmethod
    def losses(stp, maker, taker):
        """What each of two orders loses that must not meet."""
        if stp in {"DECREMENT", "TRANSFER"}:
            return min(maker, taker), min(maker, taker)
        return (0 if stp == "EXPIRE_TAKER" else maker), (0 if stp == "EXPIRE_MAKER" else taker)

    def place(self, number, account, stp, is_buy, kind, qty=0, price=0, tif="GTC", stop=0, quote_qty=0):
        """A new order."""
        order = Paper(number, account, stp, is_buy, kind, qty, price, tif, stop)
        if stop:
            if self.last and (self.last >= stop if order.waits_above() else self.last <= stop):
                raise Refused
            order.state = "waiting"
            self.orders.append(order)
            self.waiting.append(order)
            return
        if quote_qty:
            order.left = self.lots(order, quote_qty)
            if not order.left:
                raise Refused
        if kind == "LIMIT_MAKER" and self.offers(is_buy, price):
            raise Refused
        self.orders.append(order)
        self.execute(order)
        self.run_stops()

    def execute(self, order):
        """Take what can be taken, then rest or expire."""
        street = self.asks if order.is_buy else self.bids
        offers, lost, own = self.allowed(order, order.price or (FAR if order.is_buy else 0))
        if order.tif == "FOK" and sum(qty for _, qty, _ in offers) < order.left:
            offers, lost, own = [], [], 0
        display = dict(street.displayed())
        for price, part, maker in offers:
            self.print(price)
            if maker is None:
                street.take(price, display[price], part)
                self.street_traded(not order.is_buy, price, part)
            else:
                self.fill(maker, price, part, is_maker=True)
            self.fill(order, price, part, is_maker=False)
        for maker, qty in lost:
            maker.left -= qty
            if not maker.left:
                self.cancel(maker.number)
        order.left -= own
        if order.left and order.price and order.tif == "GTC":
            self.join(order)
        else:
            order.state = "done"

    def lots(self, order, amount):
        """
        The most lots whose exact value at the offers stays within an amount.

        An own order that would end it stands for all that could still be bought there; so does the last of those that
        it ends when the book is at its end.
        """
        found, passed = [], None
        for price, qty, maker in self.offers(order.is_buy, FAR if order.is_buy else 0):
            own = maker is not None and maker.account == order.account and order.stp != "NONE"
            if own and self.most([*found, (price, FAR, None)], amount) <= sum(qty for _, qty, _ in found):
                return self.most(found, amount)
            passed = price if own else passed
            if not own or order.stp in {"DECREMENT", "TRANSFER"}:
                found.append((price, qty, None))
            elif order.stp != "EXPIRE_MAKER":
                found.append((price, FAR, None))
            if self.most(found, amount) < sum(qty for _, qty, _ in found):
                return self.most(found, amount)
        return self.most([*found, (passed, FAR, None)] if passed else found, amount)

    def most(self, offers, amount):
        """The most lots of some offers that an amount pays for."""
        total = sum(qty for _, qty, _ in offers)
        lots = 0
        while (lots + 1) * self.step <= total and _value(offers, (lots + 1) * self.step) <= amount:
            lots += 1
        return lots * self.step

    def cancel(self, number):
        """Whether there was something to cancel."""
        for order in self.orders:
            if order.number == number and order.state in {"resting", "waiting"}:
                order.state = "done"
                self.resting = [other for other in self.resting if other is not order]
                self.waiting = [other for other in self.waiting if other is not order]
                return True
        return False


def _value(offers, qty):
    value = Fraction(0)
    for price, available, _ in offers:
        part = min(available, qty)
        value += Fraction(price * part, SCALE)
        qty -= part
    return value
