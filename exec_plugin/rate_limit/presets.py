"""Ready limiters: one that leaves plenty of room, one that uses what Binance gives."""

from __future__ import annotations

from exec_plugin.rate_limit.limiter import RateLimiter


def create_conservative_rate_limiter() -> RateLimiter:
    """A limiter that stays within half of Binance's limits."""
    raise NotImplementedError


def create_aggressive_rate_limiter() -> RateLimiter:
    """A limiter that uses all that Binance gives."""
    raise NotImplementedError
