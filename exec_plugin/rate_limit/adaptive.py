"""The limiter that follows the exchange's own account of the budget, shared by all who spend it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from exec_plugin.rate_limit.limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from exec_plugin.limit_store import LimitStore
    from exec_plugin.rate_limit.config import RateLimitConfig
    from exec_plugin.rate_limit.ledger import Reservation


class AdaptiveRateLimiter(RateLimiter):
    """
    Spends Binance's windows to their end and never past it, together with every process that shares the store.

    A request is reserved, sent, and settled with its answer: ``reservation = await limiter.reserve(weight)``, then
    ``limiter.settle(reservation, status, headers, body)``, or ``lost`` without an answer, or ``withdraw`` unsent.

    Args:
        config: the limits until the exchange names its own; the defaults are Binance's.
        host: whose budget; several hosts have several.
        account: whose orders; weight is counted per host, orders per account.
        store: None for the file that all processes of this machine share, "memory", a path, a URL, or a store.
        clock: seconds since the epoch, only a first guess at the server's time.
        monotonic: seconds, never going back.
        limits: ``exchangeInfo``'s ``rateLimits``, when known.
    """

    def __init__(
        self,
        config: RateLimitConfig | None = None,
        *,
        host: str = "api.binance.com",
        account: str = "default",
        store: LimitStore | str | Path | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        limits: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        raise NotImplementedError

    async def reserve(
        self, weight: int = 1, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Reservation:
        """
        Wait until a request may leave, and reserve what it costs.

        ``kind`` is "cancel", "order", "account" or "market"; by default ``endpoint`` ("DELETE /api/v3/order") and
        ``orders`` (how many the request places) say it. RateLimitError when it would take longer than ``max_wait``.
        """
        raise NotImplementedError

    def reserve_blocking(
        self, weight: int = 1, orders: int = 0, *, endpoint: str = "", kind: str | None = None,
        max_wait: float | None = None,
    ) -> Reservation:
        """As ``reserve``, blocking this thread."""
        raise NotImplementedError

    def settle(
        self, reservation: Reservation, status: int, headers: Mapping[str, str], body: Any = None,
        now: float | None = None,
    ) -> None:
        """Account for an answer: its headers correct the windows and the clock, a refusal stops the budget."""
        raise NotImplementedError

    def lost(self, reservation: Reservation) -> None:
        """No answer came: the request stays counted until it cannot count any more."""
        raise NotImplementedError

    def withdraw(self, reservation: Reservation) -> None:
        """The request was never sent: what was reserved is free again."""
        raise NotImplementedError

    def use_limits(self, limits: Sequence[Mapping[str, Any]]) -> None:
        """Take over ``exchangeInfo``'s ``rateLimits``."""
        raise NotImplementedError

    def record_error(self, error_type: str) -> None:
        """Use less of the windows for a while after an error ("rate_limit", "ban", "server", ...)."""
        raise NotImplementedError
