"""A token bucket that counts exactly: integers of a fraction of a token, so that nothing drifts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from threading import RLock


class TokenBucket:
    """
    Holds ``capacity`` tokens, full at first, and gets ``refill_rate`` of them back each second.

    Buckets that are taken from together may share a lock.
    """

    def __init__(
        self,
        capacity: float | Fraction,
        refill_rate: float | Fraction,
        *,
        clock: Callable[[], float] = time.monotonic,
        lock: RLock | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def tokens(self) -> float:
        """How many tokens are there now."""
        raise NotImplementedError

    def acquire(self, tokens: float | Fraction = 1) -> bool:
        """Take tokens if there are so many; otherwise take none."""
        raise NotImplementedError

    def give_back(self, tokens: float | Fraction = 1) -> None:
        """Return tokens that were taken and not needed; what is beyond the capacity is lost."""
        raise NotImplementedError

    def time_to_refill(self, tokens: float | Fraction = 1) -> float:
        """Seconds until there are so many tokens; 0.0 if there are."""
        raise NotImplementedError

    def reset(self) -> None:
        """Fill the bucket."""
        raise NotImplementedError

    def _refill(self) -> None:
        raise NotImplementedError
