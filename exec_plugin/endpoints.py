"""
The one table of endpoints: what Binance spot answers, what it costs and what it takes.

The protocol, the documentation and the rate limiter read it. Weights and parameters are those of rest-api.md; a
weight that depends on the parameters is a function of the texts sent. What the paper exchange does not answer yet
stands here too, because a limiter must know what it costs.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How a request is secured (rest-api.md, Request Security).
PUBLIC, KEYED, SIGNED = "NONE", "MARKET_DATA", "SIGNED"


class Priority(IntEnum):
    """Who goes first when a budget is short: the smaller, the more urgent."""

    CANCEL = 0
    ORDER = 1
    ACCOUNT = 2
    MARKET = 3


@frozen
class Endpoint:
    """
    One endpoint.

    Args:
        method, path: the REST route.
        name: the method of the WebSocket API, which is also the handler's key.
        weight: request weight, or a function of the parameters' texts.
        security: PUBLIC, KEYED or SIGNED.
        params: parameter name to kind; a kind ending in ``!`` is mandatory.
        orders: how many orders a call adds to the unfilled-order count.
        simulated: whether the paper exchange answers it.
    """

    method: str
    path: str
    name: str
    weight: int | Callable[[Mapping[str, str]], int]
    security: str
    params: Mapping[str, str]
    orders: int = 0
    simulated: bool = True

    def cost(self, params: Mapping[str, str]) -> int:
        """The request weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)

    @property
    def priority(self) -> Priority:
        """How urgent a call is: what ends a risk first, what may take one next, what only looks last."""
        if self.security == PUBLIC:
            return Priority.MARKET
        if self.security == KEYED or self.method == "GET" or self.name.endswith(".test"):
            return Priority.ACCOUNT
        return Priority.CANCEL if self.method == "DELETE" else Priority.ORDER

    @property
    def is_trading(self) -> bool:
        """Whether it places, changes or cancels orders: such calls weigh nothing when they succeed (2026-03-27)."""
        return self.priority in (Priority.CANCEL, Priority.ORDER)


def _count(params: Mapping[str, str]) -> int:
    """How many symbols a call names; 0 when it names none."""
    if params.get("symbol"):
        return 1
    try:
        listed = json.loads(params.get("symbols") or "[]")
    except (ValueError, RecursionError):
        return 1
    return len(listed) if isinstance(listed, list) else 1


def _depth(params: Mapping[str, str]) -> int:
    limit = params.get("limit", "")
    # what is longer is no number that parameters take
    levels = int(limit) if limit.isascii() and limit.isdigit() and len(limit) <= 20 else 100  # noqa: PLR2004
    return 5 if levels <= 100 else 25 if levels <= 500 else 50 if levels <= 1000 else 250  # noqa: PLR2004


def _ticker_24hr(params: Mapping[str, str]) -> int:
    count = _count(params)
    if count == 1:
        return 2
    return 80 if not count or count > 100 else 40 if count > 20 else 2  # noqa: PLR2004


def _per_symbol(params: Mapping[str, str]) -> int:
    return min(4 * max(_count(params), 1), 200)


def _one_or_more(params: Mapping[str, str]) -> int:
    return 2 if params.get("symbol") else 4


def _rules(params: Mapping[str, str]) -> int:
    count = _count(params)
    return min(2 * count, 40) if count else 40


def _open_orders(params: Mapping[str, str]) -> int:
    return 6 if params.get("symbol") else 80


def _my_trades(params: Mapping[str, str]) -> int:
    return 5 if params.get("orderId") else 20


def _prevented(params: Mapping[str, str]) -> int:
    return 2 if params.get("preventedMatchId") else 20


def _test_order(params: Mapping[str, str]) -> int:
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1


_SYMBOL = {"symbol": "symbol!"}
_SOME_SYMBOLS = {"symbol": "symbol", "symbols": "symbols"}
_STATUS = {"symbolStatus": "text"}
_WINDOW = {"startTime": "time", "endTime": "time", "limit": "int"}
_KLINES = {**_SYMBOL, "interval": "text!", "startTime": "time", "endTime": "time", "timeZone": "text", "limit": "int"}
_TIMING = {"recvWindow": "text", "timestamp": "text"}
_WHICH = {**_SYMBOL, "orderId": "long", "origClientOrderId": "text"}
_NEW_ORDER = {
    **_SYMBOL,
    "side": "side!",
    "type": "order_type!",
    "timeInForce": "tif",
    "quantity": "quantity",
    "quoteOrderQty": "amount",
    "price": "price",
    "newClientOrderId": "client_id",
    "strategyId": "long",
    "strategyType": "int",
    "stopPrice": "price",
    "trailingDelta": "long",
    "icebergQty": "iceberg",
    "newOrderRespType": "resp_type",
    "selfTradePreventionMode": "stp",
    "pegPriceType": "text",
    "pegOffsetValue": "int",
    "pegOffsetType": "text",
}
_SOR_ORDER = {
    **{
        name: kind
        for name, kind in _NEW_ORDER.items()
        if name not in ("quoteOrderQty", "stopPrice", "trailingDelta") and not name.startswith("peg")
    },
    "quantity": "quantity!",
}
_LIST = {
    **_SYMBOL,
    "listClientOrderId": "client_id",
    "newOrderRespType": "resp_type",
    "selfTradePreventionMode": "stp",
}


def _leg(prefix: str, **more: str) -> dict[str, str]:
    """The parameters of one order of an order list: those every leg has, and its own."""
    common = {
        "Type": "order_type!",
        "ClientOrderId": "client_id",
        "Price": "price",
        "IcebergQty": "iceberg",
        "TimeInForce": "tif",
        "StrategyId": "long",
        "StrategyType": "int",
        "PegPriceType": "text",
        "PegOffsetType": "text",
        "PegOffsetValue": "int",
    }
    return {prefix + name: kind for name, kind in {**common, **more}.items()}


def _stop_leg(prefix: str, **more: str) -> dict[str, str]:
    """A leg that may wait for a price."""
    return _leg(prefix, StopPrice="price", TrailingDelta="long", **more)


# its price is mandatory unless it is pegged, so it is asked for with the other parameters of its type
_WORKING = _leg("working", Side="side!", Quantity="quantity!")
_OCO = {"side": "side!", "quantity": "quantity!", **_stop_leg("above"), **_stop_leg("below")}
_PENDING = _stop_leg("pending", Side="side!")
_PENDING_OCO = {"pendingSide": "side!", **_stop_leg("pendingAbove"), **_stop_leg("pendingBelow", Type="order_type")}
_OLD_OCO = {
    **_LIST,
    "side": "side!",
    "quantity": "quantity!",
    "price": "price!",
    "stopPrice": "price!",
    "trailingDelta": "long",
    "stopLimitPrice": "price",
    "stopLimitTimeInForce": "tif",
    **{
        leg + name: kind
        for leg in ("limit", "stop")
        for name, kind in (
            ("ClientOrderId", "client_id"), ("StrategyId", "long"), ("StrategyType", "int"), ("IcebergQty", "iceberg"),
        )
    },
}  # fmt: skip
_REPLACE = {
    **_NEW_ORDER,
    "cancelReplaceMode": "text!",
    "cancelNewClientOrderId": "client_id",
    "cancelOrigClientOrderId": "text",
    "cancelOrderId": "long",
    "cancelRestrictions": "text",
    "orderRateLimitExceededMode": "text",
}

_ROWS = (
    Endpoint("GET", "/api/v3/ping", "ping", 1, PUBLIC, {}),
    Endpoint("GET", "/api/v3/time", "time", 1, PUBLIC, {}),
    Endpoint(
        "GET", "/api/v3/exchangeInfo", "exchangeInfo", 20, PUBLIC,
        {**_SOME_SYMBOLS, "permissions": "texts", "showPermissionSets": "bool", **_STATUS},
    ),
    Endpoint("GET", "/api/v3/depth", "depth", _depth, PUBLIC, {**_SYMBOL, "limit": "int", **_STATUS}),
    Endpoint("GET", "/api/v3/trades", "trades.recent", 25, PUBLIC, {**_SYMBOL, "limit": "int"}),
    Endpoint(
        "GET", "/api/v3/historicalTrades", "trades.historical", 25, PUBLIC,
        {**_SYMBOL, "limit": "int", "fromId": "long"},
    ),
    Endpoint("GET", "/api/v3/aggTrades", "trades.aggregate", 4, PUBLIC, {**_SYMBOL, "fromId": "long", **_WINDOW}),
    Endpoint("GET", "/api/v3/klines", "klines", 2, PUBLIC, _KLINES),
    Endpoint("GET", "/api/v3/uiKlines", "uiKlines", 2, PUBLIC, _KLINES),
    Endpoint("GET", "/api/v3/avgPrice", "avgPrice", 2, PUBLIC, _SYMBOL),
    Endpoint(
        "GET", "/api/v3/ticker/24hr", "ticker.24hr", _ticker_24hr, PUBLIC,
        {**_SOME_SYMBOLS, "type": "text", **_STATUS},
    ),
    Endpoint(
        "GET", "/api/v3/ticker/tradingDay", "ticker.tradingDay", _per_symbol, PUBLIC,
        {**_SOME_SYMBOLS, "timeZone": "text", "type": "text", **_STATUS},
    ),
    Endpoint(
        "GET", "/api/v3/ticker", "ticker", _per_symbol, PUBLIC,
        {**_SOME_SYMBOLS, "windowSize": "text", "type": "text", **_STATUS},
    ),
    Endpoint("GET", "/api/v3/ticker/price", "ticker.price", _one_or_more, PUBLIC, {**_SOME_SYMBOLS, **_STATUS}),
    Endpoint("GET", "/api/v3/ticker/bookTicker", "ticker.book", _one_or_more, PUBLIC, {**_SOME_SYMBOLS, **_STATUS}),
    Endpoint("GET", "/api/v3/executionRules", "executionRules", _rules, PUBLIC, {**_SOME_SYMBOLS, **_STATUS}),
    Endpoint(
        "GET", "/api/v3/historicalBlockTrades", "blockTrades.historical", 25, PUBLIC,
        {**_SYMBOL, "fromId": "long!", "limit": "int"},
    ),
    Endpoint("GET", "/api/v3/referencePrice", "referencePrice", 2, PUBLIC, _SYMBOL),
    Endpoint(
        "GET", "/api/v3/referencePrice/calculation", "referencePrice.calculation", 2, PUBLIC, {**_SYMBOL, **_STATUS},
    ),
    Endpoint("POST", "/api/v3/order", "order.place", 1, SIGNED, _NEW_ORDER, 1),
    Endpoint(
        "POST", "/api/v3/order/test", "order.test", _test_order, SIGNED,
        {**_NEW_ORDER, "computeCommissionRates": "bool"},
    ),
    Endpoint("POST", "/api/v3/sor/order", "sor.order.place", 1, SIGNED, _SOR_ORDER, 1),
    Endpoint(
        "POST", "/api/v3/sor/order/test", "sor.order.test", _test_order, SIGNED,
        {**_SOR_ORDER, "computeCommissionRates": "bool"},
    ),
    Endpoint("GET", "/api/v3/order", "order.status", 4, SIGNED, _WHICH),
    Endpoint(
        "DELETE", "/api/v3/order", "order.cancel", 1, SIGNED,
        {**_WHICH, "newClientOrderId": "client_id", "cancelRestrictions": "text"},
    ),
    Endpoint("POST", "/api/v3/order/cancelReplace", "order.cancelReplace", 1, SIGNED, _REPLACE, 1),
    Endpoint(
        "PUT", "/api/v3/order/amend/keepPriority", "order.amend.keepPriority", 4, SIGNED,
        {**_WHICH, "newClientOrderId": "client_id", "newQty": "quantity!"},
    ),
    Endpoint(
        "GET", "/api/v3/order/amendments", "order.amendments", 4, SIGNED,
        {**_SYMBOL, "orderId": "long!", "fromExecutionId": "long", "limit": "int"},
    ),
    Endpoint("GET", "/api/v3/openOrders", "openOrders.status", _open_orders, SIGNED, {"symbol": "symbol"}),
    Endpoint("DELETE", "/api/v3/openOrders", "openOrders.cancelAll", 1, SIGNED, _SYMBOL),
    Endpoint("GET", "/api/v3/allOrders", "allOrders", 20, SIGNED, {**_SYMBOL, "orderId": "long", **_WINDOW}),
    Endpoint(
        "GET", "/api/v3/myTrades", "myTrades", _my_trades, SIGNED,
        {**_SYMBOL, "orderId": "long", "fromId": "long", **_WINDOW},
    ),
    Endpoint(
        "GET", "/api/v3/myAllocations", "myAllocations", 20, SIGNED,
        {**_SYMBOL, **_WINDOW, "fromAllocationId": "int", "orderId": "long"},
    ),
    Endpoint(
        "GET", "/api/v3/myPreventedMatches", "myPreventedMatches", _prevented, SIGNED,
        {
            **_SYMBOL, "preventedMatchId": "long", "orderId": "long", "fromPreventedMatchId": "long",
            "limit": "int",
        },
    ),
    Endpoint("GET", "/api/v3/account", "account.status", 20, SIGNED, {"omitZeroBalances": "bool"}),
    Endpoint("GET", "/api/v3/account/commission", "account.commission", 20, SIGNED, _SYMBOL),
    Endpoint("GET", "/api/v3/rateLimit/order", "account.rateLimits.orders", 40, SIGNED, {}),
    Endpoint("POST", "/api/v3/order/oco", "orderList.place", 1, SIGNED, _OLD_OCO, 2),
    Endpoint("POST", "/api/v3/orderList/oco", "orderList.place.oco", 1, SIGNED, {**_LIST, **_OCO}, 2),
    Endpoint(
        "POST", "/api/v3/orderList/oto", "orderList.place.oto", 1, SIGNED,
        {**_LIST, **_WORKING, **_PENDING, "pendingQuantity": "quantity!"}, 2,
    ),
    Endpoint(
        "POST", "/api/v3/orderList/otoco", "orderList.place.otoco", 1, SIGNED,
        {**_LIST, **_WORKING, **_PENDING_OCO, "pendingQuantity": "quantity!"}, 3,
    ),
    Endpoint("POST", "/api/v3/orderList/opo", "orderList.place.opo", 1, SIGNED, {**_LIST, **_WORKING, **_PENDING}, 2),
    Endpoint(
        "POST", "/api/v3/orderList/opoco", "orderList.place.opoco", 1, SIGNED,
        {**_LIST, **_WORKING, **_PENDING_OCO}, 3,
    ),
    Endpoint(
        "DELETE", "/api/v3/orderList", "orderList.cancel", 1, SIGNED,
        {**_SYMBOL, "orderListId": "long", "listClientOrderId": "text", "newClientOrderId": "client_id"},
    ),
    Endpoint(
        "GET", "/api/v3/orderList", "orderList.status", 4, SIGNED,
        {"orderListId": "long", "origClientOrderId": "text"},
    ),
    Endpoint("GET", "/api/v3/allOrderList", "allOrderLists", 20, SIGNED, {"fromId": "long", **_WINDOW}),
    Endpoint("GET", "/api/v3/openOrderList", "openOrderLists.status", 6, SIGNED, {}),
    Endpoint("GET", "/api/v3/myFilters", "myFilters", 40, SIGNED, _SYMBOL),
    # outside the spot documents, but spot clients ask them before they trade; weights of the wallet's and margin's pages
    Endpoint("GET", "/sapi/v1/asset/tradeFee", "asset.tradeFee", 1, SIGNED, {"symbol": "symbol"}),
    Endpoint("GET", "/sapi/v1/system/status", "system.status", 1, PUBLIC, {}),
    Endpoint("GET", "/sapi/v1/capital/config/getall", "capital.config", 10, SIGNED, {}),
    Endpoint("GET", "/sapi/v1/account/apiRestrictions", "account.apiRestrictions", 1, SIGNED, {}),
    Endpoint("GET", "/sapi/v1/spot/delist-schedule", "spot.delistSchedule", 100, KEYED, {}),
    Endpoint("GET", "/sapi/v1/margin/allPairs", "margin.allPairs", 1, KEYED, {"symbol": "text"}),
    Endpoint("GET", "/sapi/v1/margin/isolated/allPairs", "margin.isolated.allPairs", 10, KEYED, {"symbol": "text"}),
)  # fmt: skip

# what Binance has and the paper exchange does not answer
_FURTHER = (
    # gone from Binance since 2026-02-20, but older bots still ask
    Endpoint("POST", "/api/v3/userDataStream", "userDataStream.start", 2, KEYED, {}),
    Endpoint("PUT", "/api/v3/userDataStream", "userDataStream.ping", 2, KEYED, {"listenKey": "text!"}),
    Endpoint("DELETE", "/api/v3/userDataStream", "userDataStream.stop", 2, KEYED, {"listenKey": "text!"}),
)  # fmt: skip

# what Binance does not have
_OWN = (
    Endpoint("GET", "/api/v3/paper/events", "paper.events", 10, SIGNED, {"after": "long", "limit": "int"}),
)  # fmt: skip

#: Every endpoint that is known, by method and path.
DOCUMENTED: Mapping[tuple[str, str], Endpoint] = {
    (row.method, row.path): row for row in (*_ROWS, *_OWN, *(evolve(row, simulated=False) for row in _FURTHER))
}

#: Those that the paper exchange answers.
ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {route: row for route, row in DOCUMENTED.items() if row.simulated}

#: The limits of exchangeInfo that apply when nothing else was set.
RATE_LIMITS: tuple[Mapping[str, object], ...] = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
)
