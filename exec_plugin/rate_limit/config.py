"""What a rate limiter keeps to: limits, back-offs and how long a caller may have to wait."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from attrs import Attribute


def refuse(name: str, value: object, legal: str, nearest: object) -> ConfigError:
    """The error for a value that cannot be, which names the limit and the nearest value that can."""
    return ConfigError(f"{name}={value!r} must be {legal}; the nearest legal value is {nearest}")


def is_number(value: object) -> bool:
    """Whether a value is a finite int or float; a bool is neither."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(least: int) -> Any:
    def check(_: RateLimitConfig, attribute: Attribute[int], value: Any) -> None:
        if is_number(value) and isinstance(value, int) and value >= least:
            return
        nearest = max(round(value), least) if is_number(value) else least
        raise refuse(attribute.name, value, f"a whole number of at least {least}", nearest)

    return check


def _seconds(_: RateLimitConfig, attribute: Attribute[float], value: Any) -> None:
    if not is_number(value) or value < 0:
        raise refuse(attribute.name, value, "a finite number of seconds, at least 0", 0)


def _optional_seconds(config: RateLimitConfig, attribute: Attribute[float], value: Any) -> None:
    if value is not None:
        _seconds(config, attribute, value)


def _share(_: RateLimitConfig, attribute: Attribute[float], value: Any) -> None:
    if not is_number(value) or not 0 <= value <= 1:
        nearest = 1 if is_number(value) and value > 1 else 0
        raise refuse(attribute.name, value, "a share of 0 to 1", nearest)


def _at_least_base(config: RateLimitConfig, attribute: Attribute[float], value: Any) -> None:
    _seconds(config, attribute, value)
    if value < config.base_retry_delay:
        least = config.base_retry_delay
        raise refuse(attribute.name, value, f"at least base_retry_delay={least}", least)


@frozen
class RateLimitConfig:
    """
    The limits and timeouts of a rate limiter; by default Binance spot's limits, and the seed's requests per minute.

    Args:
        requests_per_minute, weight_per_minute: of one IP.
        orders_per_second, orders_per_10_seconds, orders_per_day: of one account.
        max_retries: back-offs of a call that does not say how many.
        base_retry_delay, max_retry_delay: seconds of the first back-off, doubled each time, and of the longest.
        jitter: the share of a back-off that is left to chance, so that many callers do not come back together.
        max_wait: the longest that a caller waits for its turn, in seconds; None: as long as it takes.
    """

    requests_per_minute: int = field(default=1_200, validator=_whole(1))
    weight_per_minute: int = field(default=6_000, validator=_whole(1))
    orders_per_second: int = field(default=10, validator=_whole(1))
    orders_per_10_seconds: int = field(default=100, validator=_whole(1))
    orders_per_day: int = field(default=200_000, validator=_whole(1))
    max_retries: int = field(default=3, validator=_whole(0))
    base_retry_delay: float = field(default=1.0, validator=_seconds)
    max_retry_delay: float = field(default=60.0, validator=_at_least_base)
    jitter: float = field(default=0.1, validator=_share)
    # Binance's longest window but the day's: whoever waits longer is better told.
    max_wait: float | None = field(default=300.0, validator=_optional_seconds)
