"""
Requests in, replies out: routing, limits, security, parameters, handler, JSON.

A gateway is given its venue and is used under its owner's lock. It does no I/O of its own.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from exec_plugin.core.clock import SECOND
from exec_plugin.core.errors import RequestRejected, VenueError, failed
from exec_plugin.core.orders import EXPIRED
from exec_plugin.endpoints import DOCUMENTED, ENDPOINTS, KEYED, PUBLIC, RATE_LIMITS, SIGNED
from exec_plugin.protocol import (
    accounts,
    market_data,
    order_lists,
    orders,
    prevented,
    replacing,
    sor,
    user_events,
    wallet,
)
from exec_plugin.protocol.candles import CandleStore
from exec_plugin.protocol.context import Context
from exec_plugin.protocol.departures import Departures
from exec_plugin.protocol.limits import Limits
from exec_plugin.protocol.params import Spec, parse_form
from exec_plugin.protocol.render import to_json
from exec_plugin.protocol.security import Key, check_signature, check_timing, find_key
from exec_plugin.protocol.streams import StreamHub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.core.venue import Venue
    from exec_plugin.core.venue.chronicle import Chronicle
    from exec_plugin.endpoints import Endpoint
    from exec_plugin.protocol.faults import Faults

_HANDLERS: dict[str, Callable[[Context, dict[str, Any]], Any]] = {
    **market_data.HANDLERS,
    **orders.HANDLERS,
    **order_lists.HANDLERS,
    **accounts.HANDLERS,
    **prevented.HANDLERS,
    **replacing.HANDLERS,
    **sor.HANDLERS,
    **wallet.HANDLERS,
    **user_events.HANDLERS,
}
_KEY_ERRORS = (-2014, -2015)
#: Handlers that see to the order count themselves, because it decides what they do.
_COUNTING = frozenset(("order.cancelReplace",))
_SPECS = {endpoint.name: Spec(endpoint.params) for endpoint in ENDPOINTS.values()}
_CANDLES = ("klines", "uiKlines")
_SECURITY_PARAMS = frozenset(("timestamp", "recvWindow", "signature"))
#: The fields that hold moments, for clients that ask for microseconds.
_MOMENTS = frozenset((
    "serverTime", "time", "updateTime", "workingTime", "transactTime", "openTime", "closeTime", "T", "transactionTime",
))  # fmt: skip


class Call:
    """
    A request whose endpoint is known, on its way to its handler, whatever brought it.

    Args:
        endpoint: what is asked.
        sent: the texts of its parameters.
        caller: whom request weight is counted for.
        prove: finds who asks, and checks the signature of signed endpoints; not called for public ones.

    ``account`` is known once the caller has proved who it is.
    """

    __slots__ = ("account", "caller", "endpoint", "prove", "sent")

    def __init__(self, endpoint: Endpoint, sent: Mapping[str, str], caller: str, prove: Callable[[], Key]) -> None:
        self.endpoint = endpoint
        self.sent = sent
        self.caller = caller
        self.prove = prove
        self.account: Account | None = None


class Reply(NamedTuple):
    """An HTTP reply: the body as JSON text."""

    status: int
    reason: str
    headers: dict[str, str]
    text: str
    #: whether it tells of no account: it stands whatever becomes of what is being written down
    is_public: bool = False


class Gateway:
    """
    Binance's REST interface over a venue.

    Args:
        venue: the exchange behind it.
        rate_limits: entries of ``exchangeInfo.rateLimits``.
        chronicle: keeps what accounts were told; as much as fits in memory by default.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        rate_limits: Sequence[Mapping[str, Any]] = RATE_LIMITS,
        chronicle: Chronicle | None = None,
    ) -> None:
        self.venue = venue
        self.limits = Limits(rate_limits)
        self.keys: dict[str, Key] = {}
        #: ms that a timestamp may be older than its window allows: where the clock runs faster than the caller
        self.timing_slack = 0
        #: whether calls that place or cancel orders weigh nothing when they succeed (CHANGELOG.md, 2026-03-27)
        self.free_orders = True
        self.departures = Departures()
        self.user_data = user_events.UserDataHub(venue, self.departures, chronicle)
        self.faults: Faults | None = None
        #: whether the market cannot be seen at the moment: no order is placed, changed or cancelled meanwhile
        self.is_away = False
        #: whether accounts cannot be written down at the moment: nothing is asked of them, or told, meanwhile
        self.is_shut = False
        #: what else must hold for it to trade: a part's name, and what tells what is wrong with it, or nothing
        self.checks: dict[str, Callable[[], str]] = {}
        #: trading requests that were refused, by the code of the error
        self.refused: Counter[int] = Counter()
        self._candles = {name: CandleStore(market.tape) for name, market in venue.markets.items()}
        self.streams = StreamHub(self)
        #: how many requests were given an id because they came without one
        self.client_ids = 0
        self._date = (-1, "")

    def add_key(self, name: str, account: Account, secret: str | None = None) -> Key:
        """Let an API key act for an account; without a secret its signatures are not checked."""
        key = self.keys[name] = Key(account, secret)
        return key

    def inject(self, faults: Faults | None) -> None:
        """Let things go wrong from now on, or no longer."""
        self.faults = faults
        self.user_data.copies = faults.copies if faults is not None else None

    def candles(self, symbol: str) -> CandleStore:
        """The candles of a listed symbol."""
        self.venue.market(symbol)
        return self._candles[symbol]

    def new_client_id(self) -> str:
        """An id for a request that came without one; follows from what was asked before."""
        self.client_ids += 1
        return f"paper_request_{self.client_ids}"

    def order_use(self, account: str) -> dict[str, list[int]]:
        """What has to be remembered of an account's order counts."""
        return self.limits.told(account)

    def resume_order_use(self, account: str, told: Mapping[str, Sequence[int]]) -> None:
        """Let an account's order counts go on."""
        self.limits.go_on(account, told, self.venue.now)

    def handle(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: str = "",
        *,
        caller: str = "local",
        key: Key | None = None,
    ) -> Reply:
        """
        Answer one request.

        Args:
            method: GET, POST, PUT or DELETE.
            target: path and query, or a whole URL whose host is ignored.
            headers: by lower-case name.
            body: a form.
            caller: whom request weight is counted for, as Binance counts per IP.
            key: who calls, where the transport already knows; else the API-key header tells.
        """
        try:
            parts = urlsplit(target)
        except ValueError:
            return self._not_found(method, target)
        endpoint = ENDPOINTS.get((method, parts.path))
        if endpoint is None:
            return self._not_found(method, parts.path)
        extra: dict[str, str] = {}
        is_public = endpoint.security != SIGNED
        micros, call = False, None
        try:
            sent, micros = self._read(endpoint, parts.query, body, headers, caller)

            def prove() -> Key:
                name = headers.get("x-mbx-apikey")
                found = key if key is not None and name else find_key(name, self.keys)
                if endpoint.security == SIGNED:
                    check_signature(found, sent, parts.query, body)
                return found

            call = Call(endpoint, sent, caller, prove)
            value = self.answer(call)
        except VenueError as error:
            if error.retry_after is not None:
                extra["Retry-After"] = str(error.retry_after)
            # of a request in two halves one may have been done
            extra.update(self._order_counts(call))
            told = in_micros(endpoint, error_body(error)) if micros else error_body(error)
            return self._reply(http_status(error), told, caller, extra, is_public=is_public)
        extra.update(self._order_counts(call))
        if micros:
            value = in_micros(endpoint, value)
        return self._reply(HTTPStatus.OK, value, caller, extra, is_public=is_public)

    def _order_counts(self, call: Call | None) -> dict[str, str]:
        """The headers of a request that may place orders, once it is known whose."""
        if call is None or call.account is None or not call.endpoint.orders:
            return {}
        return self.limits.order_headers(call.account.name, self.venue.now)

    def _read(
        self, endpoint: Endpoint, query: str, body: str, headers: Mapping[str, str], caller: str
    ) -> tuple[dict[str, str], bool]:
        """The parameters of a request, and whether its moments are told in microseconds."""
        try:
            sent = parse_form(query)
            if body:
                # the query string wins where both name a parameter (rest-api.md, General Information on Endpoints)
                sent = {**parse_form(body), **sent}
            return sent, read_time_unit(headers.get("x-mbx-time-unit", "MILLISECOND"))
        except RequestRejected:
            # what cannot be read is a request all the same
            self.limits.spend(caller, endpoint.cost({}), self.venue.now)
            raise

    def answer(self, call: Call) -> Any:
        """
        The value to answer a call with: limits, authentication, parameters, handler.

        Raises:
            VenueError: what to answer instead; ``http_status`` and ``error_body`` tell how.
        """
        try:
            return self._answer_or_fail(call)
        except VenueError as error:
            if call.endpoint.is_trading:
                self.refused[error.code] += 1
            raise
        finally:
            # what failed may have done its first half
            if self.streams.busy:
                self.streams.flush()

    def _answer_or_fail(self, call: Call) -> Any:
        if self.is_away and call.endpoint.is_trading:
            raise failed("the live market is out of reach, or what was missed is still on its way: see the log")
        if self.is_shut and call.endpoint.security == SIGNED:
            raise failed(NOT_WRITTEN)
        fault = self.faults.answer(call.endpoint, self.venue.now) if self.faults is not None else None
        if fault is None:
            return self._answer(call)
        if fault.executed:
            # whatever came of it: the client is not to know
            with contextlib.suppress(VenueError):
                self._answer(call)
        raise fault.error or self.limits.bans.ban(call.caller, self.venue.now)

    def _answer(self, call: Call) -> Any:
        limits, now = self.limits, self.venue.now
        cost = call.endpoint.cost(call.sent)
        if not (self.free_orders and call.endpoint.is_trading):
            limits.spend(call.caller, cost, now)
            return self._perform(call, now)
        limits.spend(call.caller, 0, now)
        try:
            value = self._perform(call, now)
        except VenueError:
            limits.charge(call.caller, cost, now)
            raise
        # an amendment is free only where the order expired of it (CHANGELOG.md, 2026-04-02)
        if call.endpoint.name == "order.amend.keepPriority" and value["amendedOrder"]["status"] != EXPIRED:
            limits.charge(call.caller, cost, now)
        return value

    def _perform(self, call: Call, now: int) -> Any:
        endpoint, sent, account = call.endpoint, call.sent, None
        if endpoint.security != PUBLIC:
            key = call.prove()
            if endpoint.security == SIGNED:
                if key.timed:
                    check_timing(sent, now, self.timing_slack)
                account = call.account = key.account
            # ccxt signs whatever is below /sapi/, needed or not
            sent = {name: value for name, value in sent.items() if name not in _SECURITY_PARAMS}
        params = _SPECS[endpoint.name].read(sent, self._symbol)
        handler = _HANDLERS[endpoint.name]
        context = Context(self, account)
        if account is None:
            return handler(context, params)
        self.limits.settle(account, now)
        if not endpoint.orders or endpoint.name in _COUNTING:
            return handler(context, params)
        self.limits.check_orders(account.name, endpoint.orders, now)
        value = handler(context, params)
        self.limits.add_orders(account.name, endpoint.orders, now)
        return value

    def _symbol(self, name: str) -> Symbol:
        return self.venue.market(name).symbol

    def _reply(self, status: HTTPStatus, value: Any, caller: str, headers: dict[str, str], *, is_public: bool) -> Reply:
        now = self.venue.now
        headers["Content-Type"] = "application/json;charset=UTF-8"
        headers["Date"] = self._http_date(now)
        headers.update(self.limits.weight_headers(caller, now))
        return Reply(status.value, status.phrase, headers, to_json(value), is_public)

    def leave(self, go: Callable[[], None], instead: Callable[[], None], *, alone: bool = True) -> None:
        """
        Send an answer now or when it may leave, or ``instead`` what stands for it; ``alone`` if it comes after no other one.

        While accounts are refused it tells of nothing that has happened, and has nothing to wait for.
        """
        if self.is_shut and alone:
            go()
        else:
            self.departures.leave(go, instead)

    def lost(self, reply: Reply) -> Reply:
        """What stands for a reply where what has changed by then was taken back, because it could not be written down."""
        if reply.is_public:
            return reply
        error = failed(NOT_WRITTEN)
        return self._reply(http_status(error), error_body(error), "", {}, is_public=False)

    def _not_found(self, method: str, path: str) -> Reply:
        known = any(path == row.path for row in ENDPOINTS.values())
        status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
        text = f"{method} {path} is not an endpoint of this paper exchange"
        row = DOCUMENTED.get((method, path))
        if row is not None and row.security == KEYED:
            status = HTTPStatus.GONE
            text = f"{method} {path} has left Binance; use userDataStream.subscribe.signature of the WebSocket API"
        return self._reply(status, {"code": -1, "msg": text}, "", {}, is_public=True)

    def _http_date(self, now: int) -> str:
        second = now // SECOND
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


def http_status(error: VenueError) -> HTTPStatus:
    """The HTTP status of an error (rest-api.md, HTTP Return Codes)."""
    if error.status is not None:
        return HTTPStatus(error.status)
    return HTTPStatus.UNAUTHORIZED if error.code in _KEY_ERRORS else HTTPStatus.BAD_REQUEST


def error_body(error: VenueError) -> dict[str, Any]:
    """The JSON of an error."""
    body = {"code": error.code, "msg": error.msg}
    return body if error.data is None else {**body, "data": error.data}


def read_time_unit(text: str) -> bool:
    """
    Whether a client wants microseconds.

    Raises:
        RequestRejected: -1194 for another unit than the two.
    """
    unit = text.upper()
    if unit not in ("MICROSECOND", "MILLISECOND"):
        raise RequestRejected(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return unit == "MICROSECOND"


#: Why a request is refused that would have to be written down.
NOT_WRITTEN = "accounts cannot be written down at the moment: see the log"


def in_micros(endpoint: Endpoint, value: Any) -> Any:
    """An endpoint's reply with its moments in microseconds."""
    if endpoint.name in user_events.HANDLERS and "events" in value:
        return user_events.reply_in_micros(value)
    return _candles_in_micros(value) if endpoint.name in _CANDLES else _in_micros(value)


def _candles_in_micros(rows: list[list[Any]]) -> list[list[Any]]:
    return [[row[0] * 1000, *row[1:6], row[6] * 1000 + 999, *row[7:]] for row in rows]


def _in_micros(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: item * 1000 if name in _MOMENTS and isinstance(item, int) and item > 0 else _in_micros(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_in_micros(item) for item in value]
    return value
