"""
Orders by smart order routing (rest-api.md, SOR; faqs/sor_faq.md).

Here each symbol is the only one of its routing: such an order trades on the book that it was sent to, by trades and
never by allocations, and says that it used SOR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.orders import LIMIT, MARKET
from exec_plugin.protocol import orders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.context import Context

_FLAGS = {"workingFloor": "SOR", "usedSor": True}
#: Which optional parameters may come together, beside ``limit``.
_COMBINATIONS = frozenset(
    frozenset(names)
    for names in (
        (),
        ("startTime",),
        ("endTime",),
        ("startTime", "endTime"),
        ("fromAllocationId",),
        ("orderId",),
        ("orderId", "fromAllocationId"),
    )
)


def place(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order using SOR."""
    return orders.place(context, _routed(params))


def test(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Check a new order using SOR; unlike other orders' reply, this one has no special commission."""
    reply = orders.test(context, _routed(params))
    reply.pop("specialCommissionForOrder", None)
    return reply


def _routed(params: Mapping[str, Any]) -> dict[str, Any]:
    if params["type"] not in (LIMIT, MARKET):
        raise RequestRejected(-1116, "Invalid orderType.", "SOR takes LIMIT and MARKET orders")
    return {**params, **_FLAGS}


def allocations(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The account's allocations on a symbol: none, since no order here is filled by one."""
    context.venue.market(params["symbol"])
    if frozenset(params) - {"symbol", "limit"} not in _COMBINATIONS:
        raise RequestRejected(-1128, "Combination of optional parameters invalid.")
    orders.check_window(params)
    orders.row_limit(params)
    return []


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {
    "sor.order.place": place,
    "sor.order.test": test,
    "myAllocations": allocations,
}
