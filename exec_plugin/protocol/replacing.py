"""
Cancel an order and place another in its stead.

rest-api.md, "Cancel an Existing Order and Send a New Order": parameters, filters and the order count are judged first;
from then on each half has a result of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import OrderRejected, RequestRejected, VenueError
from exec_plugin.protocol.limits import TooMany
from exec_plugin.protocol.orders import cancel, one_of_two, order_basics, order_options, place, restriction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.context import Context

SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"
_STOP_ON_FAILURE = "STOP_ON_FAILURE"
_CANCEL_ONLY = "CANCEL_ONLY"
_CHOICES = {
    "cancelReplaceMode": (_STOP_ON_FAILURE, "ALLOW_FAILURE"),
    "orderRateLimitExceededMode": ("DO_NOTHING", _CANCEL_ONLY),
}
#: What the cancel takes of the parameters, and under which names.
_CANCEL = {
    "symbol": "symbol",
    "cancelOrderId": "orderId",
    "cancelOrigClientOrderId": "origClientOrderId",
    "cancelNewClientOrderId": "newClientOrderId",
    "cancelRestrictions": "cancelRestrictions",
}


class ReplaceFailed(VenueError):
    """One half failed (-2021, HTTP 409) or both did (-2022, HTTP 400); ``data`` tells of each."""

    def __init__(self, data: dict[str, Any], limit: TooMany | None = None) -> None:
        if SUCCESS in (data["cancelResult"], data["newOrderResult"]):
            super().__init__(-2021, "Order cancel-replace partially failed.")
            self.status = 409
        else:
            super().__init__(-2022, "Order cancel-replace failed.")
            self.status = 400
        self.data = data
        if limit is not None:
            self.status, self.retry_after = limit.status, limit.retry_after


def replace(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """
    Cancel an existing order and place a new one on the same symbol.

    Raises:
        ReplaceFailed: when a half failed; what is refused before that is raised as it is.
    """
    exceeded = _judge(context, params)
    stops = params["cancelReplaceMode"] == _STOP_ON_FAILURE
    data: dict[str, Any] = {}
    data["cancelResult"], cancelled = _try(cancel, context, _part(params))
    if stops and data["cancelResult"] == FAILURE:
        data["newOrderResult"], placed = NOT_ATTEMPTED, None
    elif exceeded is not None:
        data["newOrderResult"], placed = FAILURE, _told(exceeded)
    else:
        data["newOrderResult"], placed = _try(place, context, params)
    data |= {"cancelResponse": cancelled, "newOrderResponse": placed}
    if exceeded is None:
        # also for an order that was not attempted
        context.gateway.limits.add_orders(context.account.name, 1, context.now)
    if data["cancelResult"] == data["newOrderResult"] == SUCCESS:
        return data
    raise ReplaceFailed(data, exceeded if stops else None)


def _judge(context: Context, params: Mapping[str, Any]) -> TooMany | None:
    """Whatever is refused before anything happens; answers an exceeded order count if only the cancel is wanted then."""
    for name, legal in _CHOICES.items():
        if name in params and params[name] not in legal:
            raise RequestRejected(
                -1130, f"Data sent for parameter '{name}' is not valid.", f"it is one of {', '.join(legal)}"
            )
    restriction(params)
    one_of_two(params, "cancelOrigClientOrderId", "cancelOrderId")
    symbol = context.venue.market(params["symbol"]).symbol
    options = order_options(symbol, params)
    if not symbol.info["cancelReplaceAllowed"]:
        raise OrderRejected("Order cancel-replace is not supported for this symbol.")
    _check_filters(context, params, options)
    try:
        context.gateway.limits.check_orders(context.account.name, 1, context.now)
    except TooMany as exceeded:
        if params.get("orderRateLimitExceededMode") != _CANCEL_ONLY:
            raise
        return exceeded
    return None


def _check_filters(context: Context, params: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse what breaks a filter; what only the matching engine would refuse is its business, after the cancel."""
    try:
        context.venue.check(context.venue.draft(context.account, *order_basics(params), **options), rules_only=True)
    except OrderRejected:
        return


def _part(params: Mapping[str, Any]) -> dict[str, Any]:
    return {theirs: params[ours] for ours, theirs in _CANCEL.items() if ours in params}


def _try(half: Callable[[Context, dict[str, Any]], Any], context: Context, params: dict[str, Any]) -> tuple[str, Any]:
    try:
        return SUCCESS, half(context, params)
    except VenueError as error:
        return FAILURE, _told(error)


def _told(error: VenueError) -> dict[str, Any]:
    return {"code": error.code, "msg": error.msg}


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {"order.cancelReplace": replace}
