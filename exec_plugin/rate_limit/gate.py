"""
The gate: grants permits in the order of a line, with one timer for the next of it.

Each loop that waits has one timer, and of the threads the first alone looks by itself; so a loop that no longer runs
holds up nobody in another.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import contextmanager
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING

from exec_plugin.core.errors import RateLimitError
from exec_plugin.rate_limit.waiting import SHORTEST, Alarm, LoopWaiter, ThreadWaiter, running_loop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator, Mapping
    from threading import RLock

    from exec_plugin.rate_limit.permit import Permit
    from exec_plugin.rate_limit.waiting import Line, Take, Waiter


class Gate:
    """
    Grants permits, and wakes those who wait for them.

    Args:
        line: who waits, and who is next.
        take, give_back: what a permit costs; both are called under ``lock``.
        check: raises for a permit that can never be granted.
        clock: seconds, never going back.
        sleep: how a thread waits; None: until it is woken or its time is over.
    """

    def __init__(
        self,
        line: Line,
        take: Take,
        *,
        give_back: Callable[[Permit], None],
        check: Callable[[Permit], None],
        clock: Callable[[], float],
        lock: RLock,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.line = line
        self._take = take
        self._give_back = give_back
        self._check = check
        self._clock = clock
        self._lock = lock
        self._sleep = sleep
        self._next = math.inf
        self._alarms: dict[AbstractEventLoop, Alarm] = {}
        self._threads: OrderedDict[ThreadWaiter, None] = OrderedDict()

    def ask(self, permit: Permit) -> bool:
        """Grant a permit now, unless somebody who waits goes first."""
        with self._lock:
            if permit.granted or permit.waiters:
                return permit.granted
            if not len(self.line):
                permit.granted = not self._try(permit)
                return permit.granted
            self.line.add(permit)
            self.serve()
            if not permit.granted:
                self.line.remove(permit)
            return permit.granted

    async def turn(self, permit: Permit, max_wait: float | None) -> None:
        """Wait in this loop until a permit is granted."""
        loop = running_loop()
        if loop is None:
            raise RuntimeError("await a permit in an asyncio event loop; elsewhere permit.wait() blocks the thread")
        waiter = LoopWaiter(self._deadline(max_wait), loop)
        with self._waiting(permit, waiter):
            if not permit.granted:
                await waiter.future
            # a thread that grants it holds the lock from before it wakes this one until it has said so
            with self._lock:
                if not permit.granted:
                    raise self._late(permit)

    def block(self, permit: Permit, max_wait: float | None) -> None:
        """Block this thread until a permit is granted."""
        if running_loop() is not None:
            raise RuntimeError("waiting here would block the event loop: use `async with`, or await the permit")
        waiter = ThreadWaiter(self._deadline(max_wait))
        with self._waiting(permit, waiter):
            while delay := self._delay(permit, waiter):
                if self._sleep is None:
                    waiter.event.wait(min(delay, TIMEOUT_MAX))
                else:
                    self._sleep(delay)

    def serve(self) -> None:
        """Grant what can be granted, and look again when there may be more."""
        with self._lock:
            self._look()
            self._arm()

    def _ring(self, alarm: Alarm) -> None:
        with self._lock:
            alarm.rung()
            self._look()
            for waiter in alarm.late():
                waiter.wake()
            self._arm()

    def _look(self) -> None:
        gone = True
        while gone:
            served, delay = self.line.serve(self._try)
            self._next = math.inf if delay is None else self._clock() + delay
            # what the tasks of a closed loop have waited for is for those behind them
            gone = [permit for permit in served if not self._grant(permit)] != []

    def _arm(self) -> None:
        for alarm in self._alarms.values():
            alarm.set(self._next)
        first = next(iter(self._threads), None)
        if first is not None and self._next < first.when:
            first.wake()

    def _try(self, permit: Permit) -> Mapping[str, float]:
        permit.short = self._take(permit)
        return permit.short

    def _grant(self, permit: Permit) -> bool:
        gone = [waiter for waiter in permit.waiters if not waiter.wake()]
        for waiter in gone:
            self._forget(permit, waiter)
        permit.granted = bool(permit.waiters) or not gone
        if not permit.granted:
            self._give_back(permit)
        return permit.granted

    def _deadline(self, max_wait: float | None) -> float:
        return math.inf if max_wait is None else self._clock() + max_wait

    @contextmanager
    def _waiting(self, permit: Permit, waiter: Waiter) -> Iterator[None]:
        self._check(permit)
        try:
            self._join(permit, waiter)
            yield
        except BaseException:
            self._leave(permit, waiter, served=False)
            raise
        self._leave(permit, waiter, served=True)

    def _join(self, permit: Permit, waiter: Waiter) -> None:
        with self._lock:
            if permit.granted:
                return
            if not permit.waiters:
                permit.short = {}
                self.line.add(permit)
            permit.waiters.append(waiter)
            if isinstance(waiter, ThreadWaiter):
                self._threads[waiter] = None
            else:
                self._alarm(waiter.loop).add(waiter)
            self.serve()
            # to wait for what is known to come too late helps nobody
            if not permit.granted and self._clock() + max(permit.short.values(), default=0) > waiter.deadline:
                raise self._late(permit)

    def _leave(self, permit: Permit, waiter: Waiter, *, served: bool) -> None:
        with self._lock:
            permit.claimed = permit.claimed or served
            if not self._forget(permit, waiter) or permit.waiters or permit.claimed:
                return
            if permit.granted:
                permit.granted = False
                self._give_back(permit)
            else:
                self.line.remove(permit)
            self.serve()

    def _forget(self, permit: Permit, waiter: Waiter) -> bool:
        if waiter not in permit.waiters:
            return False
        permit.waiters.remove(waiter)
        if isinstance(waiter, ThreadWaiter):
            del self._threads[waiter]
            # the next thread now has to look by itself
            for first in self._threads:
                first.wake()
                break
        elif (alarm := self._alarms.get(waiter.loop)) is not None:
            alarm.discard(waiter)
            if not len(alarm):
                alarm.stop()
                del self._alarms[waiter.loop]
        return True

    def _alarm(self, loop: AbstractEventLoop) -> Alarm:
        if loop not in self._alarms:
            self._alarms[loop] = Alarm(loop, self._clock, self._ring)
        return self._alarms[loop]

    def _delay(self, permit: Permit, waiter: ThreadWaiter) -> float:
        """Seconds until a thread looks again; 0.0: its permit is granted."""
        with self._lock:
            waiter.event.clear()
            waiter.when = -math.inf
            if not permit.granted:
                self.serve()
            if permit.granted:
                return 0.0
            now = self._clock()
            if now >= waiter.deadline:
                raise self._late(permit)
            looks = self._sleep is not None or next(iter(self._threads)) is waiter
            waiter.when = min(waiter.deadline, self._next) if looks else waiter.deadline
            return max(waiter.when - now, SHORTEST)

    def _late(self, permit: Permit) -> RateLimitError:
        after = max(permit.short.values(), default=max(self._next - self._clock(), 0.0))
        short = f"{', '.join(permit.short)} used up" if permit.short else "others are first"
        return RateLimitError(
            f"no capacity in time for {permit.endpoint!r} of weight {permit.weight}: {short};"
            f" try again in {after:.3f} s, or allow a longer max_wait",
            after,
        )
