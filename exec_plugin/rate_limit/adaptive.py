"""The limiter that follows the exchange's own account of the budget, shared by all who spend it."""

from __future__ import annotations

import logging
import time
from math import inf
from typing import TYPE_CHECKING, Any, cast

from exec_plugin.core.errors import ConfigError
from exec_plugin.endpoints import DOCUMENTED, Priority
from exec_plugin.limit_store import SCHEMES, open_store
from exec_plugin.plugins import current, limit_store
from exec_plugin.rate_limit.answers import REFUSALS, Answer, AnswerReader
from exec_plugin.rate_limit.factor import cut
from exec_plugin.rate_limit.ledger import Ledger
from exec_plugin.rate_limit.limiter import RateLimiter
from exec_plugin.rate_limit.queue import PriorityLine, Reservation
from exec_plugin.rate_limit.waiting import ORDERS
from exec_plugin.rate_limit.windows import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from exec_plugin.limit_store import LimitStore
    from exec_plugin.rate_limit.bucket import TokenBucket
    from exec_plugin.rate_limit.config import RateLimitConfig
    from exec_plugin.rate_limit.permit import Permit

_log = logging.getLogger(__name__)

#: How much of the windows is used after an error, by its type; what is not named costs as much as "server".
ERRORS = {"ban": 0.5, "rate_limit": 0.8, "orders": 0.9, "server": 0.95}
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
_KINDS = {kind.name.lower(): kind for kind in Priority}
_BY_ROUTE = {f"{row.method} {row.path}": row.priority for row in DOCUMENTED.values()}


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
        self.host, self.account = host, account
        self._waiting = PriorityLine(monotonic)
        super().__init__(config, clock=monotonic, wall_clock=clock)
        self.store = _store(store, host, monotonic)
        self._ledger = Ledger(self.store, _configured(self.config), account, clock)
        self._strangers_told = 0.0
        self._read_headers()
        if limits is not None:
            self.use_limits(limits)

    #: Answers may be handed over with all their headers, spelt in any way.
    reads_headers = True

    async def reserve(
        self,
        weight: float = 1,
        orders: int = 0,
        *,
        endpoint: str = "",
        kind: str | None = None,
        max_wait: float | None = None,
    ) -> Reservation:
        """
        Wait until a request may leave, and reserve what it costs.

        ``kind`` is "cancel", "order", "account" or "market"; by default ``endpoint`` ("DELETE /api/v3/order") and
        ``orders`` (how many the request places) say it. RateLimitError when it would take longer than ``max_wait``.
        """
        reservation = self._reservation(weight, orders, endpoint, kind)
        if not self._at_once(reservation):
            await self._gate.turn(reservation, self.config.max_wait if max_wait is None else max_wait)
        return reservation

    def reserve_blocking(
        self,
        weight: float = 1,
        orders: int = 0,
        *,
        endpoint: str = "",
        kind: str | None = None,
        max_wait: float | None = None,
    ) -> Reservation:
        """As ``reserve``, blocking this thread."""
        reservation = self._reservation(weight, orders, endpoint, kind)
        if not self._at_once(reservation):
            self._gate.block(reservation, self.config.max_wait if max_wait is None else max_wait)
        return reservation

    def settle(self, reservation: Reservation, status: int, headers: Mapping[str, str], body: Any = None) -> None:
        """Account for an answer: its headers correct the windows and the clock, a refusal stops the budget."""
        answer = self._reader.read(reservation, status, headers, body)
        with self._lock:
            self._ledger.settle(reservation, answer)
            if self._waiting.size:
                self._changed()
        if status in REFUSALS:
            _log.warning("%s refused a request with %d: %s", self.host, status, self._silence())
        elif self._ledger.strangers > self._strangers_told:
            self._tell_strangers()

    def _silence(self) -> str:
        view = self._ledger.view()
        if view["blocked_for"]:
            return f"nothing leaves for {view['blocked_for']:.1f} s"
        return f"no order leaves for {view['orders_blocked_for']:.1f} s"

    def _tell_strangers(self) -> None:
        """Say once that somebody else spends this budget, and again when he spends twice as much."""
        spent = self._ledger.strangers
        self._strangers_told = max(2 * spent, self._ledger.limits.weight[1] / 50)
        if spent >= self._ledger.limits.weight[1] / 50:
            _log.warning("somebody else spends the weight of %s: %d in this window", self.host, spent)

    def lost(self, reservation: Reservation) -> None:  # noqa: ARG002 - what is in flight is known by when it was sent
        """No answer came: the request stays in flight until it cannot count any more."""
        with self._lock:
            if self._ledger.release():
                self._changed()

    def withdraw(self, reservation: Reservation) -> None:
        """The request was never sent: what was reserved is free again."""
        with self._lock:
            if reservation.open:
                self._give_back(reservation)
            self._changed()

    def use_limits(self, limits: Sequence[Mapping[str, Any]]) -> None:
        """Take over ``exchangeInfo``'s ``rateLimits``."""
        with self._lock:
            self._ledger.use(_named(limits, self._ledger.limits))
            self._read_headers()
            self._changed()

    def record_error(self, error_type: str) -> None:
        """Use less of the windows for a while after an error ("rate_limit", "ban", "server", ...)."""
        with self._lock:
            self._update_adaptive_factor(ERRORS.get(error_type, ERRORS["server"]))

    @property
    def adaptive_factor(self) -> float:
        """How much of the windows is used: 1.0, or less after errors."""
        factor: float = self._ledger.view()["factor"]
        return factor

    def _update_adaptive_factor(self, factor: float = 1.0) -> None:
        """Multiply the share of the windows that is used; it recovers steadily by itself."""
        self.store.update(cut, factor, self.store.now())

    def get_status(self) -> dict[str, Any]:
        """The live state of the budget that is shared, and who waits for it here, as JSON."""
        with self._lock:
            view = self._ledger.view()
            day = view["buckets"].get("orders_86400s", {"used": 0.0, "capacity": inf})
            return {
                "host": self.host,
                "account": self.account,
                **view,
                "orders_today": int(day["used"]),
                "orders_per_day": int(day["capacity"]) if day["capacity"] < inf else None,
                "waiting": len(self._waiting),
                "waiting_by_class": self._waiting.waiting(),
            }

    def reset_buckets(self) -> None:
        """Forget what was used in the open windows, for all who share the budget, until the next answer tells it."""
        with self._lock:
            self._ledger.forget()
            self._changed()

    def reset_limits(self) -> None:
        """Forget what was used, and set this limiter's counters to zero."""
        with self._lock:
            self._used = dict.fromkeys(self._used, 0)
            self.reset_buckets()

    def close(self) -> None:
        """Let go of the store; the budget stays for the others."""
        self.store.close()

    def _check_daily_order_limit(self, orders: int = 1) -> bool:
        """Whether so many more orders are within the limit of the server's day."""
        day = self._ledger.view()["buckets"].get("orders_86400s")
        return day is None or day["used"] + day["in_flight"] + orders <= day["capacity"]

    # ---- what the seed's methods stand on

    def _make_buckets(self) -> dict[str, TokenBucket]:
        return {}

    def _make_line(self) -> PriorityLine:
        return self._waiting

    def _permit(self, endpoint: str | float, weight: float, max_retries: float, orders: int | None) -> Permit:
        plain = super()._permit(endpoint, weight, max_retries, orders)
        kind = _kind(plain.endpoint, plain.orders)
        return Reservation(self, plain.endpoint, plain.weight, kind, orders=plain.orders, max_retries=plain._retries)

    def _reservation(self, weight: float, orders: int, endpoint: str, kind: str | None) -> Reservation:
        urgency = _kind(endpoint, orders) if kind is None else _KINDS[kind]
        return Reservation(self, endpoint, weight, urgency, orders=orders)

    def _at_once(self, reservation: Reservation) -> bool:
        """Grant what nobody waits before."""
        with self._lock:
            reservation.granted = reservation.claimed = not self._waiting.size and self._grant(reservation)
            return reservation.granted

    def _check(self, permit: Permit) -> None:
        limits = self._ledger.limits
        most = min((limit for _, limit in limits.orders), default=inf)
        if permit.weight > limits.weight[1] or permit.orders > most:
            raise ConfigError(
                f"weight={permit.weight} orders={permit.orders} can never be granted at once;"
                f" {limits.weight[1]:.0f} and {most:.0f} are the most"
            )

    def _grant(self, reservation: Reservation) -> bool:
        ledger = self._ledger
        if not ledger.reserve(reservation) and not (ledger.release() and ledger.reserve(reservation)):
            return False
        # as _count does, which would be one more call for each request
        used = self._used
        used["requests"] += 1
        used["weight"] += reservation.weight
        if reservation.orders:
            used[ORDERS] += reservation.orders
        return True

    def _take(self, permit: Permit) -> Mapping[str, float]:
        reservation = cast("Reservation", permit)
        if self._grant(reservation):
            return {}
        return {reservation.lack: max(reservation.retry - self.store.now(), 0.0)}

    def _give_back(self, permit: Permit) -> None:
        self._ledger.withdraw(cast("Reservation", permit))
        self._count(permit, -1)

    def _finished(self, permit: Permit) -> None:
        """The body has ended; if nobody settled the request, it is counted as the table has it."""
        reservation = cast("Reservation", permit)
        if reservation.granted and reservation.open:
            with self._lock:
                answer = Answer(200)
                answer.orders = (-1,) * len(self._ledger.limits.orders)
                self._ledger.settle(reservation, answer)
                self._changed()

    def _read_headers(self) -> None:
        limits = self._ledger.limits
        self._reader = AnswerReader(_interval(limits.weight[0]), [_interval(seconds) for seconds, _ in limits.orders])


def _store(where: LimitStore | str | Path | None, host: str, clock: Callable[[], float]) -> LimitStore:
    """The store of a budget; a URL of a scheme that is not built in may be a plugin's."""
    if isinstance(where, str) and "://" in where and not where.startswith(SCHEMES):
        found: LimitStore | None = limit_store(current(), where, host)
        if found is not None:
            return found
    return open_store(where, host, clock)


def _kind(endpoint: str, orders: int) -> Priority:
    if orders:
        return Priority.ORDER
    kind = _BY_ROUTE.get(endpoint)
    if kind is None:
        kind = _BY_ROUTE.get(endpoint.partition("?")[0], Priority.MARKET)
    return kind


def _configured(config: RateLimitConfig) -> Limits:
    return Limits(
        weight=(60.0, config.weight_per_minute),
        orders=((10.0, config.orders_per_10_seconds), (86_400.0, config.orders_per_day)),
    )


def _named(limits: Sequence[Mapping[str, Any]], known: Limits) -> Limits:
    found: dict[str, list[tuple[float, float]]] = {}
    for limit in limits:
        seconds = _SECONDS[limit["interval"]] * limit["intervalNum"]
        found.setdefault(limit["rateLimitType"], []).append((float(seconds), float(limit["limit"])))
    return Limits(
        weight=min(found.get("REQUEST_WEIGHT", [known.weight])),
        raw=min(found.get("RAW_REQUESTS", [known.raw])),
        # the state has room for two
        orders=tuple(sorted(found.get("ORDERS", known.orders))[:2]),
    )


def _interval(seconds: float) -> str:
    """As in the names of headers: 60 seconds are 1M."""
    for letter, unit in (("D", 86_400), ("H", 3_600), ("M", 60)):
        if seconds % unit == 0:
            return f"{seconds // unit:.0f}{letter}"
    return f"{seconds:.0f}S"
