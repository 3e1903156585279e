"""
Requests through a ccxt exchange, and what came back.

Signing, proxies, sessions and the throttle stay ccxt's. What a request is answered is read at the doors by which ccxt
itself sends and hears, so that the exchange's code and HTTP status are known even where ccxt raises a class of its own,
and so that nothing is sent twice behind the client's back.
"""

from __future__ import annotations

import json
import re
from collections import deque
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import aiohttp
from ccxt.base.errors import BaseError

from exec_plugin.binance.clock import ServerTime
from exec_plugin.binance.errors import BinanceError, BinanceRateLimitError
from exec_plugin.binance.failures import Answer, outcome_is_unknown, to_error, unsent
from exec_plugin.binance.veil import veil
from exec_plugin.endpoints import DOCUMENTED, PUBLIC, SIGNED
from exec_plugin.rate_limit.server_clock import DateReader

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPOT = "/api/v3/"
_TIME = "/api/v3/time"
#: Other parts of Binance's interface, by how ccxt calls them.
_SAPI = {"/sapi/v1/": "sapi", "/sapi/v2/": "sapiV2", "/sapi/v3/": "sapiV3", "/sapi/v4/": "sapiV4"}
_COST_PER_WEIGHT = 0.2
_FIRST_ERROR = 400
#: How many answers are remembered by the id that the exchange gives to each.
_REMEMBERED = 512
_STAMP = re.compile(r"(?:^|[?&])timestamp=(\d+)")
#: What ccxt and aiohttp raise, and what ccxt's parsers stumble with over an answer that is none of the exchange's.
_TROUBLE = (
    BaseError, aiohttp.ClientError, OSError, TimeoutError, RuntimeError, EOFError,
    ValueError, TypeError, LookupError, AttributeError, AssertionError,
)  # fmt: skip
_NOTHING = Answer(0, {}, None)


class _Box:
    """One request on its way: what was sent, when, and what came back."""

    __slots__ = ("answer", "received", "sent", "text", "url_and_body")

    def __init__(self) -> None:
        self.answer = _NOTHING
        self.url_and_body: tuple[str, str] | None = None
        self.sent = self.received = 0.0
        self.text = ""

    def stamp(self) -> int | None:
        """The timestamp that the request carries, in ms."""
        for text in self.url_and_body or ():
            if found := _STAMP.search(text):
                return int(found[1])
        return None


class _Line:
    """The connections of one session, and how many requests are on them."""

    def __init__(self) -> None:
        self.requests = 0
        self.session: Any = None


class _Failed(Exception):
    """Carries a failure past ccxt's own retries, which know nothing of unknown outcomes."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


_BOX: ContextVar[_Box | None] = ContextVar("exec_plugin_answer", default=None)


class Wire:
    """
    One ccxt exchange as the client uses it.

    Args:
        exchange: an instance of an asynchronous Binance class of ccxt, live or on paper.
        recv_window: ms after its timestamp for which a signed request is valid.
    """

    def __init__(self, exchange: Any, recv_window: int = 5_000) -> None:
        self.exchange = exchange
        self.recv_window = recv_window
        self.time = ServerTime()
        self._dates = DateReader()
        self._dated = ("", 0.0)
        self._lists_api = _takes_lists(exchange)
        # ccxt 4.4 reads numbers as texts
        self._quotes_numbers = exchange.on_json_response("[1]") != [1]
        self._seen: set[str] = set()
        self._order: deque[str] = deque()
        self._line = _Line()
        # those that were left, until their last request has ended
        self._left: list[_Line] = []
        self._hung = {name: exchange.__dict__.get(name) for name in ("fetch", "on_rest_response")}
        self._fetch_below = exchange.fetch
        self._below = exchange.on_rest_response
        exchange.fetch = self._fetch
        exchange.on_rest_response = self._on_rest_response

    async def close(self) -> None:
        """Give the exchange its own doors back; one that somebody has hung over ours since then stays."""
        while self._left:
            await self._left.pop().session.close()
        mine = self.exchange.__dict__
        for name, ours in (("fetch", self._fetch), ("on_rest_response", self._on_rest_response)):
            if mine.get(name) != ours:
                continue
            if self._hung[name] is None:
                del mine[name]
            else:
                mine[name] = self._hung[name]

    def now(self) -> float:
        """The clock that timestamps are made from, in seconds."""
        moment: float = self.exchange.milliseconds() / 1000
        return moment

    # ------------------------------------------------------------------ doors

    async def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        box = _BOX.get()
        if box is None:
            return await self._fetch_below(url, method, headers, body)
        box.url_and_body = (url, body or "")
        box.sent = self.now()
        line = self._line
        line.requests += 1
        try:
            return await self._fetch_below(url, method, headers, body)
        except BaseError as cause:
            raise _Failed(cause) from cause
        finally:
            line.requests -= 1
            if not line.requests and line in self._left:
                self._left.remove(line)
                await line.session.close()

    def _on_rest_response(self, code: int, reason: str, *told: Any) -> Any:
        box = _BOX.get()
        if box is not None:
            box.received = self.now()
            _url, _method, headers, text, *_ = told
            if self._is_repeated(headers):
                raise _Failed(ValueError("an answer to an earlier request came once more"))
            if code >= _FIRST_ERROR:
                headers = {str(name).lower(): str(value) for name, value in dict(headers).items()}
                box.answer = Answer(code, headers, _object(text))
            else:
                box.answer = Answer(code, headers, None)
                box.text = text
        return self._below(code, reason, *told)

    def _is_repeated(self, headers: Mapping[str, Any]) -> bool:
        """
        Whether this very answer was read before.

        A kept connection on which a middleman has delivered one twice would answer every further request with the one
        before it. Binance names each answer by its ``x-mbx-uuid``.
        """
        name = headers.get("x-mbx-uuid") or headers.get("X-Mbx-Uuid")
        if not name:
            return False
        if name in self._seen:
            self._reconnect()
            return True
        self._seen.add(name)
        self._order.append(name)
        if len(self._order) > _REMEMBERED:
            self._seen.discard(self._order.popleft())
        return False

    def _reconnect(self) -> None:
        """Leave the connections that exist, one of which is out of step, to the requests that are on them."""
        exchange = self.exchange
        session = getattr(exchange, "session", None)
        if session is not None and exchange.own_session:
            # ccxt opens another for the next request
            exchange.session = exchange.tcp_connector = None
            self._line.session = session
            self._left.append(self._line)
            self._line = _Line()

    # ------------------------------------------------------------------ requests

    async def send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        """
        Send one request and answer its JSON.

        Raises:
            BinanceError: with ``outcome_unknown`` set where it may have been executed all the same.
        """
        box = _Box()
        token = _BOX.set(box)
        try:
            api, path, weigh, signed = _route(method, endpoint)
            weight = weigh if type(weigh) is int else weigh({name: str(params[name]) for name in params})
            # an exchange that was handed in may have another window in its options
            sent = {"recvWindow": self.recv_window, **params} if signed else dict(params)
            asked: Any = [api] if self._lists_api else api
            result = await self.exchange.request(path, asked, method, sent, config={"cost": weight * _COST_PER_WEIGHT})
        except _Failed as failed:
            raise self._failure(f"{method} {endpoint}", failed.cause, box) from failed.cause
        except _TROUBLE as cause:
            raise self._failure(f"{method} {endpoint}", cause, box) from cause
        finally:
            _BOX.reset(token)
            if box.answer.status:
                self._learn(box)
        if box.answer.status >= _FIRST_ERROR or not isinstance(result, (dict, list)):
            # ccxt lets some through: an HTTP status that it has no class for, a body that ends in the middle
            raise self._failure(f"{method} {endpoint}", ValueError("the answer is not the exchange's JSON"), box)
        if self._quotes_numbers:
            result = json.loads(box.text)
        if endpoint == _TIME and isinstance(result, dict) and isinstance(result.get("serverTime"), int):
            self.time.learn(box.sent, box.received, result["serverTime"] / 1000)
        return result

    def _failure(self, what: str, cause: Exception, box: _Box) -> BinanceError:
        veil(cause)
        wait = getattr(cause, "retry_after", None)
        if not box.answer.status and wait is not None:
            # the limiter's own refusal: nothing was sent
            return BinanceRateLimitError(str(cause), retry_after=wait)
        if box.url_and_body is None:
            return unsent(what, cause)
        error = to_error(what, cause, box.answer, self.time.earliest(box.sent))
        error.outcome_unknown = outcome_is_unknown(box.answer)
        error.timestamp = box.stamp()
        return error

    # ------------------------------------------------------------------ time

    def _learn(self, box: _Box) -> None:
        headers = box.answer.headers
        text = headers.get("Date") or headers.get("date")
        was_text, was_received = self._dated
        # one answer of each second tells enough; more of them while the local clock was set in between
        if not text or (text == was_text and 0 <= box.received - was_received < 1 and self.time.is_known):
            return
        second = self._dates.read(text)
        if second:
            self._dated = (text, box.received)
            self.time.learn(box.sent, box.received, second, 1.0)
            self.correct()

    def correct(self) -> None:
        """Let ccxt make its timestamps by the server's clock, where that is known to be another."""
        if not self.time.is_known:
            return
        offset, uncertainty = self.time.offset, self.time.uncertainty
        # ccxt subtracts it from the local clock
        self.exchange.options["timeDifference"] = -round(offset * 1000) if abs(offset) > uncertainty else 0


@lru_cache(maxsize=256)
def _route(method: str, endpoint: str) -> tuple[str, str, Any, bool]:
    """What ccxt calls the interface and the path, the weight or what tells it, and whether the call is signed."""
    known = DOCUMENTED.get((method, endpoint))
    if endpoint.startswith(_SPOT):
        if known is None:
            return "private", endpoint[len(_SPOT) :], 1, True
        api = "public" if known.security == PUBLIC else "private"
        return api, endpoint[len(_SPOT) :], known.weight, known.security == SIGNED
    for prefix, api in _SAPI.items():
        if endpoint.startswith(prefix):
            return api, endpoint.removeprefix(prefix), 1, True
    msg = f"endpoint {endpoint!r} is none of the spot interface: it starts with {_SPOT} or /sapi/"
    raise ValueError(msg)


def _takes_lists(exchange: Any) -> bool:
    """Whether this version of ccxt names an interface by a list, as the newest do."""
    for kind in type(exchange).__mro__:
        entry = kind.__dict__.get("private_get_order")
        if entry is not None:
            return isinstance(entry.api, list)
    return False


def _object(text: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
