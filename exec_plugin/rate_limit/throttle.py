"""
One line puts a limiter in front of a ccxt exchange: ``install_throttle(exchange)``.

ccxt asks ``throttle(cost)`` before it signs a request, so that a timestamp is fresh after a wait; where the request
goes is known to ``fetch2`` around it, what came back to ``on_rest_response`` inside ``fetch``. These doors, alike in
every version of ccxt though ``throttle`` itself moved, are hung on the instance; the class is not touched.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar, Token
from copy import deepcopy
from inspect import iscoroutinefunction
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import ref

from attrs import frozen

from exec_plugin.core.errors import RateLimitError
from exec_plugin.endpoints import Priority
from exec_plugin.plugins import current
from exec_plugin.rate_limit.budgets import SHARED, Permits, block, named_limits, telling, told, unreserved
from exec_plugin.rate_limit.pace import Pace
from exec_plugin.rate_limit.records import record
from exec_plugin.rate_limit.requests import WEIGHT_PER_COST, Request, account_name, classify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exec_plugin.limit_store import LimitStore
    from exec_plugin.rate_limit.budgets import Budget
    from exec_plugin.rate_limit.config import RateLimitConfig
    from exec_plugin.rate_limit.limiter import RateLimiter

__all__ = ["Throttle", "install_throttle", "uninstall_throttle"]

#: ccxt's ids of those whose requests go to Binance; a class made of theirs may speak like it and ask somebody else.
BINANCE_IDS = frozenset(("binance", "binancecoinm", "binanceusdm"))

# A retry is signed already: it may wait while its timestamp is within the 10 s that ccxt asks for.
_PATIENCE = 5.0
_OK, _FIRST_ERROR = 200, 400


def install_throttle(
    exchange: Any,
    limiter: RateLimiter | Budget | None = None,
    *,
    account: str | None = None,
    ip: str = "",
    store: LimitStore | str | Path | None = None,
    config: RateLimitConfig | None = None,
) -> Throttle:
    """
    Let a limiter decide when each request of a ccxt exchange leaves, and show it each answer.

    Args:
        exchange: an instance of any ccxt class, sync, async or pro.
        limiter: what to spend from; by default the budget that all processes of this machine share where requests go
            to Binance spot, and ccxt's own ``rateLimit`` elsewhere.
        account: whose orders are counted; by default the API key's, of which a hash is kept.
        ip: a name for the address that requests leave by, where that is a proxy's with a budget of its own.
        store: where that default budget is kept.
        config: its limits until the exchange names its own.
    """
    uninstall_throttle(exchange)
    flavour = AsyncThrottle if iscoroutinefunction(type(exchange).fetch) else SyncThrottle
    throttle = flavour(exchange, limiter, Settings(account, ip, store, config))
    throttle.hang()
    return throttle


def uninstall_throttle(exchange: Any) -> None:
    """Give an exchange its own throttle back; nothing happens to one that has it."""
    throttle = exchange.__dict__.get("throttle")
    if isinstance(throttle, Throttle):
        throttle.unhang()


@frozen
class Settings:
    """What the limiter that is made by default is made of."""

    account: str | None = None
    ip: str = ""
    store: LimitStore | str | Path | None = None
    config: RateLimitConfig | None = None


class Ask(NamedTuple):
    """What a request asks of which budget."""

    budget: Budget
    weight: float
    request: Request

    @property
    def named(self) -> dict[str, Any]:
        """Whom a limiter asks for."""
        return {"orders": self.request.orders, "endpoint": self.request.endpoint, "kind": self.request.kind}


class Call:
    """
    One request of ccxt's, from its place in the line to its answer.

    While it is entered the doors below find it; what was reserved and never sent is free again when it is left.
    """

    __slots__ = (
        "api",
        "ask",
        "exchange",
        "flying",
        "method",
        "params",
        "path",
        "reservation",
        "reserved",
        "throttle",
        "token",
        "waited",
    )

    ask: Ask
    token: Token[Call | None]

    def __init__(
        self,
        throttle: Throttle,
        path: str = "",
        api: Any = "public",
        method: str = "GET",
        params: Any = None,
        **_more: Any,
    ) -> None:
        self.throttle = throttle
        self.exchange = throttle.exchange
        self.path = path
        self.api = api
        self.method = method
        self.params = params
        self.reserved = self.flying = False
        self.waited = 0.0

    def __enter__(self) -> Self:
        self.token = _CALL.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self.reserved:
            self.reserved = False
            self.ask.budget.withdraw(self.reservation)
        # a coroutine that is closed from elsewhere ends in a context that is not its own
        with suppress(ValueError):
            _CALL.reset(self.token)

    def reserve(self, ask: Ask, reservation: Any) -> None:
        """Keep what was reserved until it is sent."""
        self.ask, self.reservation, self.reserved = ask, reservation, True

    def send(self) -> None:
        """From now on it is under way."""
        self.flying, self.reserved = True, False

    def returned(self) -> None:
        """An exchange that does not report its answers has one when it returns."""
        if self.flying:
            self.answer(_OK, {}, "")

    def lose(self) -> None:
        """No answer came."""
        if self.flying:
            self.flying = False
            self.ask.budget.lost(self.reservation)
            if self.throttle.heard is not None:
                self.throttle.tell(self)

    def answer(self, status: int, headers: Mapping[str, str], text: str) -> None:
        """Account for an answer, once."""
        if not self.flying:
            return
        self.flying = False
        budget, _, request = self.ask
        asis = headers if getattr(budget, "reads_headers", False) else telling(headers)
        if status < _FIRST_ERROR and not request.is_telling:
            budget.settle(self.reservation, status, asis)
        else:
            budget.settle(self.reservation, status, asis, told(request.endpoint, status, text))
            if limits := named_limits(request.endpoint, status, text):
                budget.use_limits(limits)
        if self.throttle.heard is not None:
            self.throttle.tell(self, status, headers)


_CALL: ContextVar[Call | None] = ContextVar("exec_plugin_call", default=None)


class Throttle:
    """The doors of one exchange; as ``exchange.throttle`` it is what ccxt calls before each request."""

    doors: tuple[str, ...] = ("fetch2", "fetch", "on_rest_response")

    def __init__(self, exchange: Any, limiter: RateLimiter | Budget | None, settings: Settings) -> None:
        self._settings = settings
        self._limiter = _as_budget(limiter)
        self._saved: dict[str, Any] = {}
        self._stand_at(exchange)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.exchange!r}>"

    def _stand_at(self, exchange: Any) -> None:
        # strong, it would keep the exchange alive in a circle, and its connections open
        self._exchange = ref(exchange)
        self._speaks = any(base.__name__ == "binance" for base in type(exchange).__mro__)
        self._pace: Pace | None = None
        # an exchange that tells of its requests itself is not to be told of twice
        tells = getattr(type(exchange), "tells_requests", False)
        #: the plugins that want to know of each request; None where there are none
        self.heard = None if tells else current().observer("exec_request") or None

    # ---- copies: a copied or pickled exchange takes its doors along

    def __getstate__(self) -> dict[str, Any]:
        # a limiter belongs to its process: the copy in another finds that process's own
        return {"exchange": self.exchange, "settings": self._settings, "saved": self._saved, "limiter": None}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._settings, self._saved, self._limiter = state["settings"], state["saved"], state["limiter"]
        self._stand_at(state["exchange"])

    def __deepcopy__(self, memo: dict[int, Any]) -> Throttle:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        state = {"exchange": deepcopy(self.exchange, memo), "saved": deepcopy(self._saved, memo)}
        copied.__setstate__({**state, "settings": self._settings, "limiter": self._limiter})
        return copied

    # ---- on and off

    @property
    def exchange(self) -> Any:
        """The exchange whose doors these are."""
        exchange = self._exchange()
        if exchange is None:
            raise ReferenceError("the exchange of this throttle is gone; install one on another")
        return exchange

    @property
    def loop(self) -> None:
        """No event loop: some versions of ccxt set the one that they run in."""

    @loop.setter
    def loop(self, loop: object) -> None:
        pass

    def hang(self) -> None:
        """Take the place of the exchange's own doors."""
        exchange = self.exchange
        ours = {"throttle": self, **{name: getattr(self, name) for name in self.doors}}
        self._saved = {name: exchange.__dict__[name] for name in ours if name in exchange.__dict__}
        exchange.__dict__.update(ours)

    def unhang(self) -> None:
        """Give the exchange's own doors back; one that somebody has hung over ours since then stays."""
        mine = self.exchange.__dict__
        for name, ours in {"throttle": self, **{name: getattr(self, name) for name in self.doors}}.items():
            if mine.get(name) != ours:
                continue
            if name in self._saved:
                mine[name] = self._saved[name]
            else:
                del mine[name]

    def _below(self, name: str, exchange: Any) -> Any:
        """The exchange's own door, as it was before."""
        return self._saved.get(name) or getattr(type(exchange), name).__get__(exchange)

    # ---- what a request asks

    def _current(self) -> Call | None:
        call = _CALL.get()
        return call if call is not None and call.throttle is self else None

    def _ask(self, call: Call | None, cost: float | None) -> Ask:
        cost = 1.0 if cost is None else cost
        if call is None:
            return self._of(Request(None, "throttle", _whole(cost), 0, Priority.MARKET), cost, self.exchange)
        base, exchange = "", call.exchange
        if self._speaks:
            # a text or a list of texts, by ccxt's version
            api = call.api if isinstance(call.api, str) else call.api[0]
            base = exchange.urls["api"].get(api, "")
        return self._of(classify(call.method, f"{base}/{call.path}", call.params, cost=cost), cost, exchange)

    def _of(self, request: Request, cost: float, exchange: Any) -> Ask:
        """Whose budget a request spends, and how much in that one's measure."""
        spot = self._speaks and request.host is not None
        if self._limiter is not None and spot is self._speaks:
            return Ask(self._limiter, request.weight if spot else _whole(cost), request)
        if spot and exchange.id in BINANCE_IDS and not hasattr(type(exchange), "paper"):
            return Ask(self._shared(str(request.host)), request.weight, request)
        if self._pace is None:
            self._pace = Pace(exchange.rateLimit, self._milliseconds, self._sleep)
        return Ask(self._pace, request.weight / WEIGHT_PER_COST if spot else cost, request)

    def _shared(self, host: str) -> Budget:
        mine = self._settings
        account = mine.account or account_name(self.exchange.apiKey)
        return SHARED.find(f"{host}@{mine.ip}" if mine.ip else host, account, mine.store, mine.config)

    def _milliseconds(self) -> float:
        return float(self.exchange.milliseconds())

    def _sleep(self, milliseconds: float) -> Any:
        return self.exchange.sleep(milliseconds)

    def _sent(self, call: Call, method: str, url: str, body: Any) -> tuple[Ask, float]:
        """For a request that comes to be sent without a reservation: what it asks, and how long it may wait."""
        ask = getattr(call, "ask", None)
        if ask is not None and call.exchange.enableRateLimit:
            # ccxt tries again by itself
            return ask, _PATIENCE
        # not to be held up, only counted: enableRateLimit is off, or nobody asked throttle
        request = classify(method, url, body=body)
        return self._of(request, 1.0, call.exchange), 0.0

    def _refusal(self, error: RateLimitError) -> Exception:
        """What hosts take for the exchange's own refusal, and know to retry later."""
        from ccxt.base.errors import DDoSProtection

        refusal: Exception = DDoSProtection(f"{self.exchange.id} {error}")
        refusal.retry_after = error.retry_after  # type: ignore[attr-defined]
        return refusal

    def tell(self, call: Call, status: int = 0, headers: Mapping[str, str] | None = None) -> None:
        """Let plugins know of a request and its answer."""
        if self.heard is not None:
            told = record(call.exchange.id, call.ask.request, status, headers, waited=call.waited)
            self.heard(record=told)

    # ---- the doors that do not wait

    def on_rest_response(self, code: int, reason: str, *told: Any) -> Any:
        """Show the limiter an answer, before ccxt raises what it says."""
        call = self._current()
        if call is not None:
            _url, _method, headers, text, *_ = told
            call.answer(code, headers, text)
        return self._below("on_rest_response", self.exchange if call is None else call.exchange)(code, reason, *told)


class SyncThrottle(Throttle):
    """The doors of an exchange that blocks."""

    def __call__(self, cost: float | None = None) -> None:
        """Wait for a request's turn."""
        call = self._current()
        ask = self._ask(call, cost)
        since = 0.0 if self.heard is None else monotonic()
        reservation = self._reserve(ask)
        if call is None:
            ask.budget.lost(reservation)
        else:
            call.reserve(ask, reservation)
            if since:
                call.waited = monotonic() - since

    def fetch2(self, *asked: Any, **named: Any) -> Any:
        """Note where a request is going."""
        with Call(self, *asked[:4], **named) as call:
            return self._below("fetch2", call.exchange)(*asked, **named)

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send a request, and see that it is accounted for whatever becomes of it."""
        call = self._current()
        if call is None:
            with Call(self):
                return self.fetch(url, method, headers, body)
        if not call.reserved:
            ask, patience = self._sent(call, method, url, body)
            call.reserve(ask, self._reserve(ask, patience))
        call.send()
        try:
            result = self._below("fetch", call.exchange)(url, method, headers, body)
            call.returned()
            return result
        finally:
            call.lose()

    def _reserve(self, ask: Ask, max_wait: float | None = None) -> Any:
        try:
            return block(ask.budget, ask.weight, max_wait=max_wait, **ask.named)
        except RateLimitError as error:
            if max_wait == 0:
                return unreserved(ask.budget, ask.weight, **ask.named)
            raise self._refusal(error) from error


class AsyncThrottle(Throttle):
    """The doors of an exchange that awaits; bound to no event loop."""

    doors = (*Throttle.doors, "open")

    async def __call__(self, cost: float | None = None) -> None:
        """Wait for a request's turn."""
        call = self._current()
        ask = self._ask(call, cost)
        since = 0.0 if self.heard is None else monotonic()
        budget, weight, request = ask
        try:
            reservation = await budget.reserve(weight, request.orders, endpoint=request.endpoint, kind=request.kind)
        except RateLimitError as error:
            raise self._refusal(error) from error
        if call is None:
            ask.budget.lost(reservation)
        else:
            call.reserve(ask, reservation)
            if since:
                call.waited = monotonic() - since

    async def fetch2(self, *asked: Any, **named: Any) -> Any:
        """Note where a request is going."""
        with Call(self, *asked[:4], **named) as call:
            return await self._below("fetch2", call.exchange)(*asked, **named)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send a request, and see that it is accounted for whatever becomes of it."""
        call = self._current()
        if call is None:
            with Call(self):
                return await self.fetch(url, method, headers, body)
        if not call.reserved:
            ask, patience = self._sent(call, method, url, body)
            call.reserve(ask, await self._reserve(ask, patience))
        call.send()
        try:
            result = await self._below("fetch", call.exchange)(url, method, headers, body)
            call.returned()
            return result
        finally:
            call.lose()

    def open(self, *lazy: Any, **named: Any) -> Any:
        """Let the exchange open in the loop that runs: ccxt itself stays with its first, even when that is closed."""
        exchange = self.exchange
        loop = exchange.asyncio_loop
        if loop is not None and loop.is_closed():
            exchange.asyncio_loop = None
            if exchange.own_session:
                # what nobody closed died with its loop
                exchange.session = exchange.tcp_connector = exchange.socks_proxy_sessions = None
        return self._below("open", exchange)(*lazy, **named)

    async def _reserve(self, ask: Ask, max_wait: float | None = None) -> Any:
        try:
            return await ask.budget.reserve(ask.weight, max_wait=max_wait, **ask.named)
        except RateLimitError as error:
            if max_wait == 0:
                return unreserved(ask.budget, ask.weight, **ask.named)
            raise self._refusal(error) from error


def _as_budget(limiter: Any) -> Budget | None:
    """Anything that reserves is a budget; other limiters give permits."""
    if limiter is None or hasattr(limiter, "reserve"):
        return limiter  # type: ignore[no-any-return]
    return Permits(limiter)


def _whole(cost: float) -> int:
    return max(ceil(cost), 1)
