"""What a throttle spends from, whichever limiter keeps it, and the limiters that exchanges of one process share."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit.waiting import running_loop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from exec_plugin.limit_store import LimitStore
    from exec_plugin.rate_limit.adaptive import AdaptiveRateLimiter
    from exec_plugin.rate_limit.config import RateLimitConfig
    from exec_plugin.rate_limit.limiter import RateLimiter
    from exec_plugin.rate_limit.permit import Permit

_FIRST_ERROR = 400
_TELLING = {"date": "Date", "retry-after": "Retry-After"}
# exchangeInfo is megabytes of symbols behind its limits, which stand at its beginning.
_LIMITS = re.compile(r'"rateLimits"\s*:\s*(\[[^\]]*\])')
_HEAD = 8_000


class Budget(Protocol):
    """
    What ``AdaptiveRateLimiter`` offers to those who send: a reservation for each request, settled with its answer.

    With ``max_wait`` 0 nobody waits: it is had at once, or RateLimitError. A request that leaves without one, because
    its exchange is told not to wait, is settled with None by any other limiter.
    """

    async def reserve(
        self, weight: Any, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Any:  # fmt: skip
        """Wait for a request's turn."""

    def reserve_blocking(
        self, weight: Any, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Any:  # fmt: skip
        """Wait for a request's turn, blocking this thread."""

    def settle(self, reservation: Any, status: int, headers: Mapping[str, str], body: Any = None) -> None:
        """An answer came."""

    def lost(self, reservation: Any) -> None:
        """No answer came."""

    def withdraw(self, reservation: Any) -> None:
        """The request was never sent."""

    def use_limits(self, limits: Sequence[Mapping[str, Any]]) -> None:
        """The exchange named its limits."""


class Permits:
    """A limiter of token buckets as a budget; it learns nothing from answers."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter

    async def reserve(
        self, weight: float, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Permit:  # fmt: skip
        """Wait for a permit; a bucket fills all the time, so that ``max_wait`` is the limiter's own."""
        del kind, max_wait
        permit = self.limiter.acquire(endpoint, weight, orders=orders)
        await permit
        return permit

    def reserve_blocking(
        self, weight: float, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Permit:  # fmt: skip
        """Wait for a permit, blocking this thread."""
        del kind
        permit = self.limiter.acquire(endpoint, weight, orders=orders)
        permit.wait(max_wait)
        return permit

    def settle(self, reservation: Permit, status: int, headers: Mapping[str, str], body: Any = None) -> None:
        """Tokens are spent whatever the answer."""

    def lost(self, reservation: Permit) -> None:
        """Tokens are spent without an answer too."""

    def withdraw(self, reservation: Permit) -> None:
        """Tokens of a request that was never sent are left to be had again by time."""

    def use_limits(self, limits: Sequence[Mapping[str, Any]]) -> None:
        """The configuration's limits stand."""


class Shared:
    """The limiters of this process, one for each host and account; a forked child starts with none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._limiters: dict[tuple[object, ...], AdaptiveRateLimiter] = {}
        self._memories: dict[str, LimitStore] = {}

    def find(
        self, host: str, account: str, store: LimitStore | str | Path | None, config: RateLimitConfig | None
    ) -> AdaptiveRateLimiter:
        """The limiter for a host and an account, made at its first use."""
        key = (host, account, store, config)
        limiter = self._limiters.get(key)
        return limiter if limiter is not None else self._make(*key)

    def _make(
        self, host: str, account: str, store: LimitStore | str | Path | None, config: RateLimitConfig | None
    ) -> AdaptiveRateLimiter:
        from exec_plugin.rate_limit.adaptive import AdaptiveRateLimiter

        key = (host, account, store, config)
        with self._lock:
            if key not in self._limiters:
                if store == "memory":
                    # accounts of one host share its weight, in memory too
                    store = self._memories.setdefault(host, MemoryStore())
                self._limiters[key] = AdaptiveRateLimiter(config, host=host, account=account, store=store)
            return self._limiters[key]

    def forget(self) -> None:
        """Start anew: locks and timers of the parent mean nothing in a forked child."""
        self.__init__()  # type: ignore[misc]


SHARED = Shared()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED.forget)


def block(budget: Budget, *asked: Any, **more: Any) -> Any:
    """
    Reserve, blocking the caller, in an event loop too.

    ccxt's sync classes block by nature, and in a notebook each cell runs inside a loop.
    """
    if running_loop() is None:
        return budget.reserve_blocking(*asked, **more)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(budget.reserve_blocking, *asked, **more).result()


def unreserved(budget: Budget, weight: float, *, orders: int, endpoint: str, kind: str) -> Any:
    """
    What stands for a request that leaves although there is no room for it.

    It takes nothing from the budget; its answer says what it has taken.
    """
    from exec_plugin.rate_limit.adaptive import AdaptiveRateLimiter

    if not isinstance(budget, AdaptiveRateLimiter):
        return None
    reservation = budget._reservation(weight, orders, endpoint, kind)
    reservation.sent = budget.store.now()
    # as one that is no longer in flight, of no window that is known
    reservation.index = reservation.used = reservation.settled = reservation.member = -1.0
    return reservation


def telling(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say something of a budget, as Binance spells them; servers in between may not."""
    found = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower.startswith("x-mbx-"):
            found[name.upper()] = value
        elif lower in _TELLING:
            found[_TELLING[lower]] = value
    return found


def told(endpoint: str, status: int, text: str) -> Any:
    """The part of a body that a limiter learns from: an error, or the server's time."""
    if status < _FIRST_ERROR and not endpoint.endswith("/time"):
        return None
    return _parse(text) if len(text) <= _HEAD else None


def named_limits(endpoint: str, status: int, text: str) -> list[dict[str, Any]]:
    """The ``rateLimits`` of exchangeInfo; [] in any other answer."""
    if status >= _FIRST_ERROR or not endpoint.endswith("/exchangeInfo"):
        return []
    found = _LIMITS.search(text, 0, _HEAD)
    limits = _parse(found[1]) if found else None
    return limits if isinstance(limits, list) else []


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
