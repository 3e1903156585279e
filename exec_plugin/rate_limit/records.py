"""Requests as plugins hear of them: what was asked and what it cost, never with which key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.hookspecs import RequestRecord
from exec_plugin.rate_limit.budgets import telling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.rate_limit.requests import Request

_USED, _AFTER = "X-MBX-USED-WEIGHT-1M", "Retry-After"


def record(
    exchange: str, request: Request, status: int = 0, headers: Mapping[str, str] | None = None, *, waited: float = 0.0
) -> RequestRecord:
    """The record of a request; without a status nobody has answered it."""
    method, _, endpoint = request.endpoint.partition(" ")
    told = telling(headers or {})
    used, after = told.get(_USED, ""), told.get(_AFTER, "")
    return RequestRecord(
        exchange,
        method,
        endpoint,
        request.weight,
        request.orders,
        status,
        int(used) if used.isdecimal() else None,
        waited,
        float(after) if after.isdecimal() else None,
    )
