"""
Requests through a ccxt exchange, and what came back.

Signing, proxies, sessions and the throttle stay ccxt's. What a request is answered is read at the door by which ccxt
itself sees it, so that the exchange's code and HTTP status are known even where ccxt raises a class of its own.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import aiohttp
from ccxt.base.errors import BaseError

from exec_plugin.binance.clock import ServerTime
from exec_plugin.binance.errors import BinanceRateLimitError
from exec_plugin.binance.failures import Answer, outcome_is_unknown, to_error
from exec_plugin.endpoints import DOCUMENTED, PUBLIC
from exec_plugin.rate_limit.server_clock import DateReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.binance.errors import BinanceError

_SPOT = "/api/v3/"
#: Other parts of Binance's interface, by how ccxt calls them.
_SAPI = {"/sapi/v1/": "sapi", "/sapi/v2/": "sapiV2", "/sapi/v3/": "sapiV3", "/sapi/v4/": "sapiV4"}
_COST_PER_WEIGHT = 0.2
_FIRST_ERROR = 400
_NOTHING = Answer(0, {}, None)


class _Box:
    """Where the answer to the request that runs in this context is put."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer = _NOTHING


_BOX: ContextVar[_Box | None] = ContextVar("exec_plugin_answer", default=None)


class Wire:
    """
    One ccxt exchange as the client uses it.

    Args:
        exchange: an instance of an asynchronous Binance class of ccxt, live or on paper.
    """

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.time = ServerTime()
        self._dates = DateReader()
        self._lists_api = _takes_lists(exchange)
        self._below = exchange.on_rest_response
        exchange.on_rest_response = self._on_rest_response

    def unhang(self) -> None:
        """Give the exchange its own door back."""
        if self.exchange.__dict__.get("on_rest_response") == self._on_rest_response:
            self.exchange.on_rest_response = self._below

    def now(self) -> float:
        """The clock that timestamps are made from, in seconds."""
        return float(self.exchange.milliseconds()) / 1000

    def _on_rest_response(self, code: int, reason: str, *told: Any) -> Any:
        box = _BOX.get()
        if box is not None:
            _url, _method, headers, text, *_ = told
            lowered = {str(name).lower(): str(value) for name, value in dict(headers).items()}
            box.answer = Answer(code, lowered, _object(text) if code >= _FIRST_ERROR else None)
        return self._below(code, reason, *told)

    async def send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        """
        Send one request and answer its JSON.

        Raises:
            BinanceError: with ``outcome_unknown`` set where it may have been executed all the same.
        """
        box = _Box()
        token = _BOX.set(box)
        sent = self.now()
        try:
            result = await self._request(method, endpoint, dict(params))
        except (TimeoutError, BaseError, aiohttp.ClientError, OSError, ValueError) as cause:
            raise self._failure(cause, box.answer) from cause
        finally:
            _BOX.reset(token)
            self._learn(sent, box.answer)
        if not isinstance(result, (dict, list)):
            broken = ValueError(f"an answer that is no JSON: {str(result)[:80]!r}")
            raise self._failure(broken, box.answer._replace(status=0)) from broken
        return result

    async def _request(self, method: str, endpoint: str, params: dict[str, Any]) -> Any:
        api, path, weight = self._route(method, endpoint, params)
        asked: Any = [api] if self._lists_api else api
        return await self.exchange.request(path, asked, method, params, config={"cost": weight * _COST_PER_WEIGHT})

    @staticmethod
    def _route(method: str, endpoint: str, params: Mapping[str, Any]) -> tuple[str, str, int]:
        """What ccxt calls the interface and the path, and the weight of the call."""
        if endpoint.startswith(_SPOT):
            known = DOCUMENTED.get((method, endpoint))
            public = known is not None and known.security == PUBLIC
            weight = known.cost({name: str(value) for name, value in params.items()}) if known is not None else 1
            return "public" if public else "private", endpoint.removeprefix(_SPOT), weight
        for prefix, api in _SAPI.items():
            if endpoint.startswith(prefix):
                return api, endpoint.removeprefix(prefix), 1
        msg = f"endpoint {endpoint!r} is none of the spot interface: it starts with {_SPOT} or /sapi/"
        raise ValueError(msg)

    def _failure(self, cause: Exception, answer: Answer) -> BinanceError:
        wait = getattr(cause, "retry_after", None)
        if not answer.status and wait is not None:
            # the limiter's own refusal: nothing was sent
            return BinanceRateLimitError(str(cause), retry_after=wait)
        error = to_error(cause, answer, self.time.earliest(self.now()))
        error.outcome_unknown = outcome_is_unknown(answer)
        return error

    def _learn(self, sent: float, answer: Answer) -> None:
        second = self._dates.read(answer.headers.get("date"))
        if second:
            self.time.learn(sent, self.now(), second, 1.0)
            self.correct()

    def correct(self) -> None:
        """Let ccxt make its timestamps by the server's clock, where that is known to be another."""
        offset, uncertainty = self.time.offset, self.time.uncertainty
        if abs(offset) > uncertainty:
            # ccxt subtracts it from the local clock
            self.exchange.options["timeDifference"] = -round(offset * 1000)


def _takes_lists(exchange: Any) -> bool:
    """Whether this version of ccxt names an interface by a list, as those since 4.5 do."""
    for kind in type(exchange).__mro__:
        entry = kind.__dict__.get("private_get_order")
        if entry is not None:
            return isinstance(entry.api, list)
    return False


def _object(text: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None
