"""Who waits for a permit, in which order, and how it is woken in its loop or thread."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Callable, Mapping

    from exec_plugin.rate_limit.permit import Permit

    #: Takes a permit's capacity and answers {}; or takes none and answers what is short, in seconds until it is not.
    Take = Callable[[Permit], Mapping[str, float]]

#: What is short of only such names does not hold up a permit that places no order.
ORDERS = "orders"
# Shorter delays vanish in the float of a loop's clock, and the timer would ring for ever.
SHORTEST = 1e-6
# Deadlines of tasks that have gone may be kept up to this number, and to as many as wait.
_SPARE = 64


class Line(Protocol):
    """The permits that wait, and in which order they are served."""

    def add(self, permit: Permit) -> None:
        """Join the line; nobody joins twice."""

    def remove(self, permit: Permit) -> None:
        """Leave the line without having been served."""

    def serve(self, take: Take) -> tuple[list[Permit], float | None]:
        """Those who could take their capacity, who leave, and in how many seconds to serve again; None: not known."""

    def __len__(self) -> int:
        """How many wait."""


class Fifo:
    """First come, first served; who is short of order capacity only does not hold up who needs none."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._plain: OrderedDict[Permit, None] = OrderedDict()
        self._orders: OrderedDict[Permit, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._plain) + len(self._orders)

    def add(self, permit: Permit) -> None:
        """Join at the end."""
        permit.number = next(self._numbers)
        self._line_of(permit)[permit] = None

    def remove(self, permit: Permit) -> None:
        """Leave without having been served."""
        del self._line_of(permit)[permit]

    def serve(self, take: Take) -> tuple[list[Permit], float | None]:
        """Serve in order until somebody must wait."""
        served: list[Permit] = []
        delays: list[float] = []
        open_lines = [self._plain, self._orders]
        while heads := [next(iter(line)) for line in open_lines if line]:
            permit = min(heads, key=_number)
            short = take(permit)
            if not short:
                del self._line_of(permit)[permit]
                served.append(permit)
                continue
            delays.append(max(short.values()))
            if not all(name.startswith(ORDERS) for name in short):
                break
            open_lines.remove(self._orders)
        return served, min(delays, default=None)

    def _line_of(self, permit: Permit) -> OrderedDict[Permit, None]:
        return self._orders if permit.orders else self._plain


def _number(permit: Permit) -> int:
    return permit.number


class ThreadWaiter:
    """A thread that waits."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        # when it will look again by itself
        self.when = math.inf
        self.event = Event()

    def wake(self) -> bool:
        """Have the thread look again."""
        self.event.set()
        return True


class LoopWaiter:
    """A task that waits."""

    def __init__(self, deadline: float, loop: AbstractEventLoop) -> None:
        self.deadline = deadline
        self.loop = loop
        self.future: Future[None] = loop.create_future()

    def wake(self) -> bool:
        """Have the task look again."""
        return _call(self.loop, self._finish)

    def _finish(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


Waiter = LoopWaiter | ThreadWaiter


def running_loop() -> AbstractEventLoop | None:
    """The event loop that runs in this thread, without importing asyncio for it."""
    asyncio: Any = sys.modules.get("asyncio")
    loop: AbstractEventLoop | None = asyncio and asyncio._get_running_loop()
    return loop


def _call(loop: AbstractEventLoop, function: Callable[..., object], *args: object) -> bool:
    """Run something in a loop, now if this is it; False if the loop is closed."""
    if running_loop() is loop:
        function(*args)
        return True
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        return False
    return True


class Alarm:
    """The one timer of a loop, for all of its tasks that wait."""

    def __init__(self, loop: AbstractEventLoop, clock: Callable[[], float], ring: Callable[[Alarm], None]) -> None:
        self._loop = loop
        self._clock = clock
        self._ring = ring
        self._when = math.inf
        self._handle: TimerHandle | None = None
        self._waiters: set[LoopWaiter] = set()
        # also those that have gone, until they come up or are the most of it
        self._deadlines: list[tuple[float, int, LoopWaiter]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waiters)

    def add(self, waiter: LoopWaiter) -> None:
        """A task begins to wait."""
        self._waiters.add(waiter)
        if waiter.deadline < math.inf:
            heappush(self._deadlines, (waiter.deadline, next(self._numbers), waiter))

    def discard(self, waiter: LoopWaiter) -> None:
        """A task waits no more."""
        self._waiters.discard(waiter)
        if len(self._deadlines) > 2 * len(self._waiters) + _SPARE:
            self._deadlines = [entry for entry in self._deadlines if entry[2] in self._waiters]
            heapify(self._deadlines)

    def set(self, when: float) -> None:
        """Ring at that moment, or at the first deadline, or earlier."""
        while self._deadlines and self._deadlines[0][2] not in self._waiters:
            heappop(self._deadlines)
        if self._deadlines:
            when = min(when, self._deadlines[0][0])
        # one that rings too early looks when to ring again, which is cheaper than to set it anew each time
        if when < self._when:
            self._when = when
            _call(self._loop, self._start)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._when = math.inf
        _call(self._loop, self._start)

    def rung(self) -> None:
        """It has rung, and is not set."""
        self._when, self._handle = math.inf, None

    def late(self) -> list[LoopWaiter]:
        """Those whose deadline has passed; the alarm forgets them."""
        now, late = self._clock(), []
        while self._deadlines and self._deadlines[0][0] <= now:
            waiter = heappop(self._deadlines)[2]
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                late.append(waiter)
        return late

    def _start(self) -> None:
        # orders from other threads arrive late: what counts is what is wanted now
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._when < math.inf:
            self._handle = self._loop.call_later(max(self._when - self._clock(), SHORTEST), self._ring, self)
