"""Paper exchanges and the accounts on them: who shares what, and how a replay goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from urllib.parse import urlencode

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from interruptions import everywhere

import exec_plugin
import exec_plugin.core.tape as tape_module
from exec_plugin.account import HOUSE, House, PaperAccount, PaperExchange, Settings, open_account
from exec_plugin.account import house as house_module
from exec_plugin.account.paper import REQUEST_MS
from exec_plugin.account.parts import EPOCH
from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.core.events import QUOTE, TRADE
from exec_plugin.core.tape import Tape
from exec_plugin.core.units import SCALE
from exec_plugin.protocol import sign

START = 1_723_161_600_000
PUSH = {"feed": "push", "symbols": "BTCUSDT", "balances": {"USDT": "1000", "BTC": "1"}}
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "99.5",
}  # fmt: skip


class Clock:
    """A wall clock that goes when told."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def house():
    """The process's house, empty before and after."""
    HOUSE.clear()
    exec_plugin.install()
    yield HOUSE
    HOUSE.clear()


@pytest.fixture
def recording(tmp_path):
    """Prints at 100.01, a quarter of a second later at 99, ten seconds later at 100.01 again."""
    prints = [(1, "100.01", 0), (2, "99.00", 250), (3, "100.01", 10_000)]
    lines = [f"{number},{price},5.001,500,{START + later},True,True\n" for number, price, later in prints]
    path = tmp_path / "BTCUSDT-trades-2024-08-09.csv"
    path.write_text("".join(lines))
    return str(path)


def call(account, method, path, **params):
    """A signed request; its JSON."""
    payload = urlencode({**params, "timestamp": account.milliseconds()})
    text = f"{payload}&signature={sign('secret', payload)}"
    query, body = ("", text) if method == "POST" else (f"?{text}", None)
    reply = account.request(method, f"https://api.binance.com/api/v3/{path}{query}", {"X-MBX-APIKEY": "me"}, body)
    return json.loads(reply.text)


def public(account, path):
    """The JSON of a request that needs no signature."""
    return json.loads(account.request("GET", f"https://api.binance.com/api/v3/{path}", {}, None).text)


def paper(options, cls=ccxt, **config):
    """An exchange of ccxt on paper."""
    return cls.binancepaper({"options": {"paper": options}, **config})


def opened(options, api_key=None):
    """An account whose requests are signed by ``call``."""
    return open_account(options, api_key, "secret")


# ---------------------------------------------------------------------- who shares


@pytest.mark.parametrize(
    ("options", "key", "name"),
    [({}, None, "default"), ({}, "abc", "abc"), ({"account": "mine"}, "abc", "mine"), ({"account": ""}, "", "default")],
)
def test_name(options, key, name):
    """An account goes by its name, else by the API key, else it is the default one."""
    assert opened({**PUSH, **options}, key).account.name == name


def test_shared():
    """Who names the same account on the same market has the same one."""
    one, other = opened({**PUSH, "account": "a"}), opened({**PUSH, "account": "a"}, "some key")
    assert one.account is other.account
    assert call(one, "POST", "order", **ORDER)["orderId"] == call(other, "GET", "openOrders")[0]["orderId"]


def test_first_balances():
    """Only a new account is given balances."""
    opened(PUSH)
    assert opened({**PUSH, "balances": {"USDT": "5"}}).account.balances["USDT"].free == 1000 * SCALE


def test_accounts_apart():
    """Two accounts on one market have their own balances and see the same book."""
    one, other = opened({**PUSH, "account": "a"}), opened({**PUSH, "account": "b"})
    assert one.exchange is other.exchange
    call(one, "POST", "order", **ORDER)
    assert call(other, "GET", "openOrders") == []
    assert call(other, "GET", "depth", symbol="BTCUSDT") == call(one, "GET", "depth", symbol="BTCUSDT")


def test_markets_apart():
    """The same name on another market is another account."""
    one, other = opened({**PUSH, "account": "a"}), opened({**PUSH, "account": "a", "seed": 1})
    assert one.exchange is not other.exchange
    assert one.account is not other.account


def test_forgotten(house):
    """A cleared house opens anew; accounts that are in use go on."""
    one = opened(PUSH)
    call(one, "POST", "order", **ORDER)
    house.clear()
    assert call(opened(PUSH), "GET", "openOrders") == []
    assert len(call(one, "GET", "openOrders")) == 1


def test_houses_apart():
    """Another house has other exchanges."""
    settings = Settings.read(PUSH)
    assert House().exchange(settings) is not House().exchange(settings)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"recording": "nowhere.gz"}, FeedError),
        ({"recording": "nowhere.gz", "symbols": "BTCUSDT,ETHUSDT"}, ConfigError),
        ({"symbols": "FOO"}, ConfigError),
        ({"feed": "push", "symbols": "BTCUSDT,BTCUSDT"}, ConfigError),
        ({"fees": {"maker": "2"}}, ConfigError),
        ({"colour": "red"}, ConfigError),
    ],
)
def test_refuses(options, error):
    """What cannot be opened is refused, and asking again says the same."""
    for _ in range(2):
        with pytest.raises(error):
            opened(options)


def test_repr():
    """An account says what it is and no secret."""
    assert repr(opened({**PUSH, "account": "a"})) == "<PaperAccount 'a' on push>"


# ---------------------------------------------------------------------- through ccxt


def test_flavours():
    """Sync, async and pro instances that name an account see each other's orders and balances."""

    async def trade():
        async with paper(PUSH, ccxt.async_support) as waiting, paper(PUSH, ccxt.pro) as streaming:
            await waiting.create_order("BTC/USDT", "limit", "buy", 0.2, 90)
            await streaming.create_order("BTC/USDT", "limit", "buy", 0.3, 90)

    asyncio.run(trade())
    blocking = paper(PUSH)
    blocking.create_order("BTC/USDT", "limit", "buy", 0.1, 90)
    assert [order["amount"] for order in blocking.fetch_open_orders()] == [0.2, 0.3, 0.1]
    assert blocking.fetch_balance()["USDT"]["used"] == 54.0


def test_keys():
    """An API key is an account of its own, whatever its secret."""
    one = paper(PUSH, apiKey="one", secret="x")
    one.create_order("BTC/USDT", "limit", "buy", 0.1, 90)
    assert len(paper(PUSH, apiKey="one", secret="y").fetch_open_orders()) == 1
    assert paper(PUSH, apiKey="two", secret="x").fetch_open_orders() == []
    assert paper(PUSH).fetch_open_orders() == []


def test_threads():
    """Instances in several threads share one account without losing an order or a cent."""
    options = {**PUSH, "limits": False}

    def trade(number):
        exchange = paper(options)
        exchange.enableRateLimit = False
        for turn in range(10):
            order = exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 90 + number)
            if turn % 2:
                exchange.cancel_order(order["id"], "BTC/USDT")

    threads = [threading.Thread(target=trade, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    exchange = paper(options)
    orders = exchange.fetch_open_orders()
    assert len(orders) == 30
    assert len({order["id"] for order in exchange.fetch_orders("BTC/USDT", limit=1000)}) == 60
    balance = exchange.fetch_balance()["USDT"]
    assert balance["used"] == pytest.approx(sum(order["price"] * order["amount"] for order in orders))
    assert balance["free"] + balance["used"] == 1000


# ---------------------------------------------------------------------- the feeds


def test_synthetic_replay():
    """A synthetic market at full speed begins at a fixed moment, the same one for a seed."""
    one, other = (PaperExchange(Settings.read({"speed": "max", "seed": 5})) for _ in range(2))
    assert one.venue.now == EPOCH
    for exchange in (one, other):
        exchange.move_to(EPOCH + 30_000)
    tapes = [exchange.venue.markets["BTCUSDT"].tape[:] for exchange in (one, other)]
    assert tapes[0] == tapes[1] != []


def test_candles_at_once():
    """A synthetic market has candles of the days before it opened."""
    account = opened({"symbols": "BTCUSDT", "speed": "max"})
    candles = public(account, "klines?symbol=BTCUSDT&interval=1h&limit=200")
    assert len(candles) == 3 * 24 + 1
    assert candles[-1][0] == EPOCH


def test_prices_at_once(recording):
    """A recording opens where there is a last price and a touch, however it begins."""
    ticker = public(opened({"recording": recording}), "ticker/24hr?symbol=BTCUSDT")
    assert all(float(ticker[name]) > 0 for name in ("lastPrice", "bidPrice", "askPrice"))


def test_live_synthetic():
    """A live synthetic market goes with the wall clock, looked at or not."""
    clock = Clock()
    exchange = PaperExchange(Settings.read({"symbols": "BTCUSDT"}), clock)
    before = len(exchange.venue.markets["BTCUSDT"].tape)
    clock.now += 60_000
    account = PaperAccount(exchange, exchange.open_account("a", {}), "secret")
    assert account.milliseconds() == START + 60_000
    assert call(account, "GET", "account")["accountType"] == "SPOT"
    assert exchange.venue.now == START + 60_000
    assert len(exchange.venue.markets["BTCUSDT"].tape) > before


def test_pushed():
    """What is pushed is in the market at the next request."""
    account = opened(PUSH)
    call(account, "POST", "order", **{**ORDER, "price": "101"})
    now = account.milliseconds()
    account.exchange.feed.push(
        (QUOTE, now, "BTCUSDT", 99 * SCALE, SCALE, 100 * SCALE, SCALE),
        (TRADE, now, "BTCUSDT", 100 * SCALE, SCALE, True, 0, now),
    )
    assert call(account, "GET", "order", symbol="BTCUSDT", orderId=1)["status"] == "FILLED"


# ---------------------------------------------------------------------- a replay


def test_requests_take_time(recording):
    """In a replay each request takes at least a millisecond, so that a bot that only polls sees the market move."""
    account = opened({"recording": recording})
    assert account.milliseconds() == START
    seen = [call(account, "GET", "ticker/price", symbol="BTCUSDT")["code"] for _ in range(2)]
    assert seen == [-1104, -1104]
    assert account.milliseconds() == START + 2 * REQUEST_MS
    while account.milliseconds() <= START + 250:
        price = json.loads(account.request("GET", "/api/v3/ticker/price?symbol=BTCUSDT", {}, None).text)["price"]
    assert price == "99.00000000"


def test_sleep_replay(recording):
    """Sleeping moves a replay at once."""
    account = opened({"recording": recording})
    assert account.sleep_plan(9999.6) == 0.0
    assert account.milliseconds() == START + 10_000
    assert account.sleep_plan(-5) == 0.0
    assert account.milliseconds() == START + 10_000


@pytest.mark.parametrize(("speed", "seconds"), [("real", 3.0), ("60", 0.05)])
def test_sleep_paced(speed, seconds):
    """With a clock a sleep is a real one, shorter where time goes faster."""
    clock = Clock()
    exchange = PaperExchange(Settings.read({**PUSH, "speed": speed}), clock)
    account = PaperAccount(exchange, exchange.open_account("a", {}), None)
    assert account.sleep_plan(3000) == pytest.approx(seconds)
    assert account.milliseconds() == START


@pytest.mark.parametrize(("latency", "status"), [(0, "CANCELED"), (100, "FILLED")])
def test_race(recording, latency, status):
    """With latency a cancel can come too late: the market trades while it is under way."""
    account = opened({"recording": recording, "latency": latency})
    placed = call(account, "POST", "order", **ORDER)
    assert placed.get("status") == "NEW", placed
    answer = call(account, "DELETE", "order", symbol="BTCUSDT", orderId=1)
    assert answer.get("status") == ("CANCELED" if status == "CANCELED" else None)
    assert answer.get("code") == (None if status == "CANCELED" else -2011)
    assert call(account, "GET", "order", symbol="BTCUSDT", orderId=1)["status"] == status


def test_latency_replay(recording):
    """In a replay both legs are the market's time, and nobody waits for them."""
    account = opened({"recording": recording, "latency": {"min_ms": 20, "max_ms": 30}})
    assert account.legs() == (0.0, 0.0)
    for count in range(1, 6):
        call(account, "GET", "account")
        assert START + 40 * count <= account.milliseconds() <= START + 60 * count


def test_latency_paced():
    """With a clock both legs are waited for by the one who asks."""
    account = opened({**PUSH, "latency": {"min_ms": 20, "max_ms": 30}})
    there, back = account.legs()
    assert 0.02 <= there <= 0.03
    assert 0.02 <= back <= 0.03
    assert opened(PUSH).legs() == (0.0, 0.0)


async def test_jump(recording):
    """A request is not too late because another task slept while it was on its way."""
    async with paper({"recording": recording}, ccxt.async_support) as exchange:
        await exchange.load_markets()
        balance, _ = await asyncio.gather(exchange.fetch_balance(), exchange.sleep(60_000))
        assert balance["USDT"]["free"] == 10000
        assert exchange.milliseconds() > START + 60_000


def test_hooks(recording):
    """Who watches is told of every move, and once of the end."""
    account = opened({"recording": recording})
    exchange, moves, ends = account.exchange, [], []
    exchange.on_move = lambda: moves.append(exchange.venue.now)
    exchange.on_end = lambda: ends.append(exchange.venue.now)
    account.sleep_plan(9999)
    assert (moves, ends) == ([START + 9999], [])
    account.sleep_plan(1)
    account.sleep_plan(1)
    assert moves == [START + 9999, START + 10_000, START + 10_001]
    assert ends == [START + 10_000]


def test_end_within_request(recording):
    """A bot that trades from within the hooks is told of the end once as well."""
    account = opened({"recording": recording})
    exchange, ends = account.exchange, []
    exchange.on_end = lambda: ends.append(call(account, "GET", "account")["accountType"])
    account.sleep_plan(60_000)
    assert ends == ["SPOT"]


def test_same_again(recording, house):
    """The same calls on the same recording answer the same bytes."""
    answers = []
    for _ in range(2):
        house.clear()
        account = opened({"recording": recording, "latency": {"min_ms": 0, "max_ms": 99}, "seed": 3})
        calls = [("POST", "order", ORDER), ("GET", "account", {}), ("GET", "myTrades", {"symbol": "BTCUSDT"})]
        answers.append([call(account, method, path, **params) for method, path, params in calls])
    assert answers[0] == answers[1]


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize(("options", "enforced"), [({}, True), ({"limits": False}, False)])
def test_limits(options, enforced):
    """Limits hold on a market with a clock unless they are switched off."""
    account = opened({**PUSH, **options})
    codes = [call(account, "POST", "order", **{**ORDER, "quantity": "0.06"}).get("code") for _ in range(101)]
    assert (-1015 in codes) is enforced
    reply = account.request("GET", "/api/v3/exchangeInfo", {}, None)
    assert ("X-MBX-USED-WEIGHT-1M" in reply.headers) is enforced
    assert bool(json.loads(reply.text)["rateLimits"]) is enforced


@pytest.mark.parametrize(("options", "enforced"), [({}, False), ({"limits": True}, True)])
def test_limits_replay(recording, options, enforced):
    """A replay at full speed has no limits unless they are switched on."""
    account = opened({"recording": recording, **options})
    statuses = [account.request("GET", "/api/v3/exchangeInfo", {}, None).status for _ in range(302)]
    assert (429 in statuses) is enforced


# ---------------------------------------------------------------------- requests


@pytest.mark.parametrize("body", ["", b"", None])
def test_body(body):
    """No body is no parameters."""
    reply = opened(PUSH).request("GET", "/api/v3/time", {}, body)
    assert (reply.status, list(json.loads(reply.text))) == (200, ["serverTime"])


def test_bytes():
    """A body may be bytes, also such as are no text."""
    account = opened(PUSH)
    payload = urlencode({**ORDER, "timestamp": account.milliseconds()})
    signed = f"{payload}&signature={sign('secret', payload)}".encode()
    reply = account.request("POST", "/api/v3/order", {"x-mbx-apikey": "me"}, signed)
    assert json.loads(reply.text)["status"] == "NEW"
    assert account.request("POST", "/api/v3/order", {"x-mbx-apikey": "me"}, b"\xff=\xfe").status == 400


def test_secret():
    """The account's secret signs its requests; any other does not."""
    account = open_account(PUSH, "key", "another")
    assert call(account, "GET", "account")["code"] == -1022
    assert call(open_account(PUSH, "key", None), "GET", "account")["accountType"] == "SPOT"


def test_opening_holds_nobody_up(monkeypatch):
    """While a market takes its time to open, others are found; those who want it get the one that was opened."""
    opening, opened = threading.Event(), threading.Event()
    real = house_module.open_feed

    def slowly(settings, clock, plugins, seen):
        if settings.feed == "push":
            opening.set()
            assert opened.wait(10)
        return real(settings, clock, plugins, seen)

    monkeypatch.setattr(house_module, "open_feed", slowly)
    found = []
    house = House()
    threads = [threading.Thread(target=lambda: found.append(house.exchange(Settings.read(PUSH)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert opening.wait(10)
    assert house.exchange(Settings.read({"speed": "max"})).is_replay
    assert found == []
    opened.set()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


@pytest.mark.parametrize(("speed", "packed"), [("real", True), ("max", False)])
def test_packed(monkeypatch, speed, packed):
    """Where a clock drives the market its older trades are packed, a market at each look; a replay has no time for that."""
    clock = Clock()
    monkeypatch.setattr(tape_module, "FRESH", 100)
    exchange = PaperExchange(Settings.read({"symbols": "BTCUSDT,ETHUSDT", "speed": speed}), clock)
    for _ in range(2):
        exchange.catch_up()
    tapes = [market.tape for market in exchange.venue.markets.values()]
    assert [len(tape.records) < len(tape) for tape in tapes] == [packed] * 2
    assert all(len(tape) > 200 for tape in tapes)


def is_free(lock):
    """Whether another thread could have a lock."""
    found = []

    def look():
        found.append(lock.acquire(blocking=False))
        if found[0]:
            lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_packed_under_lock(monkeypatch):
    """A tape is packed while nobody else moves the market, also where a feed's own thread looks at it."""
    exchange = PaperExchange(Settings.read({"symbols": "BTCUSDT"}), Clock())
    found = []
    monkeypatch.setattr(Tape, "pack", lambda _: found.append(is_free(exchange.lock)))
    exchange.catch_up()
    assert found == [False]


def test_interrupted():
    """Wherever Ctrl-C interrupts a request before it is carried out or after, other threads may go on."""
    account = open_account({"symbols": "BTCUSDT"})
    for interruption in everywhere("Whole.", every="opcode"):
        is_cut = interruption.cuts(account.exchange.catch_up)
        assert is_free(account.exchange.lock)
        if not is_cut:
            break
