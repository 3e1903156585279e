"""The presets keep what their figures promise."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.rate_limit import (
    RateLimitConfig,
    RateLimiter,
    create_aggressive_rate_limiter,
    create_conservative_rate_limiter,
)
from exec_plugin.rate_limit.presets import AGGRESSIVE, CONSERVATIVE
from rate_limit.virtual import Clock

LIMITS = ["requests_per_minute", "weight_per_minute", "orders_per_second", "orders_per_10_seconds", "orders_per_day"]


@pytest.mark.parametrize(
    ("create", "config"),
    [(create_conservative_rate_limiter, CONSERVATIVE), (create_aggressive_rate_limiter, AGGRESSIVE)],
)
def test_create(create, config):
    """Each call makes a limiter of its own with the preset's figures."""
    first, second = create(), create()
    assert isinstance(first, RateLimiter)
    assert first.config == config
    assert first.acquire(5)
    assert second.get_stats()["weight_used"] == 0


def test_between():
    """The defaults lie between the two presets."""
    for name in LIMITS:
        low, middle, high = (getattr(config, name) for config in (CONSERVATIVE, RateLimitConfig(), AGGRESSIVE))
        assert low <= middle <= high
    assert CONSERVATIVE.base_retry_delay > RateLimitConfig().base_retry_delay > AGGRESSIVE.base_retry_delay


def test_documented(root):
    """The page on the limiter has every figure of both presets."""
    page = (root / "docs" / "rate_limit.md").read_text(encoding="utf-8").replace(",", "")
    for name in (*LIMITS, "max_retries", "base_retry_delay", "max_retry_delay", "jitter"):
        figures = [getattr(config, name) for config in (RateLimitConfig(), CONSERVATIVE, AGGRESSIVE)]
        assert f"| `{name}` | {' | '.join(f'{figure:g}' for figure in figures)} |" in page


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 1500)), min_size=20, max_size=80))
def test_conservative_windows(calls):
    """However greedily it is used, the conservative limiter fills no minute and no ten seconds of Binance's."""
    clock = Clock()
    limiter = RateLimiter(CONSERVATIVE, clock=clock)
    weights, orders, millis = Counter(), Counter(), 0
    for pause, weight in calls:
        millis += pause
        clock.now = Fraction(millis, 1000)
        for _ in range(10):
            weights[millis // 60_000] += weight if limiter.acquire("x", weight) else 0
            orders[millis // 10_000] += 1 if limiter.acquire("order") else 0
    assert max(weights.values()) + max(orders.values()) * 6 <= 12_000
    assert max(weights.values()) <= 6_000
    assert max(orders.values()) <= 100
