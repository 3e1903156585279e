"""What a rate limiter keeps to: limits, back-offs and how long a caller may have to wait."""

from __future__ import annotations

from attrs import frozen


@frozen
class RateLimitConfig:
    """
    The limits and timeouts of a rate limiter; the defaults are Binance spot's, with the seed's requests per minute.

    Times are seconds. ``max_wait`` is the longest that a caller waits for its turn (None: as long as it takes),
    ``request_timeout`` how long a request without an answer may still reach the exchange.
    """

    requests_per_minute: int = 1_200
    weight_per_minute: int = 6_000
    orders_per_second: int = 10
    orders_per_10_seconds: int = 100
    orders_per_day: int = 200_000
    max_retries: int = 3
    base_retry_delay: float = 1.0
    max_retry_delay: float = 60.0
    jitter: float = 0.1
    max_wait: float | None = 120.0
    request_timeout: float = 10.0
