"""The rate limiter of the seed: several token buckets behind one ``acquire``."""

from __future__ import annotations

import time
from threading import RLock
from typing import TYPE_CHECKING, Any

from exec_plugin.rate_limit.config import RateLimitConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from exec_plugin.rate_limit.bucket import TokenBucket
    from exec_plugin.rate_limit.permit import Permit
    from exec_plugin.rate_limit.waiting import Line


class RateLimiter:
    """
    Keeps requests, their weight and orders within the limits of its configuration.

    A subclass decides what is counted by ``_take`` and ``_give_back`` (both under ``_lock``), who goes first by
    ``_make_line``, and calls ``_changed`` when capacity may have come earlier than was known.

    Args:
        config: the limits; the defaults are Binance's.
        clock: seconds, never going back.
        wall_clock: seconds since the epoch, for the exchange's day.
        sleep: how a thread waits; by default it can be woken early.
        rng: the chance in back-offs.
    """

    def __init__(
        self,
        config: RateLimitConfig | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: Random | None = None,
    ) -> None:
        self.config = RateLimitConfig() if config is None else config
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = RLock()
        self.buckets: dict[str, TokenBucket] = {}

    def acquire(
        self, endpoint: str | float = "request", weight: float = 1, max_retries: int = 0, *, orders: int | None = None
    ) -> Permit:
        """
        Ask for the capacity of one request; it is granted at once, or when the permit is waited for.

        A first positional number is a weight, and a second then ``max_retries``. ``orders`` is how many orders the
        request places; by default the endpoint says so ("order" is one).
        """
        raise NotImplementedError

    def acquire_order(self, max_retries: int | None = None) -> bool:
        """Ask for the capacity of one order; by default with the configuration's ``max_retries`` back-offs."""
        raise NotImplementedError

    def wait_for_capacity(self, weight: float = 1, max_wait: float | None = None) -> None:
        """Block this thread until a request of that weight may be sent, and take its capacity."""
        raise NotImplementedError

    async def wait_if_needed(self, endpoint: str | float = "request", weight: float = 1) -> None:
        """Wait until a request may be sent, and take its capacity."""
        raise NotImplementedError

    def get_status(self) -> dict[str, Any]:
        """The live state of each bucket, of the day's orders and of the line, as JSON."""
        raise NotImplementedError

    def get_stats(self) -> dict[str, Any]:
        """The status with what was used since the start or the last reset, as JSON."""
        raise NotImplementedError

    def reset_buckets(self) -> None:
        """Fill all buckets."""
        raise NotImplementedError

    def reset_limits(self) -> None:
        """Fill all buckets and set all counters to zero, the day's orders too."""
        raise NotImplementedError

    def _make_line(self) -> Line:
        raise NotImplementedError

    def _take(self, permit: Permit) -> Mapping[str, float]:
        """Take a permit's capacity: {}; or take nothing and say what is short, in seconds until it is not."""
        raise NotImplementedError

    def _give_back(self, permit: Permit) -> None:
        """Return the capacity of a permit that was granted to somebody who had gone."""
        raise NotImplementedError

    def _finished(self, permit: Permit) -> None:
        """The body that a permit was entered for has ended."""

    def _changed(self) -> None:
        """Serve the line: there may be capacity now, or another moment to look again."""
        raise NotImplementedError

    def _check_daily_order_limit(self) -> bool:
        raise NotImplementedError

    def _calculate_retry_delay(self, attempt: int) -> float:
        raise NotImplementedError
