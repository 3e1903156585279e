"""Two limiters that are ready to use: one that leaves room, one that takes what Binance gives."""

from __future__ import annotations

from exec_plugin.rate_limit.config import RateLimitConfig
from exec_plugin.rate_limit.limiter import RateLimiter

# A full bucket and what it refills in one window are twice its figure: half of Binance's limits is never too much.
CONSERVATIVE = RateLimitConfig(
    requests_per_minute=600,
    weight_per_minute=3_000,
    orders_per_second=5,
    orders_per_10_seconds=50,
    orders_per_day=100_000,
    max_retries=5,
    base_retry_delay=2.0,
    max_retry_delay=120.0,
    jitter=0.25,
)
# 300,000 raw requests in 5 minutes; the other figures are Binance's own.
AGGRESSIVE = RateLimitConfig(
    requests_per_minute=60_000,
    weight_per_minute=6_000,
    orders_per_second=100,
    orders_per_10_seconds=100,
    orders_per_day=200_000,
    max_retries=2,
    base_retry_delay=0.25,
    max_retry_delay=15.0,
)


def create_conservative_rate_limiter() -> RateLimiter:
    """A limiter that stays within Binance's limits in every window, however its requests fall."""
    return RateLimiter(CONSERVATIVE)


def create_aggressive_rate_limiter() -> RateLimiter:
    """A limiter that takes all that Binance gives; after a burst a window may hold more, so be ready for a 429."""
    return RateLimiter(AGGRESSIVE)
