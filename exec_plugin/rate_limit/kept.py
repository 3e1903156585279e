"""What a class of requests leaves to others until a window ends, and when that has become little enough."""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING

from exec_plugin.endpoints import Priority
from exec_plugin.rate_limit.cells import BORN, REPORTED, REQUESTS, STRANGE, URGENT
from exec_plugin.rate_limit.curve import CHANGES, STEP, Curve

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells

#: Classes of requests, the most urgent first.
CANCEL, ORDER, MARKET = Priority.CANCEL, Priority.ORDER, Priority.MARKET
#: What is kept for orders and cancels is given away so long before a window ends: they can wait for the next.
RELEASE = 0.35
#: How long a request may be on its way, for what strangers can do meanwhile.
LANDING = 0.3
#: Who knows nothing waits so long for an answer before it asks again.
PROBE = 1.0
#: Of the limit, as long as nobody knows who else spends it, and how many orders will come.
UNKNOWN_STRANGERS, UNKNOWN_ORDERS = 0.45, 0.2
#: Of the limit, always kept for orders early in a window, and for cancels to its end.
FOR_ORDERS, FOR_CANCELS = 0.02, 1 / 600
#: Of the limit, kept above what is expected of orders, until they can wait for the next window.
MARGIN = 1 / 120

# Where each curve counts its changes.
_STRANGE, _URGENT = STRANGE + CHANGES, URGENT + CHANGES


class Kept:
    """What strangers and our own orders are likely to need of windows of ``seconds`` that hold ``limit``."""

    def __init__(self, seconds: float, limit: float) -> None:
        self._seconds, self._limit = seconds, limit
        self.strange, self.urgent = Curve(STRANGE), Curve(URGENT)
        self._step = self._changes = self._rank = self._end = -1.0
        self._amount = inf
        # what was free when a wait was last computed, and when it ends
        self._free, self._when = inf, 0.0

    def amount(self, cells: Cells, rank: int, end: float, left: float, now: float) -> float:
        """What a class leaves to others in a window that ends at ``end`` on the server's clock, in ``left`` seconds."""
        step, changes = (left - RELEASE) // STEP, cells[_STRANGE]
        if rank > ORDER:
            changes += cells[_URGENT]
        # it changes slowly, except where it is given away
        if step != self._step or changes != self._changes or rank != self._rank or end != self._end or left <= 1:
            self._amount = self._look(cells, rank, left, now)
            self._step, self._changes, self._rank, self._end, self._free = step, changes, rank, end, -inf
        return self._amount

    def _look(self, cells: Cells, rank: int, left: float, now: float) -> float:
        silent = now - cells[REPORTED]
        if rank <= ORDER:
            strangers = self.strange.ahead(
                cells, cells[REPORTED], min(silent, self._seconds - left) + min(left, LANDING), smooth=True
            )
            return strangers if rank == CANCEL else strangers + self._limit * FOR_CANCELS
        strangers = self._strangers(cells, left, now)
        urgent = self.urgent.ahead(cells, now, left - RELEASE)
        return self._sum(rank, left, strangers, urgent, now - cells[BORN])

    def _strangers(self, cells: Cells, left: float, now: float) -> float:
        until_end = min(now - cells[REPORTED] + left, self._seconds)
        return self.strange.ahead(cells, cells[REPORTED], until_end, smooth=True)

    def _sum(self, rank: int, left: float, strangers: float, urgent: float, age: float) -> float:
        limit = self._limit
        unknown = max(1 - age / self._seconds, 0.0)
        share = limit * left / self._seconds
        strangers = max(strangers, unknown * UNKNOWN_STRANGERS * share)
        if left <= RELEASE:
            return strangers
        urgent = min(urgent, limit / 2)
        if rank != MARKET:
            return strangers + urgent + limit * MARGIN
        return strangers + max(urgent * 1.25 + 2 * limit * MARGIN, (FOR_ORDERS + unknown * UNKNOWN_ORDERS) * share)

    def finds_out(self, cells: Cells, rank: int, free: float, left: float, now: float, *, known: bool) -> bool:
        """
        Whether one request may leave to find out how much is used, although strangers might need more than ``free``.

        Without it nobody would ask any more, and nobody know better, once more is kept for strangers than a window
        holds. It may where nothing else is in flight: in a window of which nothing is ``known``, and what is urgent
        also later, unless strangers were seen to spend so much in so short a time.
        """
        begun, silent = self._seconds - left, now - cells[REPORTED]
        if cells[REQUESTS] or (known and (rank > ORDER or silent < PROBE)):
            return False
        if not known and begun <= PROBE:
            return True
        return free >= self.strange.worst(cells, min(silent, begun) + LANDING)

    def wait(self, cells: Cells, rank: int, free: float, left: float, now: float) -> float:
        """
        In how many seconds the class whose ``amount`` was just asked leaves no more than ``free`` to others.

        That is if nothing happens until then. Less is kept from step to step towards the window's end, so the first step that is low enough can be searched
        for by halves. What urgent requests leave to others does not become less by itself: they wait for the end.
        """
        if rank <= ORDER:
            return left
        # who needs more waits longer: he may also look when who needed less does
        if free > self._free or self._when <= now:
            self._free, self._when = free, now + self._search(cells, rank, free, left, now)
        return self._when - now

    def _search(self, cells: Cells, rank: int, free: float, left: float, now: float) -> float:
        strangers, age = self._strangers(cells, left, now), now - cells[BORN]
        if strangers > free:
            return left
        self.urgent.ahead(cells, now, left - RELEASE)
        low, high = -1, ceil((left - RELEASE) / STEP) - 1
        while low < high:
            step = (low + high + 1) // 2
            then = RELEASE + step * STEP
            if self._sum(rank, then, strangers, self.urgent.later(step), age + left - then) <= free:
                low = step
            else:
                high = step - 1
        if low < 0:
            # nobody knows who else spends: what is left to them melts away to the end
            return left - min(free * self._seconds / (UNKNOWN_STRANGERS * self._limit), left)
        return left - RELEASE - low * STEP
