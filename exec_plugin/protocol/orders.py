"""Placing, cancelling and querying orders (rest-api.md, Trading endpoints and Account endpoints)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import DAY
from exec_plugin.core.errors import (
    AmendRejected,
    CancelRejected,
    FilterFailure,
    OrderRejected,
    RequestRejected,
    UnknownOrder,
)
from exec_plugin.core.events import Fill
from exec_plugin.core.fill_models import BinanceFees
from exec_plugin.core.orders import (
    GTC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    MARKET_PEG,
    NEW,
    PARTIALLY_FILLED,
    PRIMARY_PEG,
    STOP_KINDS,
    Peg,
)
from exec_plugin.core.units import to_text
from exec_plugin.protocol import render
from exec_plugin.protocol.params import missing, not_required

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exec_plugin.core.fill_models import Rates
    from exec_plugin.core.ledger import Desk
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.protocol.context import Context

#: What each type must and must not have (rest-api.md, the order types' table).
_WITH_LIMIT = ("timeInForce", "quantity", "price")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    LIMIT: _WITH_LIMIT,
    LIMIT_MAKER: ("quantity", "price"),
    MARKET: (),
    "STOP_LOSS": ("quantity",),
    "STOP_LOSS_LIMIT": _WITH_LIMIT,
    "TAKE_PROFIT": ("quantity",),
    "TAKE_PROFIT_LIMIT": _WITH_LIMIT,
}
_STOPPING = ("stopPrice", "trailingDelta")
_REFUSES: Mapping[str, tuple[str, ...]] = {
    LIMIT: ("quoteOrderQty", *_STOPPING),
    LIMIT_MAKER: ("timeInForce", "quoteOrderQty", *_STOPPING),
    MARKET: ("timeInForce", "price", "icebergQty", *_STOPPING),
    "STOP_LOSS": ("timeInForce", "price", "quoteOrderQty", "icebergQty"),
    "STOP_LOSS_LIMIT": ("quoteOrderQty",),
    "TAKE_PROFIT": ("timeInForce", "price", "quoteOrderQty", "icebergQty"),
    "TAKE_PROFIT_LIMIT": ("quoteOrderQty",),
}
_UNSUPPORTED_TYPES = {
    MARKET: "Market orders",
    "STOP_LOSS": "Stop loss orders",
    "STOP_LOSS_LIMIT": "Stop loss limit orders",
    "TAKE_PROFIT": "Take profit orders",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders",
}
_PEGGING = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
_PEGGABLE = (LIMIT, LIMIT_MAKER, "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_DEEPEST_PEG = 100
_LOWEST_STRATEGY_TYPE = 1_000_000
#: What is kept with an order and shown again; the last two are set by the handlers of SOR orders.
_REMEMBERED = ("strategyId", "strategyType", "workingFloor", "usedSor")
_MOST_ROWS = 1000


def place(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """New order."""
    desk = context.desk(params["symbol"])
    before, matched = len(desk.records), len(desk.prevented_matches)
    options = order_options(desk.symbol, params)
    order = context.venue.place(context.account, *order_basics(params), **options)
    # stops that it triggered may have filled or been prevented as well
    matches = [match for match in desk.prevented_matches[matched:] if match.taker_id == order.id]
    kind = params.get("newOrderRespType") or ("FULL" if order.kind in (MARKET, LIMIT) else "ACK")
    if kind == "ACK":
        return render.acknowledged(order)
    if kind == "RESULT":
        return render.placed(order, matches)
    mine = [fill for fill in desk.fills_since(before) if fill.order_id == order.id]
    return render.placed_full(order, mine, matches)


def test(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Check a new order without sending it to the matching engine."""
    desk = context.desk(params["symbol"])
    options = order_options(desk.symbol, params)
    context.venue.check(context.venue.draft(context.account, *order_basics(params), **options))
    if not params.get("computeCommissionRates"):
        return {}
    fees = _fees(context)
    is_buy = params["side"] == "BUY"
    return {
        "standardCommissionForOrder": _rates_for(fees.standard, is_buy=is_buy),
        "specialCommissionForOrder": _rates_for(fees.special, is_buy=is_buy),
        "taxCommissionForOrder": _rates_for(fees.tax, is_buy=is_buy),
        "discount": discount(fees),
    }


def order_basics(params: Mapping[str, Any]) -> tuple[str, bool, str, int, int]:
    """What every order has: symbol, side, type, quantity and price."""
    quantity, price = params.get("quantity", 0), params.get("price", 0)
    return params["symbol"], params["side"] == "BUY", params["type"], quantity, price


def same(name: str) -> str:
    """The names of an order that stands alone."""
    return name


def order_options(symbol: Symbol, params: Mapping[str, Any], name: Callable[[str], str] = same) -> dict[str, Any]:
    """
    What else an order takes, once its parameters are known to belong together.

    Args:
        symbol: what is traded.
        params: of the order, under the names of New order.
        name: what the client calls such a parameter: an order list prefixes them.

    Raises:
        RequestRejected, OrderRejected: for the first that is missing, out of place or not supported.
    """
    check_combination(params, name)
    _check_features(symbol, params)
    extra: dict[str, Any] = {key: params[key] for key in _REMEMBERED if key in params}
    if extra.get("strategyType", _LOWEST_STRATEGY_TYPE) < _LOWEST_STRATEGY_TYPE:
        raise RequestRejected(-1134, "`strategyType` was less than 1000000.")
    if params.get("trailingDelta") == 0:
        raise FilterFailure("TRAILING_DELTA", "0 basis points follow nothing; leave it out for a fixed stop price")
    return {
        "tif": params.get("timeInForce", GTC),
        "stop": params.get("stopPrice", 0),
        "quote_qty": params.get("quoteOrderQty", 0),
        "client_id": params.get("newClientOrderId", ""),
        "stp": params.get("selfTradePreventionMode") or symbol.info["defaultSelfTradePreventionMode"],
        "trailing": params.get("trailingDelta", 0),
        "iceberg": params.get("icebergQty"),
        "peg": _peg(symbol, params) if any(key in params for key in _PEGGING) else None,
        "extra": extra or None,
    }


def check_combination(params: Mapping[str, Any], name: Callable[[str], str] = same) -> None:
    """
    Refuse what is missing from, or does not belong to, an order of its type.

    Raises:
        RequestRejected: -1102, -1106, -1014 or -1160 with the parameter's name.
    """
    kind = params["type"]
    for key in _NEEDS[kind]:
        if key not in params and not (key == "price" and "pegPriceType" in params):
            raise missing(name(key))
    for key in _REFUSES[kind]:
        if key in params:
            raise not_required(name(key))
    if kind == MARKET:
        if "quantity" in params and "quoteOrderQty" in params:
            raise not_required(name("quoteOrderQty"))
        one_of_two(params, "quantity", "quoteOrderQty", name)
    if kind in STOP_KINDS:
        one_of_two(params, *_STOPPING, name)
    if params.get("icebergQty") and params.get("timeInForce", GTC) != GTC:
        raise _iceberg_must_stay(name)


def _iceberg_must_stay(name: Callable[[str], str]) -> RequestRejected:
    if name is same:
        return RequestRejected(-1014, "Unsupported order combination.", "an order with icebergQty must be GTC")
    iceberg, tif = name("icebergQty"), name("timeInForce")
    return RequestRejected(-1160, f"Parameter '{iceberg}' is not supported if '{tif}' is not GTC.")


def one_of_two(params: Mapping[str, Any], one: str, other: str, name: Callable[[str], str] = same) -> None:
    """
    Refuse a request that has neither of two parameters.

    Raises:
        RequestRejected: -1102 with both names.
    """
    if one not in params and other not in params:
        raise RequestRejected(-1102, f"Param '{name(one)}' or '{name(other)}' must be sent, but both were empty/null!")


def _check_features(symbol: Symbol, params: Mapping[str, Any]) -> None:
    kind = params["type"]
    if kind not in symbol.order_types:
        raise OrderRejected(f"{_UNSUPPORTED_TYPES.get(kind, 'These orders')} are not supported for this symbol.")
    if "icebergQty" in params and not symbol.info["icebergAllowed"]:
        raise OrderRejected("Iceberg orders are not supported for this symbol.")
    if "trailingDelta" in params and not symbol.info["allowTrailingStop"]:
        raise OrderRejected("Trailing stop orders are not supported for this symbol.")
    if "quoteOrderQty" in params and not symbol.info["quoteOrderQtyMarketAllowed"]:
        raise OrderRejected("Quote order qty market orders are not support for this symbol.")
    mode = params.get("selfTradePreventionMode")
    if mode is not None and mode not in symbol.info["allowedSelfTradePreventionModes"]:
        raise RequestRejected(-1013, "This symbol does not allow the specified self-trade prevention mode.")


def _peg(symbol: Symbol, params: Mapping[str, Any]) -> Peg:
    """The peg that an order asks for (faqs/pegged_orders.md; errors.md, -1210 and -1211)."""
    if not symbol.info["pegInstructionsAllowed"]:
        raise OrderRejected("Pegged orders are not supported for this symbol.")
    kind, offset = params["type"], params.get("pegOffsetValue")
    if kind not in _PEGGABLE:
        raise OrderRejected("This order type may not use pegged price.")
    peg = params.get("pegPriceType")
    if peg is None:
        raise RequestRejected(
            -1128, "Combination of optional parameters invalid. Recommendation: 'pegPriceType' should also be sent."
        )
    if peg not in (PRIMARY_PEG, MARKET_PEG):
        raise RequestRejected(-1210, "Invalid pegPriceType.", f"{PRIMARY_PEG} or {MARKET_PEG}, not {peg!r}")
    if ("pegOffsetType" in params) is not (offset is not None):
        raise RequestRejected(
            -1128, "Fields [pegOffsetType, pegOffsetValue] must be sent together or omitted entirely."
        )
    if params.get("pegOffsetType", "PRICE_LEVEL") != "PRICE_LEVEL":
        raise RequestRejected(-1211, "Invalid pegOffsetType.", "only PRICE_LEVEL is supported")
    if offset is not None and offset > _DEEPEST_PEG:
        raise RequestRejected(
            -1102, f"'pegOffsetValue' contains unexpected value. Cannot be greater than {_DEEPEST_PEG}."
        )
    crosses = peg == MARKET_PEG
    if (kind == LIMIT_MAKER and crosses) or (kind == LIMIT and not crosses and params["timeInForce"] != GTC):
        raise OrderRejected("This price peg cannot be used with this order type.")
    return Peg(peg, offset)


def restriction(params: Mapping[str, Any]) -> str | None:
    """
    The only status that ``cancelRestrictions`` lets a cancel end, None for any.

    Raises:
        RequestRejected: -1145 for another value than the documented ones.
    """
    named = params.get("cancelRestrictions")
    if named is None:
        return None
    wanted = {"ONLY_NEW": NEW, "ONLY_PARTIALLY_FILLED": PARTIALLY_FILLED}.get(named)
    if wanted is None:
        raise RequestRejected(-1145, "Invalid cancelRestrictions")
    return wanted


def cancel(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Cancel an order."""
    wanted = restriction(params)
    order = _find(context.desk(params["symbol"]), params, CancelRejected())
    if order.is_open and wanted is not None and order.status != wanted:
        raise CancelRejected("Order was not canceled due to cancel restrictions.", f"the order is {order.status}")
    cancel_id = params.get("newClientOrderId") or context.new_client_id()
    context.venue.cancel(order, cancel_id)
    return render.ended(order, cancel_id)


def cancel_all(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Cancel every open order on a symbol."""
    cancel_id = context.new_client_id()
    orders = context.venue.cancel_all(context.account, params["symbol"], cancel_id)
    if not orders:
        raise CancelRejected(hint="there are no open orders on this symbol")
    return render.all_ended(orders, cancel_id)


def status(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Query one order."""
    return render.order_status(_find(context.desk(params["symbol"]), params, UnknownOrder()))


def _find(desk: Desk, params: Mapping[str, Any], unknown: Exception) -> LiveOrder:
    one_of_two(params, "orderId", "origClientOrderId")
    order_id, client_id = params.get("orderId", 0), params.get("origClientOrderId", "")
    # an id of 0 names no order, so it must not fall through to the client id
    order = desk.find(order_id or -1) if "orderId" in params else desk.find(client_id=client_id)
    if order is None:
        raise unknown
    if client_id and order.client_id != client_id:
        raise RequestRejected(-2039, "Client order ID is not correct for this order ID.")
    return order


def amend(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Lower an order's quantity and keep its priority."""
    desk = context.desk(params["symbol"])
    if not desk.symbol.info["amendAllowed"]:
        raise AmendRejected("Order amend is not supported for this symbol.")
    order = _find(desk, params, AmendRejected("Unknown order sent."))
    client_id = params.get("newClientOrderId") or context.new_client_id()
    if client_id != order.client_id and desk.is_used(client_id):
        raise AmendRejected("Duplicate order sent.", f"an open order has the client id {client_id!r}")
    return render.amended(order, context.venue.amend(order, params["newQty"], client_id))


def amendments(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """What was changed of an order, oldest first."""
    order = _find(context.desk(params["symbol"]), params, UnknownOrder())
    start = params.get("fromExecutionId", 0)
    chosen = [item for item in order.amendments if item.execution_id >= start][: row_limit(params)]
    return [render.amendment(order, item) for item in chosen]


def open_orders(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """All open orders, of one symbol or of all."""
    if "symbol" in params:
        return [render.order_status(order) for order in context.desk(params["symbol"]).open.values()]
    return [render.order_status(order) for order in context.account.open_orders]


def all_orders(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Orders in every state: from an id on, in a window, or the most recent ones."""
    check_window(params)
    orders = context.desk(params["symbol"]).orders
    rows = _window(orders, params, attrgetter("time"))
    if "orderId" in params:
        low = max(rows.start, bisect_left(orders, params["orderId"], key=attrgetter("id")))
        rows = range(low, max(low, rows.stop))
    chosen = _page(rows, params, "orderId")
    return [render.order_status(order) for order in orders[chosen.start : chosen.stop]]


def _window(items: Sequence[Any], params: Mapping[str, Any], time: Callable[[Any], int]) -> range:
    """Where the items of a window of time stand; they are in the order of time, and there may be very many."""
    start, end = params.get("startTime"), params.get("endTime")
    low = 0 if start is None else bisect_left(items, start, key=time)
    return range(low, len(items) if end is None else bisect_right(items, end, key=time))


def _page(rows: range, params: Mapping[str, Any], first: str) -> range:
    """The first rows where the client says from where on, else the most recent ones."""
    limit = row_limit(params)
    return rows[:limit] if first in params or "startTime" in params else rows[-limit:]


def my_trades(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The account's executions on a symbol (rest-api.md, Account trade list)."""
    start, end = params.get("startTime"), params.get("endTime")
    if ("fromId" in params or "orderId" in params) and (start is not None or end is not None):
        raise RequestRejected(-1128, "Combination of optional parameters invalid.")
    check_window(params)
    desk = context.desk(params["symbol"])
    rows = _trade_rows(desk, params)
    if "orderId" in params:
        found = _fills_of(desk, params["orderId"], rows)
        chosen = _page(range(len(found)), params, "fromId")
    else:
        found, chosen = desk.records, _page(rows, params, "fromId")
    records = found[chosen.start : chosen.stop]
    orders = desk.find_all(record[1] for record in records)
    return [render.my_trade(Fill(*record), orders.get(record[1])) for record in records]


def _fills_of(desk: Desk, order_id: int, rows: range) -> Sequence[tuple[Any, ...]]:
    """The executions of an order among some rows: the newest come last in its life, so they are looked for from there."""
    order = desk.find(order_id or -1)
    left = order.filled if order is not None else 0
    found: list[tuple[Any, ...]] = []
    for record in desk.records.walk_back(rows.start, rows.stop) if left else ():
        if record[1] == order_id:
            found.append(record)
            left -= record[5]
            if not left:
                break
    return found[::-1]


def _trade_rows(desk: Desk, params: Mapping[str, Any]) -> range:
    """Where the executions stand that may be asked for: in the order of time and of their ids."""
    records = desk.records
    rows = _window(records, params, itemgetter(3))
    low, high = rows.start, rows.stop
    if "fromId" in params:
        low = bisect_left(records, params["fromId"], key=itemgetter(0))
    if "orderId" in params:
        order = desk.find(params["orderId"] or -1)
        life = {"startTime": order.time, "endTime": order.updated} if order is not None else {"endTime": -1}
        whole = _window(records, life, itemgetter(3))
        low, high = max(low, whole.start), min(high, whole.stop)
    return range(low, max(low, high))


def check_window(params: Mapping[str, Any]) -> None:
    """
    Refuse a window that is longer than a day or ends before it starts.

    Raises:
        RequestRejected: -1127 or -1128.
    """
    start, end = params.get("startTime"), params.get("endTime")
    if start is None or end is None:
        return
    if end < start:
        raise RequestRejected(-1128, "Combination of optional parameters invalid.", "endTime lies before startTime")
    if end - start > DAY:
        raise RequestRejected(-1127, "More than 24 hours between startTime and endTime.")


def row_limit(params: Mapping[str, Any]) -> int:
    """How many rows to answer: 500 unless told, 1000 at most."""
    limit: int = params.get("limit", 500)
    if limit < 1:
        raise RequestRejected(-1130, "Data sent for parameter 'limit' is not valid.", "limit is 1 to 1000")
    return min(limit, _MOST_ROWS)


def commission(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """The account's commission rates on a symbol."""
    context.venue.market(params["symbol"])
    fees = _fees(context)
    return {
        "symbol": params["symbol"],
        "standardCommission": rates(fees.standard),
        "specialCommission": rates(fees.special),
        "taxCommission": rates(fees.tax),
        "discount": discount(fees),
    }


def _fees(context: Context) -> BinanceFees:
    """The venue's fees as Binance describes them; another model's rates cannot be told in advance."""
    fees = context.venue.fees
    if isinstance(fees, BinanceFees):
        return fees
    raise RequestRejected(-1020, "This operation is not supported.", "the fee model of this account has no rates")


def rates(found: Rates) -> dict[str, str]:
    """One set of rates as texts."""
    return {name: to_text(getattr(found, name)) for name in ("maker", "taker", "buyer", "seller")}


def _rates_for(found: Rates, *, is_buy: bool) -> dict[str, str]:
    return {"maker": to_text(found.of[True][is_buy]), "taker": to_text(found.of[False][is_buy])}


def discount(fees: BinanceFees) -> dict[str, Any]:
    """The discount that paying in another asset brings."""
    return {
        "enabledForAccount": fees.enabled_for_account,
        "enabledForSymbol": fees.enabled_for_symbol,
        "discountAsset": fees.discount_asset,
        "discount": to_text(fees.discount),
    }


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {
    "order.place": place,
    "order.test": test,
    "order.cancel": cancel,
    "order.status": status,
    "order.amend.keepPriority": amend,
    "order.amendments": amendments,
    "openOrders.status": open_orders,
    "openOrders.cancelAll": cancel_all,
    "allOrders": all_orders,
    "myTrades": my_trades,
    "account.commission": commission,
}
