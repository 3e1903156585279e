"""The limiters that a throttle takes when it is given none or another, on Binance, elsewhere and on paper."""

from __future__ import annotations

import pickle
from importlib import import_module

import ccxt
import pytest

import exec_plugin
from exec_plugin.rate_limit import AdaptiveRateLimiter, RateLimitConfig, RateLimiter
from exec_plugin.rate_limit.pace import Pace
from exec_plugin.rate_limit.throttle import install_throttle, uninstall_throttle
from rate_limit.books import Books
from rate_limit.loopback import FLAVOURS, Canned, Desk, Loopback, make

SYMBOL = {"symbol": "BTCUSDT"}
ORDER = {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "1"}
BANNED = Canned(418, {"Retry-After": "120"}, {"code": -1003, "msg": "Way too much request weight used."})
DROPPED = Canned(0)


@pytest.fixture
def loopback():
    """A server of this test's own."""
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def books():
    """A limiter that only writes down."""
    return Books()


@pytest.fixture(params=FLAVOURS)
def flavour(request):
    """Each way to use ccxt."""
    return request.param


@pytest.fixture
def desk(flavour, loopback, books):
    """An exchange of that flavour with its throttle installed."""
    desk = Desk(make(flavour, loopback))
    install_throttle(desk.exchange, books)
    yield desk
    desk.close()


class TestDefaults:
    """The limiters that nobody named."""

    def test_shared(self, flavour, loopback):
        """Exchanges share the budget of a host; their orders are counted by key."""
        first, second, third = (make(flavour, loopback, apiKey=key) for key in ("one", "one", "two"))
        limiters = []
        for exchange in (first, second, third):
            throttle = install_throttle(exchange, store="memory")
            limiters.append(throttle._shared(loopback.host))
        assert limiters[0] is limiters[1] is not limiters[2]
        assert limiters[0].store is limiters[2].store
        assert "one" not in limiters[0].account

    def test_apart(self, loopback):
        """Another host, another address to leave by, or another account's name is another limiter."""
        exchange = make("sync", loopback)
        plain = install_throttle(exchange, store="memory")
        host = loopback.host
        found = {
            plain._shared(host),
            plain._shared("testnet.binance.vision"),
            install_throttle(exchange, store="memory", ip="proxy-7")._shared(host),
            install_throttle(exchange, store="memory", account="mine")._shared(host),
        }
        assert len(found) == 4
        assert {limiter.host for limiter in found} == {host, "testnet.binance.vision", f"{host}@proxy-7"}

    def test_ban(self, flavour, loopback):
        """After a refusal nothing leaves, from any exchange on the budget, until it is over."""
        config = RateLimitConfig(max_wait=1)
        desks = [Desk(make(flavour, loopback, apiKey=key)) for key in ("first", "second")]
        for desk in desks:
            install_throttle(desk.exchange, store="memory", config=config)
        loopback.can(BANNED)
        desks[0].exchange.enableRateLimit = False
        with pytest.raises(ccxt.DDoSProtection, match="418"):
            desks[0].ask("public_get_depth", SYMBOL)
        with pytest.raises(ccxt.DDoSProtection, match="weight used up") as caught:
            desks[1].ask("public_get_depth", SYMBOL)
        assert 100 < caught.value.retry_after <= 122
        assert len(loopback.seen) == 1
        # who is told not to wait is not held up, and is seen all the same
        loopback.can(Canned())
        desks[0].ask("public_get_depth", SYMBOL)
        assert len(loopback.seen) == 2
        for desk in desks:
            desk.close()

    def test_adaptive(self, desk, loopback):
        """The adaptive limiter is told what its ledger needs."""
        limiter = AdaptiveRateLimiter(store="memory")
        install_throttle(desk.exchange, limiter)
        for _ in range(3):
            desk.ask("private_post_order", ORDER)
        loopback.can(DROPPED)
        with pytest.raises(ccxt.NetworkError):
            desk.ask("private_get_account")
        assert limiter.get_stats()["requests_used"] == 4

    def test_buckets(self, desk):
        """A limiter of token buckets serves as well."""
        limiter = RateLimiter(RateLimitConfig(weight_per_minute=600))
        install_throttle(desk.exchange, limiter)
        desk.ask("public_get_depth", {**SYMBOL, "limit": 1000})
        desk.ask("private_post_order", ORDER)
        stats = limiter.get_stats()
        assert (stats["weight_used"], stats["orders_used"], stats["requests_used"]) == (51, 1, 2)

    def test_other_exchanges(self, flavour, loopback):
        """Elsewhere requests keep the distance of ccxt's own rateLimit."""
        desk = Desk(make(flavour, loopback, "kraken"))
        slept = _without_sleep(desk.exchange)
        throttle = install_throttle(desk.exchange)
        desk.exchange.throttle._pace = Pace(1_000, lambda: 0.0, desk.exchange.sleep)
        for _ in range(3):
            desk.ask("public_get_time")
        assert slept == [1_000, 2_000]
        assert throttle.exchange is desk.exchange
        desk.close()

    def test_own_limiter_elsewhere(self, flavour, loopback, books):
        """Elsewhere a limiter of one's own is asked for ccxt's cost."""
        desk = Desk(make(flavour, loopback, "kraken"))
        install_throttle(desk.exchange, books)
        desk.ask("public_get_time")
        assert books.told[0][:4] == ("reserve", "GET /0/public/Time", 1, 0) or books.told[0][2] == 1
        assert books.names() == ["reserve", "settle"]
        desk.close()


def _without_sleep(exchange):
    """Note how long an exchange would sleep."""
    slept = []

    def sleep(milliseconds):
        slept.append(milliseconds)

    async def asleep(milliseconds):
        slept.append(milliseconds)

    exchange.sleep = sleep if exchange.synchronous else asleep
    return slept


@pytest.fixture
def paper(flavour):
    """Our own exchange, which speaks like Binance and asks nobody."""
    exec_plugin.install()
    namespace = import_module({"sync": "ccxt", "async": "ccxt.async_support", "pro": "ccxt.pro"}[flavour])
    desk = Desk(namespace.binancepaper({"enableRateLimit": True, "options": {"paper": {"account": "throttled"}}}))
    yield desk
    desk.close()


class TestPaper:
    """The paper exchange, which has a ``throttle`` of its own."""

    def test_pace(self, paper):
        """On paper requests keep Binance's pace, in the venue's own time."""
        install_throttle(paper.exchange)
        slept = _without_sleep(paper.exchange)
        paper.exchange.throttle._pace = Pace(paper.exchange.rateLimit, lambda: 0.0, paper.exchange.sleep)
        paper.ask("public_get_depth", {**SYMBOL, "limit": 1000})
        paper.ask("public_get_trades", SYMBOL)
        paper.ask("fetch_time")
        # a weight of 50, then of 25: 10 ms each
        assert slept == [500, 750]
        uninstall_throttle(paper.exchange)
        assert "throttle" not in paper.exchange.__dict__
        paper.ask("fetch_time")

    def test_clock(self, paper):
        """The pace is the venue's, whose clock and sleep are its own."""
        throttle = install_throttle(paper.exchange)
        paper.ask("fetch_time")
        assert abs(throttle._pace._clock() - paper.exchange.milliseconds()) < 60_000

    def test_limiter(self, paper, books):
        """A limiter of one's own sees the same as on a real exchange, from copies too."""
        install_throttle(paper.exchange, books)
        paper.ask("private_get_account")
        assert books.told[0] == ("reserve", "GET /api/v3/account", 20, 0, "account", None)
        assert "X-MBX-USED-WEIGHT-1M" in books.told[1][3]
        copied = pickle.loads(pickle.dumps(paper.exchange))
        assert copied.throttle.exchange is copied
