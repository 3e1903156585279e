"""The examples of the seed, as written there, and the forms that its table gives the same calls."""

from __future__ import annotations

import inspect
import pickle

import pytest

from exec_plugin import rate_limit
from exec_plugin.core.errors import ExecPluginError
from exec_plugin.rate_limit import (
    RateLimitConfig,
    RateLimiter,
    RateLimitError,
    TokenBucket,
)

NAMES = [
    "AdaptiveRateLimiter",
    "Permit",
    "RateLimitConfig",
    "RateLimitError",
    "RateLimiter",
    "TokenBucket",
    "create_aggressive_rate_limiter",
    "create_conservative_rate_limiter",
    "install_throttle",
    "uninstall_throttle",
]


@pytest.fixture
def rate_limiter():
    """The limiter of the seed's first example."""
    config = RateLimitConfig(
        requests_per_minute=1200,
        weight_per_minute=6000
    )  # fmt: skip
    return RateLimiter(config)


class Client:
    """Stands for the seed's client."""

    async def place_order(self, *args):
        """An order."""
        return "order"

    async def get_klines(self, *args):
        """Klines."""
        return []


client = Client()


def test_exports():
    """The module exports the seed's public names, permits and the throttle."""
    assert rate_limit.__all__ == NAMES
    assert set(NAMES) <= set(dir(rate_limit))


def test_unknown():
    """A misspelt name is an AttributeError."""
    with pytest.raises(AttributeError, match="TokenBuckets"):
        rate_limit.TokenBuckets  # noqa: B018


async def test_acquire(rate_limiter):
    """The example of acquire."""
    async with rate_limiter.acquire("order", weight=1):
        # Make API call here
        order = await client.place_order(...)
    assert order == "order"
    assert rate_limiter.get_stats()["orders_used"] == 1


async def test_wait_if_needed(rate_limiter):
    """The example of wait_if_needed."""
    await rate_limiter.wait_if_needed("market_data", weight=2)
    data = await client.get_klines(...)
    assert data == []
    assert rate_limiter.get_stats()["weight_used"] == 2


def test_get_stats(rate_limiter):
    """The example of get_stats, with its figures."""
    for _ in range(150):
        rate_limiter.acquire("market_data", weight=2)
    stats = rate_limiter.get_stats()
    assert (stats["requests_used"], stats["weight_used"]) == (150, 300)
    assert {"requests", "weight"} <= set(stats["buckets"])


def test_reset_limits(rate_limiter):
    """The example of reset_limits."""
    rate_limiter.acquire("order", weight=5)
    rate_limiter.reset_limits()
    # All rate limit counters reset to zero
    stats = rate_limiter.get_stats()
    assert (stats["requests_used"], stats["weight_used"], stats["orders_today"]) == (0, 0, 0)


def test_table(rate_limiter):
    """The table's acquire(weight, max_retries) and acquire_order(max_retries) say yes or no."""
    assert rate_limiter.acquire(6000, 0)
    assert not rate_limiter.acquire(1, 0)
    assert rate_limiter.acquire_order(0) is False
    rate_limiter.reset_buckets()
    assert rate_limiter.acquire_order(max_retries=0) is True


def test_table_bucket():
    """The table's bucket takes capacity and rate, and says when there will be tokens."""
    bucket = TokenBucket(10, 5)
    assert bucket.acquire(10) is True
    assert bucket.acquire(6) is False
    assert 0 < bucket.time_to_refill(6) <= 1.2


@pytest.mark.parametrize("args", [("too fast", 2.5), ("too fast",)])
def test_error(args):
    """The error has a message and when to try again, and survives pickling."""
    error = pickle.loads(pickle.dumps(RateLimitError(*args)))
    assert isinstance(error, ExecPluginError)
    assert (str(error), error.retry_after) == (args[0], args[1] if args[1:] else None)


def test_error_names():
    """The error takes the seed's arguments by name."""
    error = RateLimitError(message="too fast", retry_after=1)
    assert (str(error), error.retry_after) == ("too fast", 1)


@pytest.mark.parametrize("name", ["acquire", "acquire_order", "wait_for_capacity", "get_status", "get_stats"])
def test_plain(name):
    """What the table calls without await is no coroutine function."""
    assert not inspect.iscoroutinefunction(getattr(RateLimiter, name))
