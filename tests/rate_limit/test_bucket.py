"""The token bucket is exact, however often and by whom it is asked."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import ConfigError
from exec_plugin.rate_limit import TokenBucket
from rate_limit.virtual import Clock

NANO = 10**9
CAPACITIES = st.integers(1, 10_000) | st.fractions(Fraction(1, 7), 50, max_denominator=60)
RATES = st.integers(0, 1_000) | st.fractions(0, 200, max_denominator=600)
# (nanoseconds that pass, tokens that are asked for)
ASKS = st.lists(
    st.tuples(
        st.integers(0, 3) | st.integers(0, 5 * NANO),
        st.integers(0, 50) | st.fractions(0, 20, max_denominator=1000),
    ),
    max_size=40,
)


@pytest.fixture
def clock():
    """A clock that starts at a moment with many digits."""
    return Clock(1234.000000567)


@pytest.fixture
def bucket(clock):
    """10 tokens, 2 more each second."""
    return TokenBucket(10, 2, clock=clock)


class Nanos:
    """A clock of whole nanoseconds, told exactly."""

    def __init__(self):
        self.nanos = 0

    def __call__(self):
        return Fraction(self.nanos, NANO)


def test_full(bucket):
    """A new bucket is full, and empty when all was taken."""
    assert [bucket.acquire() for _ in range(11)] == [True] * 10 + [False]


def test_refused(bucket):
    """What cannot be had whole takes nothing."""
    assert bucket.acquire(8)
    assert not bucket.acquire(3)
    assert bucket.tokens == 2


def test_refill(bucket, clock):
    """Tokens come back with time, up to the capacity."""
    bucket.acquire(10)
    clock.now += 1.5
    bucket._refill()
    assert bucket.tokens == 3
    clock.now += 60
    assert bucket.tokens == 10


def test_more_than_capacity(bucket):
    """What will never be there is refused when asked for, and an error that names both when waited for."""
    assert not bucket.acquire(11)
    with pytest.raises(ConfigError, match=r"tokens=11 .* holds 10"):
        bucket.time_to_refill(11)


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 0.0), (1, 0.5), (10, 5.0), (0.5, 0.25), (Decimal("0.1"), 0.05)])
def test_time_to_refill(bucket, tokens, seconds):
    """The time until tokens are there follows from what is missing."""
    bucket.acquire(10)
    assert bucket.time_to_refill(tokens) == seconds


@given(st.integers(0, 10**15), st.fractions(Fraction(1, 1000), 1000, max_denominator=1000), st.integers(1, 10))
def test_time_is_enough(start, rate, tokens):
    """Who waits for as long as it was told gets the tokens, and two nanoseconds earlier does not."""
    clock = Clock(start / NANO)
    bucket = TokenBucket(10, rate, clock=clock)
    bucket.acquire(10)
    told = clock.now + bucket.time_to_refill(tokens)
    clock.now = told - 2e-9
    assert not bucket.acquire(tokens)
    clock.now = told
    assert bucket.acquire(tokens)


def test_never(clock):
    """A bucket that refills nothing makes wait for ever."""
    bucket = TokenBucket(1, 0, clock=clock)
    assert bucket.acquire()
    assert bucket.time_to_refill(1) == math.inf


def test_decimals():
    """A tenth is a tenth: ten of them are one."""
    bucket = TokenBucket(1, 0.1, clock=Clock())
    assert [bucket.acquire(0.1) for _ in range(11)] == [True] * 10 + [False]
    assert bucket.refill_rate == 0.1


def test_backwards(bucket, clock):
    """A clock that goes back takes no tokens away, and the same time does not count twice."""
    bucket.acquire(10)
    clock.now += 1
    assert bucket.tokens == 2
    clock.now -= 1
    assert bucket.tokens == 2
    clock.now += 1
    assert bucket.tokens == 2


def test_give_back(bucket):
    """What was not used can be taken again, but never more than the capacity."""
    bucket.acquire(4)
    bucket.give_back(3)
    assert bucket.tokens == 9
    bucket.give_back(3)
    assert bucket.tokens == 10


def test_reset(bucket):
    """A reset bucket is full."""
    bucket.acquire(10)
    bucket.reset()
    assert bucket.tokens == 10


def test_repr(bucket):
    """The repr shows what there is."""
    bucket.acquire(2)
    assert repr(bucket) == "TokenBucket(capacity=10, refill_rate=2, tokens=8)"


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, -0.5])
def test_bad_value(bucket, value):
    """A number that cannot be is refused by its name, and nothing is taken."""
    with pytest.raises(ConfigError, match="capacity="):
        TokenBucket(value, 1)
    with pytest.raises(ConfigError, match="refill_rate="):
        TokenBucket(1, value)
    for call in (bucket.acquire, bucket.time_to_refill, bucket.give_back):
        with pytest.raises(ConfigError, match="tokens="):
            call(value)
    assert bucket.tokens == 10


@pytest.mark.parametrize("value", [True, "1", None, [1]])
def test_bad_type(bucket, value):
    """What is no number is a TypeError."""
    with pytest.raises(TypeError):
        bucket.acquire(value)


def test_no_capacity():
    """A bucket that could hold nothing is refused."""
    with pytest.raises(ConfigError, match="capacity=0"):
        TokenBucket(0, 1)


def test_threads():
    """Threads together get exactly what is there."""
    bucket = TokenBucket(1_000, 0)
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: bucket.acquire(), range(3_000)))
    assert sum(granted) == 1_000


@given(CAPACITIES, RATES, ASKS)
def test_exact(capacity, rate, asks):
    """Over any pattern of asking, the bucket holds what exact arithmetic says, within nothing and its capacity."""
    clock = Nanos()
    bucket = TokenBucket(capacity, rate, clock=clock)
    level = Fraction(capacity)
    for nanos, tokens in asks:
        clock.nanos += nanos
        level = min(level + Fraction(nanos, NANO) * Fraction(rate), Fraction(capacity))
        # a bucket may count in parts coarser than these tokens: then it counts the next part
        granted = bucket.acquire(tokens)
        parts = Fraction(math.ceil(tokens * bucket._token), bucket._token)
        assert granted == (parts <= level)
        level -= parts if granted else 0
        assert Fraction(bucket._level, bucket._token) == level
        assert 0 <= level <= capacity


@given(CAPACITIES, RATES, ASKS)
def test_bound(capacity, rate, asks):
    """In no interval is more granted than the capacity and what the interval refills."""
    clock = Nanos()
    bucket = TokenBucket(capacity, rate, clock=clock)
    granted = []
    for nanos, tokens in asks:
        clock.nanos += nanos
        if bucket.acquire(tokens):
            granted.append((clock.nanos, tokens))
    for first, (start, _) in enumerate(granted):
        total = Fraction(0)
        for end, tokens in granted[first:]:
            total += Fraction(tokens)
            assert total <= Fraction(capacity) + Fraction(rate) * Fraction(end - start, NANO)


@given(st.integers(1, 100), st.integers(1, 100), st.lists(st.integers(0, NANO), min_size=1, max_size=50))
def test_no_drift(capacity, rate, steps):
    """Asking on the way changes nothing: what is there in the end is what one look finds."""
    clock = Nanos()
    often, once = TokenBucket(capacity, rate, clock=clock), TokenBucket(capacity, rate, clock=clock)
    for bucket in (often, once):
        bucket.acquire(capacity)
    for step in steps:
        clock.nanos += step
        often.acquire(capacity + 1)
        often.time_to_refill(1)
    assert often.tokens == once.tokens == float(min(Fraction(sum(steps) * rate, NANO), Fraction(capacity)))
