"""The rate limiter of the seed: several token buckets behind one ``acquire``."""

from __future__ import annotations

import time
from fractions import Fraction
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError
from exec_plugin.endpoints import DOCUMENTED
from exec_plugin.rate_limit.bucket import TokenBucket
from exec_plugin.rate_limit.config import RateLimitConfig, is_number, refuse
from exec_plugin.rate_limit.gate import Gate
from exec_plugin.rate_limit.permit import Permit
from exec_plugin.rate_limit.waiting import ORDERS, Fifo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.rate_limit.waiting import Line

DAY = 86_400
#: How many orders a request places, by its name here, by its route or by its WebSocket method.
ORDERS_OF = {"order": 1} | {
    name: row.orders for row in DOCUMENTED.values() for name in (row.name, f"{row.method} {row.path}") if row.orders
}


class _Unsaid(int):
    """A default that can be told apart from the same number said."""


_ONE = _Unsaid(1)


class RateLimiter:
    """
    Keeps requests, their weight and orders within the limits of its configuration.

    A subclass says what is counted by ``_take``, ``_give_back`` and ``_check``, who goes first by ``_make_line``, and
    calls ``_changed`` when there may be capacity earlier than was known. All but ``_check`` run under ``_lock``.

    Args:
        config: the limits; by default Binance's.
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
        if not isinstance(config, RateLimitConfig | None):
            raise ConfigError(f"config={config!r} is no RateLimitConfig; give RateLimitConfig(weight_per_minute=6000)")
        self.config = RateLimitConfig() if config is None else config
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._rng = Random() if rng is None else rng
        self._lock = RLock()
        self.buckets = self._make_buckets()
        self._used: dict[str, float] = dict.fromkeys(("requests", "weight", ORDERS), 0)
        self._today, self._orders_today = self._day(), 0
        self._gate = Gate(
            self._make_line(),
            self._take,
            give_back=self._give_back,
            check=self._check,
            clock=clock,
            lock=self._lock,
            sleep=sleep,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(map(repr, self.buckets.values()))}, {len(self._gate.line)} waiting>"

    def acquire(
        self,
        endpoint: str | float = "request",
        weight: float = _ONE,
        max_retries: int = 0,
        *,
        orders: int | None = None,
    ) -> Permit:
        """
        Ask for the capacity of one request: granted at once, or when the permit is waited for.

        A first positional number is a weight, and a second then ``max_retries``. ``orders`` is how many orders the
        request places; by default the endpoint says so ("order" is one).
        """
        permit = self._permit(endpoint, weight, max_retries, orders)
        self._gate.ask(permit)
        return permit

    def acquire_order(self, max_retries: int | None = None) -> bool:
        """Take the capacity of one order if it can be had, with the configuration's back-offs unless told."""
        return bool(self.acquire("order", 1, self.config.max_retries if max_retries is None else max_retries))

    def wait_for_capacity(self, weight: float = 1, max_wait: float | None = None) -> None:
        """Block this thread until a request of that weight may be sent, and take its capacity."""
        self.acquire("request", weight).wait(max_wait)

    async def wait_if_needed(self, endpoint: str | float = "request", weight: float = _ONE) -> None:
        """Wait until a request may be sent, and take its capacity."""
        await self.acquire(endpoint, weight)

    def get_status(self) -> dict[str, Any]:
        """The live state: each bucket, the day's orders, how many wait."""
        with self._lock:
            self._check_daily_order_limit()
            return {
                "buckets": {name: _describe(bucket) for name, bucket in self.buckets.items()},
                "orders_today": self._orders_today,
                "orders_per_day": self.config.orders_per_day,
                "waiting": len(self._gate.line),
            }

    def get_stats(self) -> dict[str, Any]:
        """The status, and what was used since the start or the last ``reset_limits``."""
        with self._lock:
            return {f"{name}_used": used for name, used in self._used.items()} | self.get_status()

    def reset_buckets(self) -> None:
        """Fill all buckets."""
        with self._lock:
            for bucket in self.buckets.values():
                bucket.reset()
            self._changed()

    def reset_limits(self) -> None:
        """Fill all buckets and set all counters to zero, the day's orders too."""
        with self._lock:
            self._used = dict.fromkeys(self._used, 0)
            self._orders_today = 0
            self.reset_buckets()

    def _make_buckets(self) -> dict[str, TokenBucket]:
        config = self.config
        limits = {
            "requests": (config.requests_per_minute, 60),
            "weight": (config.weight_per_minute, 60),
            "orders_1s": (config.orders_per_second, 1),
            "orders_10s": (config.orders_per_10_seconds, 10),
        }
        return {
            name: TokenBucket(limit, Fraction(limit, seconds), clock=self._clock, lock=self._lock)
            for name, (limit, seconds) in limits.items()
        }

    def _make_line(self) -> Line:
        return Fifo()

    def _permit(self, endpoint: str | float, weight: float, max_retries: float, orders: int | None) -> Permit:
        if not isinstance(endpoint, str):
            name, weight, retries = "request", endpoint, weight
            # the table's form is acquire(weight, max_retries)
            if not isinstance(retries, _Unsaid):
                if max_retries:
                    raise TypeError(f"acquire({endpoint!r}, {retries!r}, {max_retries!r}): name the endpoint first")
                max_retries = retries
        else:
            name = endpoint
        _require("weight", weight)
        _require("max_retries", max_retries, whole=True)
        count = ORDERS_OF.get(name, 0) if orders is None else orders
        _require("orders", count, whole=True)
        return Permit(self, name, weight, int(max_retries), count)

    def _demand(self, permit: Permit) -> dict[str, float]:
        """Tokens that a permit costs, by bucket."""
        demand = {"requests": 1, "weight": permit.weight}
        if permit.orders:
            demand |= {"orders_1s": permit.orders, "orders_10s": permit.orders}
        return demand

    def _check(self, permit: Permit) -> None:
        """Raise for a permit that can never be granted."""
        for name, tokens in self._demand(permit).items():
            capacity = self.buckets[name].capacity
            if tokens > capacity:
                raise ConfigError(f"{name}={tokens} can never be granted at once; {capacity} is the most")

    def _take(self, permit: Permit) -> Mapping[str, float]:
        """Take a permit's capacity: {}; or take nothing, and say what is short in how many seconds it will not be."""
        demand = self._demand(permit)
        if permit.orders and not self._check_daily_order_limit(permit.orders):
            return self._short(demand) | {"orders_1d": max((self._today + 1) * DAY - self._wall_clock(), 0.0)}
        taken: list[tuple[TokenBucket, float]] = []
        for name, tokens in demand.items():
            bucket = self.buckets[name]
            if not bucket.acquire(tokens):
                # under the lock nobody has seen that they were gone
                for other, amount in taken:
                    other.give_back(amount)
                # {} means granted: what came back since it was looked for is taken, not reported
                return self._short(demand) or self._take(permit)
            taken.append((bucket, tokens))
        self._count(permit, 1)
        return {}

    def _short(self, demand: Mapping[str, float]) -> dict[str, float]:
        """Seconds until there is enough, by the buckets in which there is not."""
        return {name: delay for name, tokens in demand.items() if (delay := self._time_to(name, tokens))}

    def _time_to(self, name: str, tokens: float) -> float:
        bucket = self.buckets[name]
        # what can never be is refused, or an error where somebody would wait for it
        return bucket.time_to_refill(tokens) if tokens <= bucket.capacity else float("inf")

    def _give_back(self, permit: Permit) -> None:
        """Return the capacity of a permit that was granted to somebody who had gone."""
        for name, tokens in self._demand(permit).items():
            self.buckets[name].give_back(tokens)
        self._count(permit, -1)

    def _count(self, permit: Permit, sign: int) -> None:
        self._used["requests"] += sign
        self._used["weight"] += sign * permit.weight
        if permit.orders:
            self._used[ORDERS] += sign * permit.orders
            self._orders_today = max(self._orders_today + sign * permit.orders, 0)

    def _finished(self, permit: Permit) -> None:
        """The body that a permit was entered for has ended."""

    def _changed(self) -> None:
        """There may be capacity now, or another moment to look again."""
        self._gate.serve()

    def _retry(self, permit: Permit, retries: int) -> None:
        for attempt in range(retries):
            (self._sleep or time.sleep)(self._calculate_retry_delay(attempt))
            if self._gate.ask(permit):
                return

    def _day(self) -> int:
        return int(self._wall_clock() // DAY)

    def _check_daily_order_limit(self, orders: int = 1) -> bool:
        """Whether so many more orders are within the limit of the exchange's day, which is UTC's."""
        with self._lock:
            today = self._day()
            if today != self._today:
                self._today, self._orders_today = today, 0
            return self._orders_today + orders <= self.config.orders_per_day

    def _calculate_retry_delay(self, attempt: int) -> float:
        """Seconds of the back-off with that number (0 is the first): doubled each time, jittered, bounded."""
        _require("attempt", attempt, whole=True)
        config = self.config
        # a power beyond this is a power of nothing or exceeds any bound
        longest = min(config.base_retry_delay * 2.0 ** min(attempt, 500) * (1 + config.jitter), config.max_retry_delay)
        return longest / (1 + config.jitter * self._rng.random())


def _describe(bucket: TokenBucket) -> dict[str, float]:
    tokens = bucket.tokens
    return {
        "capacity": bucket.capacity,
        "tokens": tokens,
        "used": bucket.capacity - tokens,
        "refill_rate": bucket.refill_rate,
    }


def _require(name: str, value: float, *, whole: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}, not a {'whole ' if whole else ''}number")
    if not is_number(value) or value < 0:
        raise refuse(name, value, "finite and at least 0", 0)
