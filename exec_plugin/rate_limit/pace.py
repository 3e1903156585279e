"""Requests at an even distance, for exchanges of which only ccxt's own ``rateLimit`` is known."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import RateLimitError
from exec_plugin.rate_limit.answers import LONGEST, ban_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_REFUSALS = (418, 429)
_SECOND = 1_000


class Place(NamedTuple):
    """A request's place: milliseconds until it, what it takes up, and where it ends."""

    wait: float
    length: float
    end: float


class Pace:
    """
    A bucket of one: a request leaves when what those before it cost has run off, at the exchange's own clock.

    Its calls are those of ``AdaptiveRateLimiter``, but weights are ccxt's costs and nobody goes before anybody else.

    Args:
        interval: milliseconds for a cost of 1.
        clock: milliseconds; may be a market's that is replayed.
        sleep: lets that many milliseconds pass; awaited by ``reserve``, called by ``reserve_blocking``.
    """

    def __init__(self, interval: float, clock: Callable[[], float], sleep: Callable[[float], Any]) -> None:
        self.interval = interval
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._last = self._end = self._held = clock()

    async def reserve(
        self, weight: float = 1, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Place:  # fmt: skip
        """Wait for the next place; RateLimitError when it is more than ``max_wait`` seconds away."""
        del orders, kind
        while True:
            place = self._take(weight, endpoint, max_wait)
            try:
                if place.wait:
                    await self._sleep(place.wait)
            except BaseException:
                self.withdraw(place)
                raise
            if not self._stopped():
                return place

    def reserve_blocking(
        self, weight: float = 1, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Place:  # fmt: skip
        """As ``reserve``, blocking this thread."""
        del orders, kind
        while True:
            place = self._take(weight, endpoint, max_wait)
            if place.wait:
                self._sleep(place.wait)
            if not self._stopped():
                return place

    def settle(self, reservation: Place, status: int, headers: Mapping[str, str], body: Any = None) -> None:
        """After a refusal nothing leaves before its ``Retry-After``, or the end of a ban that its text names."""
        del reservation
        if status not in _REFUSALS:
            return
        after = headers.get("Retry-After", "")
        with self._lock:
            now = self._now()
            silent = int(after) if after.isdecimal() else ban_end(body) - now / _SECOND
            self._held = max(self._held, now + min(silent, LONGEST) * _SECOND)

    def lost(self, reservation: Place) -> None:
        """No answer came; it has cost what it has cost."""

    def withdraw(self, reservation: Place) -> None:
        """Free the place of a request that was never sent, unless another has come after it."""
        with self._lock:
            if self._end == reservation.end:
                self._end -= reservation.length

    def use_limits(self, limits: Sequence[Mapping[str, Any]]) -> None:
        """The exchange's windows are not known here."""

    def _take(self, weight: float, endpoint: str, max_wait: float | None) -> Place:
        length = weight * self.interval
        with self._lock:
            now = self._now()
            due = max(now, self._end, self._held)
            if max_wait is not None and due - now > max_wait * _SECOND:
                after = (due - now) / _SECOND
                msg = f"{endpoint or 'the request'} has to wait {after:.3f} s for those before it; try again then"
                raise RateLimitError(msg, after)
            self._end = due + length
            return Place(due - now, length, self._end)

    def _stopped(self) -> bool:
        # a refusal may have come while this one waited: it then waits for a new place behind that
        with self._lock:
            return self._now() < self._held

    def _now(self) -> float:
        now = self._clock()
        if now < self._last:
            # a clock that was set back moves the places, else all would wait for as long as it was wrong
            back = self._last - now
            self._end -= back
            self._held -= back
        self._last = now
        return now
