"""A live feed against a real server on this machine: the same market, nothing lost, nothing left behind."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
import requests
from server.conftest import in_thread

from exec_plugin.account import HOUSE, PaperExchange, Settings, open_account
from exec_plugin.account.pump import wall_clock
from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.feeds.live import LiveFeed, rest
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import ServerSettings

NAMES = ("BTCUSDT", "ETHBTC")
SYMBOLS = [
    default_symbol("BTCUSDT", tick="0.5", step="0.002").to_exchange_info(),
    default_symbol("ETHBTC", tick="0.00001", step="0.01").to_exchange_info(),
]
PATIENCE = 10.0


class Upstream:
    """A scripted exchange behind a server; ``print_trade`` and ``show`` move it over HTTP, as a test of a bot would."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.exchange = server.stage.exchange

    def post(self, name, **payload):
        reply = requests.post(f"{self.url}/paper/{name}", json=payload, timeout=PATIENCE)
        reply.raise_for_status()

    def show(self, bid, ask, symbol="BTCUSDT"):
        self.post("market", events=[{"type": "book", "symbol": symbol, "bids": [[bid, "5"]], "asks": [[ask, "5"]]}])

    def print_trade(self, price, qty="1", taker="SELL", symbol="BTCUSDT"):
        self.post("market", events=[{"type": "trade", "symbol": symbol, "price": price, "qty": qty, "taker": taker}])


def scripted():
    """A market in real time with a book and a trade for each symbol."""
    exchange = ScriptedExchange({"symbols": SYMBOLS}, wall_clock)
    for symbol, bid, ask in (("BTCUSDT", "99", "101"), ("ETHBTC", "0.05", "0.06")):
        exchange.market([
            {"type": "book", "symbol": symbol, "bids": [[bid, "5"]], "asks": [[ask, "5"]]},
            {"type": "trade", "symbol": symbol, "price": bid, "qty": "1", "taker": "SELL"},
        ])  # fmt: skip
    return exchange


@pytest.fixture(autouse=True)
def house():
    """Markets of this test alone, and none afterwards."""
    HOUSE.clear()
    yield HOUSE
    HOUSE.clear()
    assert [thread.name for thread in threading.enumerate() if "live feed" in thread.name] == []


@pytest.fixture
def upstream():
    """A running upstream."""
    with in_thread(scripted()) as server:
        yield Upstream(server)


@contextmanager
def following(url, **settings):
    """A paper exchange on the upstream's market."""
    given = {"feed": "live", "live_url": url, "symbols": NAMES, "history": "0", **settings}
    exchange = PaperExchange(Settings.read(given))
    try:
        yield exchange
    finally:
        exchange.close()
    assert not exchange.feed.is_running


class Bot:
    """An account in process, whose signatures are not checked."""

    def __init__(self, options):
        self._account = open_account(options)
        self.exchange = self._account.exchange

    def ask(self, method, path, **params):
        """Status and JSON of a request."""
        query = urlencode({**params, "timestamp": wall_clock(), "signature": "0" * 64})
        reply = self._account.request(method, f"https://x/api/v3/{path}?{query}", {"X-MBX-APIKEY": "key"}, None)
        return reply.status, json.loads(reply.text)


def until(exchange, condition):
    """Let the market go on as its feed pushes, until something holds."""
    pushed = threading.Event()
    exchange.feed.listeners.append(pushed.set)
    end = time.monotonic() + PATIENCE
    while True:
        pushed.clear()
        exchange.catch_up()
        if condition():
            exchange.feed.listeners.remove(pushed.set)
            return
        assert pushed.wait(max(end - time.monotonic(), 0)), "nothing more is pushed"


def wait_for(condition):
    """Give another thread the time to get there."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def tape(exchange, symbol="BTCUSDT"):
    """The trades of a market, without the moments of the candles' prints."""
    return [record[:4] for record in exchange.venue.market(symbol).tape]


def test_same_market(upstream):
    """Filters, last price, trades and book are the upstream's, and follow it."""
    with following(upstream.url) as exchange:
        assert [symbol.to_exchange_info() for symbol in exchange.feed.symbols] == SYMBOLS
        for name in NAMES:
            mine, theirs = exchange.venue.market(name), upstream.exchange.venue.market(name)
            assert mine.depth_view(9) == theirs.depth_view(9)
            assert mine.last == theirs.last
            assert tape(exchange, name) == tape(upstream.exchange, name)
        upstream.print_trade("100.5", "0.25", "BUY")
        upstream.show("100", "102")
        market, theirs = (of.venue.market("BTCUSDT") for of in (exchange, upstream.exchange))
        until(exchange, lambda: market.depth_view(9) == theirs.depth_view(9))
        assert tape(exchange) == tape(upstream.exchange)
        assert market.top() == ((100 * SCALE, 5 * SCALE), (102 * SCALE, 5 * SCALE))


def test_fills_once(upstream):
    """An order that rests fills by the upstream's print, once, at the print's receive time."""
    with following(upstream.url) as exchange:
        account = exchange.open_account("a", {"USDT": "1000"})
        order = exchange.venue.place(account, "BTCUSDT", True, "LIMIT", 2 * SCALE, 100 * SCALE)
        fills = []
        exchange.venue.listeners.append(lambda event: fills.append(event) if getattr(event, "fill", None) else None)
        before = wall_clock()
        upstream.print_trade("99", "1.5")
        until(exchange, lambda: order.filled)
        after = wall_clock()
        upstream.print_trade("100", "0.25", "BUY")
        until(exchange, lambda: tape(exchange)[-1][2] == 100 * SCALE)
        assert [(event.fill.qty, event.fill.price) for event in fills] == [(3 * SCALE // 2, 100 * SCALE)]
        assert before <= fills[0].time <= after
        assert order.filled == 3 * SCALE // 2


def test_catches_up(upstream, monkeypatch):
    """Connections that break lose no trade and double none, and orders meet what was missed."""
    monkeypatch.setattr(rest, "SOONEST", 0.01)
    with following(upstream.url) as exchange:
        account = exchange.open_account("a", {"USDT": "1000"})
        order = exchange.venue.place(account, "BTCUSDT", True, "LIMIT", SCALE, 95 * SCALE)
        for number in range(4):
            upstream.post("faults", rules=[{"fault": "disconnect", "path": "/stream", "count": 1}])
            upstream.print_trade("100", "0.5", "BUY")
            upstream.print_trade("99" if number % 2 else "98.5", "0.5")
        upstream.print_trade("94")
        until(exchange, lambda: order.filled)
        until(exchange, lambda: len(tape(exchange)) >= 10)
        theirs = [record[:1] + record[2:] for record in tape(upstream.exchange)]
        mine = [record[:1] + record[2:] for record in tape(exchange)]
        # the order is in this market only: it took the last print, at its own price
        assert mine[:-1] == theirs[:-1]
        assert mine[-1][1:] == (95 * SCALE, SCALE)
        assert order.filled == SCALE


def test_restart(monkeypatch, caplog):
    """A server that was away for a while and traded meanwhile is followed again, all trades included."""
    monkeypatch.setattr(rest, "SOONEST", 0.01)
    market = scripted()
    with in_thread(market) as server:
        port = int(server.url.rpartition(":")[2])
        exchange = PaperExchange(
            Settings.read({"feed": "live", "live_url": server.url, "symbols": NAMES, "history": "0"})
        )
    for price in ("97", "96", "98"):
        market.market([{"type": "trade", "symbol": "BTCUSDT", "price": price, "qty": "1", "taker": "SELL"}])
    market.market([{"type": "book", "symbol": "BTCUSDT", "bids": [["90", "2"]], "asks": [["91", "2"]]}])
    with in_thread(market, ServerSettings(port=port)):
        until(exchange, lambda: exchange.venue.market("BTCUSDT").bid == 90 * SCALE)
        assert tape(exchange) == tape(market)
        assert exchange.venue.market("BTCUSDT").depth_view(9) == market.venue.market("BTCUSDT").depth_view(9)
        wait_for(lambda: not exchange.feed.is_behind)
        exchange.close()
    assert "connecting again in" in caplog.text
    assert "in touch again" in caplog.text


def test_out_of_touch(monkeypatch):
    """
    While the market cannot be seen no order is placed or cancelled, by Binance's code for it; queries go on.

    Once it is back, what traded meanwhile is no concern of an order that is placed then.
    """
    monkeypatch.setattr(rest, "SOONEST", 0.01)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "97"}
    market = scripted()
    with in_thread(market) as server:
        port = int(server.url.rpartition(":")[2])
        bot = Bot({"feed": "live", "live_url": server.url, "symbols": NAMES, "history": "0"})
        assert bot.ask("POST", "order", **order)[1]["status"] == "NEW"
        assert bot.ask("DELETE", "openOrders", symbol="BTCUSDT")[0] == 200
    wait_for(lambda: bot.exchange.feed.is_behind)
    refused = (503, {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."})
    assert bot.ask("POST", "order", **order) == refused
    assert bot.ask("DELETE", "openOrders", symbol="BTCUSDT") == refused
    assert bot.ask("GET", "openOrders") == (200, [])
    market.market([{"type": "trade", "symbol": "BTCUSDT", "price": "96", "qty": "9", "taker": "SELL"}])
    with in_thread(market, ServerSettings(port=port)):
        wait_for(lambda: not bot.exchange.feed.is_behind)
        assert bot.ask("POST", "order", **order)[1]["status"] == "NEW"
        assert tape(bot.exchange) == tape(market)


@pytest.mark.parametrize("history", ["0", "90m", "1d"])
def test_history(history):
    """Candles reach back as far as was asked for, and are the upstream's; the one in progress is whole."""
    source = PaperExchange(Settings.read({"symbols": ["ETHUSDT"], "seed": 5}))
    with in_thread(source) as server, following(server.url, symbols=["ETHUSDT"], history=history) as exchange:
        assert exchange.venue.market("ETHUSDT").last > 0

        def candles(of):
            path = "/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=1000"
            with of.lock:
                return json.loads(of.gateway.handle("GET", path, {}, "", caller="test").text)

        until(exchange, lambda: True)
        mine, theirs = candles(exchange), candles(source)
        # the last one goes on while this is read
        wanted = [row[:6] for row in theirs if mine[0][0] <= row[0] < mine[-1][0]]
        assert [row[:6] for row in mine[:-1]] == wanted
        assert len(wanted) >= {"0": 0, "90m": 89, "1d": 998}[history]
        assert mine[-1][:2] == next(row[:2] for row in theirs if row[0] == mine[-1][0])


def test_unknown_symbol(upstream):
    """A symbol that the exchange does not know is told at once, in its own words."""
    with pytest.raises(FeedError, match=r"exchangeInfo of BTCUSDT, NOUSDT: HTTP 400 -1121 Invalid symbol"):
        LiveFeed(["BTCUSDT", "NOUSDT"], wall_clock, url=upstream.url)


def test_nobody_there():
    """Where nothing answers, the error says what, and what is missing."""
    with pytest.raises(FeedError, match=r"no live market from http://127.0.0.1:1 after 0.2 s: .*missing: exchangeInfo"):
        LiveFeed(NAMES, wall_clock, url="http://127.0.0.1:1", patience=0.2)


def test_no_streams(upstream):
    """Where only REST answers, the error names the streams and what they lack."""
    upstream.post("faults", rules=[{"fault": "server_error", "path": "/api/v3/depth"}])
    with pytest.raises(FeedError, match=r"/api/v3/depth: HTTP 503.*missing: BTCUSDT book, ETHBTC book"):
        LiveFeed(NAMES, wall_clock, url=upstream.url, history_ms=0, patience=0.5)


@pytest.mark.parametrize(
    ("symbols", "told"),
    [((), "1 to 100 symbols, not 0"), ([f"A{n}USDT" for n in range(101)], "not 101"), (["BTC/USDT"], "no symbol such")],
)
def test_symbols(symbols, told):
    """What cannot be followed is refused before anything is sent."""
    with pytest.raises(ConfigError, match=told):
        LiveFeed(symbols, wall_clock)


def test_closed(upstream):
    """A closed feed says so, and leaves no thread; closing again does no harm."""
    feed = LiveFeed(NAMES, wall_clock, url=upstream.url, history_ms=0)
    assert feed.is_running
    feed.close()
    feed.close()
    assert not feed.is_running
    with pytest.raises(FeedError, match="was closed"):
        feed.rows()


def test_house(upstream):
    """Clearing the house ends its live markets; another account on one finds the market that is there."""
    options = {"feed": "live", "live_url": upstream.url, "symbols": NAMES, "history": "0"}
    first, second = open_account({**options, "account": "a"}), open_account({**options, "account": "b"})
    assert first.exchange is second.exchange
    HOUSE.clear()
    assert not first.exchange.feed.is_running
    with pytest.raises(FeedError, match="open the paper exchange again"):
        first.request("GET", "/api/v3/time", {}, None)


def test_forgotten(upstream):
    """A feed that nobody uses any more ends by itself."""
    feed = LiveFeed(NAMES, wall_clock, url=upstream.url, history_ms=0)
    worker = feed._worker
    del feed
    gc.collect()
    assert not worker.is_running


def test_other_process(upstream, monkeypatch):
    """After a fork the thread is in the parent only, and the child is told."""
    with following(upstream.url) as exchange:
        monkeypatch.setattr("os.getpid", lambda: -1)
        with pytest.raises(FeedError, match="after the fork"):
            exchange.catch_up()
        monkeypatch.undo()


def test_broken(upstream, monkeypatch, caplog):
    """A feed that ended by a fault of its own is logged, and the market says so instead of standing still."""
    with following(upstream.url) as exchange:
        monkeypatch.setattr(exchange.feed._worker._market, "receive", lambda *_: 1 / 0)
        upstream.print_trade("99")
        exchange.feed._worker._thread.join(PATIENCE)
        with pytest.raises(FeedError, match="the live feed ended"):
            exchange.catch_up()
        assert "the live feed ended" in caplog.text


def test_unattended(upstream, monkeypatch):
    """Where nobody looks at the market, it goes on by itself before too much has gathered."""
    monkeypatch.setattr("exec_plugin.account.house.MOST_ROWS", 4)
    options = {"feed": "live", "live_url": upstream.url, "symbols": NAMES, "history": "0"}
    exchange = open_account(options).exchange
    moved = threading.Event()
    exchange.on_move = moved.set
    for number in range(8):
        upstream.print_trade(f"9{number}")
    assert moved.wait(PATIENCE)


@pytest.mark.parametrize("way", ["end", "exit"])
def test_process_ends(upstream, way):
    """A process with a live market ends when its program does, without a word."""
    code = (
        "import sys\n"
        "from exec_plugin.account import open_account\n"
        f"a = open_account({{'feed': 'live', 'live_url': {upstream.url!r}, 'symbols': {NAMES!r}, 'history': '0'}})\n"
        "print(a.request('GET', '/api/v3/ping', {}, None).status, flush=True)\n"
        + ("sys.exit(3)\n" if way == "exit" else "")
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (3 if way == "exit" else 0, "200\n", "")


def test_only_public(upstream, caplog):
    """Nothing but public market data is asked for, without a key."""
    seen = []
    gateway = upstream.exchange.gateway
    answer = gateway.handle

    def watch(method, target, headers, *rest_of, **named):
        seen.append((method, target.partition("?")[0], dict(headers)))
        return answer(method, target, headers, *rest_of, **named)

    gateway.handle = watch
    caplog.set_level(logging.WARNING)
    with following(upstream.url, history="1d"):
        pass
    assert {method for method, _, _ in seen} == {"GET"}
    assert {path for _, path, _ in seen} == {
        f"/api/v3/{name}" for name in ("exchangeInfo", "klines", "trades", "depth")
    }
    assert not any("x-mbx-apikey" in headers for _, _, headers in seen)
    assert caplog.text == ""
