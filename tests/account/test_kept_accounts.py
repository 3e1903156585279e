"""Accounts of a process that are kept: what is there again, and where the market goes on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from journal.desk import Clock as Seconds
from journal.desk import Failing, picture
from protocol.signing_client import form

from exec_plugin.account import House, PaperAccount, PaperExchange, Settings
from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.events import QUOTE
from exec_plugin.core.matching import Market
from exec_plugin.core.tape import Tape
from exec_plugin.core.units import SCALE, parse_units
from exec_plugin.core.venue import state
from exec_plugin.journal import Journal, books, open_store
from exec_plugin.journal.books import NOTE_EVERY, RETRY_AFTER
from exec_plugin.journal.store import Store

START = 1_767_614_400_000
FUNDS = {"USDT": "100000", "BTC": "1"}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


class Clock:
    """A wall clock that goes when told."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def start(tmp_path):
    """Opens exchanges over the same file; each one ends without a word when the next one comes."""
    opened = []
    clock = Clock()

    def open_one(name="default", **settings):
        for former in opened:
            former.exchange.journal.store.close()
            former.exchange.journal = None
        url = f"sqlite:///{tmp_path}/accounts.sqlite"
        exchange = PaperExchange(Settings.read({"db_url": url, "symbols": "BTCUSDT", **settings}), clock)
        exchange.open_accounts({name: FUNDS})
        account = PaperAccount(exchange, exchange.venue.accounts[name], None)
        opened[:] = [account]
        return account

    open_one.clock = clock
    yield open_one
    for last in opened:
        last.exchange.close()


def ask(account, method="GET", path="/api/v3/openOrders", **params):
    """The JSON of a request."""
    query = form({**params, "timestamp": account.milliseconds(), "signature": "x"})
    reply = account.request(method, f"{path}?{query}", {"X-MBX-APIKEY": "x"}, None)
    assert reply.status == 200, reply.text
    return json.loads(reply.text)


def test_again(start):
    """An order is there again, and its number is not given twice."""
    ask(start(), "POST", "/api/v3/order", **ORDER, price="50000")
    again = start()
    assert [order["orderId"] for order in ask(again)] == [1]
    assert ask(again, "POST", "/api/v3/order", **ORDER, price="50000")["orderId"] == 2
    assert again.account.balances["USDT"].locked == parse_units("1000")


def test_memory_unless_said():
    """Without a db_url nothing is kept."""
    exchange = PaperExchange(Settings.read({"symbols": "BTCUSDT"}), Clock())
    assert exchange.journal is None
    assert exchange.settle()
    exchange.close()


def test_market_by_itself(start):
    """What the market does to an order is written down although nobody asks."""
    account = start()
    last = account.exchange.venue.markets["BTCUSDT"].bid
    price = str(last // 10**8)
    ask(account, "POST", "/api/v3/order", **ORDER, price=price)
    for _ in range(5000):
        start.clock.now += 500
        account.exchange.catch_up()
        if not account.account.open_orders:
            break
    filled = account.account.desks["BTCUSDT"].fills
    assert filled
    assert start().account.desks["BTCUSDT"].fills == filled


def test_made_up_market(start):
    """A made-up market is found where it was left, although the machine was off for a while."""
    account = start()
    journal = account.exchange.journal
    seconds = [0.0]
    journal._clock = lambda: seconds[0]
    journal._noted = 0.0
    for _ in range(200):
        start.clock.now += 60_000
        account.exchange.catch_up()
    seconds[0] += NOTE_EVERY
    account.exchange.settle()
    left = account.exchange.venue.markets["BTCUSDT"].last
    start.clock.now += 3_600_000
    found = start().exchange.venue.markets["BTCUSDT"].last
    assert abs(found - left) <= left // 2000
    assert found != PaperExchange(Settings.read({"symbols": "BTCUSDT"}), start.clock).venue.markets["BTCUSDT"].last


def test_replay_goes_on(start):
    """A replay goes on at the moment of the last entry, with the market as it was then."""
    account = start(speed="max")
    account.sleep_plan(90_000)
    before = ask(account, "POST", "/api/v3/order", **ORDER, price="50000")["transactTime"]
    market = account.exchange.venue.markets["BTCUSDT"]
    seen = (market.last, market.bid, market.ask)
    again = start(speed="max")
    market = again.exchange.venue.markets["BTCUSDT"]
    assert again.exchange.venue.now == before
    assert (market.last, market.bid, market.ask) == seen


def test_fast_clock(start):
    """A market whose clock is faster than the wall's goes on from its own time."""
    account = start(speed="60")
    start.clock.now += 60_000
    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    left = account.milliseconds()
    assert left == START + 3_600_000
    again = start(speed="60")
    assert again.milliseconds() >= left
    start.clock.now += 1000
    assert again.milliseconds() == left + 60_000


def test_clock_back(start):
    """A wall clock that was put back breaks nothing; numbers still rise."""
    ask(start(), "POST", "/api/v3/order", **ORDER, price="50000")
    start.clock.now -= 86_400_000
    again = start()
    assert ask(again, "POST", "/api/v3/order", **ORDER, price="50000")["orderId"] == 2
    assert [order["orderId"] for order in ask(again)] == [1, 2]


def test_markets_apart(start):
    """Accounts of the same name on different markets are different accounts."""
    ask(start(seed=1), "POST", "/api/v3/order", **ORDER, price="50000")
    assert ask(start(seed=2)) == []
    assert len(ask(start(seed=1))) == 1


def test_one_process(tmp_path):
    """Another house, as of another process, is told who has the account."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/a.sqlite", "symbols": "BTCUSDT"})
    first, second = House(), House()
    first.exchange(settings).open_account("default", FUNDS)
    with pytest.raises(JournalError, match="in use by process"):
        second.exchange(settings).open_account("default", FUNDS)
    # the same house shares it
    first.exchange(settings).open_account("default", FUNDS)
    first.clear()
    second.exchange(settings).open_account("default", FUNDS)
    second.clear()


def test_process_that_ends_well(tmp_path):
    """A script that simply ends leaves its market noted and its account free."""
    url = f"sqlite:///{tmp_path}/a.sqlite"
    script = (
        "import exec_plugin, ccxt; exec_plugin.install();"
        f"exchange = ccxt.binancepaper({{'options': {{'paper': {{'db_url': {url!r}, 'symbols': 'BTCUSDT'}}}}}});"
        "print(exchange.create_order('BTC/USDT', 'limit', 'buy', 0.001, 50000)['id'])"
    )
    told = [subprocess.check_output([sys.executable, "-W", "error", "-c", script], text=True) for _ in range(2)]
    assert told == ["1\n", "2\n"]
    store = open_store(url)
    assert store.market("synthetic 0")["prices"]["BTCUSDT"] > 0
    assert not store.backend.is_claimed(store.rows()[0].id)
    store.close()


def full(*_):
    """What cannot be written."""
    raise JournalError("full")


def test_trades_until_the_end(tmp_path):
    """What a thread asks while the process ends, when accounts are closed already, is refused: nobody could write it down."""
    url = f"sqlite:///{tmp_path}/a.sqlite"
    script = f"""
import atexit, ccxt, exec_plugin

def place():
    try:
        print(exchange.create_order('BTC/USDT', 'limit', 'buy', 0.001, 50000)['id'])
    except ccxt.BaseError as error:
        print(error)

atexit.register(place)
exec_plugin.install()
exchange = ccxt.binancepaper({{'options': {{'paper': {{'db_url': {url!r}, 'symbols': 'BTCUSDT'}}}}}})
place()
"""
    told = subprocess.check_output([sys.executable, "-W", "error", "-c", script], text=True).splitlines()
    assert told[0] == "1"
    assert "-1001" in told[1]


def test_lost(start, monkeypatch):
    """A request whose effects cannot be written down is answered with -1001."""
    account = start()
    monkeypatch.setattr(account.exchange.journal.store, "append", full)
    query = form({**ORDER, "price": "50000", "timestamp": account.milliseconds(), "signature": "x"})
    reply = account.request("POST", f"/api/v3/order?{query}", {"X-MBX-APIKEY": "x"}, None)
    assert (reply.status, json.loads(reply.text)["code"]) == (503, -1001)


def public(account, path="/api/v3/ticker/price"):
    """The status of a request that tells of no account."""
    return account.request("GET", f"{path}?symbol=BTCUSDT", {}, None).status


def test_market_fills(start):
    """Who asks for market data gets it although the market fills an order of his that cannot be written down: it did not."""
    account = start(feed="push")
    exchange = account.exchange
    exchange.journal._clock = clock = Seconds()
    disk = exchange.journal.store.backend = Failing(exchange.journal.store.backend)
    told = []
    exchange.feed.push((QUOTE, START, "BTCUSDT", 50_000 * SCALE, SCALE, 50_010 * SCALE, SCALE))
    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    exchange.gateway.user_data.subscribe("default", lambda event: told.append(event.get("x")))
    disk.is_full = True
    exchange.feed.push((QUOTE, START, "BTCUSDT", 49_000 * SCALE, SCALE, 49_010 * SCALE, SCALE))
    assert public(account) == 200
    assert exchange.journal.failure
    query = form({"symbol": "BTCUSDT", "timestamp": account.milliseconds(), "signature": "x"})
    reply = account.request("GET", f"/api/v3/openOrders?{query}", {"X-MBX-APIKEY": "x"}, None)
    assert (reply.status, json.loads(reply.text)["code"]) == (503, -1001)
    assert (public(account), told) == (200, [])
    disk.is_full = False
    clock.now += RETRY_AFTER
    assert public(account) == 200
    # the book that it is put back to is one that it trades with
    assert [order["status"] for order in ask(account, path="/api/v3/allOrders", symbol="BTCUSDT")] == ["FILLED"]
    assert "TRADE" in told


def test_note_fails(start, monkeypatch):
    """Nor does market data wait for where the market is to be noted, when that is what cannot be written down first."""
    account = start()
    journal = account.exchange.journal
    now = journal._noted + NOTE_EVERY
    monkeypatch.setattr(journal, "_clock", lambda: now)
    monkeypatch.setattr(journal.store, "note_market", full)
    start.clock.now += 1000
    assert public(account) == 200
    assert journal.failure
    assert [public(account, "/api/v3/depth"), public(account, "/api/v3/order")] == [200, 503]


def test_interrupted(start, monkeypatch):
    """Where Ctrl-C meets an order that is being written down nobody is told of it, and the bot can clean up at once."""
    account = start()
    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    told = []
    account.exchange.gateway.user_data.subscribe("default", lambda event: told.append(event["e"]))
    with monkeypatch.context() as patch:
        patch.setattr(account.exchange.journal.store, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ask(account, "POST", "/api/v3/order", **ORDER, price="50001")
    assert [order["orderId"] for order in ask(account)] == [1]
    assert told == []
    ask(account, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert "executionReport" in told
    again = start()
    assert ask(again) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_interrupted_within(start, monkeypatch, error):
    """What is interrupted while it trades, by Ctrl-C or by a plugin's mistake, has not happened, and nothing of it is left."""
    account = start()
    exchange = account.exchange
    market = exchange.venue.markets["BTCUSDT"]
    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    before, told, times = picture(exchange.venue), [], []
    exchange.gateway.user_data.subscribe("default", lambda event: told.append(event["e"]))
    cut = Tape.cut

    def interrupted(tape):
        cut(tape)
        times.append(1)
        if len(times) == 2:
            raise error

    with monkeypatch.context() as patch:
        # after the fill, before the order is said to be filled
        patch.setattr(Tape, "cut", interrupted)
        with pytest.raises(error):
            ask(account, "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    after = picture(exchange.venue)
    # numbers are not given again
    assert {**after, "ids": before["ids"]} == before
    assert after["ids"] > before["ids"]
    assert told == []
    assert exchange.settle()
    assert ask(account, "POST", "/api/v3/order", **ORDER, price="50001")["status"] == "NEW"
    assert len(market.buys.levels) == 2
    assert len(ask(start())) == 2


def test_interrupted_fill(start, monkeypatch):
    """What the market does with orders that were just put back is told like anything else."""
    account = start(feed="push")
    exchange = account.exchange
    exchange.feed.push((QUOTE, START, "BTCUSDT", 50_000 * SCALE, SCALE, 50_010 * SCALE, SCALE))
    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    told, fill, times = [], Market._maker_fill, []
    exchange.gateway.user_data.subscribe("default", lambda event: told.append(event.get("x")))

    def interrupted(*args):
        fill(*args)
        times.append(1)
        if len(times) == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(Market, "_maker_fill", interrupted)
    exchange.feed.push((QUOTE, START, "BTCUSDT", 49_990 * SCALE, SCALE, 49_995 * SCALE, SCALE))
    with pytest.raises(ZeroDivisionError):
        ask(account)
    assert ask(account) == []
    assert told == ["TRADE", None]


@pytest.mark.parametrize(
    ("where", "place"), [(Journal, "_await"), (books, "clear"), (Journal, "_load"), (state, "_rest")]
)
def test_interrupted_twice(start, monkeypatch, where, place):
    """Who presses Ctrl-C once more while an account is read back finds it as it was written down all the same."""
    account = start()
    exchange = account.exchange
    journal = exchange.journal
    journal._clock = lambda: 0.0
    for price in ("50000", "50001"):
        ask(account, "POST", "/api/v3/order", **ORDER, price=price)
    before, told, act = picture(exchange.venue), [], getattr(where, place)
    exchange.gateway.user_data.subscribe("default", lambda event: told.append(event["e"]))

    def interrupted(*_):
        raise KeyboardInterrupt

    def interrupted_again(*args):
        act(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Tape, "cut", interrupted)
        patch.setattr(where, place, interrupted_again)
        with pytest.raises(KeyboardInterrupt):
            ask(account, "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    journal._clock = lambda: RETRY_AFTER
    assert exchange.settle()
    assert {**picture(exchange.venue), "ids": before["ids"]} == before
    assert told == []
    ask(account, "POST", "/api/v3/order", **ORDER, price="50002")
    assert [order["price"][:5] for order in ask(start())] == ["50000", "50001", "50002"]


@pytest.mark.parametrize(
    ("where", "place"),
    [(Store, "claim"), (Journal, "_claim"), (Journal, "_load"), (state, "_rest")],
)
def test_interrupted_opening(start, tmp_path, monkeypatch, where, place):
    """An account whose opening Ctrl-C interrupted can be opened again, and its orders are in the market then."""
    account = start()
    for price in ("50000", "50001"):
        ask(account, "POST", "/api/v3/order", **ORDER, price=price)
    before, act = picture(account.exchange.venue), getattr(where, place)
    account.exchange.close()
    settings = {"db_url": f"sqlite:///{tmp_path}/accounts.sqlite", "symbols": "BTCUSDT"}
    exchange = PaperExchange(Settings.read(settings), start.clock)

    def interrupted(*args):
        act(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, place, interrupted)
        with pytest.raises(KeyboardInterrupt):
            exchange.open_accounts({"default": FUNDS})
    exchange.open_accounts({"default": FUNDS})
    assert {**picture(exchange.venue), "ids": before["ids"]} == before
    assert len(ask(PaperAccount(exchange, exchange.venue.accounts["default"], None))) == 2
    exchange.close()


def test_other_books(start):
    """A book that the orders of an account leave and come back to has another id each time."""
    account = start()
    exchange = account.exchange

    def look():
        return json.loads(exchange.gateway.handle("GET", "/api/v3/depth?symbol=BTCUSDT&limit=5000", {}).text)

    ask(account, "POST", "/api/v3/order", **ORDER, price="50000")
    before = look()
    assert look() == before
    exchange.journal._give_up("the disk is full")
    without = look()
    assert without["bids"] != before["bids"]
    exchange.journal._clock = lambda: exchange.journal._failed_at + RETRY_AFTER
    assert exchange.settle()
    again = look()
    assert again["bids"] == before["bids"]
    assert before["lastUpdateId"] < without["lastUpdateId"] < again["lastUpdateId"]


def test_interrupted_beginning(start, monkeypatch):
    """The same where the commit would have been left to another thread."""
    exchange = start().exchange
    account, log = exchange.venue.accounts["default"], []
    monkeypatch.setattr(exchange.journal.store, "begin", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    exchange.venue.place(account, "BTCUSDT", True, "LIMIT", parse_units("0.01"), parse_units("50000"))
    exchange.gateway.departures.leave(lambda: log.append("happened"), lambda: log.append("not"))
    with pytest.raises(KeyboardInterrupt):
        exchange.start_settling()
    assert log == ["not"]
    assert account.open_orders == []
    assert exchange.settle()


def test_open_again(start, monkeypatch):
    """Once accounts can be written down again their requests are answered, also while the market goes on changing them."""
    served = start()
    exchange = served.exchange
    now = [0.0]
    monkeypatch.setattr(exchange.journal, "_clock", lambda: now[0])
    with monkeypatch.context() as patch:
        patch.setattr(exchange.journal.store, "begin", lambda *_: (_ for _ in ()).throw(JournalError("full")))
        exchange.gateway.user_data.chronicle.begin("default")
        assert exchange.start_settling() is None
    now[0] += RETRY_AFTER
    exchange.journal._chronicle.has_begun = True
    assert exchange.start_settling() is not None
    exchange.venue.place(
        exchange.venue.accounts["default"], "BTCUSDT", True, "LIMIT", parse_units("0.01"), parse_units("50000")
    )
    exchange.finish_settling()
    assert exchange.is_dirty
    assert not exchange.gateway.is_shut


@pytest.mark.parametrize(("given", "told"), [({"db_url": "file.sqlite"}, "sqlite:///path/to/file"),
                                             ({"durability": "max"}, "full, normal, off")])  # fmt: skip
def test_settings(given, told):
    """A place or a level that is none is refused."""
    with pytest.raises(ConfigError, match=told):
        Settings.read(given)


def test_no_password():
    """Settings do not show a database's password."""
    assert "hush" not in repr(Settings.read({"db_url": "postgresql://u:hush@host/db"}))


def test_failed_opening_lets_go(tmp_path):
    """A market that cannot be opened holds no file."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/a.sqlite", "symbols": "NOPE"})
    with pytest.raises(ConfigError, match="NOPE"):
        PaperExchange(settings)
