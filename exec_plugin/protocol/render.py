"""Orders and trades as Binance's JSON shows them (rest-api.md, the responses of the trading endpoints)."""

from __future__ import annotations

from importlib import import_module
from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from exec_plugin.core.orders import ALL_DONE, EXECUTING, STOP_KINDS
from exec_plugin.core.units import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exec_plugin.core.events import Amendment, Fill, PreventedMatch
    from exec_plugin.core.orders import LiveOrder, OrderList, Peg

# A library that comes with ccxt on most machines; it writes the same JSON ten times faster.
try:
    _dumps = import_module("orjson").dumps
except ImportError:  # pragma: no cover - where there is no orjson
    _dumps = None
_encode = JSONEncoder(separators=(",", ":")).encode
_ZERO = to_text(0)
#: The ``tradeGroupId`` of an account that shares its orders' prevention with no other (faqs/stp_faq.md).
NO_TRADE_GROUP = -1


def to_json(value: Any) -> str:
    """A value as compact JSON."""
    if _dumps is None:
        return _encode(value)
    try:
        text: str = _dumps(value).decode()
    except TypeError:
        # half a character, as a mangled URL may hold, is none in UTF-8 but can be escaped
        return _encode(value)
    return text


def list_id(order: LiveOrder | None) -> int:
    """The id of the list that an order belongs to, -1 for none."""
    return -1 if order is None or order.group is None else order.group.id


def order_status(order: LiveOrder) -> dict[str, Any]:
    """An order as queries show it."""
    return {
        "symbol": order.symbol.name,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_id,
        **_amounts(order),
        "stopPrice": to_text(order.stop),
        "icebergQty": to_text(order.iceberg or 0),
        "time": order.time,
        "updateTime": order.updated,
        "isWorking": order.working_since >= 0,
        "workingTime": order.working_since,
        "origQuoteOrderQty": to_text(order.quote_qty),
        "selfTradePreventionMode": order.stp,
        **_prevented(order),
        **_conditional(order),
    }


def acknowledged(order: LiveOrder) -> dict[str, Any]:
    """The ACK form of a new order."""
    return {
        "symbol": order.symbol.name,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_id,
        "transactTime": order.updated,
    }


def placed(order: LiveOrder, matches: Sequence[PreventedMatch] = ()) -> dict[str, Any]:
    """The RESULT form of a new order: with the matches that self-trade prevention kept from happening."""
    reply = acknowledged(order)
    reply.update(_amounts(order))
    reply.update(_stop_and_iceberg(order))
    reply["origQuoteOrderQty"] = to_text(order.quote_qty)
    reply["workingTime"] = order.working_since
    if matches:
        reply["preventedMatches"] = [_prevented_in_reply(match) for match in matches]
    reply["selfTradePreventionMode"] = order.stp
    if order.prevented:
        reply["preventedQuantity"] = to_text(order.prevented)
    reply.update(_conditional(order))
    return reply


def placed_full(order: LiveOrder, fills: Iterable[Fill], matches: Sequence[PreventedMatch] = ()) -> dict[str, Any]:
    """The FULL form of a new order: with what it traded at once."""
    reply = placed(order, matches)
    reply["fills"] = [
        {
            "price": to_text(fill.price),
            "qty": to_text(fill.qty),
            "commission": to_text(fill.commission),
            "commissionAsset": fill.commission_asset,
            "tradeId": fill.id,
        }
        for fill in fills
    ]
    return reply


def cancelled(order: LiveOrder, cancel_id: str) -> dict[str, Any]:
    """The reply to a cancel: ``clientOrderId`` is the id of the cancel itself."""
    return {
        "symbol": order.symbol.name,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": cancel_id,
        "transactTime": order.updated,
        **_amounts(order),
        **_stop_and_iceberg(order),
        "origQuoteOrderQty": to_text(order.quote_qty),
        "selfTradePreventionMode": order.stp,
        **_prevented(order),
        **_conditional(order),
    }


def amended(order: LiveOrder, change: Amendment) -> dict[str, Any]:
    """The reply to an amendment; its fields have names of their own."""
    amounts = _amounts(order)
    return {
        "transactTime": change.time,
        "executionId": change.execution_id,
        "amendedOrder": {
            "symbol": order.symbol.name,
            "orderId": order.id,
            "orderListId": list_id(order),
            "origClientOrderId": change.old_client_id,
            "clientOrderId": change.client_id,
            "price": amounts["price"],
            "qty": amounts["origQty"],
            "executedQty": amounts["executedQty"],
            "preventedQty": to_text(order.prevented),
            "quoteOrderQty": to_text(order.quote_qty),
            "cumulativeQuoteQty": amounts["cummulativeQuoteQty"],
            "status": order.status,
            "timeInForce": order.tif,
            "type": order.kind,
            "side": amounts["side"],
            **_stop_and_iceberg(order),
            **({"workingTime": order.working_since} if order.working_since >= 0 else {}),
            "selfTradePreventionMode": order.stp,
            **_conditional(order),
        },
        **({"listStatus": _list_now(order.group)} if order.group is not None else {}),
    }


def amendment(order: LiveOrder, change: Amendment) -> dict[str, Any]:
    """One entry of an order's amendments."""
    return {
        "symbol": order.symbol.name,
        "orderId": order.id,
        "executionId": change.execution_id,
        "origClientOrderId": change.old_client_id,
        "newClientOrderId": change.client_id,
        "origQty": to_text(change.old_qty),
        "newQty": to_text(change.qty),
        "time": change.time,
    }


def my_trade(fill: Fill, order: LiveOrder | None) -> dict[str, Any]:
    """One execution of the account's own orders."""
    return {
        "symbol": fill.symbol,
        "id": fill.id,
        "orderId": fill.order_id,
        "orderListId": list_id(order),
        "price": to_text(fill.price),
        "qty": to_text(fill.qty),
        "quoteQty": to_text(fill.quote),
        "commission": to_text(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time,
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def prevented_match(match: PreventedMatch) -> dict[str, Any]:
    """One prevented match as queries show it (rest-api.md, Query Prevented Matches); -1 is no trade group."""
    return {
        "symbol": match.symbol,
        "preventedMatchId": match.id,
        "takerOrderId": match.taker_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_id,
        "tradeGroupId": NO_TRADE_GROUP,
        "selfTradePreventionMode": match.mode,
        "price": to_text(match.price),
        **_lost(match),
        "transactTime": match.time,
    }


def _prevented_in_reply(match: PreventedMatch) -> dict[str, Any]:
    return {
        "preventedMatchId": match.id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_id,
        "price": to_text(match.price),
        **_lost(match),
    }


def _lost(match: PreventedMatch) -> dict[str, str]:
    """What the orders of a prevented match lost; a quantity shows only for one that lost some."""
    lost = {"takerPreventedQuantity": match.taker_qty, "makerPreventedQuantity": match.maker_qty}
    return {name: to_text(qty) for name, qty in lost.items() if qty}


def _prevented(order: LiveOrder) -> dict[str, Any]:
    """What self-trade prevention took from an order, where it did."""
    if not order.prevented:
        return {}
    return {"preventedMatchId": order.prevented_match, "preventedQuantity": to_text(order.prevented)}


def _amounts(order: LiveOrder) -> dict[str, Any]:
    return {
        "price": to_text(order.price if order.peg is None else order.peg.given),
        # what a pending order will sell is not known before it is paid for (rest-api.md, New Order List - OPO)
        **({"origQty": to_text(order.qty)} if order.qty else {}),
        "executedQty": to_text(order.filled),
        "cummulativeQuoteQty": to_text(order.quote_filled),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.kind,
        "side": "BUY" if order.is_buy else "SELL",
    }


def _stop_and_iceberg(order: LiveOrder) -> dict[str, Any]:
    found = {}
    if order.kind in STOP_KINDS:
        found["stopPrice"] = to_text(order.stop)
    if order.iceberg is not None:
        found["icebergQty"] = to_text(order.iceberg)
    return found


def _conditional(order: LiveOrder) -> dict[str, Any]:
    """Fields that show only when they apply (rest-api.md, Conditional fields in Order Responses)."""
    found: dict[str, Any] = dict(order.extra) if order.extra else {}
    if order.trail is not None:
        found["trailingDelta"] = order.trail.delta
        found["trailingTime"] = order.trail.since
    if order.peg is not None:
        found.update(pegged(order.peg))
    if order.reason:
        found["expiryReason"] = order.reason
    return found


def pegged(peg: Peg) -> dict[str, Any]:
    """The fields of a pegged order."""
    found: dict[str, Any] = {"pegPriceType": peg.kind}
    if peg.offset is not None:
        found["pegOffsetType"] = "PRICE_LEVEL"
        found["pegOffsetValue"] = peg.offset
    if peg.price:
        found["peggedPrice"] = to_text(peg.price)
    return found


def list_status(group: OrderList) -> dict[str, Any]:
    """An order list as queries show it."""
    found = _list_now(group)
    return {
        "orderListId": group.id,
        "contingencyType": group.kind,
        "listStatusType": group.status,
        "listOrderStatus": found["listOrderStatus"],
        "listClientOrderId": group.client_id,
        "transactionTime": group.time,
        "symbol": found["symbol"],
        "orders": found["orders"],
    }


def _list_now(group: OrderList) -> dict[str, Any]:
    """An order list as the reply to an amendment shows it."""
    return {
        "orderListId": group.id,
        "contingencyType": group.kind,
        "listOrderStatus": list_order_status(group),
        "listClientOrderId": group.client_id,
        "symbol": group.desk.symbol.name,
        "orders": [
            {"symbol": group.desk.symbol.name, "orderId": leg.id, "clientOrderId": leg.client_id} for leg in group.legs
        ],
    }


def list_order_status(group: OrderList) -> str:
    """Whether any order of a list can still trade, in Binance's words."""
    return EXECUTING if group.is_open else ALL_DONE


def ended(order: LiveOrder, cancel_id: str) -> dict[str, Any]:
    """The reply to a cancel: of the order, or of the whole list that it belonged to."""
    group = order.group
    if group is None:
        return cancelled(order, cancel_id)
    reports = [cancelled(leg, cancel_id) for leg in group.legs]
    return {**list_status(group), "orderReports": reports}


def all_ended(orders: Iterable[LiveOrder], cancel_id: str) -> list[dict[str, Any]]:
    """The reply to the cancel of all orders of a symbol: those of a list stand together, after the others."""
    single = [order for order in orders if order.group is None]
    groups = {order.group.id: order for order in orders if order.group is not None}
    return [ended(order, cancel_id) for order in (*single, *groups.values())]
