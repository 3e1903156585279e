"""One connection to the WebSocket API: its requests, who is logged on, and its user-data subscriptions."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import RequestRejected, VenueError, failed
from exec_plugin.endpoints import ENDPOINTS, SIGNED
from exec_plugin.protocol.gateway import NOT_WRITTEN, Call, error_body, http_status, in_micros
from exec_plugin.protocol.limits import TooMany
from exec_plugin.protocol.params import Spec, illegal
from exec_plugin.protocol.public_keys import ED25519
from exec_plugin.protocol.render import to_json
from exec_plugin.protocol.security import check_timing, find_key
from exec_plugin.protocol.user_data import in_micros as event_in_micros
from exec_plugin.protocol.ws_api.frames import BadFrame, read_frame
from exec_plugin.protocol.ws_api.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.protocol.gateway import Gateway
    from exec_plugin.protocol.security import Key
    from exec_plugin.protocol.ws_api.frames import Request

#: What it costs to connect, and each request about the connection itself (web-socket-api.md, IP limits).
CONNECT_WEIGHT = SESSION_WEIGHT = 2

_ENDPOINTS = {endpoint.name: endpoint for (_, path), endpoint in ENDPOINTS.items() if path.startswith("/api/")}
#: What a request that names no method goes by.
_UNKNOWN = "other"
_SIGNED = {"apiKey": "text!", "signature": "text!", "timestamp": "text!", "recvWindow": "text"}
#: Ours: with it events carry their numbers, and those after one are told again (docs/resuming.md).
_RESUMING = {"after": "long"}
_SPECS = {
    "session.logon": Spec(_SIGNED),
    "session.status": Spec({}),
    "session.logout": Spec({}),
    "session.subscriptions": Spec({}),
    "userDataStream.subscribe": Spec(_RESUMING),
    "userDataStream.subscribe.signature": Spec({**_SIGNED, **_RESUMING}),
    "userDataStream.unsubscribe": Spec({"subscriptionId": "int"}),
}


class _Logon(NamedTuple):
    """The key that speaks for requests without one."""

    name: str
    key: Key
    since: int


class _Done(NamedTuple):
    """What a request came to: status, the reply's other half, and whose order limits it touched."""

    status: HTTPStatus
    part: dict[str, Any]
    account: Account | None = None
    #: whether it tells of no account
    is_public: bool = False


class Last(NamedTuple):
    """The request that was answered last: its name, the status of its reply, and of what is sent where that is lost."""

    name: str
    status: int
    lost: int


class ApiSession:
    """
    A client of the WebSocket API.

    Args:
        gateway: the exchange behind it.
        push: takes the texts for the client: replies and user-data events.
        caller: whom request weight is counted for.
        key: who calls, where the transport already knows; else each request tells.
        paced: whether events of the past are told in portions, because the client cannot take all at once.
        micros: whether moments are told in microseconds (``timeUnit`` of the connection's URL).
        return_rate_limits: whether replies tell the limits unless a request says otherwise.
        hang_up: called when the client is to be disconnected.
    """

    def __init__(
        self,
        gateway: Gateway,
        push: Callable[[str], None],
        *,
        caller: str,
        key: Key | None = None,
        paced: bool = False,
        micros: bool = False,
        return_rate_limits: bool = True,
        hang_up: Callable[[], None] | None = None,
    ) -> None:
        self._gateway = gateway
        self._push = push
        self._caller = caller
        self._key = key
        self._micros = micros
        self._return_rate_limits = return_rate_limits
        self._hang_up = hang_up
        self._connected = gateway.venue.now
        self._logon: _Logon | None = None
        self.last = Last("", 0, 0)
        self._subscriptions = Subscriptions(gateway, self._push_event, paced=paced)
        self._methods: dict[str, Callable[[dict[str, str]], Any]] = {
            "session.logon": self._log_on,
            "session.status": self._status,
            "session.logout": self._log_out,
            "session.subscriptions": lambda _: self._subscriptions.listed(),
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

    def receive(self, text: str) -> None:
        """Answer one frame of the client."""
        ended: list[int] = []
        self._subscriptions.ended = ended
        begun: list[Callable[[], None]] = []
        self._subscriptions.begun = begun
        try:
            request = read_frame(text)
        except BadFrame as bad:
            done = self._failed(self._charged(bad.error))
            self.last = _last(_UNKNOWN, done)
            self._reply(bad.id, done, shown=self._return_rate_limits)
            return
        shown = self._return_rate_limits
        try:
            shown = _shown(request.params.get("returnRateLimits"), default=shown)
            done = self._answer(request)
        except VenueError as error:
            done = self._failed(self._charged(error))
        known = request.method in _ENDPOINTS or request.method in self._methods
        self.last = _last(request.method if known else _UNKNOWN, done)
        self._reply(request.id, done, shown=shown)
        for number in ended:
            event = {"e": "eventStreamTerminated", "E": self._gateway.venue.now}
            self._gateway.departures.leave(partial(self._push_event, number, event))
        for begin in begun:
            begin()
        if done.status == HTTPStatus.IM_A_TEAPOT and self._hang_up is not None:
            self._hang_up()

    def shut_down(self) -> None:
        """Tell the client that the server is about to end (web-socket-api.md, Server Shutdown)."""
        self._push(to_json({"event": self._timed({"e": "serverShutdown", "E": self._gateway.venue.now})}))

    def close(self) -> None:
        """The connection is gone: nothing is pushed any more."""
        self._subscriptions.close()

    # ------------------------------------------------------------------ requests

    def _answer(self, request: Request) -> _Done:
        endpoint = _ENDPOINTS.get(request.method)
        if endpoint is None:
            return self._answer_about_session(request)
        call = Call(endpoint, _without(request.params, "apiKey"), self._caller, lambda: self._prove(request.params))
        account = None
        try:
            value = self._gateway.answer(call)
            if self._micros:
                value = in_micros(endpoint, value)
            done = _Done(HTTPStatus.OK, {"result": value})
        except VenueError as error:
            done = self._failed(error)
        if endpoint.orders:
            account = call.account
        return done._replace(account=account, is_public=endpoint.security != SIGNED)

    def _answer_about_session(self, request: Request) -> _Done:
        method = self._methods.get(request.method)
        if method is None:
            raise RequestRejected(-1020, "This operation is not supported.", f"no method {request.method!r}")
        try:
            self._gateway.limits.spend(self._caller, SESSION_WEIGHT, self._gateway.venue.now)
            _SPECS[request.method].read(_without(request.params), self._no_symbol)
            value = method(request.params)
        except VenueError as error:
            return self._failed(error)
        return _Done(HTTPStatus.OK, {"result": self._timed(value)})

    def _prove(self, params: dict[str, str]) -> Key:
        """Whose request it is: that of the key it names and is signed with, else of the key that is logged on."""
        name = params.get("apiKey")
        if name is None and self._logon is not None and "signature" not in params:
            # a key may have been taken away since
            return find_key(self._logon.name, self._gateway.keys) if self._key is None else self._logon.key
        key = self._key if self._key is not None and name else find_key(name, self._gateway.keys)
        signature = params.get("signature")
        if not signature:
            raise RequestRejected(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        signed = {**params, "apiKey": name or ""}
        payload = "&".join(f"{part}={signed[part]}" for part in sorted(signed) if part != "signature")
        key.check(payload, signature)
        return key

    def _prove_now(self, params: dict[str, str]) -> Key:
        """The same for a request about the session itself, which must be signed."""
        key = self._prove(params)
        if key.timed:
            check_timing(params, self._gateway.venue.now, self._gateway.timing_slack)
        return key

    @staticmethod
    def _no_symbol(name: str) -> Symbol:
        msg = f"a request about the session asked for the symbol {name}"
        raise TypeError(msg)

    # ------------------------------------------------------------------ the session

    def _log_on(self, params: dict[str, str]) -> dict[str, Any]:
        key = self._prove_now(params)
        if key.kind not in ("", ED25519):
            # Session Authentication: only Ed25519 keys are supported; the code is what Binance answers
            raise RequestRejected(
                -4056, f"{'HMAC_SHA256' if key.kind == 'HMAC' else key.kind} API key is not supported."
            )
        self._logon = _Logon(params["apiKey"], key, self._gateway.venue.now)
        return self._status(params)

    def _log_out(self, params: dict[str, str]) -> dict[str, Any]:
        self._logon = None
        self._subscriptions.end_logon()
        return self._status(params)

    def _status(self, _: dict[str, str]) -> dict[str, Any]:
        logon = self._logon
        return {
            "apiKey": logon.name if logon else None,
            "authorizedSince": logon.since if logon else None,
            "connectedSince": self._connected,
            "returnRateLimits": self._return_rate_limits,
            "serverTime": self._gateway.venue.now,
            "userDataStream": self._subscriptions.any,
        }

    def _subscribe(self, params: dict[str, str]) -> dict[str, int]:
        if self._logon is None:
            error = RequestRejected(-1002, "You are not authorized to execute this request.", "session.logon first")
            error.status = HTTPStatus.UNAUTHORIZED
            raise error
        return self._subscriptions.start(self._prove({}).account.name, _after(params), by_logon=True)

    def _subscribe_signed(self, params: dict[str, str]) -> dict[str, int]:
        return self._subscriptions.start(self._prove_now(params).account.name, _after(params))

    def _unsubscribe(self, params: dict[str, str]) -> dict[str, int]:
        number = params.get("subscriptionId")
        self._subscriptions.end(None if number is None else int(number))
        return {}

    # ------------------------------------------------------------------ replies

    def _charged(self, error: VenueError) -> VenueError:
        """What a frame that is no request is answered with: it counts as one all the same."""
        try:
            self._gateway.limits.spend(self._caller, 1, self._gateway.venue.now)
        except TooMany as too_many:
            return too_many
        return error

    def _failed(self, error: VenueError) -> _Done:
        body = error_body(error)
        if isinstance(error, TooMany):
            body["data"] = self._timed({"serverTime": self._gateway.venue.now, "retryAfter": error.until})
        return _Done(http_status(error), {"error": body})

    def _reply(self, number: int | str | None, done: _Done, *, shown: bool) -> None:
        go = partial(self._push, self._text(number, done, shown=shown))

        def instead() -> None:
            self._push(self._text(number, self._failed(failed(NOT_WRITTEN)), shown=shown))

        # clients find their answers by the id, in whatever order they come
        self._gateway.leave(go, go if done.is_public else instead)

    def _text(self, number: int | str | None, done: _Done, *, shown: bool) -> str:
        reply: dict[str, Any] = {"id": number, "status": int(done.status), **done.part}
        if shown:
            limits, now = self._gateway.limits, self._gateway.venue.now
            orders = limits.order_counts(done.account.name, now) if done.account is not None else []
            reply["rateLimits"] = [*orders, *limits.weight_counts(self._caller, now)]
        return to_json(reply)

    def _push_event(self, number: int, event: dict[str, Any], seq: int | None = None) -> None:
        told = {} if seq is None else {"seq": seq}
        self._push(to_json({"subscriptionId": number, **told, "event": self._timed(event)}))

    def _timed(self, value: Any) -> Any:
        return event_in_micros(value) if self._micros else value


def _last(name: str, done: _Done) -> Last:
    status = int(done.status)
    return Last(name, status, status if done.is_public else HTTPStatus.SERVICE_UNAVAILABLE.value)


def _after(params: dict[str, str]) -> int | None:
    """The number of an event that a subscription resumes after; None for one that does not."""
    return int(params["after"]) if params.get("after") else None


def _without(params: dict[str, str], *names: str) -> dict[str, str]:
    """Parameters for what a request asks; how it is answered belongs to all alike, and is signed with the rest."""
    return {name: value for name, value in params.items() if name not in ("returnRateLimits", *names)}


def _shown(text: str | None, *, default: bool) -> bool:
    """Whether to tell the limits (web-socket-api.md, How to show/hide rate limit information)."""
    if text is None:
        return default
    if text not in ("true", "false"):
        raise illegal("returnRateLimits", "^(true|false)$")
    return text == "true"
