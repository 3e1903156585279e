"""What has left memory answers as if it had not."""

from __future__ import annotations

import json
import os
import tempfile
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal.desk import Clock
from protocol.any_requests import BY_NAME, CROWDED, NAME, Maker
from protocol.signing_client import FILTERS, NOW, Client

import exec_plugin.journal.book as book_module
from exec_plugin.core.errors import JournalError, RequestRejected
from exec_plugin.core.orders import OPEN
from exec_plugin.core.units import parse_units
from exec_plugin.core.venue.state import NAMED
from exec_plugin.journal import Journal, open_store
from exec_plugin.journal.entries import dump, seal, unseal
from exec_plugin.journal.looking import look, verify

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
UNKNOWN = '{"code":-2011,"msg":"Unknown order sent."}'
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "newOrderRespType": "ACK"}
RESTING = {"type": "LIMIT", "timeInForce": "GTC", "price": "95"}
PAIR = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
    "belowType": "STOP_LOSS", "belowStopPrice": "90", "newOrderRespType": "ACK",
}  # fmt: skip
EXPIRING = {"selfTradePreventionMode": "EXPIRE_TAKER"}
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


TIMES = ({}, {"startTime": NOW + 2}, {"endTime": NOW + 4}, {"startTime": NOW + 1, "endTime": NOW + 3})
LIMITS = ({}, {"limit": 1}, {"limit": 3})


def about_lists(venue):
    """Whatever can be asked about order lists of the past."""
    ids = range(venue.lists.last_id + 2)
    for window, limit in product(TIMES, LIMITS):
        yield "allOrderLists", {**window, **limit}
    for first, limit in product(ids, LIMITS[1:]):
        yield "allOrderLists", {"fromId": first, **limit}
    for number in ids:
        yield "orderList.status", {"orderListId": number}
    for name in (*NAME, "paper_list_2", "paper_list_99999999999999999999"):
        yield "orderList.status", {"origClientOrderId": name}


def about_one(venue, symbol):
    """Whatever can be asked about single orders of the past."""
    for number in range(1, venue.order_id + 2):
        yield "order.status", {"symbol": symbol, "orderId": number}
        yield "order.amendments", {"symbol": symbol, "orderId": number}
        yield "myTrades", {"symbol": symbol, "orderId": number}
        yield "myTrades", {"symbol": symbol, "orderId": number, "fromId": 4, "limit": 2}
        yield "myPreventedMatches", {"symbol": symbol, "orderId": number}
        yield "myPreventedMatches", {"symbol": symbol, "orderId": number, "fromPreventedMatchId": 2, "limit": 1}
    for name in (*NAME, "paper_2", "paper_999999999999999999999999", "\0"):
        yield "order.status", {"symbol": symbol, "origClientOrderId": name}
    for number in range(1, 9):
        yield "myPreventedMatches", {"symbol": symbol, "preventedMatchId": number}


def about_many(venue, symbol):
    """Whatever can be asked about the orders and executions of a time."""
    for window, limit in product(TIMES, LIMITS):
        yield "allOrders", {"symbol": symbol, **window, **limit}
        yield "myTrades", {"symbol": symbol, **window, **limit}
        for first in (1, max(1, venue.order_id // 2), venue.order_id):
            yield "allOrders", {"symbol": symbol, "orderId": first, **window, **limit}
    for first, limit in product(range(1, 12, 3), LIMITS):
        yield "myTrades", {"symbol": symbol, "fromId": first, **limit}
    yield "myAllocations", {"symbol": symbol}


def questions(venue):
    """Whatever can be asked about the past: endpoints with their parameters."""
    yield from about_lists(venue)
    for symbol in SYMBOLS:
        yield from about_one(venue, symbol)
        yield from about_many(venue, symbol)
    for name in ("openOrders.status", "openOrderLists.status", "account.status"):
        yield name, {}


def compare(traders):
    """See that all of them answer all questions the same, and refuse to cancel what is over."""
    for name, params in questions(traders[0].venue):
        answers = [trader.hear(name, params) for trader in traders]
        assert answers.count(answers[0]) == len(answers), (name, params, answers)
        if name == "order.status" and not any(f'"status":"{state}"' in answers[0][1] for state in OPEN):
            answers = [trader.hear("order.cancel", params) for trader in traders]
            assert answers == [(400, UNKNOWN)] * len(answers), (params, answers)


def same_answers(url, seed, length, fold_at):
    """The same trading in memory, with a tiny window, and found again by somebody who opens the account later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "FOLD_AT", fold_at)
        patch.setattr(book_module, "KEPT", fold_at)
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


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 90), st.sampled_from([1, 3, 10]))
def test_same_answers(seed, length, fold_at):
    """Every question is answered alike, to the last byte, whether the past is in memory or not."""
    with tempfile.TemporaryDirectory() as folder:
        same_answers(f"sqlite:///{folder}/accounts.sqlite", seed, length, fold_at)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_same_answers_of_server(postgres, seed):
    """So on a server."""
    postgres.clear()
    same_answers(postgres.url, seed, 90, 3)


def grow(keeper, laps):
    """Let an account do what ends at once, many times: orders, pairs, amendments, fills and prevented matches."""
    for lap in range(laps):
        keeper.wait(1_000)
        keeper.book([("99", "9")], [("101", "9")])
        keeper.hear("order.place", {**ORDER, "type": "MARKET", "side": ("BUY", "SELL")[lap % 2]})
        keeper.hear("order.place", {**ORDER, **RESTING, "newClientOrderId": f"n{lap}"})
        keeper.hear(
            "order.amend.keepPriority", {"symbol": "BTCUSDT", "orderId": keeper.venue.order_id, "newQty": "0.5"}
        )
        keeper.hear("openOrders.cancelAll", {"symbol": "BTCUSDT"})
        keeper.hear("orderList.place.oco", {**PAIR, "listClientOrderId": f"l{lap}"})
        keeper.hear("orderList.cancel", {"symbol": "BTCUSDT", "orderListId": keeper.venue.lists.last_id})
        keeper.hear("order.place", {**ORDER, **RESTING, "side": "BUY", "price": "100"})
        keeper.hear("order.place", {**ORDER, **RESTING, "side": "SELL", "price": "100", **EXPIRING})
        keeper.hear("openOrders.cancelAll", {"symbol": "BTCUSDT"})


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    """An account that is written down, with a window of twenty records."""
    monkeypatch.setattr(book_module, "FOLD_AT", 20)
    monkeypatch.setattr(book_module, "KEPT", 20)
    made = Keeper(f"sqlite:///{tmp_path}/accounts.sqlite")
    yield made
    made.journal.close()


def test_bounded(keeper):
    """However long an account trades, what is in memory of its past stays as much as it was."""
    first = keeper.place(**{**ORDER, **RESTING, "price": "90"})
    sizes = []
    for _ in range(8):
        grow(keeper, 10)
        keeper.hear("order.place", {**ORDER, **RESTING, "price": "80"})
        sizes.append(keeper.in_memory)
    desk = keeper.account.desks["BTCUSDT"]
    assert max(sizes) < 120
    assert (len(desk.orders), len(desk.records), len(desk.prevented_matches)) == (8 * 61 + 1, 80, 80)
    assert len(desk.by_client_id) < 50
    assert len(keeper.account.lists_by_client_id) < 20
    assert len(keeper.journal._books[keeper.account.name].changes.places) < 10
    # it was cancelled long after its place had left memory
    assert keeper.ask("GET", "order", symbol="BTCUSDT", orderId=first["orderId"])["status"] == "CANCELED"


def test_open_ones_stay(keeper):
    """Open orders, and all orders of an open list, never leave."""
    keeper.place(**{**ORDER, **RESTING, "price": "90", "newClientOrderId": "mine"})
    keeper.ask("POST", "orderList/oco", **PAIR)
    for _ in range(80):
        placed = keeper.place(**{**ORDER, **RESTING, "price": "89"})
        keeper.hear("order.cancel", {"symbol": "BTCUSDT", "orderId": placed["orderId"]})
    desk = keeper.account.desks["BTCUSDT"]
    assert desk.orders.gone > 40
    assert set(desk.held) == set(desk.open) == {1, 2, 3}
    assert desk.orders[:3] == list(desk.open.values())
    assert desk.find(client_id="mine") is desk.open[1]
    assert keeper.account.find_list(1).legs == [desk.open[2], desk.open[3]]


def test_names(keeper):
    """The latest order of a client id answers to it; who gave it up no longer, and the one before does again."""

    def place(name):
        placed = keeper.place(**{**ORDER, **RESTING, "price": "90", "newClientOrderId": name})
        return placed["orderId"]

    def named(name):
        found = json.loads(keeper.hear("order.status", {"symbol": "BTCUSDT", "origClientOrderId": name})[1])
        return found.get("orderId")

    def cancel(number):
        keeper.hear("order.cancel", {"symbol": "BTCUSDT", "orderId": number})

    old = place("x")
    cancel(old)
    renamed = place("x")
    params = {"symbol": "BTCUSDT", "orderId": renamed, "newQty": "0.5", "newClientOrderId": "y"}
    for _ in range(2):
        assert named("x") in (old, renamed)
        keeper.hear("order.amend.keepPriority", params)
    assert (named("x"), named("y")) == (old, renamed)
    for _ in range(40):
        cancel(place("z"))
    assert keeper.account.desks["BTCUSDT"].orders.gone > renamed
    assert (named("x"), named("y")) == (old, renamed)
    again = place("x")
    cancel(again)
    for _ in range(40):
        cancel(place("z"))
    assert (named("x"), named("y"), named("?")) == (again, renamed, None)


@pytest.mark.parametrize(("name", "params"), [
    ("order.status", {"symbol": "BTCUSDT", "orderId": 1}),
    ("order.cancel", {"symbol": "BTCUSDT", "origClientOrderId": "n1"}),
    ("allOrders", {"symbol": "BTCUSDT", "orderId": 1}),
    ("myTrades", {"symbol": "BTCUSDT", "fromId": 1}),
    ("myPreventedMatches", {"symbol": "BTCUSDT", "preventedMatchId": 1}),
    ("allOrderLists", {"fromId": 1}),
    ("orderList.status", {"origClientOrderId": "l1"}),
])  # fmt: skip
def test_unreadable(keeper, monkeypatch, name, params):
    """What cannot be read at the moment is Binance's -1001, and when the database is back all goes on."""
    grow(keeper, 20)
    keeper.place(**{**ORDER, **RESTING, "price": "90"})
    keeper.settle()
    before = keeper.hear(name, params)
    with monkeypatch.context() as patch:
        patch.setattr(keeper.store.backend, "run", failing)
        reply = keeper.send(BY_NAME[name].method, BY_NAME[name].path, params)
        assert (reply.status, json.loads(reply.text)["code"]) == (503, -1001)
        assert not keeper.journal.settle()
    keeper.seconds.now += 5
    keeper.settle()
    assert keeper.hear(name, params) == before
    assert len(keeper.account.open_orders) == 1


def failing(*_):
    """A database that is out of reach."""
    raise JournalError("the disk is gone")


@pytest.mark.parametrize("sql", [
    "DELETE FROM orders WHERE id = 2",
    "UPDATE orders SET state = 'x' WHERE id = 2",
    "UPDATE orders SET state = substr(state, 1, 40) WHERE id = 2",
])  # fmt: skip
def test_damaged(keeper, caplog, sql):
    """A record that is not there, or not what was written, is told to who asks for it; the others go on."""
    grow(keeper, 20)
    keeper.store.backend.run(sql)
    caplog.clear()
    reply = keeper.send("GET", "allOrders", {"symbol": "BTCUSDT", "orderId": 1, "limit": 5})
    assert (reply.status, json.loads(reply.text)["code"]) == (503, -1001)
    assert "exec-plugin account verify" in caplog.text
    keeper.settle()
    last = keeper.venue.order_id
    assert len(keeper.ask("GET", "allOrders", symbol="BTCUSDT", orderId=last - 49)) == 50


def test_verify(keeper):
    """Who verifies an account is told of a record that is missing, though nothing else depends on it."""
    grow(keeper, 20)
    (row,) = keeper.store.rows()
    assert verify(look(keeper.store, row)) == []
    keeper.store.backend.run("DELETE FROM orders WHERE id = 2")
    assert verify(look(keeper.store, row)) == ["orders of BTCUSDT: 1 are missing"]


def test_fork(keeper, monkeypatch):
    """A database that was opened before a fork is not asked after it."""
    grow(keeper, 20)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 0)
        with pytest.raises(RequestRejected, match="after the fork"):
            keeper.account.desks["BTCUSDT"].find(1)


def aged(url):
    """Make a database what it was before places, names and times stood in it."""
    store = open_store(url, "off")
    backend = store.backend
    for name in ("orders_by_place", "orders_by_name", "orders_open", "lists_by_name", "lists_by_time", "lists_open"):
        backend.run(f"DROP INDEX {name}")
    for table, column in (("orders", "n"), ("orders", "named"), ("lists", "time")):
        backend.run(f"ALTER TABLE {table} DROP COLUMN {column}")
    for account, number, text in backend.run("SELECT account, id, state FROM orders"):
        older = seal(dump(unseal(text)[:NAMED]))
        backend.run("UPDATE orders SET state = ? WHERE account = ? AND id = ?", (older, account, number))
    for number, text in backend.run("SELECT id, state FROM accounts"):
        numbers = {name: value for name, value in unseal(text).items() if name != "names"}
        backend.run("UPDATE accounts SET state = ? WHERE id = ?", (seal(dump(numbers)), number))
    for table in ("doors", "events", "listeners"):
        backend.run(f"DROP TABLE {table}")
    backend.run("PRAGMA user_version = 1" if url.startswith("sqlite") else "UPDATE version SET version = 1")
    store.close()


def test_older_tables(url, monkeypatch):
    """A database of version 1 is brought up to date, and answers as it would have."""
    monkeypatch.setattr(book_module, "FOLD_AT", 7)
    monkeypatch.setattr(book_module, "KEPT", 7)
    memory, keeper = Trader(), Keeper(url)
    trade((memory, keeper), 5, 60)
    for symbol, trader in product(SYMBOLS, (memory, keeper)):
        trader.hear("openOrders.cancelAll", {"symbol": symbol})
    grow(memory, 3)
    grow(keeper, 3)
    keeper.journal.close()
    # whatever entries there are is folded
    Keeper(url).journal.close()
    before = rows(url)
    aged(url)
    again = Keeper(url)
    again.exchange.clock(advance=memory.venue.now - again.venue.now)
    again.gateway.client_ids = memory.gateway.client_ids
    compare((memory, again))
    latest = again.place(**{**ORDER, **RESTING, "price": "90", "newClientOrderId": "n1"})["orderId"]
    again.hear("order.cancel", {"symbol": "BTCUSDT", "orderId": latest})
    assert again.account.desks["BTCUSDT"].find(client_id="n1").id == latest
    again.journal.close()
    assert rows(url)["orders"][: len(before["orders"])] == before["orders"]
    assert rows(url)["lists"] == before["lists"]


def rows(url):
    """What the columns of the past say."""
    store = open_store(url, "off", read_only=True)
    found = {
        "orders": store.backend.run("SELECT id, symbol, n, client_id FROM orders ORDER BY id"),
        "lists": store.backend.run("SELECT id, time FROM lists ORDER BY id"),
    }
    store.close()
    return found
