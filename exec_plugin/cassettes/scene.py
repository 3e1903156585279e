"""Where a play takes place: clients of one exchange, over the network or over a cassette."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve

from exec_plugin.binance import BinanceClient, BinanceConfig
from exec_plugin.rate_limit import AdaptiveRateLimiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Scene:
    """
    Clients for a play.

    Args:
        config: of the clients; a play may change parts of it.
        own_budget: count what is sent apart from this machine's other clients, as for a server of one's own.
    """

    def __init__(self, config: BinanceConfig, *, own_budget: bool = True) -> None:
        self.config = config
        self._own_budget = own_budget
        self.clock: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def limiter(self) -> AdaptiveRateLimiter | None:
        """What a client waits for; None for the budget that this machine shares."""
        return AdaptiveRateLimiter(store="memory") if self._own_budget else None

    def make(self, **changes: Any) -> BinanceClient:
        """A client that is not started."""
        return BinanceClient(evolve(self.config, **changes), self.limiter(), clock=self.clock, sleep=self.sleep)

    @asynccontextmanager
    async def open(self, **changes: Any) -> AsyncIterator[BinanceClient]:
        """A started client, closed at the end."""
        async with self.make(**changes) as client:
            yield client


class Replay(Scene):
    """
    A scene over a cassette: keys that nobody has, and time that passes only where a client waits.

    Args:
        now: the time in seconds at which it begins; by default now.
    """

    def __init__(self, now: float | None = None, **settings: Any) -> None:
        super().__init__(BinanceConfig(api_key="replayed-key", api_secret="replayed-secret", **settings))  # noqa: S106
        self.now = time.time() if now is None else now
        self.clock = lambda: self.now
        self.sleep = self._wait

    async def _wait(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def make(self, **changes: Any) -> BinanceClient:
        """A client whose timestamps follow this scene's time."""
        client = super().make(**changes)
        client.exchange.milliseconds = lambda: round(self.now * 1000)
        return client
