import asyncio
import json
import threading

import pytest

from exec_plugin.core.errors import ConfigError, RateLimitError
from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter
from rate_limit.counting import Server
from rate_limit.virtual import Clock, run


def make(second=30.0, clock=None, **options):
    """A limiter and its server, which has just begun second 30 of a minute."""
    clock = clock or Clock(1_000.0)
    server = Server(clock, second)
    options.setdefault("store", MemoryStore(clock))
    return AdaptiveRateLimiter(clock=lambda: server.now, monotonic=clock, **options), server


def fill(limiter, server, used=6_000):
    """Let the limiter know that a window is used."""
    reservation = limiter.reserve_blocking(kind="cancel")
    server.spend(used - 1)
    limiter.settle(reservation, *server.answer())


def test_order_of_waiters():
    """A thousand waiters leave in the order in which they came."""
    limiter, server = make()
    left = []

    async def client(number):
        reservation = await limiter.reserve(number % 20 + 1)
        left.append(number)
        await asyncio.sleep(0.05)
        limiter.settle(reservation, *server.answer(reservation.weight))

    async def main():
        await asyncio.gather(*map(client, range(1_000)))

    run(main(), limiter._clock)
    assert left == sorted(left)
    assert max(server.weight.values()) <= 6_000


def test_cancelled():
    """A task that is cancelled while it waits leaves its place to the next."""
    limiter, server = make()
    fill(limiter, server)

    async def main():
        first = asyncio.ensure_future(limiter.reserve(5_000))
        second = asyncio.ensure_future(limiter.reserve(kind="order"))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert limiter.get_status()["waiting"] == 0

    run(main(), limiter._clock)
    assert limiter.get_status()["buckets"]["weight"]["in_flight"] == 1


def test_urgent_first():
    """When there is room again, a cancel leaves before the order and the market data that came earlier."""
    limiter, server = make()
    fill(limiter, server)
    left = []

    async def client(kind):
        await limiter.reserve(kind=kind)
        left.append(kind)

    async def main():
        await asyncio.gather(*map(client, ("market", "account", "order", "cancel")))

    run(main(), limiter._clock)
    assert left == ["cancel", "order", "account", "market"]


def test_too_long():
    """Who would wait too long is told how long."""
    limiter, server = make(second=30.0)
    fill(limiter, server)
    with pytest.raises(RateLimitError) as error:
        limiter.reserve_blocking(max_wait=5)
    assert 29 < error.value.retry_after < 32


def test_ban_is_told():
    """Who would wait for a ban's end is told when that is."""
    limiter, _ = make()
    limiter.settle(limiter.reserve_blocking(), 418, {"Retry-After": "600"})
    with pytest.raises(RateLimitError) as error:
        limiter.reserve_blocking()
    assert error.value.retry_after == pytest.approx(600)


def test_never():
    """What no window can hold is refused at once."""
    limiter, _ = make()
    limiter.settle(limiter.reserve_blocking(), 200, {"X-MBX-USED-WEIGHT-1M": "1"})
    with pytest.raises(ConfigError, match="6000"):
        limiter.reserve_blocking(6_001)


def test_kinds():
    """The endpoint says how urgent a request is, unless the caller does."""
    limiter, _ = make()
    kinds = {
        "DELETE /api/v3/order": "CANCEL",
        "POST /api/v3/order": "ORDER",
        "GET /api/v3/account": "ACCOUNT",
        "GET /api/v3/depth?limit=500": "MARKET",
        "GET /somewhere/else": "MARKET",
    }
    for endpoint, kind in kinds.items():
        assert limiter._reservation(1, 0, endpoint, None).kind.name == kind
    assert limiter._reservation(1, 0, "GET /api/v3/depth", "cancel").kind.name == "CANCEL"


def test_withdraw():
    """What was reserved and not sent is free again."""
    limiter, _ = make()
    reservation = limiter.reserve_blocking(20, 1)
    for _ in range(2):
        limiter.withdraw(reservation)
    status = limiter.get_status()["buckets"]
    assert limiter.get_stats()["weight_used"] == limiter.get_stats()["requests_used"] == 0
    assert status["weight"]["in_flight"] == status["orders_10s"]["in_flight"] == 0


def test_factor():
    """Errors lower the share that is used, together and within bounds; it recovers steadily."""
    limiter, server = make()
    limiter.record_error("rate_limit")
    assert limiter.adaptive_factor == pytest.approx(0.8)
    limiter.record_error("ban")
    assert limiter.adaptive_factor == pytest.approx(0.4)
    for _ in range(20):
        limiter.record_error("something else")
        limiter.record_error("ban")
    assert limiter.adaptive_factor == pytest.approx(0.1)
    server.clock.now += 60
    assert limiter.adaptive_factor == pytest.approx(0.2)
    server.clock.now += 3_600
    assert limiter.adaptive_factor == 1.0


def test_factor_is_used():
    """With half of the windows no more than half of the limit leaves."""
    limiter, server = make()
    fill(limiter, server, 10)
    limiter.record_error("ban")
    with pytest.raises(RateLimitError):
        limiter.reserve_blocking(3_100, max_wait=1, kind="cancel")


def test_status():
    """Status and stats are JSON, with the names of the seed."""
    limiter, server = make()
    fill(limiter, server, 100)
    stats = json.loads(json.dumps(limiter.get_stats()))
    assert (stats["requests_used"], stats["weight_used"]) == (1, 1)
    assert stats["buckets"]["weight"]["used"] == 100
    assert stats["members"] == 1


def names(value):
    """All keys of a status, of what is in it too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from names(inner)


def test_status_is_documented(root):
    """Every field of the status stands in the docs."""
    limiter, server = make()
    fill(limiter, server, 100)
    text = (root / "docs" / "rate_limit.md").read_text(encoding="utf-8")
    assert [name for name in names(limiter.get_stats()) if f"`{name}`" not in text] == []


def test_reset():
    """After a reset all counters are zero."""
    limiter, server = make()
    fill(limiter, server)
    limiter.reset_limits()
    stats = limiter.get_stats()
    assert (stats["requests_used"], stats["buckets"]["weight"]["used"]) == (0, 0)
    assert limiter.acquire("request", weight=1)


def test_acquire():
    """The seed's forms work on the ledger: a body that nobody settled is counted as the table has it."""
    limiter, server = make()
    fill(limiter, server, 100)
    with limiter.acquire("order", weight=3):
        assert limiter.get_status()["buckets"]["weight"]["in_flight"] == 3
    buckets = limiter.get_status()["buckets"]
    assert (buckets["weight"]["used"], buckets["weight"]["in_flight"]) == (103, 0)
    assert buckets["orders_10s"]["used"] == 1


def test_acquire_full():
    """A permit is refused when the window is full."""
    limiter, server = make()
    fill(limiter, server)
    assert not limiter.acquire("request", weight=1)
    assert not limiter.acquire_order(0)


def test_named_limits():
    """The exchange's own limits take the place of the defaults, in whatever windows they come."""
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 5, "limit": 50},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 1, "limit": 3},
    ]
    limiter, _ = make(limits=limits)
    limiter.settle(limiter.reserve_blocking(), 200, {"x-mbx-used-weight-5m": "7"})
    buckets = limiter.get_status()["buckets"]
    assert (buckets["weight"]["capacity"], buckets["weight"]["used"]) == (50, 7)
    assert buckets["orders_1s"]["capacity"] == 3


def test_threads():
    """Threads that wait are served when somebody else's answer makes room."""
    limiter, server = make()
    fill(limiter, server, 10)
    big = limiter.reserve_blocking(5_985, kind="cancel")
    left = []

    def client():
        limiter.reserve_blocking(10, kind="cancel", max_wait=20)
        left.append(1)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    while limiter.get_status()["waiting"] < 4:
        pass
    limiter.withdraw(big)
    for thread in threads:
        thread.join(60)
    assert len(left) == 4


def test_day():
    """The day's orders are the server's day's."""
    limiter, server = make()
    assert limiter._check_daily_order_limit()
    reservation = limiter.reserve_blocking(1, 1)
    limiter.settle(reservation, 200, {"X-MBX-ORDER-COUNT-1D": "200000", "X-MBX-USED-WEIGHT-1M": "1"})
    assert not limiter._check_daily_order_limit()
    server.clock.now += 86_400
    assert limiter._check_daily_order_limit()


def test_log(caplog):
    """A refusal and a stranger are worth a warning, each once."""
    limiter, server = make()
    fill(limiter, server, 10)
    for _ in range(3):
        fill(limiter, server, 400)
    limiter.settle(limiter.reserve_blocking(kind="cancel"), 429, {"Retry-After": "5"})
    texts = [record.getMessage() for record in caplog.records]
    assert sum("somebody else" in text for text in texts) == 2
    assert texts[-1] == "api.binance.com refused a request with 429: nothing leaves for 5.0 s"
