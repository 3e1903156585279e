"""
A budget that several machines share through Redis.

Nobody holds a lock across the network: a change is made on a copy and sent with the version it was made from. If
others were faster, their changes come back instead and it is made again.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from os import urandom
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError
from exec_plugin.limit_store.base import CELLS
from exec_plugin.limit_store.redis_link import ALL, CHANGE, Link, Unreachable, read_url
from exec_plugin.limit_store.shared_clock import SharedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exec_plugin.limit_store.base import Cells, T, Ts
    from exec_plugin.limit_store.redis_link import Reply

log = logging.getLogger(__name__)

#: Seconds until the first attempt to come back, doubled each time, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
#: Whoever was too late so often asks for a turn; whoever still got none in so many seconds goes on alone for a while.
LOSSES, LONGEST_TRY = 2, 0.25
_STAMP = 8


class Draft(list[float]):
    """Cells that know which of them were set."""

    __slots__ = ("touched",)

    def __init__(self, cells: Iterable[float]) -> None:
        super().__init__(cells)
        self.touched: set[int] = set()

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        if type(index) is int and index >= 0:
            self.touched.add(index)
        else:
            self.touched.update(range(CELLS)[index] if isinstance(index, slice) else (range(CELLS)[index],))


class RedisStore:
    """
    The state of one budget in Redis, under a key of its own.

    Without Redis it goes on in this process, with ``share`` of the budget, and comes back by itself.

    Args:
        url: ``redis://host:6379/0``, ``rediss://`` or ``unix://``, with ``?machines=3`` and so on (docs/rate_limit.md).
        name: whose budget.
        clock: seconds, never going back.
        wall: seconds since the epoch, until Redis's own clock is known.

    Raises:
        ConfigError: without the redis package, and for what will not work later either.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        settings = read_url(url)
        self.name = name
        self.clock = SharedClock(clock, wall)
        self.now = self.clock.now
        self._share, self._hold = 1 / settings.machines, settings.hold
        self._link = Link(settings, name, clock)
        self._lock = RLock()
        # what a signal's handler, or a finalizer, wants in the middle of a change of its own thread
        self._busy = False
        self._asides: list[Callable[[], object]] = []
        # as it was at the known version, and with what was changed since: the same list when nothing was
        self._base = self._cells = Draft([0.0] * CELLS)
        self._number, self._stamp, self._fresh = 0, b"", b""
        self._doubt = b"", self._base
        self._failures = 0
        self._down = False
        self._held = 0.0
        self._closed = Event()
        self._seeker = Thread()
        try:
            self._send(self._cells)
        except Unreachable as error:
            self._lose(str(error), self._cells)

    @property
    def is_shared(self) -> bool:
        """Whether Redis is there."""
        return not self._down

    @property
    def share(self) -> float:
        """How much of the budget is this machine's to spend: 1.0 while all see each other."""
        return self._share if self._down or self.clock.monotonic() < self._held else 1.0

    def update(self, change: Callable[[Cells, *Ts], T], *args: *Ts) -> T:
        """Answer ``change(cells, *args)``, made from the newest state that all share."""
        with self._lock:
            if self._busy:
                # the connection is in the middle of an exchange: it is made after that, and answered from a copy
                self._asides.append(partial(self._make, change, *args))
                return change(Draft(self._cells), *args)
            self._busy = True
            try:
                return self._make(change, *args)
            finally:
                self._busy = False
                while self._asides:
                    self._asides.pop(0)()

    def _make(self, change: Callable[[Cells, *Ts], T], *args: *Ts) -> T:
        if self._down:
            self._seek()
            return change(self._cells, *args)
        losses, late = 0, self.clock.monotonic() + LONGEST_TRY
        while True:
            draft = Draft(self._cells)
            draft.touched |= self._cells.touched
            answer = change(draft, *args)
            try:
                if self._send(draft, turn=losses >= LOSSES):
                    return answer
                losses += 1
                if self.clock.monotonic() > late:
                    raise Unreachable(f"{losses} attempts came too late")  # noqa: TRY301
            except (Unreachable, ConfigError) as error:
                self._lose(str(error), draft)
                return answer

    def close(self) -> None:
        """Close the connection; the state stays in Redis."""
        self._closed.set()
        self._link.close()

    def _send(self, draft: Draft, *, turn: bool = False) -> bool:
        """Whether a draft is now what all share; if not, ``_cells`` are what it has to be made from."""
        changes = b"".join([CHANGE.pack(index, draft[index]) for index in draft.touched])
        fresh = self._fresh = urandom(_STAMP)
        reply = self._link.exchange(self._number, self._stamp, changes, fresh, turn=turn)
        if reply.kind == b"absent":
            # a new budget, or Redis has lost it: what we know is better than nothing
            reply = self._link.exchange(self._number, self._stamp, changes, fresh, ALL.pack(*draft))
        self.clock.look(reply.asked, reply.heard, reply.there)
        if reply.kind == b"wait":
            return False
        self._number, self._stamp = reply.number, reply.stamp
        if reply.kind == b"stands":
            draft.touched.clear()
            self._base = self._cells = draft
            self._failures = 0
            return True
        if reply.stamp == self._doubt[0]:
            # it was written after all, and nobody else came since: what was changed alone is still to be sent
            self._base = self._doubt[1]
            return False
        if self._cells is not self._base:
            # what was spent without the others is known to the exchange only
            self._held = self.clock.monotonic() + self._hold
        self._base = self._cells = _newer(self._base, reply)
        return False

    def _lose(self, reason: str, draft: Draft) -> None:
        """Go on alone with a draft of which nobody knows whether it was written."""
        self._cells, self._doubt = draft, (self._fresh, Draft(draft))
        if not self._failures:
            log.warning(
                "the budget of %s is not shared at the moment, Redis: %s; going on with %.0f %% of it until it is",
                self.name, reason, 100 * self._share,
            )  # fmt: skip
        self._failures += 1
        self._down = True
        self._seek()

    def _seek(self) -> None:
        """See that somebody looks for Redis: a thread, for a name that cannot be resolved holds up its caller."""
        if not self._seeker.is_alive() and not self._closed.is_set():
            self._seeker = Thread(target=self._come_back, name="exec_plugin-redis", daemon=True)
            self._seeker.start()

    def _come_back(self) -> None:
        while not self._closed.wait(min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)):
            try:
                self._link.exchange(self._number, self._stamp, b"", b"")
            except (Unreachable, ConfigError):
                self._failures += 1
                continue
            with self._lock:
                self._down = False
            log.info("the budget of %s is shared again", self.name)
            return


def _newer(base: Draft, reply: Reply) -> Draft:
    if reply.kind == b"whole":
        return Draft(ALL.unpack(reply.payload))
    cells = Draft(base)
    # the first is the version that was known
    for entry in reply.payload[1:]:
        for index, value in CHANGE.iter_unpack(entry[_STAMP:]):
            list.__setitem__(cells, index, value)
    return cells
