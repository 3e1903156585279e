"""A token bucket that counts exactly: in whole parts of a token and of a second, so that nothing drifts."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from threading import RLock
from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    Amount = int | float | Fraction | Decimal

NANO = 1_000_000_000


class TokenBucket:
    """
    Holds ``capacity`` tokens, full at first, and gets ``refill_rate`` of them back each second.

    In no interval are more granted than the capacity and what it refills. A float counts as the decimal it is written
    as: 0.1 is a tenth. Buckets that are taken from together may share a lock.
    """

    def __init__(
        self,
        capacity: Amount,
        refill_rate: Amount,
        *,
        clock: Callable[[], float] = time.monotonic,
        lock: RLock | None = None,
    ) -> None:
        held, rate = exact("capacity", capacity), exact("refill_rate", refill_rate)
        if not held:
            raise ConfigError("capacity=0: a bucket that holds nothing grants nothing; give it at least 1")
        self.capacity = _plain(held)
        self.refill_rate = _plain(rate)
        self._clock = clock
        self._lock = RLock() if lock is None else lock
        # A token has so many parts that each nanosecond refills a whole number of them.
        self._token = math.lcm(rate.denominator * NANO, held.denominator)
        self._per_nano = int(rate * self._token) // NANO
        self._full = self._level = int(held * self._token)
        self._at = self._now()

    def __repr__(self) -> str:
        return f"TokenBucket(capacity={self.capacity}, refill_rate={self.refill_rate}, tokens={self.tokens:g})"

    @property
    def tokens(self) -> float:
        """How many tokens are there now."""
        with self._lock:
            self._refill()
            return self._level / self._token

    def acquire(self, tokens: Amount = 1) -> bool:
        """Take tokens if there are so many; otherwise take none."""
        parts = self._parts(tokens)
        with self._lock:
            self._refill()
            if parts > self._level:
                return False
            self._level -= parts
            return True

    def give_back(self, tokens: Amount = 1) -> None:
        """Return tokens that were taken and not used; what exceeds the capacity is lost."""
        parts = self._parts(tokens)
        with self._lock:
            self._refill()
            self._level = min(self._level + parts, self._full)

    def time_to_refill(self, tokens: Amount = 1) -> float:
        """Seconds until there are so many tokens, if nobody takes any: 0.0 if there are."""
        parts = self._parts(tokens)
        if parts > self._full:
            raise ConfigError(
                f"tokens={tokens!r} will never be there: the bucket holds {self.capacity}; ask for that at most"
            )
        with self._lock:
            self._refill()
            missing = parts - self._level
        if missing <= 0:
            return 0.0
        # rounded up to a nanosecond: whoever comes back then finds the tokens
        return -(-missing // self._per_nano) / NANO if self._per_nano else math.inf

    def reset(self) -> None:
        """Fill the bucket."""
        with self._lock:
            self._refill()
            self._level = self._full

    def _refill(self) -> None:
        now = self._now()
        # a clock that goes back must not make the same time count twice
        if now > self._at:
            self._level = min(self._level + (now - self._at) * self._per_nano, self._full)
            self._at = now

    def _now(self) -> int:
        return round(self._clock() * NANO)

    def _parts(self, tokens: Amount) -> int:
        if type(tokens) is int and tokens >= 0:
            return tokens * self._token
        return math.ceil(exact("tokens", tokens) * self._token)


def exact(name: str, value: Amount) -> Fraction:
    """A number of 0 or more without the error of binary floats."""
    if isinstance(value, (bool, str)):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}, not a number")
    try:
        number = Fraction(repr(value) if isinstance(value, float) else value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{name}={value!r} must be a finite number") from None
    if number < 0:
        raise ConfigError(f"{name}={value!r} must be at least 0")
    return number


def _plain(number: Fraction) -> float:
    return number.numerator if number.denominator == 1 else float(number)
