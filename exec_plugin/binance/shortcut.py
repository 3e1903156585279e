"""
ccxt's way of a request in fewer steps, for an exchange on which nobody has set anything special.

Much of what a call costs is ccxt looking for proxies, retries, caches and logs that are not there. What matters stays its
own: signature, session, headers, parser, errors. What is set later counts from the next request on, which takes ccxt's way.
"""

from __future__ import annotations

import logging
import re
import socket
from functools import lru_cache
from inspect import signature
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import aiohttp
import yarl
from ccxt.async_support import binance
from ccxt.async_support.base.exchange import Exchange
from ccxt.base.errors import ExchangeError, ExchangeNotAvailable, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is ccxt's own for all its exchanges, and what an exchange has its own of.
_COMMON = ("fetch2", "fetch", "urlencode", "check_required_credentials")
_DOORS = (*_COMMON, "sign")
#: Public calls that carry a key all the same.
_KEYED = frozenset(("historicalTrades", "userDataStream", "listenKey", "userListenToken"))
#: What `fetch2` takes in the versions that are known; others keep their own.
_ARGUMENTS = ["path", "api", "method", "params", "config"]
#: What sends a request ccxt's own way.
_SPECIAL = (
    "proxy", "proxyUrl", "proxy_url", "proxyUrlCallback", "proxy_url_callback",
    "httpProxy", "http_proxy", "httpProxyCallback", "http_proxy_callback",
    "httpsProxy", "https_proxy", "httpsProxyCallback", "https_proxy_callback",
    "socksProxy", "socks_proxy", "socksProxyCallback", "socks_proxy_callback",
    "aiohttp_proxy", "verbose", "returnResponseHeaders", "fetchHistoryCacheSize",
)  # fmt: skip
#: What needs no quotes in a query, and whose texts Python's own encoder takes as they are.
_SAFE = re.compile(r"[A-Za-z0-9_.~=&-]*").fullmatch
_PLAIN = frozenset((str, int, float))
_RETRIES = frozenset(("maxRetriesOnFailure", "maxRetriesOnFailureDelay"))
#: What an answer says in which ccxt looks for an error.
_TELLING = frozenset(("code", "msg", "success"))
_FIRST_ERROR = 400


class Shortcut:
    """Doors of one exchange of ccxt; ``hang`` puts them where its own are."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._special = attrgetter(*(name for name in _SPECIAL if hasattr(exchange, name)))
        # with a name that nobody lacks, as of one alone no tuple would come
        self._credentials = attrgetter("id", *(name for name, needed in exchange.requiredCredentials.items() if needed))

    @classmethod
    def fits(cls, exchange: Any) -> bool:
        """Whether an exchange sends its requests just as ccxt's base class does."""
        kind = type(exchange)
        return (
            all(getattr(kind, name) is getattr(Exchange, name) for name in _COMMON)
            and not any(name in exchange.__dict__ for name in _DOORS)
            and list(signature(exchange.fetch2).parameters) == _ARGUMENTS
        )

    def hang(self) -> None:
        """Take the place of the exchange's own doors."""
        self._exchange.__dict__.update({name: getattr(self, name) for name in _DOORS})

    def unhang(self) -> None:
        """Give them back, where nobody has hung others since."""
        mine = self._exchange.__dict__
        for name in _DOORS:
            if mine.get(name) == getattr(self, name):
                del mine[name]

    def sign(
        self, path: str, api: Any = "public", method: str = "GET", params: Mapping[str, Any] = {}
    ) -> dict[str, Any]:
        """ccxt's signed request; a public one of Binance's has nothing to sign."""
        exchange = self._exchange
        if api not in ("public", ["public"]) or path in _KEYED or type(exchange).sign is not binance.sign:
            signed: dict[str, Any] = type(exchange).sign(exchange, path, api, method, params)
            return signed
        url = f"{exchange.urls['api']['public']}/{path}"
        return {
            "url": f"{url}?{exchange.urlencode(params)}" if params else url,
            "method": method,
            "body": None,
            "headers": None,
        }

    def check_required_credentials(self, *asked: Any, **named: Any) -> Any:
        """Whether the keys are there; ccxt says which are not."""
        if all(self._credentials(self._exchange)):
            return True
        return type(self._exchange).check_required_credentials(self._exchange, *asked, **named)

    def urlencode(self, params: Mapping[str, Any] = {}, *more: Any, **named: Any) -> str:
        """The query of these parameters; most need no quotes."""
        if _PLAIN.issuperset(map(type, params.values())) and not more and not named:
            query = "&".join([f"{name}={value}" for name, value in params.items()])
            if _SAFE(query) and query.count("=") == len(params) and query.count("&") < max(len(params), 1):
                return query
        return str(type(self._exchange).urlencode(params, *more, **named))

    async def fetch2(
        self,
        path: str,
        api: Any = "public",
        method: str = "GET",
        params: Mapping[str, Any] = {},
        config: Mapping[str, Any] = {},
    ) -> Any:
        """Throttle, sign and send; `fetch` decides whether that is sent the short way."""
        exchange = self._exchange
        options = exchange.options
        if (
            path in options
            or not (_RETRIES.isdisjoint(params) and _RETRIES.isdisjoint(options))
            or exchange.fetchHistoryCacheSize
        ):
            return await type(exchange).fetch2(exchange, path, api, method, params, config)
        if exchange.enableRateLimit:
            await exchange.throttle(exchange.calculate_rate_limiter_cost(api, method, path, params, config))
        exchange.lastRestRequestTimestamp = exchange.milliseconds()
        request = exchange.sign(path, api, method, params)
        exchange.set_last_request(request)
        return await exchange.fetch(request["url"], request["method"], request["headers"], request["body"])

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send a request and answer its JSON, raising what ccxt raises."""
        exchange = self._exchange
        loop = exchange.asyncio_loop
        if (
            # ccxt opens its session itself
            exchange.session is None
            or loop is None
            or loop.is_closed()
            or any(self._special(exchange))
            or not isinstance(body, str | None)
            or exchange.logger.isEnabledFor(logging.DEBUG)
        ):
            return await type(exchange).fetch(exchange, url, method, headers, body)
        asked = exchange.last_request_headers = exchange.prepare_request_headers(headers)
        try:
            response = await exchange.session.request(
                method,
                yarl.URL(url, encoded=True),
                data=body.encode() if body else None,
                headers=asked,
                timeout=_timeouts(exchange.timeout),
            )
            # gives the connection back at its end, or closes it
            content = await response.read()
        except socket.gaierror as error:
            raise ExchangeNotAvailable(f"{exchange.id} {method} {url}") from error
        except TimeoutError as error:
            raise RequestTimeout(f"{exchange.id} {method} {url}") from error
        except aiohttp.ClientConnectionError as error:
            raise ExchangeNotAvailable(f"{exchange.id} {method} {url}") from error
        except aiohttp.ClientError as error:
            raise ExchangeError(f"{exchange.id} {method} {url}") from error
        status, reason, told = response.status, response.reason, _headers(response.headers)
        text = content.decode(_charset(told.get("Content-Type", "")) or response.get_encoding(), "replace")
        text = exchange.on_rest_response(status, reason, url, method, told, text, asked, body)
        return self._read(url, method, (status, reason, told, text), (asked, body))

    def _read(self, url: str, method: str, answer: tuple[int, Any, dict[str, str], str], asked: tuple[Any, Any]) -> Any:
        """What an answer says, or ccxt's error for it."""
        exchange = self._exchange
        status, reason, headers, text = answer
        found = exchange.parse_json(text)
        if exchange.enableLastHttpResponse:
            exchange.last_http_response = text
        if exchange.enableLastResponseHeaders:
            exchange.last_response_headers = headers
        if exchange.enableLastJsonResponse:
            exchange.last_json_response = found
        if status >= _FIRST_ERROR or type(found) is not dict or not _TELLING.isdisjoint(found):
            exchange.handle_errors(status, reason, url, method, headers, text, found, *asked)
            exchange.handle_http_status_code(status, reason, url, method, text)
        return text if found is None else found


@lru_cache(maxsize=16)
def _timeouts(milliseconds: float) -> aiohttp.ClientTimeout:
    """For all of a request; ccxt's further one, between two pieces of an answer, ends with this one at the latest."""
    return aiohttp.ClientTimeout(total=milliseconds / 1000)


@lru_cache(maxsize=16)
def _charset(content_type: str) -> str:
    """How a body is written where a first look tells: JSON is UTF-8, unless it says otherwise."""
    kind, _, parameters = content_type.lower().replace(" ", "").partition(";")
    is_utf8 = parameters == "charset=utf-8" or (kind == "application/json" and not parameters)
    return "utf-8" if is_utf8 else ""


def _headers(told: Mapping[str, str]) -> dict[str, str]:
    """As a plain dict; one that comes several times has its values joined."""
    found = dict(told)
    if len(found) < len(told):
        # its items are one for each time
        for name in found:
            found[name] = ", ".join(each for key, each in told.items() if key == name)
    return found
