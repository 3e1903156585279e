"""The request's way from ccxt to the account and back."""

import copy
import json
import pickle
import re
import threading
import time
import warnings

import ccxt
import pytest
from fake_binance import ANSWERS, NOW, TICKER, FakeAccount, Reply, order

from exec_plugin.ccxt_exchange import sync
from exec_plugin.core.errors import ConfigError, FeedError

BTC = "BTC/USDT"

CALLS = [
    (("fetch_time",), "GET /api/v3/time"),
    (("fetch_status",), "GET /sapi/v1/system/status"),
    (("fetch_ticker", BTC), "GET /api/v3/ticker/24hr"),
    (("fetch_last_prices",), "GET /api/v3/ticker/price"),
    (("fetch_bids_asks",), "GET /api/v3/ticker/bookTicker"),
    (("fetch_order_book", BTC, 20), "GET /api/v3/depth"),
    (("fetch_trades", BTC), "GET /api/v3/aggTrades"),
    (("fetch_ohlcv", BTC, "1m"), "GET /api/v3/klines"),
    (("create_order", BTC, "limit", "buy", 0.001, 50_000), "POST /api/v3/order"),
    (("create_order", BTC, "market", "sell", 0.001), "POST /api/v3/order"),
    (("edit_order", "7", BTC, "limit", "buy", 0.001, 49_000), "POST /api/v3/order/cancelReplace"),
    (("cancel_order", "7", BTC), "DELETE /api/v3/order"),
    (("cancel_all_orders", BTC), "DELETE /api/v3/openOrders"),
    (("fetch_order", "7", BTC), "GET /api/v3/order"),
    (("fetch_open_orders",), "GET /api/v3/openOrders"),
    (("fetch_orders", BTC), "GET /api/v3/allOrders"),
    (("fetch_closed_orders", BTC), "GET /api/v3/allOrders"),
    (("fetch_my_trades", BTC), "GET /api/v3/myTrades"),
    (("fetch_order_trades", "7", BTC), "GET /api/v3/myTrades"),
    (("fetch_balance",), "GET /api/v3/account"),
    (("fetch_trading_fee", BTC), "GET /sapi/v1/asset/tradeFee"),
]


@pytest.mark.parametrize(("call", "path"), CALLS, ids=[call[0] for call, _ in CALLS])
def test_paths(exchange, account, call, path):
    """Each unified method of the spot market is one request to the account, and ccxt can read the answer."""
    name, *arguments = call
    assert getattr(exchange, name)(*arguments)
    assert account.paths() == [path]


def test_documented(root):
    """The docs name the request of every method."""
    page = (root / "docs" / "ccxt.md").read_text(encoding="utf-8")
    rows = {(call[0], path) for call, path in CALLS if call[0] != "fetch_closed_orders"}
    assert [row for row in rows if not re.search(rf"\| `{row[0]}`.* \| `{re.escape(row[1])}` \|", page)] == []


def test_load_markets(account):
    """Loading markets costs one request and finds the spot market only."""
    markets = sync.binancepaper().load_markets()
    assert account.paths() == ["GET /api/v3/exchangeInfo"]
    assert list(markets) == [BTC, "ETH/BTC"]
    assert all(market["spot"] and not market["margin"] for market in markets.values())


def test_tickers(exchange, account):
    """Several tickers are one request, symbols as JSON."""
    account.answers["GET /api/v3/ticker/24hr"] = [TICKER]
    assert list(exchange.fetch_tickers([BTC, "ETH/BTC"])) == [BTC]
    assert account.asked[-1].params == {"symbols": '["BTCUSDT","ETHBTC"]'}


def test_order_parsed(exchange):
    """An order comes back as ccxt's own parser makes it."""
    made = exchange.create_order(BTC, "limit", "buy", 0.001, 50_000)
    assert (made["id"], made["status"], made["price"], made["amount"]) == ("7", "open", 50_000.0, 0.001)
    assert str(made["info"]["orderId"]) == "7"


def test_balance_parsed(exchange):
    """A balance comes back free, used and total."""
    assert exchange.fetch_balance()["USDT"] == {"free": 900.0, "used": 100.0, "total": 1_000.0}


def test_signed(exchange, account):
    """A signed request carries the venue's time, the filler key and a signature, in the body of a POST."""
    exchange.create_order(BTC, "limit", "buy", 0.001, 50_000)
    asked = account.asked[-1]
    assert asked.url == "https://api.binance.com/api/v3/order"
    assert asked.params["timestamp"] == str(NOW)
    assert len(asked.params["signature"]) == 64
    assert asked.headers["X-MBX-APIKEY"] == "paper"


def test_sandbox(exchange, account):
    """ccxt's sandbox switch only changes the host name."""
    exchange.set_sandbox_mode(True)
    exchange.fetch_time()
    exchange.set_sandbox_mode(False)
    exchange.fetch_time()
    assert [asked.url.split("/")[2] for asked in account.asked] == ["testnet.binance.vision", "api.binance.com"]


def test_host_config(account):
    """What hosts put into the constructor's table beside ccxt's own settings does no harm."""
    exchange = sync.binancepaper({"exchange_id": "binancepaper", "margin": False, "sandbox": False, "timeout": 5_000})
    exchange.set_sandbox_mode(True)
    assert exchange.fetch_time() == NOW
    assert account.paths() == ["GET /api/v3/time"]


@pytest.mark.skipif(not hasattr(ccxt.binance, "enable_demo_trading"), reason="this ccxt has no demo switch")
def test_demo(exchange, account):
    """ccxt's demo switch only changes the host name."""
    exchange.enable_demo_trading(True)
    assert exchange.fetch_time() == NOW
    assert "demo" in account.asked[-1].url


@pytest.mark.parametrize("setting", ["proxyUrl", "httpProxy", "httpsProxy", "socksProxy"])
def test_proxies(account, setting):
    """A proxy changes nothing: there is no connection to send through it."""
    exchange = sync.binancepaper({setting: "http://proxy.invalid/"})
    assert exchange.fetch_time() == NOW
    assert account.asked[-1].url == "https://api.binance.com/api/v3/time"


# --- errors


@pytest.mark.parametrize(
    ("code", "msg", "error"),
    [
        (-2010, "Account has insufficient balance for requested action.", ccxt.InsufficientFunds),
        (-1013, "Filter failure: PRICE_FILTER", ccxt.InvalidOrder),
        (-1013, "Filter failure: LOT_SIZE", ccxt.InvalidOrder),
        (-2013, "Order does not exist.", ccxt.OrderNotFound),
        (-2011, "Unknown order sent.", ccxt.OrderNotFound),
        (-1121, "Invalid symbol.", ccxt.BadSymbol),
        (-1021, "Timestamp for this request is outside of the recvWindow.", ccxt.InvalidNonce),
    ],
)
def test_errors(exchange, account, code, msg, error):
    """Binance's codes and messages become ccxt's errors."""
    account.refuse(400, code, msg)
    with pytest.raises(error):
        exchange.create_order(BTC, "limit", "buy", 0.001, 50_000)


@pytest.mark.parametrize("status", [418, 429])
def test_overspent(exchange, account, status):
    """A refusal for too many requests is what ccxt calls DDoSProtection, and the headers are there to read."""
    text = '{"code":-1003,"msg":"Too many requests."}'
    account.answers["GET /api/v3/time"] = Reply(status, "Too Many", {"Retry-After": "7"}, text)
    with pytest.raises(ccxt.DDoSProtection):
        exchange.fetch_time()
    assert exchange.last_response_headers["Retry-After"] == "7"


@pytest.mark.parametrize("status", [400, 403, 409, 451, 500, 503])
def test_no_success(exchange, account, status):
    """An answer that is an error by its status alone raises, whatever its text."""
    account.answers["GET /api/v3/time"] = Reply(status, "No", {}, "{}")
    with pytest.raises(ccxt.BaseError):
        exchange.fetch_time()


@pytest.mark.parametrize(
    "call",
    [
        ("fetch_positions",),
        ("fetch_balance", {"type": "margin"}),
        ("fetch_balance", {"type": "swap"}),
        ("fetch_funding_rate", BTC),
        ("fetch_deposits",),
        ("set_leverage", 3, BTC),
        ("withdraw", "BTC", 1, "address"),
        ("transfer", "BTC", 1, "spot", "funding"),
        ("sapi_get_margin_account",),
        ("fapipublic_get_time",),
        ("dapipublic_get_time",),
        ("eapipublic_get_time",),
        ("papi_get_ping",),
    ],
    ids=lambda call: call[0],
)
def test_spot_only(exchange, call):
    """What needs another market or wallet is NotSupported, which no bot retries, and never a network error."""
    name, *arguments = call
    with pytest.raises(ccxt.NotSupported):
        getattr(exchange, name)(*arguments)


def test_no_currencies(exchange, account):
    """Currencies come from the markets; the wallet endpoint is not asked."""
    assert not exchange.fetch_currencies()
    assert account.asked == []
    assert {"BTC", "ETH", "USDT"} <= set(exchange.currencies)


@pytest.mark.parametrize("error", [ConfigError("no such feed"), FeedError("line 7 of x.gz")])
def test_own_errors(monkeypatch, error):
    """An error of this package reaches the host as an ExchangeError that names the cause."""

    def refuse(*_arguments):
        raise error

    monkeypatch.setattr(sync.binancepaper, "_open_account", staticmethod(refuse))
    with pytest.raises(ccxt.ExchangeError, match=str(error)) as caught:
        sync.binancepaper().fetch_time()
    assert caught.value.__cause__ is error


def test_feed_breaks(exchange, account, monkeypatch):
    """A market that breaks in the middle of a replay is an ExchangeError that names the request."""
    error = FeedError("line 7 of x.gz is no JSON")

    def breaks(*_arguments):
        raise error

    monkeypatch.setattr(account, "request", breaks)
    with pytest.raises(ccxt.ExchangeError, match="api/v3/time line 7"):
        exchange.fetch_time()


# --- ccxt's tail of a request


def test_hook(exchange):
    """on_rest_response sees code, headers and both bodies before any error, and may change the text."""
    seen = []

    def hook(code, reason, url, method, headers, text, request_headers, request_body):
        seen.append((code, reason, method, "Content-Type" in headers, request_body))
        return text.replace(str(NOW), "5")

    exchange.on_rest_response = hook
    assert exchange.fetch_time() == 5
    assert seen == [(200, "OK", "GET", True, None)]


def test_last(exchange):
    """The last_* attributes tell the last exchange of messages."""
    exchange.enableLastJsonResponse = True
    exchange.fetch_time()
    assert exchange.last_http_response == f'{{"serverTime": {NOW}}}'
    assert exchange.last_json_response["serverTime"] in (NOW, str(NOW))
    assert "Content-Type" in exchange.last_response_headers
    assert exchange.last_request_url == "https://api.binance.com/api/v3/time"


def test_last_off(exchange):
    """The last_* attributes stay empty where the user turned them off."""
    exchange.enableLastHttpResponse = exchange.enableLastJsonResponse = exchange.enableLastResponseHeaders = False
    before = exchange.last_http_response
    exchange.enableLastJsonResponse = True
    exchange.fetch_time()
    assert exchange.last_http_response == before


def test_response_headers(exchange):
    """returnResponseHeaders puts them into the answer."""
    exchange.returnResponseHeaders = True
    assert exchange.public_get_time()["responseHeaders"]["Content-Type"].startswith("application/json")


def test_verbose(exchange):
    """Verbose logs request and response as ccxt does."""
    lines = []
    exchange.log = lambda *parts: lines.append(parts[0])
    exchange.verbose = True
    exchange.fetch_time()
    assert lines == ["\nfetch Request:", "\nfetch Response:"]


def test_text(exchange, account):
    """An answer that is no JSON comes back as text."""
    account.answers["GET /api/v3/ping"] = Reply(200, "OK", {"Content-Type": "text/plain"}, "pong")
    assert exchange.public_get_ping() == "pong"


# --- the clock


def test_clock(exchange, account):
    """milliseconds, seconds, microseconds and nonce are the venue's."""
    assert exchange.milliseconds() == exchange.nonce() == NOW
    assert exchange.seconds() == NOW // 1_000
    assert exchange.microseconds() == NOW * 1_000
    account.now += 60_000
    assert exchange.milliseconds() == NOW + 60_000


def test_sleep_replay(exchange, account):
    """Sleeping in a replay moves the market by that time and returns at once."""
    exchange.sleep(3_600_000)
    assert account.now == NOW + 3_600_000


def test_sleep_real(exchange, account):
    """Sleeping on a wall clock really waits."""
    account.real_time = True
    before = time.monotonic()
    exchange.sleep(20)
    assert time.monotonic() - before >= 0.015


@pytest.mark.parametrize("nothing", [0, -1])
def test_sleep_nothing(exchange, account, nothing):
    """No time is no sleep."""
    exchange.sleep(nothing)
    assert account.slept == []


def test_throttle(exchange, account):
    """With the rate limiter on, requests keep ccxt's distance in the venue's time: here 10 ms by cost."""
    exchange.enableRateLimit = True
    for _ in range(11):
        exchange.fetch_time()
    assert account.now - NOW == 10 * exchange.rateLimit * 0.2


def test_throttle_off(exchange, account):
    """With the rate limiter off, requests take no time."""
    for _ in range(11):
        exchange.fetch_time()
    assert account.now == NOW


def test_throttle_door(exchange):
    """A limiter put on the instance receives the cost, as on any ccxt exchange."""
    costs = []
    exchange.throttle = costs.append
    exchange.enableRateLimit = True
    exchange.fetch_time()
    assert costs == [0.2]


# --- which account


def test_shared(bank):
    """Instances without a key share one account."""
    sync.binancepaper().fetch_time()
    sync.binancepaper().fetch_time()
    assert bank.default.paths() == ["GET /api/v3/time"] * 2


def test_keyed(bank):
    """A key names its own account, an explicit name wins over the key."""
    sync.binancepaper({"apiKey": "a", "secret": "s"}).fetch_time()
    sync.binancepaper({"apiKey": "a", "secret": "s", "options": {"paper": {"account": "mine"}}}).fetch_time()
    assert sorted(bank.accounts) == ["a", "mine"]
    assert bank.opened[0] == ({}, "a", "s")


def test_opened_once(exchange, bank):
    """The account is looked up once, not for every request."""
    exchange.fetch_time()
    exchange.fetch_balance()
    assert len(bank.opened) == 1


def test_new_key(exchange, bank):
    """Keys and options set after construction count from the next request on."""
    exchange.apiKey = "late"
    exchange.fetch_time()
    exchange.options["paper"] = {"account": "later"}
    exchange.fetch_time()
    exchange.options["paper"]["account"] = "latest"
    exchange.fetch_time()
    assert sorted(bank.accounts) == ["default", "late", "later", "latest"]


def test_options_shared(exchange):
    """Nothing of an instance lives in its options, which hosts hand from instance to instance."""
    other = sync.binancepaper()
    other.fetch_balance()
    other.create_order(BTC, "limit", "buy", 0.001, 50_000)
    # plain data has no account, loop or lock in it
    assert json.dumps(other.options)
    exchange.options = other.options
    assert exchange.fetch_time() == NOW


@pytest.mark.skipif(not hasattr(ccxt.binance, "set_markets_from_exchange"), reason="this ccxt cannot share markets")
def test_markets_shared(exchange, account):
    """Markets pass from one instance to another."""
    other = sync.binancepaper()
    other.set_markets_from_exchange(exchange)
    assert other.market(BTC)["id"] == "BTCUSDT"
    assert account.asked == []


def test_threads(bank):
    """Threads with instances of their own reach one account."""
    threads = [threading.Thread(target=lambda: sync.binancepaper().fetch_time()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bank.default.asked) == 4


# --- copies


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(exchange, bank, remake):
    """A copy, a deep copy and a pickle of an instance in use reach the same account."""
    exchange.fetch_balance()
    twin = remake(exchange)
    assert type(twin) is sync.binancepaper
    assert twin.market(BTC)["id"] == "BTCUSDT"
    twin.fetch_time()
    assert list(bank.accounts) == ["default"]


def test_fresh_copies(flavour):
    """A fresh instance of any flavour pickles and copies without opening an account."""
    assert pickle.loads(pickle.dumps(flavour())).id == copy.deepcopy(flavour()).id == "binancepaper"


def test_clone(exchange):
    """ccxt's clone copies a structure, as ever."""
    assert exchange.clone({"a": 1}) == {"a": 1}


def test_silent():
    """Dropping an instance in use leaves nothing unclosed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exchange = sync.binancepaper()
        exchange.fetch_time()
        del exchange


def test_fake_complete():
    """The fake is asked for every path it has an answer to, bar those that only implicit methods reach."""
    implicit = {"GET /api/v3/ping", "GET /api/v3/trades", "GET /api/v3/avgPrice", "GET /api/v3/rateLimit/order"}
    implicit |= {"GET /api/v3/account/commission", "POST /api/v3/order/test", "GET /api/v3/exchangeInfo"}
    assert set(ANSWERS) - implicit == {path for _, path in CALLS}
    assert FakeAccount().milliseconds() == order()["time"]
