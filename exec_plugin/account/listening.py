"""Telling plugins of the requests to a paper account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.rate_limit.records import record
from exec_plugin.rate_limit.requests import classify

if TYPE_CHECKING:
    from exec_plugin.plugins import Observer
    from exec_plugin.protocol import Reply

#: As ccxt and hosts call it.
EXCHANGE = "binancepaper"


def tell(heard: Observer, reply: Reply, method: str, url: str, body: str) -> None:
    """Tell those who listen of a request and its answer."""
    heard(record=record(EXCHANGE, classify(method, url, body=body), reply.status, reply.headers))
