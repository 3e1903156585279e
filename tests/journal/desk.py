"""A small market whose accounts are written down, and a picture of all that has to outlive it."""

from __future__ import annotations

from exec_plugin.core.errors import ExecPluginError, JournalError
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import parse_units
from exec_plugin.core.venue import Venue
from exec_plugin.core.venue.chronicle import Chronicle
from exec_plugin.core.venue.state import TURN, list_state, order_state
from exec_plugin.journal import Journal, open_store

NAME = "BTCUSDT"
FUNDS = {"USDT": parse_units("100000"), "BTC": parse_units("10")}


class Numbering:
    """Somebody else who numbers, and counts nothing."""

    client_ids = 0

    def order_use(self, account):
        """Nothing."""
        return {}

    def resume_order_use(self, account, told):
        """Nothing was told."""
        assert not told


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Kept:
    """A venue with a book around 100 and a journal, opened with some accounts."""

    def __init__(
        self, url, *names, symbols=(NAME,), book=("100", "101"), durability="off", store=None, funds=FUNDS, missed=()
    ):
        self.clock = Clock()
        self.venue = Venue([default_symbol(name, min_notional="0") for name in symbols], now=1_000)
        self.numbering = Numbering()
        if book:
            for name in symbols:
                self.show(*book, name=name)
        self.store = open_store(url, durability) if store is None else store
        for number, price, qty, taker_is_seller in missed:
            self.venue.trade(NAME, parse_units(price), parse_units(qty), taker_is_seller, number)
        self.chronicle = Chronicle()
        self.venue.listeners.append(self.chronicle)
        self.journal = Journal(
            self.store, "test", self.venue, self.numbering, chronicle=self.chronicle, clock=self.clock,
            catches_up=bool(missed),
        )  # fmt: skip
        try:
            self.journal.open(dict.fromkeys(names or ("alice",), funds))
        except ExecPluginError:
            self.store.close()
            raise
        self.account = self.venue.accounts[(names or ("alice",))[0]]

    def show(self, bid="100", ask="101", qty="5", name=NAME):
        """Show a whole book of one level a side."""
        levels = parse_units(qty)
        self.venue.book(name, {parse_units(bid): levels}, {parse_units(ask): levels})

    def place(self, side, kind, qty="1", price="0", *, account=None, name=NAME, **options):
        """Place an order."""
        amounts = {key: parse_units(value) if isinstance(value, str) and value[:1].isdigit() else value
                   for key, value in options.items()}  # fmt: skip
        owner = self.venue.accounts[account] if account else self.account
        return self.venue.place(owner, name, side == "buy", kind, parse_units(qty), parse_units(price), **amounts)

    def settle(self, seconds=0.0):
        """Let time pass and write down what has changed."""
        self.clock.now += seconds
        return self.journal.settle()

    def crash(self):
        """End without a word: nothing more is written."""
        self.store.close()


def picture(venue):
    """All that a restart must not change."""
    return {name: _account(account) for name, account in venue.accounts.items()} | {
        "ids": (venue.order_id, venue.lists.last_id, venue.outbox.seq),
        "matches": {name: market.match_id for name, market in venue.markets.items()},
        "queues": {
            (name, is_buy): {price: [order.id for order in level] for price, level in side.levels.items()}
            for name, market in venue.markets.items()
            for is_buy, side in ((True, market.buys), (False, market.sells))
        },
    }


def _account(account):
    return {
        "balances": {
            asset: (held.free, held.locked, held.fees)
            for asset, held in sorted(account.balances.items())
            if held.free or held.locked or held.fees
        },
        "numbers": (account.updated, account.first_takes, account.first_makes),
        "lists": [_plain(list_state(group)) for group in account.some_lists(1_000_000)],
        "open lists": [group.id for group in account.open_lists],
        "desks": {symbol: _desk(desk) for symbol, desk in sorted(account.desks.items()) if desk.orders},
    }


def _desk(desk):
    return {
        "orders": [_order(order) for order in desk.orders],
        "open": sorted(desk.open),
        "lists": sorted(desk.lists),
        "named": {order.given_id: desk.find(client_id=order.given_id).id for order in desk.orders if order.given_id},
        "fills": [tuple(record) for record in desk.records],
        "prevented": [tuple(match) for match in desk.prevented_matches],
        "numbers": (desk.algo_open, desk.net_base, desk.net_quote),
    }


def _order(order):
    state = _plain(order_state(order))
    state[TURN] = None
    return state


def _plain(value):
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


class Failing:
    """A backend whose disk is full when a test says so."""

    def __init__(self, backend):
        self._backend = backend
        self.is_full = False
        self.tries = 0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def run(self, sql, params=()):
        """Fail to write."""
        if self.is_full and not sql.startswith("SELECT"):
            self.tries += 1
            raise JournalError("disk full; make room on the disk")
        return self._backend.run(sql, params)

    def commit(self):
        """Fail at the last moment."""
        if self.is_full:
            self._backend.roll_back()
            raise JournalError("disk full; make room on the disk")
        self._backend.commit()
