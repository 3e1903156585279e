"""What has left memory answers as if it had not."""

from __future__ import annotations

import tempfile
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal.desk import Clock
from protocol.any_requests import BY_NAME, CROWDED, NAME, Maker
from protocol.signing_client import FILTERS, NOW, Client

import exec_plugin.journal.books as books_module
from exec_plugin.core.units import parse_units
from exec_plugin.journal import Journal, open_store

#: What these tests do most: what ends soon.
ASKED = (
    *("order.place",) * 12, *("orderList.place.oco", "orderList.place.otoco", "orderList.place.opo") * 2,
    *("order.amend.keepPriority", "order.cancel", "order.cancelReplace") * 4, "openOrders.cancelAll",
    "orderList.cancel",
)  # fmt: skip
SYMBOLS = ("BTCUSDT", "LTCBTC")
MARKET = {
    **CROWDED,
    "symbols": [{**CROWDED["symbols"][0], "filters": FILTERS}, CROWDED["symbols"][1]],
    "exchangeFilters": [],
    "assetFilters": [],
}
FUNDS = {"USDT": "1000000", "BTC": "10000", "BNB": "1", "LTC": "1000"}


class Trader(Client):
    """An account on a crowded market, in memory."""

    def __init__(self):
        super().__init__(**{**MARKET, "balances": FUNDS, "limits": False})
        self.gateway.limits.weights.clear()
        self.gateway.limits.requests.clear()
        self.gateway.limits.orders.clear()
        self.trade("100")

    def hear(self, name, params):
        """The whole answer to a request."""
        endpoint = BY_NAME[name]
        reply = self.send(endpoint.method, endpoint.path, params)
        self.settle()
        return reply.status, reply.text

    def settle(self):
        """Nothing is written down."""


class Keeper(Trader):
    """The same, written down; what is over leaves memory at once."""

    def __init__(self, url):
        super().__init__()
        self.seconds = Clock()
        self.store = open_store(url, "off")
        self.journal = Journal(self.store, "test", self.venue, self.gateway, clock=self.seconds)
        self.journal.open({self.account.name: {asset: parse_units(amount) for asset, amount in FUNDS.items()}})

    def settle(self):
        """Write down what has changed."""
        assert self.journal.settle()

    @property
    def in_memory(self):
        """How many records and lists of the past are in memory."""
        desks = self.account.desks.values()
        kept = [
            (order for order in desk.in_memory() if order.is_over) for desk in desks
        ] + [desk.records.here for desk in desks]  # fmt: skip
        return sum(len(list(each)) for each in kept) + sum(not group.is_open for group in self.account.lists)


def trade(traders, seed, length):
    """Let all of them do the same, at random, and see that they are answered the same."""
    maker = Maker(seed)
    for _ in range(length):
        venue = traders[0].venue
        maker.ids = [str(max(1, venue.order_id - maker.rng.randrange(6))) for _ in range(3)]
        kind = maker.rng.randrange(8)
        if kind == 0:
            event = maker.event()
            for trader in traders:
                trader.exchange.market([{**event, "symbol": "BTCUSDT"}])
                trader.settle()
        elif kind == 1:
            span = maker.rng.randrange(3)
            for trader in traders:
                trader.wait(span)
        else:
            name = maker.pick(ASKED)
            params = maker.sensible(name) | {"symbol": "LTCBTC" if maker.sometimes(9) else "BTCUSDT"}
            answers = [trader.hear(name, params) for trader in traders]
            assert answers.count(answers[0]) == len(answers), (name, params)


def questions(venue):
    """Whatever can be asked about the past: endpoints with their parameters."""
    ids = range(1, venue.order_id + 2)
    times = [{}, {"startTime": NOW + 2}, {"endTime": NOW + 4}, {"startTime": NOW + 1, "endTime": NOW + 3}]
    limits = [{}, {"limit": 1}, {"limit": 3}]
    starts = (1, max(1, venue.order_id // 2), venue.order_id)
    for window, limit in product(times, limits):
        yield "allOrderLists", {**window, **limit}
    for first, limit in product(range(venue.lists.last_id + 2), limits[1:]):
        yield "allOrderLists", {"fromId": first, **limit}
    for number in range(venue.lists.last_id + 2):
        yield "orderList.status", {"orderListId": number}
        yield "orderList.cancel", {"symbol": "BTCUSDT", "orderListId": number}
    for name in (*NAME, "paper_list_2"):
        yield "orderList.status", {"origClientOrderId": name}
    for symbol in SYMBOLS:
        for number in ids:
            yield "order.status", {"symbol": symbol, "orderId": number}
            yield "order.amendments", {"symbol": symbol, "orderId": number}
            yield "myTrades", {"symbol": symbol, "orderId": number}
            yield "myTrades", {"symbol": symbol, "orderId": number, "fromId": 4, "limit": 2}
            yield "myPreventedMatches", {"symbol": symbol, "orderId": number}
            yield "myPreventedMatches", {"symbol": symbol, "orderId": number, "fromPreventedMatchId": 2, "limit": 1}
        for name in (*NAME, "paper_2", "paper_999999999999999999999999", "\ud800", "\0"):
            yield "order.status", {"symbol": symbol, "origClientOrderId": name.encode(errors="replace").decode()}
        for number in range(1, 9):
            yield "myPreventedMatches", {"symbol": symbol, "preventedMatchId": number}
        for window, limit in product(times, limits):
            yield "allOrders", {"symbol": symbol, **window, **limit}
            yield "myTrades", {"symbol": symbol, **window, **limit}
            for first in starts:
                yield "allOrders", {"symbol": symbol, "orderId": first, **window, **limit}
        for first, limit in product(range(1, 12, 3), limits):
            yield "myTrades", {"symbol": symbol, "fromId": first, **limit}
        yield "myAllocations", {"symbol": symbol}
    for name in ("openOrders.status", "openOrderLists.status", "account.status"):
        yield name, {}


def compare(traders):
    """See that all of them answer all questions the same."""
    for name, params in questions(traders[0].venue):
        if name == "orderList.cancel" and traders[0].account.find_list(params["orderListId"]) in (
            traders[0].account.open_lists
        ):
            continue
        answers = [trader.hear(name, params) for trader in traders]
        assert answers.count(answers[0]) == len(answers), (name, params, answers)


def same_answers(url, seed, length, fold_at):
    """The same trading in memory, with a tiny window, and found again by somebody who opens the account later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(books_module, "FOLD_AT", fold_at)
        patch.setattr(books_module, "KEPT", fold_at)
        memory, keeper = Trader(), Keeper(url)
        trade((memory, keeper), seed, length)
        compare((memory, keeper))
        # the market of who comes later is another one, and would meet what is open
        for symbol, trader in product(SYMBOLS, (memory, keeper)):
            trader.hear("openOrders.cancelAll", {"symbol": symbol})
        keeper.journal.close()
        again = Keeper(url)
        again.exchange.clock(advance=memory.venue.now - again.venue.now)
        again.gateway.client_ids = memory.gateway.client_ids
        compare((memory, again))
        again.journal.close()
    return keeper


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 120), st.sampled_from([1, 3, 10]))
def test_same_answers(seed, length, fold_at):
    """Every question is answered alike, to the last byte, whether the past is in memory or not."""
    with tempfile.TemporaryDirectory() as folder:
        same_answers(f"sqlite:///{folder}/accounts.sqlite", seed, length, fold_at)
