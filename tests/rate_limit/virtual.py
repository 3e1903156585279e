"""Time that tests move: a clock, and an event loop that jumps to its next timer instead of waiting."""

from __future__ import annotations

import asyncio
import selectors

from exec_plugin.rate_limit import RateLimitConfig, RateLimiter


class Clock:
    """Seconds that stand still until somebody moves them; ``sleep`` does."""

    def __init__(self, now=0.0):
        self.now = now
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        """What a thread does, in no time."""
        self.slept.append(seconds)
        self.now += seconds


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose ``time`` is a clock's; a wait that nothing would ever end is an error."""

    def __init__(self, clock=None):
        super().__init__(_Jump(self))
        self.clock = Clock() if clock is None else clock
        self.timers = 0

    def time(self):
        return self.clock.now

    def call_at(self, when, *args, **kwargs):
        self.timers += 1
        return super().call_at(when, *args, **kwargs)


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise AssertionError("nothing would ever wake this loop")
        self._loop.clock.now = max(self._loop.clock.now, self._loop._scheduled[0].when())
        return events


def run(main, clock=None):
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)


def make(clock, **limits):
    """A limiter of 60 of weight a minute, and of all else plenty."""
    limits = {"weight_per_minute": 60, "orders_per_second": 1000, "orders_per_10_seconds": 1000} | limits
    return RateLimiter(RateLimitConfig(**limits), clock=clock, sleep=clock.sleep)


async def noting(limiter, name, weight, done):
    """Wait for a turn, and note whose it was and when it came."""
    await limiter.wait_if_needed(name, weight)
    done.append((name, limiter._clock()))
