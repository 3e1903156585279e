"""Placing, cancelling and querying order lists (rest-api.md, Order lists and the queries of them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import CancelRejected, OrderRejected, RequestRejected, UnknownOrder
from exec_plugin.core.orders import LIMIT, LIMIT_MAKER
from exec_plugin.core.units import FAR
from exec_plugin.protocol import render
from exec_plugin.protocol.orders import check_window, one_of_two, order_options, row_limit
from exec_plugin.protocol.params import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.events import Fill
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.protocol.context import Context

#: The parameters of one leg under the names of New order, and what follows a leg's prefix.
_OWN = {
    "type": "Type",
    "newClientOrderId": "ClientOrderId",
    "price": "Price",
    "stopPrice": "StopPrice",
    "trailingDelta": "TrailingDelta",
    "icebergQty": "IcebergQty",
    "timeInForce": "TimeInForce",
    "strategyId": "StrategyId",
    "strategyType": "StrategyType",
    "pegPriceType": "PegPriceType",
    "pegOffsetType": "PegOffsetType",
    "pegOffsetValue": "PegOffsetValue",
}
_STOP_LOSS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_TAKE_PROFIT = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
#: What the leg that is no stop loss may be.
_OTHER = (LIMIT_MAKER, *_TAKE_PROFIT)
_MISPLACED = {
    # (is it a buy, kind): errors.md, -1165 to -1199
    (True, LIMIT_MAKER): (-1165, "A limit order in a buy OCO must be below."),
    (False, LIMIT_MAKER): (-1166, "A limit order in a sell OCO must be above."),
    (True, "STOP_LOSS"): (-1196, "A stop loss order in a buy OCO must be above."),
    (False, "STOP_LOSS"): (-1197, "A stop loss order in a sell OCO must be below."),
    (True, "TAKE_PROFIT"): (-1198, "A take profit order in a buy OCO must be below."),
    (False, "TAKE_PROFIT"): (-1199, "A take profit order in a sell OCO must be above."),
}


class _Leg:
    """
    One order of a list: its parameters under the names of New order, and what the client called them.

    Args:
        params: of the whole list.
        prefix: of the names of this leg.
        shared: names of New order that the leg has in common with others, and what the client calls them.
    """

    def __init__(self, params: Mapping[str, Any], prefix: str, shared: Mapping[str, str]) -> None:
        self._names = {name: prefix + suffix for name, suffix in _OWN.items()} | dict(shared)
        self.params = {name: params[sent] for name, sent in self._names.items() if sent in params}
        if "selfTradePreventionMode" in params:
            self.params["selfTradePreventionMode"] = params["selfTradePreventionMode"]

    @property
    def kind(self) -> str:
        """Its order type."""
        kind: str = self.params["type"]
        return kind

    @property
    def is_buy(self) -> bool:
        """Its side."""
        return bool(self.params["side"] == "BUY")

    def name(self, parameter: str) -> str:
        """What the client calls a parameter."""
        return self._names.get(parameter, parameter)

    def draft(self, context: Context, symbol: Symbol) -> LiveOrder:
        """The order that its parameters describe."""
        params = self.params
        options = order_options(symbol, params, self.name)
        quantity, price = params.get("quantity", 0), params.get("price", 0)
        return context.venue.draft(context.account, symbol.name, self.is_buy, self.kind, quantity, price, **options)


def _symbol(context: Context, params: Mapping[str, Any], **features: str) -> Symbol:
    """The symbol, once it is known to allow such lists."""
    symbol = context.venue.market(params["symbol"]).symbol
    for feature, text in features.items():
        if not symbol.info[feature]:
            raise OrderRejected(text)
    return symbol


_OCO = {"ocoAllowed": "OCO orders are not supported for this symbol"}
_OTO = {"otoAllowed": "OTO orders are not supported for this symbol"}
_OPO = {"opoAllowed": "OPO orders are not supported for this symbol."}


def place_oco(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order list of two orders that cancel each other."""
    symbol = _symbol(context, params, **_OCO)
    shared = {"side": "side", "quantity": "quantity"}
    pair = _pair(params, "above", "below", shared)
    legs = [leg.draft(context, symbol) for leg in pair]
    return context.venue.lists.place_oco(legs, params.get("listClientOrderId", ""), _acknowledge(context, params))


def _pair(params: Mapping[str, Any], above: str, below: str, shared: Mapping[str, str]) -> tuple[_Leg, _Leg]:
    """The legs of an OCO pair, once their types are known to go together."""
    if f"{below}Type" not in params:
        raise missing(f"{below}Type")
    upper, lower = _Leg(params, above, shared), _Leg(params, below, shared)
    for leg in (upper, lower):
        if leg.kind not in (*_STOP_LOSS, *_OTHER):
            raise RequestRejected(-1158, "Order type not supported in OCO.", f"{leg.name('type')} is {leg.kind}")
    if upper.kind == lower.kind == LIMIT_MAKER:
        raise RequestRejected(-1168, "At least one OCO order must be contingent.")
    for leg, kinds in (
        ((upper, _STOP_LOSS), (lower, _OTHER)) if upper.is_buy else ((upper, _OTHER), (lower, _STOP_LOSS))
    ):
        if leg.kind not in kinds:
            raise RequestRejected(*_MISPLACED[leg.is_buy, leg.kind.removesuffix("_LIMIT")])
    return upper, lower


def place_old_oco(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New OCO by the deprecated endpoint: a LIMIT_MAKER and a stop loss (rest-api.md, New OCO - Deprecated)."""
    symbol = _symbol(context, params, **_OCO)
    for one, other in (("stopLimitPrice", "stopLimitTimeInForce"), ("stopLimitTimeInForce", "stopLimitPrice")):
        if one in params and other not in params:
            raise RequestRejected(
                -1128, f"Combination of optional parameters invalid. Recommendation: '{other}' should also be sent."
            )
    shared = {"side": "side", "quantity": "quantity"}
    limit = _Leg({**params, "limitType": LIMIT_MAKER}, "limit", {**shared, "price": "price"})
    kind = "STOP_LOSS_LIMIT" if "stopLimitPrice" in params else "STOP_LOSS"
    names = {
        "price": "stopLimitPrice",
        "stopPrice": "stopPrice",
        "trailingDelta": "trailingDelta",
        "timeInForce": "stopLimitTimeInForce",
    }
    stop = _Leg({**params, "stopType": kind}, "stop", {**shared, **names})
    legs = [leg.draft(context, symbol) for leg in (limit, stop)]
    return context.venue.lists.place_oco(legs, params.get("listClientOrderId", ""), _acknowledge(context, params))


def place_oto(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order list of a working order and one that follows it."""
    return _place_oto(context, params, _symbol(context, params, **_OTO), pays=False)


def place_opo(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order list whose pending order sells what the working one buys."""
    return _place_oto(context, params, _symbol(context, params, **_OTO, **_OPO), pays=True)


def place_otoco(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order list of a working order and a pair that follows it."""
    return _place_otoco(context, params, _symbol(context, params, **_OTO, **_OCO), pays=False)


def place_opoco(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order list whose pending pair sells what the working order buys."""
    return _place_otoco(context, params, _symbol(context, params, **_OTO, **_OPO, **_OCO), pays=True)


def _place_oto(context: Context, params: dict[str, Any], symbol: Symbol, *, pays: bool) -> dict[str, Any]:
    pending = _Leg(params, "pending", _sides("pending"))
    return _place_after(context, params, symbol, (pending,), pays=pays)


def _place_otoco(context: Context, params: dict[str, Any], symbol: Symbol, *, pays: bool) -> dict[str, Any]:
    pair = _pair(params, "pendingAbove", "pendingBelow", _sides("pending"))
    return _place_after(context, params, symbol, pair, pays=pays)


def _sides(prefix: str) -> dict[str, str]:
    return {"side": f"{prefix}Side", "quantity": f"{prefix}Quantity"}


def _place_after(
    context: Context, params: dict[str, Any], symbol: Symbol, pending: tuple[_Leg, ...], *, pays: bool
) -> dict[str, Any]:
    working = _Leg(params, "working", _sides("working"))
    if working.kind not in (LIMIT, LIMIT_MAKER):
        raise RequestRejected(-1116, "Invalid orderType.", f"workingType is LIMIT or LIMIT_MAKER, not {working.kind}")
    if pays:
        _check_payment(working, pending)
    first = working.draft(context, symbol)
    others = [leg.draft(context, symbol) for leg in pending]
    for order in others if pays else ():
        order.qty = 0
    return context.venue.lists.place_oto(
        first, others, params.get("listClientOrderId", ""), _acknowledge(context, params), pays=pays
    )


def _check_payment(working: _Leg, pending: tuple[_Leg, ...]) -> None:
    """What one order receives can only pay for another that sells it (errors.md, -1222 and -1223)."""
    if not working.is_buy:
        raise RequestRejected(-1222, "Working order in an OPO list must be a bid.")
    if any(leg.is_buy for leg in pending):
        raise RequestRejected(-1223, "Pending orders in an OPO list must be asks.")
    for leg in pending:
        # known only once it is paid for; until then any will do for the checks of what belongs together
        leg.params["quantity"] = 1


def _acknowledge(context: Context, params: Mapping[str, Any]) -> Callable[[OrderList], dict[str, Any]]:
    """How the answer to a placement looks: with a report on each order, RESULT unless the client wants another."""
    kind = params.get("newOrderRespType", "RESULT")
    before = len(context.desk(params["symbol"]).records)

    def answer(group: OrderList) -> dict[str, Any]:
        new = group.desk.fills_since(before)
        return {**render.list_status(group), "orderReports": [_report(leg, kind, new) for leg in group.legs]}

    return answer


def _report(order: LiveOrder, kind: str, new: list[Fill]) -> dict[str, Any]:
    if kind == "ACK":
        return render.acknowledged(order)
    if kind == "RESULT":
        return render.placed(order)
    return render.placed_full(order, [fill for fill in new if fill.order_id == order.id])


def cancel(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Cancel all orders of a list."""
    one_of_two(params, "orderListId", "listClientOrderId")
    desk = context.desk(params["symbol"])
    client_id = params.get("listClientOrderId", "")
    group = context.account.find_list(params.get("orderListId"), client_id)
    known = group is not None and group.desk is desk and (not client_id or group.client_id == client_id)
    leg = next((leg for leg in group.legs if leg.is_open), None) if known and group is not None else None
    if leg is None:
        raise CancelRejected
    cancel_id = params.get("newClientOrderId") or context.new_client_id()
    context.venue.cancel(leg, cancel_id)
    return render.ended(leg, cancel_id)


def status(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Query one order list; a client id goes before an id."""
    one_of_two(params, "orderListId", "origClientOrderId")
    named = params.get("origClientOrderId", "")
    group = context.account.find_list(None if named else params["orderListId"], named)
    if group is None:
        raise UnknownOrder(msg="Order list does not exist.")
    return render.list_status(group)


def open_lists(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG001
    """All order lists that can still trade, oldest first."""
    return [render.list_status(group) for group in context.account.open_lists]


def all_lists(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Order lists in every state: from an id on, in a window of their latest changes, or the most recent ones."""
    start, end, first = (params.get(name) for name in ("startTime", "endTime", "fromId"))
    if first is not None and (start is not None or end is not None):
        raise RequestRejected(-1128, "Combination of optional parameters invalid.", "fromId goes without a window")
    check_window(params)
    limit, account = row_limit(params), context.account
    # the most recent come first (CHANGELOG.md, 2023-12-04: only from a start on is it ascending)
    chosen = account.some_lists(
        limit, first or 0, start or 0, FAR if end is None else end, newest_first=first is None and start is None
    )
    return [render.list_status(group) for group in chosen]


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {
    "orderList.place": place_old_oco,
    "orderList.place.oco": place_oco,
    "orderList.place.oto": place_oto,
    "orderList.place.otoco": place_otoco,
    "orderList.place.opo": place_opo,
    "orderList.place.opoco": place_opoco,
    "orderList.cancel": cancel,
    "orderList.status": status,
    "openOrderLists.status": open_lists,
    "allOrderLists": all_lists,
}
