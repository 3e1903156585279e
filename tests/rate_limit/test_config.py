"""The configuration refuses what cannot be, and says what could."""

from __future__ import annotations

import math

import attrs
import pytest

from exec_plugin.core.errors import ConfigError
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.rate_limit import RateLimitConfig
from exec_plugin.rate_limit.adaptive import _named
from exec_plugin.rate_limit.windows import Limits

LIMITS = ["requests_per_minute", "weight_per_minute", "orders_per_second", "orders_per_10_seconds", "orders_per_day"]
SECONDS = ["base_retry_delay", "max_retry_delay", "max_wait"]


def test_defaults():
    """Unless told, weight and orders are Binance's and the requests the seed's."""
    config = RateLimitConfig()
    assert config.requests_per_minute == 1200
    assert [config.weight_per_minute, config.orders_per_10_seconds, config.orders_per_day] == [
        limit["limit"] for limit in RATE_LIMITS[:3]
    ]


def test_table():
    """What a ledger assumes until exchangeInfo is known is what the table of limits says, kind by kind."""
    assert _named(RATE_LIMITS, Limits((1.0, 1.0), (1.0, 1.0), ())) == Limits()


def test_documented():
    """The figures are the documented ones: rest-api's limits of 2023-08-25, raw requests since 2026-04-02."""
    told = {(row["rateLimitType"], row["interval"], row["intervalNum"]): row["limit"] for row in RATE_LIMITS}
    assert told == {
        ("REQUEST_WEIGHT", "MINUTE", 1): 6_000,
        ("RAW_REQUESTS", "MINUTE", 5): 300_000,
        ("ORDERS", "SECOND", 10): 100,
        ("ORDERS", "DAY", 1): 200_000,
    }


def test_frozen():
    """A configuration is never edited; attrs.evolve makes another, which is checked as well."""
    config = RateLimitConfig()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.weight_per_minute = 1
    with pytest.raises(ConfigError):
        attrs.evolve(config, weight_per_minute=0)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("value", "nearest"), [(0, 1), (-5, 1), (2.6, 3), (math.inf, 1), (math.nan, 1), (True, 1), ("6000", 1), (None, 1)]
)
def test_limits(name, value, nearest):
    """A limit is a whole number of at least 1; the error names value, limit and the nearest legal value."""
    with pytest.raises(ConfigError) as caught:
        RateLimitConfig(**{name: value})
    text = f"{name}={value!r} must be a whole number of at least 1; the nearest legal value is {nearest}"
    assert str(caught.value) == text


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "1", True])
def test_seconds(name, value):
    """Times are finite and not negative."""
    with pytest.raises(ConfigError, match=rf"{name}=.* nearest legal value is 0"):
        RateLimitConfig(**{name: value})


def test_retries():
    """No retries at all are legal, fewer are not."""
    assert RateLimitConfig(max_retries=0).max_retries == 0
    with pytest.raises(ConfigError, match=r"max_retries=-1 .* nearest legal value is 0"):
        RateLimitConfig(max_retries=-1)


@pytest.mark.parametrize(("value", "nearest"), [(-0.1, 0), (1.1, 1), (math.nan, 0), ("x", 0)])
def test_jitter(value, nearest):
    """Jitter is a share."""
    with pytest.raises(ConfigError, match=f"jitter=.* nearest legal value is {nearest}"):
        RateLimitConfig(jitter=value)


def test_delays():
    """The longest back-off is no shorter than the first."""
    with pytest.raises(ConfigError, match="max_retry_delay=1 must be at least base_retry_delay=2"):
        RateLimitConfig(base_retry_delay=2, max_retry_delay=1)


def test_max_wait():
    """No maximum is legal, and so is none at all to wait."""
    assert RateLimitConfig(max_wait=None).max_wait is None
    assert RateLimitConfig(max_wait=0).max_wait == 0
