"""Who waits for the budget: the most urgent class first, and in each the first to come."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, cast

from exec_plugin.endpoints import Priority
from exec_plugin.rate_limit.permit import Permit
from exec_plugin.rate_limit.waiting import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.rate_limit.limiter import RateLimiter
    from exec_plugin.rate_limit.waiting import Take

#: Who waited so many seconds is served before orders, so that nobody starves.
PATIENT = {Priority.ACCOUNT: 60.0, Priority.MARKET: 90.0}


class Reservation(Permit):
    """
    A permit whose request is followed until it is answered.

    ``kind`` is its class, ``rank`` the class as which it is served; the rest is the ledger's: when it was sent, the
    counters that were known then, and if it is still in flight.
    """

    open = False
    marks: tuple[tuple[float, float, float], ...] = ()
    # set by the line when it joins, and by the ledger when it is refused or granted
    asked: float
    lack: str
    retry: float
    sent: float
    index: float
    used: float
    settled: float
    member: float

    def __init__(
        self,
        limiter: RateLimiter,
        endpoint: str,
        weight: float,
        kind: Priority,
        orders: int = 0,
        *,
        max_retries: int = 0,
    ) -> None:
        # all that a permit's own does: one is made for each request
        self._limiter = limiter
        self._retries = max_retries
        self.endpoint = endpoint
        self.weight = weight
        self.orders = orders
        self.waiters = []
        self.kind = self.rank = kind


class PriorityLine:
    """Cancels before orders before account queries before market data, FIFO in each, the old before the young."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._classes: tuple[OrderedDict[Reservation, None], ...] = tuple(OrderedDict() for _ in Priority)
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def waiting(self) -> dict[str, int]:
        """How many wait in each class."""
        return {kind.name.lower(): len(waiting) for kind, waiting in zip(Priority, self._classes, strict=True)}

    def add(self, permit: Permit) -> None:
        """Join at the end of its class."""
        reservation = cast("Reservation", permit)
        reservation.asked = self._clock()
        self._classes[reservation.kind][reservation] = None
        self.size += 1

    def remove(self, permit: Permit) -> None:
        """Leave without having been served."""
        reservation = cast("Reservation", permit)
        del self._classes[reservation.kind][reservation]
        self.size -= 1

    def serve(self, take: Take) -> tuple[list[Permit], float | None]:
        """Serve in order until somebody must wait; who is short of orders only holds up no other class."""
        served: list[Permit] = []
        delays: list[float] = []
        now = self._clock()
        for kind, patience in PATIENT.items():
            self._serve_old(kind, now - patience, take, served)
        for waiting in self._classes:
            short = self._serve_class(waiting, take, served)
            if short:
                delays.append(max(short.values()))
                if not all(name.startswith(ORDERS) for name in short):
                    break
        return served, self._until_old(min(delays), now) if delays else None

    def _until_old(self, delay: float, now: float) -> float:
        """That delay, or less where somebody will have waited for so long that he goes first."""
        for kind, patience in PATIENT.items():
            first = next(iter(self._classes[kind]), None)
            if first is not None and first.rank == kind:
                delay = min(delay, max(first.asked + patience - now, 0.0))
        return delay

    def _serve_class(
        self, waiting: OrderedDict[Reservation, None], take: Take, served: list[Permit]
    ) -> dict[str, float]:
        while waiting:
            permit = next(iter(waiting))
            if short := take(permit):
                return dict(short)
            self.remove(permit)
            served.append(permit)
        return {}

    def _serve_old(self, kind: Priority, before: float, take: Take, served: list[Permit]) -> None:
        waiting = self._classes[kind]
        while waiting and (permit := next(iter(waiting))).asked < before:
            permit.rank = Priority.ORDER
            if take(permit):
                return
            self.remove(permit)
            served.append(permit)
