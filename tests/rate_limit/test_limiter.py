"""The limiter: what a request costs, when it is refused, and what is seen of it."""

from __future__ import annotations

import json
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import ConfigError
from exec_plugin.rate_limit import RateLimitConfig, RateLimiter, RateLimitError
from rate_limit.virtual import Clock, run

#: Half a minute before midnight, UTC.
EVENING = 86_400 * 20_000 - 30


@pytest.fixture
def clock():
    """Seconds, and what threads sleep on."""
    return Clock()


@pytest.fixture
def make(clock):
    """Make a limiter whose whole time is the clock's."""

    def make(**limits):
        wall = lambda: EVENING + clock.now  # noqa: E731
        return RateLimiter(RateLimitConfig(**limits), clock=clock, wall_clock=wall, sleep=clock.sleep, rng=Random(1))

    return make


def left(limiter):
    """Tokens by bucket."""
    return {name: bucket.tokens for name, bucket in limiter.buckets.items()}


def test_cost(make):
    """A request costs one of the requests and its weight; an order one of the orders too."""
    limiter = make()
    assert limiter.acquire("market_data", 5)
    assert left(limiter) == {"requests": 1199, "weight": 5995, "orders_1s": 10, "orders_10s": 100}
    assert limiter.acquire("order")
    assert left(limiter) == {"requests": 1198, "weight": 5994, "orders_1s": 9, "orders_10s": 99}


@pytest.mark.parametrize("name", ["requests_per_minute", "weight_per_minute", "orders_per_second"])
def test_all_or_nothing(make, name):
    """A request that any bucket refuses takes nothing from the others."""
    limiter = make(**{name: 1})
    assert limiter.acquire_order()
    before = left(limiter)
    assert not limiter.acquire("order")
    assert left(limiter) == before


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, ("request", 1, 0, 0)),
        (("order",), {}, ("order", 1, 0, 1)),
        (("order", 2), {}, ("order", 2, 0, 1)),
        (("order", 2, 3), {}, ("order", 2, 3, 1)),
        ((5,), {}, ("request", 5, 0, 0)),
        ((5, 3), {}, ("request", 5, 3, 0)),
        ((5, 1), {}, ("request", 5, 1, 0)),
        ((5,), {"max_retries": 3}, ("request", 5, 3, 0)),
        ((), {"weight": 5, "max_retries": 3}, ("request", 5, 3, 0)),
        (("POST /api/v3/order",), {}, ("POST /api/v3/order", 1, 0, 1)),
        (("order.place",), {}, ("order.place", 1, 0, 1)),
        (("GET /api/v3/order", 4), {}, ("GET /api/v3/order", 4, 0, 0)),
        (("mine",), {"orders": 3}, ("mine", 1, 0, 3)),
    ],
)
def test_forms(make, args, kwargs, said):
    """The table's form and the prose's mean what they say."""
    permit = make().acquire(*args, **kwargs)
    assert (permit.endpoint, permit.weight, permit._retries, permit.orders) == said


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((5, 3, 2), TypeError),
        ((True,), TypeError),
        (("x", "5"), TypeError),
        (("x", None), TypeError),
        ((None,), TypeError),
        (("x", -1), ConfigError),
        (("x", math.nan), ConfigError),
        (("x", math.inf), ConfigError),
        (("x", 1, -1), ConfigError),
        (("x", 1, 1.5), TypeError),
        ((5, 1.5), TypeError),
    ],
)
def test_bad_arguments(make, args, error):
    """What makes no sense is an error, and takes nothing."""
    limiter = make()
    with pytest.raises(error):
        limiter.acquire(*args)
    assert limiter.get_stats()["requests_used"] == 0


def test_config():
    """Something else than a configuration is refused with what to give instead."""
    with pytest.raises(ConfigError, match="RateLimitConfig"):
        RateLimiter({"weight_per_minute": 100})


def test_too_heavy(make):
    """What can never be granted is refused, and an error where it would be waited for; nobody is held up by it."""
    limiter = make(weight_per_minute=100)
    assert not limiter.acquire(101)
    with pytest.raises(ConfigError, match=r"weight=101 .* 100 is the most"):
        limiter.wait_for_capacity(101)
    assert limiter.acquire(100)


def test_free(make):
    """A request may weigh nothing."""
    limiter = make(weight_per_minute=1)
    assert limiter.acquire(1)
    assert limiter.acquire("order", 0)


def test_refill(make, clock):
    """Capacity comes back in the course of its window."""
    limiter = make(weight_per_minute=60)
    limiter.acquire(60)
    clock.now += 0.5
    assert not limiter.acquire(1)
    clock.now += 0.5
    assert limiter.acquire(1)


def test_ticking():
    """Capacity that comes back between two looks is taken as well: what is granted has always been paid for."""

    class Ticking(Clock):
        def __call__(self):
            self.now += 0.125
            return self.now

    limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=Ticking())
    granted = sum(bool(limiter.acquire(1)) for _ in range(500))
    assert granted == limiter.get_stats()["weight_used"]
    assert 60 < granted <= 60 + limiter._clock.now


def test_retries(make, clock):
    """With retries a plain thread backs off and asks again, until it is granted."""
    limiter = make(weight_per_minute=60, base_retry_delay=0.5, jitter=0)
    limiter.acquire(60)
    assert limiter.acquire(2, 5)
    assert clock.slept == [0.5, 1.0, 2.0]


def test_retries_end(make, clock):
    """After the last retry the answer stays no, also when asked again."""
    limiter = make(weight_per_minute=60, base_retry_delay=0.1, jitter=0)
    limiter.acquire(60)
    permit = limiter.acquire(50, 2)
    assert not permit
    assert not permit
    assert clock.slept == [0.1, 0.2]


def test_no_retries_in_loop(make, clock):
    """An event loop is never blocked: there the answer is at once."""
    limiter = make(weight_per_minute=60)
    limiter.acquire(60)

    async def main():
        return bool(limiter.acquire(1, 5)), limiter.acquire_order(3)

    assert run(main()) == (False, False)
    assert clock.slept == []


def test_order(make, clock):
    """acquire_order answers plainly yes or no, with the configuration's retries unless told."""
    limiter = make(orders_per_second=1, max_retries=1, base_retry_delay=0.25, jitter=0)
    assert limiter.acquire_order() is True
    assert limiter.acquire_order() is False
    assert limiter.acquire_order(max_retries=0) is False
    assert clock.slept == [0.25]


def test_day(make, clock):
    """The day's orders end at the limit, and begin anew at midnight UTC."""
    limiter = make(orders_per_day=2)
    assert limiter._check_daily_order_limit()
    assert limiter.acquire("order", orders=2)
    assert not limiter._check_daily_order_limit()
    assert not limiter.acquire("order")
    assert limiter.acquire("market_data")
    clock.now += 30
    assert limiter._check_daily_order_limit()
    assert limiter.get_status()["orders_today"] == 0
    assert limiter.acquire("order")


def test_day_wait(make, clock):
    """Who waits for the next day is told how long it is, or waits if that is allowed."""
    limiter = make(orders_per_day=1, max_wait=20)
    assert limiter.acquire_order()
    with pytest.raises(RateLimitError, match="orders_1d used up") as caught:
        limiter.acquire("order").wait()
    assert caught.value.retry_after == 30
    assert limiter.acquire("order").wait(max_wait=31)
    assert clock.now == 30


def test_wait_for_capacity(make, clock):
    """The thread sleeps until there is capacity, and takes it."""
    limiter = make(weight_per_minute=60)
    limiter.wait_for_capacity(60)
    assert limiter.wait_for_capacity(weight=5, max_wait=10) is None
    assert clock.slept == [5.0]
    assert left(limiter)["weight"] == 0


def test_wait_too_long(make, clock):
    """What is known to take longer than the maximum is told at once, and takes nothing."""
    limiter = make(weight_per_minute=60)
    limiter.acquire(60)
    with pytest.raises(RateLimitError, match=r"weight used up; try again in 5\.000 s") as caught:
        limiter.wait_for_capacity(5, max_wait=4)
    assert caught.value.retry_after == 5
    assert clock.slept == []
    clock.now += 5
    assert limiter.acquire(5)


def test_wait_if_needed(clock):
    """The task waits until there is capacity, and takes it."""

    async def main():
        limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock)
        await limiter.wait_if_needed("market_data", 60)
        assert clock.now == 0
        await limiter.wait_if_needed("market_data", weight=2)
        assert clock.now == 2
        await limiter.wait_if_needed(3)
        assert clock.now == 5
        return left(limiter)["weight"]

    assert run(main(), clock) == 0


def test_status(make):
    """The status is the live state, as JSON."""
    limiter = make(orders_per_day=7)
    limiter.acquire("order", 15)
    status = json.loads(json.dumps(limiter.get_status()))
    assert status["buckets"]["weight"] == {"capacity": 6000, "tokens": 5985, "used": 15, "refill_rate": 100}
    assert (status["orders_today"], status["orders_per_day"], status["waiting"]) == (1, 7, 0)


def test_stats(make, clock):
    """The stats count what was used, which time does not take back."""
    limiter = make()
    for _ in range(3):
        limiter.acquire("market_data", 2)
    limiter.acquire_order()
    clock.now += 600
    stats = json.loads(json.dumps(limiter.get_stats()))
    assert (stats["requests_used"], stats["weight_used"], stats["orders_used"]) == (4, 7, 1)
    assert stats["buckets"] == limiter.get_status()["buckets"]


def test_reset_buckets(make):
    """Buckets can be filled without forgetting what was used."""
    limiter = make(weight_per_minute=10)
    limiter.acquire("order", 10)
    limiter.reset_buckets()
    assert left(limiter)["weight"] == 10
    stats = limiter.get_stats()
    assert (stats["weight_used"], stats["orders_today"]) == (10, 1)


def test_reset_limits(make):
    """A reset limiter is as new."""
    limiter = make()
    new = limiter.get_stats()
    limiter.acquire("order", 10)
    assert limiter.get_stats() != new
    limiter.reset_limits()
    assert limiter.get_stats() == new


def test_reset_wakes(clock):
    """Who waits goes on when the buckets are filled."""
    import asyncio

    async def main():
        limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock)
        limiter.acquire(60)
        waiting = asyncio.ensure_future(limiter.wait_if_needed("x", 60))
        await asyncio.sleep(1)
        limiter.reset_buckets()
        await waiting
        return clock.now

    assert run(main(), clock) == 1


def test_repr(make):
    """The repr shows buckets and waiters."""
    assert repr(make()).startswith("<RateLimiter TokenBucket(capacity=1200, refill_rate=20, tokens=1200), ")
    assert repr(make()).endswith(", 0 waiting>")


@given(
    st.integers(0, 10**6),
    st.floats(0.001, 10),
    st.floats(1, 100),
    st.floats(0, 1),
    st.integers(),
)
def test_delay(attempt, base, factor, jitter, seed):
    """A back-off lies between its share of the doubled base and the maximum."""
    config = RateLimitConfig(base_retry_delay=base, max_retry_delay=base * factor, jitter=jitter)
    delay = RateLimiter(config, rng=Random(seed))._calculate_retry_delay(attempt)
    assert delay <= config.max_retry_delay
    plain = min(base * 2.0 ** min(attempt, 900), config.max_retry_delay / (1 + jitter))
    assert plain * (1 - 1e-12) <= delay <= plain * (1 + jitter) * (1 + 1e-12)


def test_delay_jitters(make):
    """Also the longest back-offs differ from each other."""
    limiter = make(jitter=0.5)
    assert len({limiter._calculate_retry_delay(50) for _ in range(20)}) == 20


def test_delay_again():
    """The same generator gives the same back-offs."""
    delays = [[RateLimiter(rng=Random(5))._calculate_retry_delay(n) for n in range(5)] for _ in range(2)]
    assert delays[0] == delays[1]


def test_bad_attempt(make):
    """There is no attempt before the first."""
    with pytest.raises(ConfigError, match="attempt=-1"):
        make()._calculate_retry_delay(-1)
