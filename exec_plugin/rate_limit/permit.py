"""A permit: the answer to ``acquire``, which can be asked, awaited or entered."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from exec_plugin.rate_limit.waiting import running_loop

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

    from exec_plugin.rate_limit.limiter import RateLimiter
    from exec_plugin.rate_limit.waiting import Waiter


class Permit:
    """
    The right to send one request, had at once or to be waited for; its capacity is taken once.

    ``bool(permit)``: was it granted; ``await permit`` and ``permit.wait()`` wait for its turn; ``async with`` and
    ``with`` do so and run the body. A wait that is given up leaves the line, and takes nothing.
    """

    # what most permits never have set stands here, so that making one is quick
    granted = False
    # somebody knows that it was granted and may have sent the request: it cannot be given back any more
    claimed = False
    number = 0
    short: Mapping[str, float] = MappingProxyType({})

    def __init__(
        self, limiter: RateLimiter, endpoint: str, weight: float = 1, max_retries: int = 0, orders: int = 0
    ) -> None:
        self._limiter = limiter
        self._retries = max_retries
        self.endpoint = endpoint
        self.weight = weight
        self.orders = orders
        self.waiters: list[Waiter] = []

    def __repr__(self) -> str:
        state = "granted" if self.granted else "waiting" if self.waiters else "refused"
        return f"<Permit {self.endpoint!r} weight={self.weight} {state}>"

    def __bool__(self) -> bool:
        # to wait here is right for a thread; a loop has await for it
        if not self.granted and self._retries and running_loop() is None:
            retries, self._retries = self._retries, 0
            self._limiter._retry(self, retries)
        self.claimed = self.claimed or self.granted
        return self.granted

    def __await__(self) -> Generator[object, None, bool]:
        if not self.granted:
            yield from self._limiter._gate.turn(self, self._limiter.config.max_wait).__await__()
        self.claimed = True
        return True

    def wait(self, max_wait: float | None = None) -> bool:
        """
        Block this thread until the permit is granted, then True.

        Past ``max_wait`` seconds (by default the configuration's) it is a RateLimitError.
        """
        if not self.granted:
            self._limiter._gate.block(self, self._limiter.config.max_wait if max_wait is None else max_wait)
        self.claimed = True
        return True

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter._finished(self)

    async def __aenter__(self) -> Self:
        await self
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limiter._finished(self)
