"""
What a request is to a limiter: whose budget it spends, how much of it, and how urgent it is.

Binance limits the spot API by IP (rest-api.md, IP Limits), and ``api``, ``api-gcp`` and ``api1`` to ``api4`` are base
endpoints of that one API: they spend one budget. Testnet, demo mode and the market-data host are other services with
counters of their own. So are ``/sapi`` on the same hosts and the futures' hosts, whose weights are not in the table.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from exec_plugin.endpoints import DOCUMENTED, Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.endpoints import Endpoint

SPOT = "api.binance.com"

#: A host of Binance spot -> the name of the budget that it spends.
HOSTS: Mapping[str, str] = {
    SPOT: SPOT,
    "api-gcp.binance.com": SPOT,
    "api1.binance.com": SPOT,
    "api2.binance.com": SPOT,
    "api3.binance.com": SPOT,
    "api4.binance.com": SPOT,
    "data-api.binance.vision": "data-api.binance.vision",
    "testnet.binance.vision": "testnet.binance.vision",
    "api1.testnet.binance.vision": "testnet.binance.vision",
    "demo-api.binance.com": "demo-api.binance.com",
}

#: ccxt's cost x 5 is roughly Binance's weight: its unit is 50 ms, and a minute has 6000 of weight.
WEIGHT_PER_COST = 5

_DIGITS = 6
_WORDS = {priority: priority.name.lower() for priority in Priority}
_TELLING = ("/time", "/exchangeInfo")
# Binance's other hosts and companies, which count otherwise.
_COMPANY = re.compile(r"(^|\.)binance\.(co\.)?[a-z]+$")


class Request(NamedTuple):
    """
    One request as a limiter sees it.

    Args:
        host: the budget it spends, or None outside Binance spot.
        endpoint: method and path, ``GET /api/v3/depth``.
        weight: what it costs of the budget.
        orders: how many orders it places.
        priority: how urgent it is.
    """

    host: str | None
    endpoint: str
    weight: int
    orders: int
    priority: Priority

    @property
    def kind(self) -> str:
        """The priority in a word."""
        return _WORDS[self.priority]

    @property
    def is_telling(self) -> bool:
        """Whether a successful answer says more than its headers: the server's time, or its limits."""
        return self.endpoint.endswith(_TELLING)


def classify(
    method: str,
    url: str,
    params: object = None,
    body: object = None,
    *,
    cost: float = 1.0,
) -> Request:
    """
    Say what a request is.

    Args:
        method: GET, POST, PUT or DELETE.
        url: where it goes; a query counts as parameters.
        params: what it will be sent with, if it is not signed yet; only a dict tells something.
        body: what it is sent with, if it is; only a form tells something.
        cost: what ccxt takes it for, used where the table does not know the endpoint.
    """
    address, _, query = url.partition("?")
    host, endpoint, row, always = _find(method, address)
    if always is not None:
        return always
    if row is None:
        weight = max(ceil(round(cost * WEIGHT_PER_COST, _DIGITS)), 1)
        return Request(host, endpoint, weight, 0, _guess(method))
    sent = _texts(params) if isinstance(params, dict) else {}
    if isinstance(body, str):
        sent |= _form(body)
    # the query string wins where both name a parameter (rest-api.md, General Information on Endpoints)
    sent |= _form(query)
    return Request(host, endpoint, row.cost(sent), row.orders, row.priority)


def account_name(api_key: str | None) -> str:
    """The name of a key's account: a part of its hash, for the key itself is kept nowhere."""
    return sha256(api_key.encode()).hexdigest()[:16] if api_key else "default"


@lru_cache(maxsize=1024)
def _find(method: str, address: str) -> tuple[str | None, str, Endpoint | None, Request | None]:
    """The host's budget, the endpoint, its row of the table, and the request itself where parameters change nothing."""
    parts = urlsplit(address)
    host = _budget(parts.netloc.rpartition("@")[2].lower()) if parts.path.startswith("/api/") else None
    row = DOCUMENTED.get((method, parts.path)) if host else None
    endpoint = f"{method} {parts.path}"
    if row is None or not isinstance(row.weight, int):
        return host, endpoint, row, None
    return host, endpoint, row, Request(host, endpoint, row.weight, row.orders, row.priority)


def _budget(netloc: str) -> str | None:
    host = netloc.removesuffix(":443")
    if host in HOSTS:
        return HOSTS[host]
    # elsewhere it is a proxy, a tunnel or a server of one's own
    return None if _COMPANY.search(host) else host or None


def _guess(method: str) -> Priority:
    """How urgent an unknown call is: a DELETE may be a cancel, anything else but a look may be an order."""
    if method == "GET":
        return Priority.ACCOUNT
    return Priority.CANCEL if method == "DELETE" else Priority.ORDER


def _form(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else _text(value) for name, value in params.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, default=str) if isinstance(value, (bool, list, tuple)) else str(value)
