"""What throttles spend from, and what is read from answers for it."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from requests.structures import CaseInsensitiveDict

from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter, RateLimitConfig, RateLimiter, RateLimitError
from exec_plugin.rate_limit.budgets import SHARED, Permits, Shared, block, named_limits, telling, told, unreserved
from rate_limit.virtual import Clock, run

DEPTH = {"orders": 0, "endpoint": "GET /api/v3/depth", "kind": "market"}
LIMITS = '"rateLimits":[{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000}]'


@pytest.mark.parametrize("kind", [dict, CaseInsensitiveDict])
def test_telling(kind):
    """The headers that count are found in any case, and spelt as Binance spells them."""
    headers = kind({
        "content-type": "application/json", "x-mbx-used-weight-1m": "7", "X-Mbx-Order-Count-10s": "1",
        "retry-after": "9", "DATE": "Sun, 22 Nov 2026 15:00:00 GMT", "x-mbx-uuid": "a",
    })  # fmt: skip
    assert telling(headers) == {
        "X-MBX-USED-WEIGHT-1M": "7",
        "X-MBX-ORDER-COUNT-10S": "1",
        "X-MBX-UUID": "a",
        "Retry-After": "9",
        "Date": "Sun, 22 Nov 2026 15:00:00 GMT",
    }


@pytest.mark.parametrize(
    ("endpoint", "status", "text", "value"),
    [
        ("GET /api/v3/time", 200, '{"serverTime":1}', {"serverTime": 1}),
        ("POST /api/v3/order", 429, '{"code":-1015}', {"code": -1015}),
        ("POST /api/v3/order", 200, '{"orderId":1}', None),
        ("GET /api/v3/depth", 502, "<html>Bad gateway</html>", None),
        ("GET /api/v3/depth", 418, "[" * 7_000, None),
        ("GET /api/v3/depth", 418, f"[{' ' * 9_000}]", None),
    ],
)
def test_told(endpoint, status, text, value):
    """Errors and the time are read from bodies; nothing else costs anything."""
    assert told(endpoint, status, text) == value


@pytest.mark.parametrize(
    ("endpoint", "status", "text", "count"),
    [
        ("GET /api/v3/exchangeInfo", 200, f'{{"timezone":"UTC",{LIMITS},"symbols":[', 1),
        ("GET /api/v3/exchangeInfo", 200, '{"rateLimits":[oops],"symbols":[]}', 0),
        ("GET /api/v3/exchangeInfo", 200, '{"symbols":[]}', 0),
        ("GET /api/v3/exchangeInfo", 429, f"{{{LIMITS}}}", 0),
        ("GET /api/v3/depth", 200, f"{{{LIMITS}}}", 0),
    ],
)
def test_named_limits(endpoint, status, text, count):
    """The limits of exchangeInfo are found without reading its megabytes."""
    assert len(named_limits(endpoint, status, text)) == count


class TestShared:
    """The limiters of a process."""

    def test_one(self):
        """One host, account, store and configuration have one limiter, whoever asks."""
        shared = Shared()
        found = []

        def find():
            found.append(shared.find("host", "account", "memory", None))

        threads = [threading.Thread(target=find) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 1

    def test_memory(self):
        """Accounts of one host share its weight, in memory too; hosts do not."""
        shared = Shared()
        first, second = (shared.find("host", account, "memory", None) for account in ("a", "b"))
        assert first is not second
        assert first.store is second.store
        assert shared.find("other", "a", "memory", None).store is not first.store

    def test_own_store(self):
        """A store of one's own is used as it is."""
        store = MemoryStore()
        assert Shared().find("host", "a", store, RateLimitConfig(max_wait=1)).store is store

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork(self):
        """A forked child makes limiters of its own: the parent's threads and timers are not there."""
        mine = SHARED.find("forked", "a", "memory", None)
        child = os.fork()
        if not child:
            os._exit(0 if SHARED.find("forked", "a", "memory", None) is not mine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert SHARED.find("forked", "a", "memory", None) is mine


class TestPermits:
    """Token buckets as a budget."""

    def test_waits(self):
        """A request waits for its tokens, as a task and as a thread, and longer waits are refused."""
        clock = Clock()
        limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock, sleep=clock.sleep)
        budget = Permits(limiter)
        assert budget.reserve_blocking(60, **DEPTH)
        assert budget.reserve_blocking(5, **DEPTH)
        assert clock.now == pytest.approx(5)
        with pytest.raises(RateLimitError):
            budget.reserve_blocking(5, **DEPTH, max_wait=0)

        async def main():
            return await budget.reserve(10, **DEPTH)

        assert run(main(), clock)
        assert clock.now == pytest.approx(15)

    def test_learns_nothing(self):
        """Answers change nothing."""
        limiter = RateLimiter()
        budget = Permits(limiter)
        permit = budget.reserve_blocking(1, **DEPTH)
        before = limiter.get_stats()["weight_used"]
        budget.settle(permit, 429, {"Retry-After": "9"})
        budget.lost(permit)
        budget.withdraw(permit)
        budget.use_limits([])
        assert limiter.get_stats()["weight_used"] == before


class TestUnreserved:
    """Requests that leave although there is no room."""

    def test_seen(self):
        """What such a request's answer says is known to all."""
        limiter = AdaptiveRateLimiter(store="memory")
        limiter.settle(unreserved(limiter, 5, **DEPTH), 200, {"X-MBX-USED-WEIGHT-1M": "4321"})
        limiter.settle(unreserved(limiter, 1, **{**DEPTH, "orders": 1}), 200, {"X-MBX-ORDER-COUNT-10S": "3"})
        buckets = limiter.get_status()["buckets"]
        assert any(bucket["used"] == 4321 for bucket in buckets.values())

    def test_stops(self):
        """A refusal of such a request stops the budget."""
        limiter = AdaptiveRateLimiter(store="memory")
        limiter.settle(unreserved(limiter, 5, **DEPTH), 418, {"Retry-After": "600"})
        with pytest.raises(RateLimitError):
            limiter.reserve_blocking(1, max_wait=500)

    def test_lost(self):
        """Nothing is owed for such a request."""
        limiter = AdaptiveRateLimiter(store="memory")
        reservation = unreserved(limiter, 5, **DEPTH)
        limiter.lost(reservation)
        limiter.withdraw(reservation)
        assert not limiter._ledger._flight

    def test_others(self):
        """Other limiters are not told of it before its answer."""
        assert unreserved(Permits(RateLimiter()), 5, **DEPTH) is None


async def test_block_in_a_loop():
    """Blocking works inside an event loop, where limiters themselves refuse to."""
    clock = Clock()
    budget = Permits(RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock, sleep=clock.sleep))
    block(budget, 60, **DEPTH)
    block(budget, 7, **DEPTH)
    assert clock.now == pytest.approx(7)
    assert asyncio.get_running_loop().is_running()
