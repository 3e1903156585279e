"""
The one thing that differs from ccxt's Binance: where a signed request goes, and whose clock it is.

``PaperTransport`` holds what the three classes share, ``SyncTransport`` and ``AsyncTransport`` the few methods that
wait. ccxt builds, signs and parses every request itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ccxt.base.errors import (
    AuthenticationError,
    ExchangeClosedByUser,
    ExchangeError,
    ExchangeNotAvailable,
    NetworkError,
    NotSupported,
    OperationFailed,
)

from exec_plugin.ccxt_exchange.description import NO_CREDENTIAL, paper_description
from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ccxt import binance as _Binance  # noqa: N812  a class in spite of its name

    from exec_plugin.account import AttachedAccount, PaperAccount, Reply
    from exec_plugin.account.script import ScriptedAccount
    from exec_plugin.protocol.faults import Way

    Account = PaperAccount | ScriptedAccount | AttachedAccount
    # with a market in this process
    Near = PaperAccount | ScriptedAccount
else:
    # laid over one of ccxt's Binance classes by the module that names the flavour
    _Binance = object

_NOT_FOUND = 404
_FIRST_ERROR = 400

# What belongs to a running process: never pickled, never copied, found again on the next request.
_TRANSIENT = ("_opened", "_ending", "asyncio_loop", "asyncioLoop", "clients", "markets_loading", "marketsLoading")


def _open(options: Mapping[str, Any], api_key: str | None, secret: str | None) -> Account:
    # the first request of a process pays for the venue and its feed, not the import of a ccxt class
    from exec_plugin.account import open_account

    return open_account(options=options, api_key=api_key, secret=secret)


class _Request(NamedTuple):
    """A request as ccxt signed it."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


class _Control:
    """
    ``exchange.paper``: the control calls of a scripted market, and ``listen``.

    No property: a host may have a setting of that name, which ccxt puts into the instance.
    """

    def __get__(self, exchange: PaperTransport | None, owner: type | None = None) -> Any:
        if exchange is None:
            return self
        from exec_plugin.account import HOUSE, PaperControl, read_settings, served_at

        def wanted() -> tuple[Mapping[str, Any], str | None]:
            return exchange.options.get("paper") or {}, exchange._own_key()

        return PaperControl(
            HOUSE.scripts, lambda: read_settings(*wanted()), exchange._paper, lambda: served_at(*wanted())
        )


class PaperTransport(_Binance):
    """Hands the requests that ccxt has signed to a paper account, and its answers back to ccxt's own parsers."""

    apiKey: str  # noqa: N815  ccxt's own name
    secret: str

    # ccxt 4.4 has no such setting yet
    returnResponseHeaders = False  # noqa: N815

    # Names open with an underscore because ccxt's constructor reads and copies every other name that contains one.
    paper = _Control()
    # plugins hear of its requests from the account
    tells_requests = True
    _open_account = staticmethod(_open)
    _opened: tuple[tuple[Any, ...], Account] | None = None
    _next_request = 0.0

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(config or {})
        # hosts blank the keys with None or "" in their dry runs, and ccxt can sign with neither
        self.apiKey = self.apiKey or NO_CREDENTIAL
        self.secret = self.secret or NO_CREDENTIAL

    def __getstate__(self) -> dict[str, Any]:
        return {name: None if name in _TRANSIENT else value for name, value in self.__dict__.items()}

    def describe(self) -> Any:
        """Binance as ccxt describes it, narrowed to a spot account on paper."""
        parent = super().describe()
        return self.deep_extend(parent, paper_description(parent))

    def milliseconds(self) -> int:
        """The venue's time, so that timestamps and bots follow a replay."""
        return self._paper().milliseconds()

    def seconds(self) -> int:
        """The venue's time in whole seconds."""
        return self.milliseconds() // 1_000

    def microseconds(self) -> int:
        """The venue's time; its resolution is the millisecond."""
        return self.milliseconds() * 1_000

    def _paper(self) -> Account:
        options = self.options.get("paper") or {}
        wanted = (self.apiKey, self.secret, options)
        # hosts set keys and swap whole option tables after construction
        if self._opened is None or self._opened[0] != wanted or self._opened[1].is_over:
            account = self._find_account(options)
            self._opened = ((self.apiKey, self.secret, dict(options)), account)
            self._next_request = 0.0
        return self._opened[1]

    def _own_key(self) -> str | None:
        return None if self.apiKey == NO_CREDENTIAL else self.apiKey

    def _is_far(self) -> bool:
        """Whether opening the account asks the network."""
        from exec_plugin.account import read_settings

        # what is wrong with the settings is told by whoever opens
        with contextlib.suppress(ExecPluginError):
            return read_settings(self.options.get("paper") or {}, self._own_key()).feed == "live"
        return False

    def _find_account(self, options: Mapping[str, Any]) -> Account:
        try:
            return self._open_account(options, self._own_key(), self.secret)
        except ExecPluginError as error:
            # hosts know ccxt's errors only: one of ours would take the whole bot down
            msg = f"{self.id} {error}"
            # who has taken over from a server may be one itself that does not listen yet: bots try that again
            was_served = self._opened is not None and self._opened[1].is_remote
            raise (ExchangeNotAvailable if was_served else ExchangeError)(msg) from error

    def _pause(self, milliseconds: float) -> float:
        return self._paper().sleep_plan(milliseconds) if milliseconds > 0 else 0.0

    def _turn(self, cost: float | None) -> float:
        """Reserve the next place in the rate limit and tell how many milliseconds away it is."""
        now = self.milliseconds()
        due = max(now, self._next_request)
        self._next_request = due + self.rateLimit * (1 if cost is None else cost)
        return due - now

    def _sent(self, url: str, method: str, headers: Any, body: Any) -> _Request:
        """A request as it leaves, once ccxt has told of it what it tells."""
        sent = _Request(method, url, self.prepare_request_headers(headers), body)
        self.last_request_headers = sent.headers
        if self.verbose:
            self.log("\nfetch Request:", self.id, method, url, "RequestHeaders:", sent.headers, "RequestBody:", body)
        self.logger.debug("%s %s, Request: %s %s", *sent)
        return sent

    @staticmethod
    def _travel(account: Near, url: str, method: str) -> tuple[Way, float]:
        """What happens to a request on its way there, and how many seconds that takes."""
        way = account.way(method, url)
        return way, account.sleep_plan(way.delay) if way.delay else 0.0

    @contextlib.contextmanager
    def _on_its_way(self, way: Way, sent: _Request) -> Iterator[None]:
        """Break the connection after a request where it is to break; errors of our own become ccxt's."""
        try:
            yield
        except ExecPluginError as error:
            # where the connection breaks, whatever came of it: the bot is not to know
            if not way.cut:
                msg = f"{self.id} {sent.method} {sent.url} {error}"
                raise ExchangeError(msg) from error
        if way.cut:
            asked = f"{sent.method} {sent.url.partition('?')[0]}"
            msg = f"{self.id} {asked} the connection broke, as a fault of the settings demands"
            raise NetworkError(msg)

    def _digest(self, reply: Reply, sent: _Request) -> Any:
        """What ccxt does with an answer, in its order: hooks in there see the same as on a real exchange."""
        status, reason, headers, text = reply[:4]
        method, url = sent[:2]
        text = self.on_rest_response(status, reason, url, method, headers, text, sent.headers, sent.body)
        parsed = self.parse_json(text)
        self._remember(text, parsed, headers)
        if self.verbose:
            told = ("ResponseHeaders:", headers, "ResponseBody:", text)
            self.log("\nfetch Response:", self.id, method, url, status, *told)
        self.logger.debug("%s %s, Response: %s %s %s", method, url, status, headers, text)
        if parsed and isinstance(parsed, dict) and self.returnResponseHeaders:
            parsed["responseHeaders"] = headers
        self._check(reply._replace(text=text), parsed, sent)
        return text if parsed is None else parsed

    def _remember(self, text: str, parsed: Any, headers: dict[str, str]) -> None:
        if self.enableLastHttpResponse:
            self.last_http_response = text
        if self.enableLastJsonResponse:
            self.last_json_response = parsed
        if self.enableLastResponseHeaders:
            self.last_response_headers = headers

    def _check(self, reply: Reply, parsed: Any, sent: _Request) -> None:
        status, reason, headers, text = reply[:4]
        method, url = sent[:2]
        self.handle_errors(status, reason, url, method, headers, text, parsed, sent.headers, sent.body)
        self.handle_http_status_code(status, reason, url, method, text)
        if status >= _FIRST_ERROR:
            msg = f"{self.id} {method} {url} {status} {reason} {text}"
            raise ExchangeError(msg)

    def handle_errors(self, httpCode: int, reason: str, url: str, method: str, *rest: Any) -> Any:  # noqa: N803
        """ccxt's own, but what is not there is said not to be: ccxt takes it for a network error and bots retry it."""
        if httpCode == _NOT_FOUND:
            msg = f"{self.id} {method} {url.partition('?')[0]} is not part of a spot paper account: {rest[1]}"
            raise NotSupported(msg)
        return super().handle_errors(httpCode, reason, url, method, *rest)

    # ------------------------------------------------------------------ through a server that has the account

    @contextlib.contextmanager
    def _minding(self, account: AttachedAccount) -> Iterator[None]:
        """A server that is ill, gone, or another one by now, is looked for anew by the next request."""
        try:
            yield
        except AuthenticationError as error:
            # it lets in nobody else than whom it has left its key for
            account.is_over = True
            msg = f"{self.id} the server at {account.url} was started anew, or has this account no more: try again"
            raise ExchangeNotAvailable(msg) from error
        except OperationFailed:
            account.is_over = True
            raise

    def on_rest_response(self, code: int, reason: str, url: str, method: str, *rest: Any) -> Any:
        """ccxt's hook; where a server answers, plugins hear of it from here."""
        account = self._opened[1] if self._opened is not None else None
        if account is not None and account.is_remote:
            headers, _, _, body = rest
            account.tell(code, headers, method, url, body)
        return super().on_rest_response(code, reason, url, method, *rest)

    def check_proxy_url_settings(self, *_: Any, **__: Any) -> None:
        """No proxy stands between a bot and its paper account."""

    def check_proxy_settings(self, *_: Any, **__: Any) -> list[None]:
        """As above, for requests."""
        return [None, None, None]

    def check_ws_proxy_settings(self) -> list[None]:
        """As above, for streams."""
        return [None, None, None]


class SyncTransport(PaperTransport):
    """The methods that block."""

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Answer one signed request from the paper account."""
        account = self._paper()
        if account.is_remote:
            return self._ask_server(account, url, method, headers, body)
        there, back = account.legs()
        way, delay = self._travel(account, url, method)
        if not there and not back and not delay:
            return self._carried(account, way, url, method, headers, body)
        time.sleep(there + delay)
        try:
            return self._carried(account, way, url, method, headers, body)
        finally:
            time.sleep(back)

    def _carried(self, account: Near, way: Way, *asked: Any) -> Any:
        """The answer to a request, unless the connection breaks before or after it is carried out."""
        sent = self._sent(*asked)
        with self._on_its_way(way, sent):
            if not way.cut or way.executed:
                reply = account.request(*sent)
        return self._digest(reply, sent)

    def _ask_server(self, account: AttachedAccount, url: str, method: str, headers: Any, body: Any) -> Any:
        """The same from the server that has the account, by ccxt's own transport."""
        if account.door.certificate:
            from exec_plugin.ccxt_exchange.pinning import pin

            pin(self.session, account.url, account.door.certificate)
        url, headers, body = account.address(url, headers, body)
        with self._minding(account):
            return super().fetch(url, method, headers, body)

    def sleep(self, milliseconds: float) -> None:
        """Let time pass at the venue; a replayed market moves at once."""
        time.sleep(self._pause(milliseconds))

    def throttle(self, cost: float | None = None) -> None:
        """Keep ccxt's distance between requests, in the venue's time."""
        self.sleep(self._turn(cost))


class AsyncTransport(PaperTransport):
    """The methods that await."""

    asyncio_loop: Any
    session: Any
    # nothing is connected that could need time to close
    timeout_on_exit = 0
    closed_by_user = False
    _session_for: tuple[str, asyncio.AbstractEventLoop] | None = None
    _ending: asyncio.Future[None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # a session belongs to its loop
        return {**super().__getstate__(), "session": None, "_session_for": None}

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Answer one signed request from the paper account."""
        self.open(lazy=True)
        account = self._paper()
        if account.is_remote:
            # by ccxt's own transport, which opens the session
            url, headers, body = account.address(url, headers, body)
            with self._minding(account):
                return await super().fetch(url, method, headers, body)
        there, back = account.legs()
        way, delay = self._travel(account, url, method)
        # at least one turn of the loop: a bot that only ever awaits requests must not starve its other tasks
        await asyncio.sleep(there + delay)
        try:
            return await self._carried(account, way, url, method, headers, body)
        finally:
            if back:
                await asyncio.sleep(back)

    async def _carried(self, account: Near, way: Way, *asked: Any) -> Any:
        """The same while the loop goes on."""
        sent = self._sent(*asked)
        with self._on_its_way(way, sent):
            if not way.cut or way.executed:
                reply = await account.request_soon(*sent)
        return self._digest(reply, sent)

    async def sleep(self, milliseconds: float) -> None:
        """Let time pass at the venue; a replayed market moves at once."""
        await asyncio.sleep(self._pause(milliseconds))

    async def throttle(self, cost: float | None = None) -> None:
        """Keep ccxt's distance between requests, in the venue's time; bound to no event loop."""
        await self.sleep(self._turn(cost))

    async def fetch2(self, *args: Any, **named: Any) -> Any:
        """Where every request begins; a live market opens here without holding up the loop: it waits for the network."""
        if (self._opened is None or self._opened[1].is_over) and self._is_far():
            await asyncio.to_thread(self._paper)
        return await super().fetch2(*args, **named)

    def open(self, lazy: bool = False) -> None:  # noqa: FBT001, FBT002  ccxt's own signature
        """Note the running event loop; there is a session to open only where a server has the account."""
        if lazy and self.closed_by_user:
            msg = f"{self.id} instance was closed by the user"
            raise ExchangeClosedByUser(msg)
        self.closed_by_user = False
        with contextlib.suppress(RuntimeError):
            # one instance may live through several loops, one asyncio.run after another
            self.asyncio_loop = asyncio.get_running_loop()
        account = self._opened[1] if self._opened is not None else None
        if account is not None and account.is_remote and self.own_session:
            self._open_session(account)

    def _open_session(self, account: AttachedAccount) -> None:
        """A session as ccxt has one, which trusts the server that it leads to and no other."""
        from aiohttp import ClientSession, TCPConnector

        place = (account.url, self.asyncio_loop)
        if self.session is not None and self._session_for is not None and self._session_for != place:
            self._end_session(self._session_for[1])
        if self.session is None:
            connector = TCPConnector(ssl=account.tls or True, loop=self.asyncio_loop)
            self.session = ClientSession(loop=self.asyncio_loop, connector=connector)
            self._session_for = place

    def _end_session(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go of a session for another server, or of another loop, which has to close it unless it is closed itself."""
        ending, self.session = self.session.close(), None
        if loop is self.asyncio_loop or loop.is_closed():
            self._ending = asyncio.ensure_future(ending)
        else:
            asyncio.run_coroutine_threadsafe(ending, loop)

    def client(self, url: str) -> Any:
        """ccxt's WebSocket client for a URL, with the paper account for its far end."""
        from exec_plugin.ccxt_exchange.connection import adopt, lead
        from exec_plugin.ccxt_exchange.driver import Driver

        account = self._paper()
        if "://" in url and not account.answers(url):
            # ccxt would call this a network error, which bots retry for ever
            msg = f"{self.id} has no stream under {url}; a paper account is a spot account"
            raise NotSupported(msg)
        self.open()
        known = (self.clients or {}).get(url)
        if known is not None and (known.asyncio_loop is not self.asyncio_loop or self._is_elsewhere(known)):
            # the client of a loop that is gone, one asyncio.run earlier, or of a market that was replaced
            del self.clients[url]
            known = None
        client = super().client(url)
        if client is not known:
            # not a limiter that a user put in place of ``throttle``: frames are no requests
            client.throttle = functools.partial(AsyncTransport.throttle, self)
            if account.is_remote:
                lead(client, account)
            else:
                adopt(client, self._paper)
        Driver.wake_all(self.asyncio_loop)
        return client

    def _is_elsewhere(self, client: Any) -> bool:
        return client.paper is not None and client.paper is not self._paper()

    def init_rest_rate_limiter(self) -> None:
        """The throttler of ccxt belongs to the first event loop it meets; ``throttle`` above takes its place."""
        super().init_rest_rate_limiter()
        # ccxt 4.4 keeps its throttler in the instance, where it would hide the method
        self.__dict__.pop("throttle", None)

    def init_throttler(self, cost: float | None = None) -> None:
        """Nothing to make, see ``init_rest_rate_limiter``."""
