"""
Requests in, replies out: routing, limits, security, parameters, handler, JSON.

A gateway is given its venue and is used under its owner's lock. It does no I/O of its own.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from exec_plugin.core.clock import SECOND
from exec_plugin.core.errors import RequestRejected, VenueError
from exec_plugin.endpoints import DOCUMENTED, ENDPOINTS, KEYED, RATE_LIMITS, SIGNED
from exec_plugin.protocol import accounts, market_data, orders, prevented, replacing, sor
from exec_plugin.protocol.candles import CandleStore
from exec_plugin.protocol.context import Context
from exec_plugin.protocol.limits import Limits
from exec_plugin.protocol.params import Spec, parse_form
from exec_plugin.protocol.render import to_json
from exec_plugin.protocol.security import Key, check_signature, check_timing, find_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.core.venue import Venue
    from exec_plugin.endpoints import Endpoint

_HANDLERS: dict[str, Callable[[Context, dict[str, Any]], Any]] = {
    **market_data.HANDLERS,
    **orders.HANDLERS,
    **accounts.HANDLERS,
    **prevented.HANDLERS,
    **replacing.HANDLERS,
    **sor.HANDLERS,
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


class _Asked(NamedTuple):
    """A request whose endpoint is known."""

    endpoint: Endpoint
    query: str
    body: str
    headers: Mapping[str, str]
    caller: str
    key: Key | None


class Reply(NamedTuple):
    """An HTTP reply: the body as JSON text."""

    status: int
    reason: str
    headers: dict[str, str]
    text: str


class Gateway:
    """
    Binance's REST interface over a venue.

    Args:
        venue: the exchange behind it.
        rate_limits: entries of ``exchangeInfo.rateLimits``.
        exchange_filters: entries of ``exchangeInfo.exchangeFilters``.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        rate_limits: Sequence[Mapping[str, Any]] = RATE_LIMITS,
        exchange_filters: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.venue = venue
        self.limits = Limits(rate_limits)
        self.exchange_filters = [dict(entry) for entry in exchange_filters]
        self.keys: dict[str, Key] = {}
        #: ms that a timestamp may be older than its window allows: where the clock runs faster than the caller
        self.timing_slack = 0
        self._candles = {name: CandleStore(market.tape) for name, market in venue.markets.items()}
        self._client_ids = 0
        self._date = (-1, "")

    def add_key(self, name: str, account: Account, secret: str | None = None) -> Key:
        """Let an API key act for an account; without a secret its signatures are not checked."""
        key = self.keys[name] = Key(account, secret)
        return key

    def candles(self, symbol: str) -> CandleStore:
        """The candles of a listed symbol."""
        self.venue.market(symbol)
        return self._candles[symbol]

    def new_client_id(self) -> str:
        """An id for a request that came without one; follows from what was asked before."""
        self._client_ids += 1
        return f"paper_request_{self._client_ids}"

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
        asked = _Asked(endpoint, parts.query, body, headers, caller, key)
        extra: dict[str, str] = {}
        micros = False
        try:
            micros = _time_unit(headers)
            value = self._answer(asked, extra)
        except VenueError as error:
            if error.retry_after is not None:
                extra["Retry-After"] = str(error.retry_after)
            usual = HTTPStatus.UNAUTHORIZED if error.code in _KEY_ERRORS else HTTPStatus.BAD_REQUEST
            value = _in_micros(_error(error)) if micros else _error(error)
            return self._reply(HTTPStatus(error.status or usual), value, caller, extra)
        if micros:
            value = _candles_in_micros(value) if endpoint.name in _CANDLES else _in_micros(value)
        return self._reply(HTTPStatus.OK, value, caller, extra)

    def _answer(self, asked: _Asked, extra: dict[str, str]) -> Any:
        """The value to answer with; headers beyond the usual ones go into ``extra``."""
        endpoint, now = asked.endpoint, self.venue.now
        sent = parse_form(asked.query)
        if asked.body:
            # the query string wins where both name a parameter (rest-api.md, General Information on Endpoints)
            sent = {**parse_form(asked.body), **sent}
        self.limits.spend(asked.caller, endpoint.cost(sent), now)
        account = None
        if endpoint.security == SIGNED:
            account = self._authenticate(asked, sent)
            sent = {name: value for name, value in sent.items() if name not in _SECURITY_PARAMS}
        params = _SPECS[endpoint.name].read(sent, self._symbol)
        handler = _HANDLERS[endpoint.name]
        context = Context(self, account)
        if account is None:
            return handler(context, params)
        self.limits.settle(account, now)
        if not endpoint.orders:
            return handler(context, params)
        try:
            if endpoint.name in _COUNTING:
                return handler(context, params)
            self.limits.check_orders(account.name, endpoint.orders, now)
            value = handler(context, params)
            self.limits.add_orders(account.name, endpoint.orders, now)
            return value
        finally:
            extra.update(self.limits.order_headers(account.name, now))

    def _authenticate(self, asked: _Asked, sent: Mapping[str, str]) -> Account:
        name = asked.headers.get("x-mbx-apikey")
        key = asked.key if asked.key is not None and name else find_key(name, self.keys)
        check_signature(key, sent, asked.query, asked.body)
        if key.timed:
            check_timing(sent, self.venue.now, self.timing_slack)
        return key.account

    def _symbol(self, name: str) -> Symbol:
        return self.venue.market(name).symbol

    def _reply(self, status: HTTPStatus, value: Any, caller: str, headers: dict[str, str]) -> Reply:
        now = self.venue.now
        headers["Content-Type"] = "application/json;charset=UTF-8"
        headers["Date"] = self._http_date(now)
        headers.update(self.limits.weight_headers(caller, now))
        return Reply(status.value, status.phrase, headers, to_json(value))

    def _not_found(self, method: str, path: str) -> Reply:
        known = any(path == row.path for row in ENDPOINTS.values())
        status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
        text = f"{method} {path} is not an endpoint of this paper exchange"
        row = DOCUMENTED.get((method, path))
        if row is not None and row.security == KEYED:
            status = HTTPStatus.GONE
            text = f"{method} {path} has left Binance; use userDataStream.subscribe.signature of the WebSocket API"
        return self._reply(status, {"code": -1, "msg": text}, "", {})

    def _http_date(self, now: int) -> str:
        second = now // SECOND
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


def _error(error: VenueError) -> dict[str, Any]:
    found: dict[str, Any] = {"code": error.code, "msg": error.msg}
    if error.data is not None:
        found["data"] = error.data
    return found


def _time_unit(headers: Mapping[str, str]) -> bool:
    unit = headers.get("x-mbx-time-unit", "MILLISECOND").upper()
    if unit not in ("MICROSECOND", "MILLISECOND"):
        raise RequestRejected(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return unit == "MICROSECOND"


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
