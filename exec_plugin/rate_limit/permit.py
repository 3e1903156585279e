"""A permit: the answer to ``acquire``, which can be asked, awaited or entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from exec_plugin.rate_limit.limiter import RateLimiter


class Permit:
    """
    The right to send one request, had at once or to be waited for; its capacity is taken once.

    ``bool(permit)``: was it granted; ``await permit`` and ``permit.wait()`` wait for its turn; ``async with`` and
    ``with`` do so and run the body.
    """

    __slots__ = ("_limiter", "endpoint", "granted", "max_retries", "orders", "weight")

    def __init__(
        self, limiter: RateLimiter, endpoint: str, weight: float, max_retries: int = 0, orders: int = 0
    ) -> None:
        self._limiter = limiter
        self.endpoint = endpoint
        self.weight = weight
        self.max_retries = max_retries
        self.orders = orders
        self.granted = False

    def __bool__(self) -> bool:
        raise NotImplementedError

    def __await__(self) -> Generator[object, None, bool]:
        raise NotImplementedError

    def wait(self, max_wait: float | None = None) -> bool:
        """Block this thread until the permit is granted; True then."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError
