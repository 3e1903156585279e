"""Order lists through signed requests: placed, queried, amended, cancelled, refused."""

from __future__ import annotations

import pytest
from signing_client import FILTERS, NOW, Client

LIST = [
    "orderListId", "contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "transactionTime",
    "symbol", "orders",
]  # fmt: skip
ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = {
    *ACK, "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type",
    "side", "workingTime", "selfTradePreventionMode",
}  # fmt: skip
PAIR = {"symbol": "BTCUSDT", "quantity": "1"}
SELL = {**PAIR, "side": "SELL", "aboveType": "LIMIT_MAKER", "abovePrice": "105", "belowType": "STOP_LOSS", "belowStopPrice": "95"}  # fmt: skip
BUY = {**PAIR, "side": "BUY", "aboveType": "STOP_LOSS", "aboveStopPrice": "105", "belowType": "LIMIT_MAKER", "belowPrice": "95"}  # fmt: skip
OLD = {**PAIR, "side": "SELL", "price": "105", "stopPrice": "95"}
WORKING = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "99", "workingQuantity": "2",
    "workingTimeInForce": "GTC",
}  # fmt: skip
PENDING = {"pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "110", "pendingTimeInForce": "GTC"}
PENDING_PAIR = {
    "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "110", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "90",
}  # fmt: skip
OTO = {**WORKING, **PENDING, "pendingQuantity": "2"}
OTOCO = {**WORKING, **PENDING_PAIR, "pendingQuantity": "2"}
OPO = {**WORKING, **PENDING}
OPOCO = {**WORKING, **PENDING_PAIR}
KINDS = {"oco": SELL, "oto": OTO, "otoco": OTOCO, "opo": OPO, "opoco": OPOCO}
STOP_LIMIT = {"belowType": "STOP_LOSS_LIMIT", "belowPrice": "94", "belowTimeInForce": "GTC"}


def without(params, *names):
    """The other parameters."""
    return {name: value for name, value in params.items() if name not in names}


@pytest.fixture
def client():
    """A fresh exchange where the last price is 100."""
    found = Client()
    found.trade("100", "0.1")
    return found


def place(client, kind="oco", **params):
    """Place a list of a kind, with other parameters than usual."""
    return client.ask("POST", f"orderList/{kind}", **{**KINDS[kind], **params})


def refused(client, kind="oco", **params):
    """The refusal of a list with other parameters than usual; those that are None are left out."""
    sent = {name: value for name, value in {**KINDS[kind], **params}.items() if value is not None}
    return client.refused("POST", f"orderList/{kind}", **sent)


def order(client, number):
    """An order as a query shows it."""
    return client.ask("GET", "order", symbol="BTCUSDT", orderId=number)


def states(client):
    """The status of every order of the account, oldest first."""
    return [found["status"] for found in client.ask("GET", "allOrders", symbol="BTCUSDT")]


def held(client, asset):
    """What is free and locked of an asset."""
    balances = {found["asset"]: found for found in client.ask("GET", "account")["balances"]}
    return balances[asset]["free"].rstrip("0").rstrip("."), balances[asset]["locked"].rstrip("0").rstrip(".")


# ---------------------------------------------------------------------- the answer to a new list


@pytest.mark.parametrize(
    ("kind", "contingency", "told"),
    [
        ("oco", "OCO", [("STOP_LOSS", "NEW", -1), ("LIMIT_MAKER", "NEW", NOW)]),
        ("oto", "OTO", [("LIMIT", "NEW", NOW), ("LIMIT", "PENDING_NEW", -1)]),
        ("otoco", "OTO", [("LIMIT", "NEW", NOW), ("STOP_LOSS", "PENDING_NEW", -1), ("LIMIT_MAKER", "PENDING_NEW", -1)]),
        ("opo", "OTO", [("LIMIT", "NEW", NOW), ("LIMIT", "PENDING_NEW", -1)]),
        ("opoco", "OTO", [("LIMIT", "NEW", NOW), ("STOP_LOSS", "PENDING_NEW", -1), ("LIMIT_MAKER", "PENDING_NEW", -1)]),
    ],
)
def test_placed(client, kind, contingency, told):
    """A new list answers itself, its orders with the working one or the stop loss first, and a report on each."""
    reply = place(client, kind, listClientOrderId="list")
    assert list(reply) == [*LIST, "orderReports"]
    assert (reply["contingencyType"], reply["listStatusType"], reply["listOrderStatus"]) == (
        contingency, "EXEC_STARTED", "EXECUTING",
    )  # fmt: skip
    assert (reply["listClientOrderId"], reply["transactionTime"], reply["symbol"]) == ("list", NOW, "BTCUSDT")
    reports = reply["orderReports"]
    assert [(one["type"], one["status"], one["workingTime"]) for one in reports] == told
    assert {one["orderListId"] for one in reports} == {reply["orderListId"]}
    assert reply["orders"] == [
        {"symbol": "BTCUSDT", "orderId": one["orderId"], "clientOrderId": one["clientOrderId"]} for one in reports
    ]


@pytest.mark.parametrize("kind", ["opo", "opoco"])
def test_unknown_quantity(client, kind):
    """What a pending order will sell is not told before it is known."""
    first, *others = place(client, kind)["orderReports"]
    assert first["origQty"] == "2.00000000"
    assert all("origQty" not in other for other in others)


@pytest.mark.parametrize(("kind", "extra"), [("ACK", None), ("RESULT", set()), ("FULL", {"fills"})])
def test_response_type(client, kind, extra):
    """The reports have the fields of the response type."""
    stop, limit = place(client, newOrderRespType=kind)["orderReports"]
    assert set(limit) == (ACK if extra is None else RESULT | extra)
    assert set(stop) == (ACK if extra is None else RESULT | extra | {"stopPrice"})


def test_fills(client):
    """The full report of a working order tells what it traded at once."""
    working, pending = place(client, "oto", workingPrice="101", newOrderRespType="FULL")["orderReports"]
    assert (working["status"], [fill["price"] for fill in working["fills"]]) == ("FILLED", ["101.00000000"])
    assert (pending["status"], pending["fills"]) == ("PENDING_NEW", [])
    assert states(client) == ["FILLED", "NEW"]


def test_old_endpoint(client):
    """The deprecated endpoint pairs a limit with a stop loss under its own names."""
    reply = client.ask(
        "POST", "order/oco", **OLD, limitClientOrderId="lim", stopClientOrderId="stp", limitIcebergQty="0.5",
        limitStrategyId=7, stopStrategyType=1000000,
    )  # fmt: skip
    stop, limit = reply["orderReports"]
    assert (stop["type"], stop["clientOrderId"], stop["stopPrice"]) == ("STOP_LOSS", "stp", "95.00000000")
    assert (limit["type"], limit["clientOrderId"], limit["price"]) == ("LIMIT_MAKER", "lim", "105.00000000")
    assert (limit["icebergQty"], limit["strategyId"], stop["strategyType"]) == ("0.50000000", 7, 1000000)
    assert "icebergQty" not in stop


@pytest.mark.parametrize("tif", ["GTC", "IOC", "FOK"])
def test_old_stop_limit(client, tif):
    """With a stop limit price the deprecated endpoint's stop is a limit order."""
    more = {"side": "BUY", "price": "95", "stopPrice": "105", "stopLimitPrice": "106", "stopLimitTimeInForce": tif}
    stop = client.ask("POST", "order/oco", **{**OLD, **more})["orderReports"][0]
    assert (stop["type"], stop["price"], stop["timeInForce"]) == ("STOP_LOSS_LIMIT", "106.00000000", tif)


@pytest.mark.parametrize(
    ("params", "code", "named"),
    [
        ({"stopLimitPrice": "94"}, -1128, "'stopLimitTimeInForce' should also be sent"),
        ({"stopLimitTimeInForce": "GTC"}, -1128, "'stopLimitPrice' should also be sent"),
        ({"stopPrice": ""}, -1102, "'stopPrice'"),
        ({"price": ""}, -1102, "'price'"),
        ({"stopIcebergQty": "0.5"}, -1106, "'stopIcebergQty'"),
        ({"price": "100"}, -2010, "relationship of the prices"),
        ({"stopPrice": "100"}, -2010, "relationship of the prices"),
        ({"stopPrice": "95.001"}, -1013, "PRICE_FILTER"),
        ({"limitStrategyType": 1}, -1134, "strategyType"),
    ],
)
def test_old_refuses(client, params, code, named):
    """The deprecated endpoint refuses under its own parameters' names."""
    found, msg = client.refused("POST", "order/oco", **{**OLD, **params})
    assert (found, named in msg) == (code, True), msg


# ---------------------------------------------------------------------- what goes with what


@pytest.mark.parametrize(
    ("side", "above", "below", "code"),
    [
        ("SELL", "STOP_LOSS", "LIMIT_MAKER", -1197),
        ("SELL", "STOP_LOSS_LIMIT", "TAKE_PROFIT", -1197),
        ("SELL", "LIMIT_MAKER", "LIMIT_MAKER", -1168),
        ("SELL", "TAKE_PROFIT", "LIMIT_MAKER", -1166),
        ("SELL", "TAKE_PROFIT_LIMIT", "TAKE_PROFIT", -1199),
        ("SELL", "LIMIT_MAKER", "TAKE_PROFIT_LIMIT", -1199),
        ("BUY", "LIMIT_MAKER", "STOP_LOSS", -1165),
        ("BUY", "TAKE_PROFIT", "STOP_LOSS_LIMIT", -1198),
        ("BUY", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER", -1198),
        ("BUY", "STOP_LOSS", "STOP_LOSS", -1196),
        ("BUY", "STOP_LOSS_LIMIT", "STOP_LOSS_LIMIT", -1196),
        ("BUY", "LIMIT_MAKER", "LIMIT_MAKER", -1168),
        ("SELL", "MARKET", "STOP_LOSS", -1158),
        ("SELL", "LIMIT_MAKER", "LIMIT", -1158),
        ("BUY", "STOP_LOSS", "ICEBERG", -1116),
        ("BUY", "", "LIMIT_MAKER", -1102),
        ("BUY", "STOP_LOSS", "", -1102),
    ],
)
def test_pairs(client, side, above, below, code):
    """Of a pair one is a stop loss, on its proper side; anything else has a code of its own."""
    sent = {**PAIR, "side": side, "aboveType": above, "belowType": below}
    assert client.refused("POST", "orderList/oco", **sent)[0] == code
    nested = {"pendingSide": side, "pendingAboveType": above, "pendingQuantity": "1"}
    nested |= {"pendingBelowType": below} if below else {}
    assert client.refused("POST", "orderList/otoco", **{**WORKING, **nested})[0] == code


@pytest.mark.parametrize(
    ("kind", "params", "code", "named"),
    [
        ("oco", {"quantity": None}, -1102, "'quantity'"),
        ("oco", {"abovePrice": None}, -1102, "'abovePrice'"),
        ("oco", {"belowStopPrice": None}, -1102, "'belowStopPrice' or 'belowTrailingDelta'"),
        ("oco", {**STOP_LIMIT, "belowPrice": None}, -1102, "'belowPrice'"),
        ("oco", {**STOP_LIMIT, "belowTimeInForce": None}, -1102, "'belowTimeInForce'"),
        ("oco", {"belowPrice": "94"}, -1106, "'belowPrice'"),
        ("oco", {"belowTimeInForce": "GTC"}, -1106, "'belowTimeInForce'"),
        ("oco", {"belowIcebergQty": "0.5"}, -1106, "'belowIcebergQty'"),
        ("oco", {"aboveStopPrice": "104"}, -1106, "'aboveStopPrice'"),
        ("oco", {"aboveTrailingDelta": "100"}, -1106, "'aboveTrailingDelta'"),
        ("oco", {**STOP_LIMIT, "belowTimeInForce": "IOC", "belowIcebergQty": "0.5"}, -1160, "'belowIcebergQty'"),
        ("oco", {**STOP_LIMIT, "belowTimeInForce": "FOK", "belowIcebergQty": "0.5"}, -1160, "'belowTimeInForce'"),
        ("oco", {"aboveStrategyType": 999999}, -1134, "strategyType"),
        ("oco", {"belowPegPriceType": "PRIMARY_PEG"}, -2010, "may not use pegged price"),
        ("oco", {"abovePegPriceType": "BEST_PEG"}, -1210, "pegPriceType"),
        ("oco", {"abovePegPriceType": "MARKET_PEG"}, -2010, "price peg cannot be used"),
        ("oco", {"aboveTimeInForce": "GTX"}, -1115, "timeInForce"),
        ("oco", {"newOrderRespType": "LONG"}, -1130, "newOrderRespType"),
        ("oto", {"workingType": "MARKET"}, -1116, "orderType"),
        ("oto", {"workingType": "STOP_LOSS"}, -1116, "orderType"),
        ("oto", {"workingTimeInForce": None}, -1102, "'workingTimeInForce'"),
        ("oto", {"workingPrice": None}, -1102, "'workingPrice'"),
        ("oto", {"workingQuantity": None}, -1102, "'workingQuantity'"),
        ("oto", {"workingTimeInForce": "IOC", "workingIcebergQty": "1"}, -1160, "'workingIcebergQty'"),
        ("oto", {"pendingQuantity": None}, -1102, "'pendingQuantity'"),
        ("oto", {"pendingType": None}, -1102, "'pendingType'"),
        ("oto", {"pendingPrice": None}, -1102, "'pendingPrice'"),
        ("oto", {"pendingTimeInForce": None}, -1102, "'pendingTimeInForce'"),
        ("oto", {"pendingType": "MARKET"}, -1106, "'pendingTimeInForce'"),
        ("oto", {"pendingType": "TAKE_PROFIT_LIMIT"}, -1102, "'pendingStopPrice' or 'pendingTrailingDelta'"),
        ("oto", {"pendingStopPrice": "90"}, -1106, "'pendingStopPrice'"),
        ("oto", {"pendingPegOffsetValue": "1"}, -1128, "'pegPriceType'"),
        ("oto", {"pendingPegPriceType": "MARKET_PEG", "pendingPegOffsetType": "PRICE_LEVEL"}, -1128, "together"),
        (
            "oto",
            {"pendingPegPriceType": "MARKET_PEG", "pendingPegOffsetType": "PERCENT", "pendingPegOffsetValue": "1"},
            -1211,
            "pegOffsetType",
        ),
        ("otoco", {"pendingAbovePrice": None}, -1102, "'pendingAbovePrice'"),
        ("otoco", {"pendingBelowStopPrice": None}, -1102, "'pendingBelowStopPrice' or 'pendingBelowTrailingDelta'"),
        ("otoco", {"pendingAboveType": None}, -1102, "'pendingAboveType'"),
        ("otoco", {"pendingBelowType": None}, -1102, "'pendingBelowType'"),
        ("otoco", {"pendingAbovePrice": "90"}, -2010, "relationship of the prices"),
        ("opo", {"workingSide": "SELL"}, -1222, "must be a bid"),
        ("opo", {"pendingSide": "BUY"}, -1223, "must be asks"),
        ("opo", {"pendingQuantity": "1"}, -1104, "Not all sent parameters were read"),
        ("opoco", {"workingSide": "SELL"}, -1222, "must be a bid"),
        ("opoco", {"pendingSide": "BUY", "pendingAboveType": "STOP_LOSS", "pendingAbovePrice": None,
                   "pendingAboveStopPrice": "110", "pendingBelowType": "LIMIT_MAKER", "pendingBelowStopPrice": None,
                   "pendingBelowPrice": "90"}, -1223, "must be asks"),
    ],
)  # fmt: skip
def test_refuses(client, kind, params, code, named):
    """What is missing from an order of a list, or does not belong to it, is told under the client's own name."""
    found, msg = refused(client, kind, **params)
    assert (found, named in msg) == (code, True), msg


@pytest.mark.parametrize(
    ("kind", "params", "msg"),
    [
        ("oco", {"abovePrice": "100"}, "The relationship of the prices for the orders is not correct."),
        ("oco", {"abovePrice": "99.99"}, "The relationship of the prices for the orders is not correct."),
        ("oco", {"belowStopPrice": "100"}, "The relationship of the prices for the orders is not correct."),
        ("oco", {"belowStopPrice": "106"}, "The relationship of the prices for the orders is not correct."),
        (
            "oco",
            {**BUY, "abovePrice": None, "belowStopPrice": None, "belowPrice": "100"},
            "The relationship of the prices for the orders is not correct.",
        ),
        ("oco", {"quantity": "10.00001"}, "Account has insufficient balance for requested action."),
        ("oco", {"aboveClientOrderId": "a", "belowClientOrderId": "a"}, "Duplicate order sent."),
        (
            "oco",
            {"aboveType": "TAKE_PROFIT_LIMIT", "abovePrice": "101", "aboveTimeInForce": "GTC", "aboveStopPrice": "99"},
            "Order would trigger immediately.",
        ),
        ("oto", {"workingQuantity": "10.2"}, "Account has insufficient balance for requested action."),
        (
            "oto",
            {"workingType": "LIMIT_MAKER", "workingTimeInForce": None, "workingPrice": "101"},
            "Order would immediately match and take.",
        ),
        ("oto", {"symbol": "BNBUSDT"}, "Market is closed."),
    ],
)
def test_rejected(client, kind, params, msg):
    """What the matching engine refuses is refused as a whole."""
    assert refused(client, kind, **params) == (-2010, msg)
    assert client.ask("GET", "openOrderList") == []


@pytest.mark.parametrize(("above", "below"), [("100.51", "99.49"), ("105", "95"), ("1000", "0.2")])
@pytest.mark.parametrize("side", ["SELL", "BUY"])
def test_straddles(client, side, above, below):
    """A pair is accepted as soon as its prices lie on both sides of the last price."""
    client.book([("99.5", "1")], [("100.5", "1")])
    own = {"abovePrice": above, "belowStopPrice": below}
    if side == "BUY":
        own = {"aboveStopPrice": above, "belowPrice": below}
    client.ask("POST", "orderList/oco", **{**(SELL if side == "SELL" else BUY), **own})
    assert len(client.ask("GET", "openOrders")) == 2


@pytest.mark.parametrize(
    ("kind", "feature", "msg"),
    [
        ("oco", "ocoAllowed", "OCO orders are not supported for this symbol"),
        ("oto", "otoAllowed", "OTO orders are not supported for this symbol"),
        ("otoco", "otoAllowed", "OTO orders are not supported for this symbol"),
        ("otoco", "ocoAllowed", "OCO orders are not supported for this symbol"),
        ("opo", "otoAllowed", "OTO orders are not supported for this symbol"),
        ("opo", "opoAllowed", "OPO orders are not supported for this symbol."),
        ("opoco", "opoAllowed", "OPO orders are not supported for this symbol."),
        ("opoco", "otoAllowed", "OTO orders are not supported for this symbol"),
        ("opoco", "ocoAllowed", "OCO orders are not supported for this symbol"),
    ],
)
def test_features(kind, feature, msg):
    """A list needs all that its symbol must allow for it."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": FILTERS, feature: False}])
    assert refused(client, kind) == (-2010, msg)


def test_type_unsupported():
    """A leg whose type the symbol does not offer is refused like any such order."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": FILTERS, "orderTypes": ["LIMIT", "LIMIT_MAKER"]}])
    assert refused(client) == (-2010, "Stop loss orders are not supported for this symbol.")


def test_old_unsupported():
    """The deprecated endpoint asks for the same feature."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": FILTERS, "ocoAllowed": False}])
    assert client.refused("POST", "order/oco", **OLD) == (-2010, "OCO orders are not supported for this symbol")


@pytest.mark.parametrize(
    ("filters", "kind", "name"),
    [
        ([{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1}], "oco", "MAX_NUM_ORDERS"),
        ([{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 2}], "otoco", "MAX_NUM_ORDERS"),
        ([{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1}], "opo", "MAX_NUM_ORDERS"),
        ([{"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 0}], "otoco", "MAX_NUM_ALGO_ORDERS"),
        ([{"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 0}], "oto", "MAX_NUM_ORDER_LISTS"),
        ([{"filterType": "LOT_SIZE", "minQty": "1.5", "maxQty": "9", "stepSize": "0.5"}], "oco", "LOT_SIZE"),
        ([{"filterType": "NOTIONAL", "minNotional": "96"}], "oco", "NOTIONAL"),
        ([{"filterType": "MAX_POSITION", "maxPosition": "11.9"}], "oto", "MAX_POSITION"),
    ],
)
def test_filters(filters, kind, name):
    """The filters count every order of a list, and none is placed when one of them is too many."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": filters}])
    client.trade("100", "0.1")
    assert refused(client, kind) == (-1013, f"Filter failure: {name}")


@pytest.mark.parametrize(("kind", "limit"), [("oco", 2), ("oto", 2), ("otoco", 3), ("opo", 2), ("opoco", 3)])
def test_room(kind, limit):
    """A list fits where there is room for as many orders as it has."""
    rules = {"exchangeFilters": [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": limit}]}
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": FILTERS}], **rules)
    place(client, kind)
    less = {"exchangeFilters": [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": limit - 1}]}
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": FILTERS}], **less)
    assert refused(client, kind) == (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS")


def test_lists_counted():
    """Open lists are counted over all symbols, finished ones not."""
    rules = {"exchangeFilters": [{"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 1}]}
    client = Client(**rules)
    number = place(client, "otoco")["orderListId"]
    other = {"symbol": "LTCBTC", "side": "BUY", "quantity": "1", "aboveStopPrice": "0.02", "belowPrice": "0.01"}
    sent = {**other, "aboveType": "STOP_LOSS", "belowType": "LIMIT_MAKER"}
    msg = "Filter failure: EXCHANGE_MAX_NUM_ORDER_LISTS"
    assert client.refused("POST", "orderList/oco", **sent) == (-1013, msg)
    client.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=number)
    client.ask("POST", "orderList/oco", **sent)


@pytest.mark.parametrize("kind", KINDS)
def test_unfilled_count(client, kind):
    """A list adds as many orders to the unfilled-order count as it has."""
    orders = place(client, kind)["orders"]
    assert {row["count"] for row in client.ask("GET", "rateLimit/order")} == {len(orders)}


# ---------------------------------------------------------------------- what becomes of a list


def test_lock(client):
    """A selling pair locks its quantity once."""
    place(client)
    assert held(client, "BTC") == ("9", "1")


@pytest.mark.parametrize(
    ("above", "locked"),
    [
        ({}, "105"),
        ({"aboveType": "STOP_LOSS_LIMIT", "abovePrice": "107", "aboveTimeInForce": "GTC"}, "107"),
        ({"aboveType": "STOP_LOSS_LIMIT", "abovePrice": "94", "aboveTimeInForce": "GTC"}, "95"),
    ],
)
def test_lock_buy(client, above, locked):
    """A buying pair locks what the dearer one may cost."""
    client.ask("POST", "orderList/oco", **{**BUY, **above})
    assert held(client, "USDT")[1] == locked


def test_limit_fills(client):
    """When the limit order of a pair is touched the other one expires, and the list is done."""
    place(client, quantity="2")
    client.trade("106", "1", "BUY")
    assert states(client) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert order(client, 1)["expiryReason"] == "OCO_TRIGGER"
    assert held(client, "BTC") == ("8", "1")
    assert [found["listOrderStatus"] for found in client.ask("GET", "openOrderList")] == ["EXECUTING"]
    client.trade("106", "1", "BUY")
    assert client.ask("GET", "openOrderList") == []
    (found,) = client.ask("GET", "allOrderList")
    assert (found["listStatusType"], found["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


def test_stop_triggers(client):
    """When the stop of a pair triggers the other one expires, also while the stop has not traded."""
    place(client, **{**STOP_LIMIT, "belowPrice": "96"})
    client.book([("94", "9")], [("97", "9")])
    client.trade("95", "0.1")
    assert states(client) == ["NEW", "EXPIRED"]
    assert [found["orderId"] for found in client.ask("GET", "openOrders")] == [1]
    reply = client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1)
    assert [one["status"] for one in reply["orderReports"]] == ["CANCELED", "EXPIRED"]
    assert held(client, "BTC") == ("10", "0")


def test_buy_stop_triggers(client):
    """A buying pair works the other way round."""
    client.ask("POST", "orderList/oco", **BUY)
    client.book([("104", "9")], [("106", "9")])
    client.trade("105", "0.1", "BUY")
    assert states(client) == ["FILLED", "EXPIRED"]
    assert (order(client, 1)["cummulativeQuoteQty"], order(client, 2)["expiryReason"]) == (
        "106.00000000",
        "OCO_TRIGGER",
    )


def test_nothing_to_take(client):
    """A stop that finds nothing expires, and its pair is over all the same."""
    place(client)
    client.book([], [("97", "9")])
    client.trade("95", "0.1")
    assert [order(client, number)["expiryReason"] for number in (1, 2)] == ["INSUFFICIENT_LIQUIDITY", "OCO_TRIGGER"]
    assert client.ask("GET", "openOrderList") == []
    assert held(client, "BTC") == ("10", "0")


@pytest.mark.parametrize(
    ("above", "price"),
    [
        ({"aboveType": "TAKE_PROFIT", "aboveStopPrice": "105", "abovePrice": None}, "0"),
        (
            {"aboveType": "TAKE_PROFIT_LIMIT", "aboveStopPrice": "105", "abovePrice": "104", "aboveTimeInForce": "GTC"},
            "104",
        ),
    ],
)
def test_take_profit(client, above, price):
    """A pair may take its profit by a contingent order; the stop loss expires when that triggers."""
    sent = {name: value for name, value in {**SELL, **above}.items() if value is not None}
    assert [one["workingTime"] for one in client.ask("POST", "orderList/oco", **sent)["orderReports"]] == [-1, -1]
    client.book([("104.5", "9")], [("106", "9")])
    client.trade("105", "0.1", "BUY")
    assert states(client) == ["EXPIRED", "FILLED"]
    done = order(client, 2)
    assert (done["cummulativeQuoteQty"], float(done["price"])) == ("104.50000000", float(price))


def test_pending_waits(client):
    """A pending order starts only when the working one is completely filled."""
    place(client, "oto")
    client.trade("98", "1.5")
    assert states(client) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    waiting = order(client, 2)
    assert (waiting["isWorking"], waiting["workingTime"]) == (False, -1)
    client.wait(7)
    client.trade("98", "0.5")
    started = order(client, 2)
    assert (started["status"], started["isWorking"], started["workingTime"]) == ("NEW", True, NOW + 7)
    client.trade("111", "9", "BUY")
    assert states(client) == ["FILLED", "FILLED"]


@pytest.mark.parametrize(
    ("pending", "status", "reason"),
    [
        ({"pendingType": "MARKET", "pendingPrice": None, "pendingTimeInForce": None}, "FILLED", None),
        ({"pendingPrice": "90"}, "FILLED", None),
        ({"pendingPrice": "105", "pendingTimeInForce": "IOC"}, "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ({"pendingType": "LIMIT_MAKER", "pendingPrice": "90", "pendingTimeInForce": None}, "EXPIRED", "REJECTED"),
        ({"pendingQuantity": "13"}, "EXPIRED", "REJECTED"),
        (
            {"pendingType": "STOP_LOSS", "pendingStopPrice": "100", "pendingPrice": None, "pendingTimeInForce": None},
            "EXPIRED",
            "REJECTED",
        ),
        (
            {"pendingType": "STOP_LOSS", "pendingStopPrice": "90", "pendingPrice": None, "pendingTimeInForce": None},
            "NEW",
            None,
        ),
    ],
)
def test_pending_placed(client, pending, status, reason):
    """A pending order is placed like any other once it may; what is refused then has expired as rejected."""
    sent = {name: value for name, value in {**OTO, **pending}.items() if value is not None}
    client.ask("POST", "orderList/oto", **sent)
    client.book([("98", "20")], [("101", "9")])
    client.trade("98", "9")
    found = order(client, 2)
    assert (found["status"], found.get("expiryReason")) == (status, reason)
    assert bool(client.ask("GET", "openOrderList")) is (status == "NEW")


def test_working_expires(client):
    """When the working order expires so do the pending ones, with a reason of their own."""
    reply = place(client, "otoco", workingTimeInForce="FOK", workingPrice="100")
    assert (reply["listStatusType"], reply["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert [(one["status"], one["expiryReason"]) for one in reply["orderReports"]] == [
        ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
    ]


def test_otoco(client):
    """The pair of a list waits for its working order and then cancels each other."""
    place(client, "otoco")
    client.trade("98", "2")
    assert states(client) == ["FILLED", "NEW", "NEW"]
    assert held(client, "BTC") == ("9.998", "2")
    client.trade("111", "2", "BUY")
    assert states(client) == ["FILLED", "EXPIRED", "FILLED"]


@pytest.mark.parametrize(
    "prices",
    [
        {"pendingAbovePrice": "99"},
        {"pendingAbovePrice": "98"},
        {"pendingBelowStopPrice": "99"},
        {"pendingBelowStopPrice": "100"},
    ],
)
def test_otoco_out_of_place(client, prices):
    """A pair whose prices do not straddle the market when its turn comes expires."""
    place(client, "otoco", **prices)
    client.trade("98", "2")
    assert states(client) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert [order(client, number)["expiryReason"] for number in (2, 3)] == ["REJECTED", "OCO_TRIGGER"]
    assert held(client, "BTC") == ("11.998", "0")


@pytest.mark.parametrize(("kind", "legs"), [("opo", 1), ("opoco", 2)])
def test_opo(kind, legs):
    """Pending orders sell what the working one received, less a commission that nothing else paid."""
    client = Client(balances={"USDT": "1000"})
    client.trade("100", "0.1")
    place(client, kind)
    client.trade("98", "1")
    assert held(client, "BTC") == ("0", "0.999")
    client.trade("98", "1")
    assert [order(client, number)["origQty"] for number in range(2, 2 + legs)] == ["1.99800000"] * legs
    assert held(client, "BTC") == ("0", "1.998")


def test_opo_fee_elsewhere(client):
    """What is free of the received asset pays the commission, so that all of it can be sold."""
    place(client, "opo")
    client.trade("98", "2")
    assert order(client, 2)["origQty"] == "2.00000000"
    assert held(client, "BTC") == ("9.998", "2")


def test_opo_step():
    """What is received is sold in whole lots; the rest is free."""
    filters = [{"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "9", "stepSize": "0.1"}]
    client = Client(symbols=[{"symbol": "BTCUSDT", "filters": filters}], balances={"USDT": "1000"})
    place(client, "opo")
    client.trade("98", "2")
    assert order(client, 2)["origQty"] == "1.90000000"
    assert held(client, "BTC") == ("0.098", "1.9")


@pytest.mark.parametrize("kind", ["opo", "opoco"])
def test_opo_cancelled(kind):
    """A cancel frees what was received for the pending orders."""
    client = Client(balances={"USDT": "1000"})
    client.trade("100", "0.1")
    place(client, kind)
    client.trade("98", "1")
    client.ask("DELETE", "order", symbol="BTCUSDT", orderId=2)
    assert held(client, "BTC") == ("0.999", "0")
    assert held(client, "USDT") == ("901", "0")


# ---------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("orderList", {"orderListId": 1}),
        ("orderList", {"listClientOrderId": "list"}),
        ("orderList", {"orderListId": 1, "listClientOrderId": "list"}),
        ("order", {"orderId": 1}),
        ("order", {"orderId": 2}),
        ("openOrders", {}),
    ],
)
def test_cancel(client, kind, path, params):
    """Whichever way an order of a list is cancelled, the whole list is, under one id."""
    numbers = [found["orderId"] for found in place(client, kind, listClientOrderId="list")["orders"]]
    client.wait(3)
    before = held(client, "USDT"), held(client, "BTC")
    assert before != (("1000", "0"), ("10", "0"))
    reply = client.ask("DELETE", path, symbol="BTCUSDT", **params)
    if path == "openOrders":
        (reply,) = reply
    assert list(reply) == [*LIST, "orderReports"]
    assert (reply["listStatusType"], reply["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert reply["transactionTime"] == NOW + 3
    reports = reply["orderReports"]
    assert [one["orderId"] for one in reports] == numbers
    assert {one["status"] for one in reports} == {"CANCELED"}
    assert len({one["clientOrderId"] for one in reports}) == 1
    assert [one["origClientOrderId"] for one in reports] == [one["clientOrderId"] for one in reply["orders"]]
    assert (held(client, "USDT"), held(client, "BTC")) == (("1000", "0"), ("10", "0"))
    assert client.ask("GET", "openOrderList") == client.ask("GET", "openOrders") == []


def test_cancel_id(client):
    """A cancel may have an id of its own."""
    place(client)
    reply = client.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=1, newClientOrderId="gone")
    assert [one["clientOrderId"] for one in reply["orderReports"]] == ["gone", "gone"]


def test_cancel_all_order(client):
    """When all is cancelled a list stands as one entry, after the single orders."""
    place(client)
    client.place(newClientOrderId="single")
    first, second = client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert (first["origClientOrderId"], len(second["orderReports"])) == ("single", 2)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"orderListId": 2}, -2011),
        ({"orderListId": 0}, -2011),
        ({"listClientOrderId": "other"}, -2011),
        ({"orderListId": 1, "listClientOrderId": "other"}, -2011),
        ({"orderListId": 2, "listClientOrderId": "list"}, -2011),
        ({"orderListId": 1, "symbol": "LTCBTC"}, -2011),
        ({"orderListId": 1, "symbol": "ETHUSDT"}, -1121),
        ({"orderListId": "one"}, -1100),
    ],
)
def test_cancel_refuses(client, params, code):
    """A list that is not meant stays open."""
    place(client, listClientOrderId="list")
    assert client.refused("DELETE", "orderList", **{"symbol": "BTCUSDT", **params})[0] == code


def test_cancel_done(client):
    """A list that is done cannot be cancelled again, and its id is free."""
    place(client, listClientOrderId="list")
    assert refused(client, listClientOrderId="list") == (-2010, "Duplicate order sent.")
    client.ask("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="list")
    assert client.refused("DELETE", "orderList", symbol="BTCUSDT", orderListId=1) == (-2011, "Unknown order sent.")
    assert place(client, listClientOrderId="list")["orderListId"] == 2


def test_cancel_restricted(client):
    """A restriction asks for the state of the order that is named, not of the others."""
    place(client, "oto")
    client.trade("98", "1")
    sent = {"symbol": "BTCUSDT", "orderId": 1}
    expected = (-2011, "Order was not canceled due to cancel restrictions.")
    assert client.refused("DELETE", "order", **sent, cancelRestrictions="ONLY_NEW") == expected
    reply = client.ask("DELETE", "order", **sent, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert [one["status"] for one in reply["orderReports"]] == ["CANCELED", "CANCELED"]


# ---------------------------------------------------------------------- queries


@pytest.mark.parametrize("kind", KINDS)
def test_query(client, kind):
    """A list is found by its id or its client id, as the placement showed it."""
    placed = place(client, kind, listClientOrderId="list")
    found = client.ask("GET", "orderList", orderListId=placed["orderListId"])
    assert found == {name: placed[name] for name in LIST}
    assert client.ask("GET", "orderList", origClientOrderId="list") == found
    assert client.ask("GET", "openOrderList") == client.ask("GET", "allOrderList") == [found]


def test_query_generated(client):
    """A list without a client id gets one that finds it."""
    name = place(client)["listClientOrderId"]
    assert client.ask("GET", "orderList", origClientOrderId=name)["orderListId"] == 1


def test_query_both(client):
    """Where both ids are sent the client id decides (web-socket-api.md, Query Order list)."""
    place(client, listClientOrderId="a")
    place(client, listClientOrderId="b")
    assert client.ask("GET", "orderList", orderListId=1, origClientOrderId="b")["orderListId"] == 2


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"orderListId": 9}, -2013),
        ({"orderListId": 0}, -2013),
        ({"origClientOrderId": "other"}, -2013),
        ({"orderListId": "one"}, -1100),
        ({"orderListId": 1, "symbol": "BTCUSDT"}, -1104),
    ],
)
def test_query_refuses(client, params, code):
    """A list that does not exist cannot be shown."""
    place(client)
    assert client.refused("GET", "orderList", **params)[0] == code


def test_list_id_shows(client):
    """Orders and trades tell which list they belong to."""
    place(client, "oto")
    client.trade("98", "2")
    assert {found["orderListId"] for found in client.ask("GET", "allOrders", symbol="BTCUSDT")} == {1}
    assert [found["orderListId"] for found in client.ask("GET", "myTrades", symbol="BTCUSDT")] == [1]


@pytest.fixture
def history(client):
    """Four lists, a second apart; the second was cancelled another second after the last."""
    for _ in range(4):
        place(client, "oto", workingQuantity="1")
        client.wait(1000)
    client.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=2)
    return client


@pytest.mark.parametrize(
    ("params", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 1001}, [4, 3, 2, 1]),
        ({"fromId": 3}, [3, 4]),
        ({"fromId": 2, "limit": 2}, [2, 3]),
        ({"fromId": 9}, []),
        ({"startTime": NOW + 1000}, [2, 3, 4]),
        ({"startTime": NOW + 2000, "limit": 1}, [2]),
        ({"startTime": NOW, "endTime": NOW + 2000}, [1, 3]),
        ({"endTime": NOW + 3000}, [4, 3, 1]),
        ({"endTime": NOW + 3000, "limit": 2}, [4, 3]),
    ],
)
def test_all(history, params, numbers):
    """All lists: the most recent first, ascending from an id or a start on, by their latest change."""
    assert [found["orderListId"] for found in history.ask("GET", "allOrderList", **params)] == numbers


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"fromId": 1, "startTime": NOW}, -1128),
        ({"fromId": 1, "endTime": NOW}, -1128),
        ({"startTime": NOW, "endTime": NOW + 24 * 3_600_000 + 1}, -1127),
        ({"startTime": NOW, "endTime": NOW - 1}, -1128),
        ({"limit": 0}, -1130),
        ({"limit": "ten"}, -1100),
    ],
)
def test_all_refuses(history, params, code):
    """Ids and windows do not mix, and a window is a day at most."""
    assert history.refused("GET", "allOrderList", **params)[0] == code


def test_open(history):
    """Open lists come oldest first, without those that are done."""
    assert [found["orderListId"] for found in history.ask("GET", "openOrderList")] == [1, 3, 4]


# ---------------------------------------------------------------------- amending


def amend(client, number, qty, **params):
    """Lower the quantity of an order."""
    return client.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=number, newQty=qty, **params)


@pytest.mark.parametrize("number", [1, 2])
def test_amend_pair(client, number):
    """Both orders of a pair keep the same quantity."""
    place(client, quantity="3")
    reply = amend(client, number, "2", newClientOrderId="new")
    assert (reply["amendedOrder"]["orderListId"], reply["amendedOrder"]["qty"]) == (1, "2.00000000")
    listed = reply["listStatus"]
    assert list(listed) == [
        "orderListId", "contingencyType", "listOrderStatus", "listClientOrderId", "symbol", "orders",
    ]  # fmt: skip
    assert [one["clientOrderId"] for one in listed["orders"]][number - 1] == "new"
    assert [found["origQty"] for found in client.ask("GET", "openOrders")] == ["2.00000000"] * 2
    assert held(client, "BTC") == ("8", "2")
    client.trade("106", "9", "BUY")
    assert held(client, "BTC") == ("8", "0")


@pytest.mark.parametrize(("number", "quantities"), [(1, ["1", "2"]), (2, ["2", "1"])])
def test_amend_oto(client, number, quantities):
    """The working and the pending order of a list are amended for themselves."""
    place(client, "oto")
    reply = amend(client, number, "1")
    assert reply["amendedOrder"]["status"] == ("NEW" if number == 1 else "PENDING_NEW")
    assert ("workingTime" in reply["amendedOrder"]) is (number == 1)
    assert [found["origQty"][0] for found in client.ask("GET", "openOrders")] == quantities


@pytest.mark.parametrize("kind", ["opo", "opoco"])
def test_amend_opo(client, kind):
    """A pending order cannot be amended before its quantity is known."""
    place(client, kind)
    sent = {"symbol": "BTCUSDT", "orderId": 2, "newQty": "1"}
    msg = "Order amend (pending OPO order) is not supported."
    assert client.refused("PUT", "order/amend/keepPriority", **sent) == (-2038, msg)
    client.trade("98", "2")
    assert amend(client, 2, "1")["amendedOrder"]["qty"] == "1.00000000"
    assert held(client, "BTC") == ("10.998", "1")


def test_amend_otoco_pair(client):
    """The pending pair of a list is amended together."""
    place(client, "otoco")
    amend(client, 3, "1")
    assert [found["origQty"][0] for found in client.ask("GET", "openOrders")] == ["2", "1", "1"]


# ---------------------------------------------------------------------- orders of other kinds


def test_pegged(client):
    """A working order takes its price at once and needs none of its own, a pending one in its turn."""
    sent = {**without(OTO, "workingPrice", "pendingPrice"), "workingPegPriceType": "PRIMARY_PEG"}
    reply = client.ask("POST", "orderList/oto", **sent, pendingPegPriceType="PRIMARY_PEG")
    working, pending = reply["orderReports"]
    assert (working["price"], working["peggedPrice"]) == ("0.00000000", "99.00000000")
    assert (pending["pegPriceType"], "peggedPrice" in pending) == ("PRIMARY_PEG", False)
    client.trade("98", "2")
    assert order(client, 2)["peggedPrice"] == "101.00000000"


def test_trailing(client):
    """A stop of a pair may follow the market, with or without a stop price."""
    reply = client.ask("POST", "orderList/oco", **without(SELL, "belowStopPrice"), belowTrailingDelta=1000)
    assert (reply["orderReports"][0]["trailingDelta"], reply["orderReports"][0]["trailingTime"]) == (1000, NOW)
    stop = place(client, belowTrailingDelta=1000)["orderReports"][0]
    assert (stop["stopPrice"], stop["trailingTime"]) == ("95.00000000", -1)
    client.book([("98", "9")], [("104", "9")])
    client.trade("104", "0.1", "BUY")
    client.trade("93.6", "0.1")
    assert states(client) == ["FILLED", "EXPIRED", "NEW", "NEW"]


@pytest.mark.parametrize(
    ("kind", "params", "which"),
    [
        ("oco", {"aboveIcebergQty": "0.25"}, 1),
        ("oco", {**STOP_LIMIT, "belowIcebergQty": "0.25"}, 0),
        ("oto", {"workingIcebergQty": "0.25"}, 0),
        ("oto", {"pendingIcebergQty": "0.25"}, 1),
        ("otoco", {"pendingAboveIcebergQty": "0.25"}, 2),
        ("opo", {"workingType": "LIMIT_MAKER", "workingTimeInForce": None, "workingIcebergQty": "0.25"}, 0),
    ],
)
def test_iceberg(client, kind, params, which):
    """Every order of a list that has a limit may be an iceberg."""
    sent = {name: value for name, value in {**KINDS[kind], **params}.items() if value is not None}
    reports = client.ask("POST", f"orderList/{kind}", **sent)["orderReports"]
    assert [report.get("icebergQty") for report in reports] == [
        "0.25000000" if number == which else None for number in range(len(reports))
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_strategies(client, kind):
    """Each order of a list has marks of its own, and all have one self-trade prevention mode."""
    prefixes = {"oco": ["below", "above"], "oto": ["working", "pending"], "opo": ["working", "pending"]}
    own = prefixes.get(kind, ["working", "pendingBelow", "pendingAbove"])
    marks = {f"{prefix}StrategyId": number for number, prefix in enumerate(own)}
    names = {f"{prefix}ClientOrderId": prefix for prefix in own}
    reports = place(client, kind, **marks, **names, selfTradePreventionMode="EXPIRE_MAKER")["orderReports"]
    assert [(one["strategyId"], one["clientOrderId"]) for one in reports] == list(enumerate(own))
    assert {one["selfTradePreventionMode"] for one in reports} == {"EXPIRE_MAKER"}


# ---------------------------------------------------------------------- other scales


def test_small_prices():
    """A list on a market of small prices works alike."""
    client = Client(balances={"LTC": "50", "BTC": "1"})
    client.book([("0.0099", "15")], [("0.0101", "15")], "LTCBTC")
    client.trade("0.01", "1", symbol="LTCBTC")
    sent = {
        "symbol": "LTCBTC", "side": "BUY", "quantity": "10", "aboveType": "STOP_LOSS_LIMIT", "aboveStopPrice": "0.0105",
        "abovePrice": "0.0106", "aboveTimeInForce": "GTC", "belowType": "TAKE_PROFIT", "belowStopPrice": "0.0095",
    }  # fmt: skip
    client.ask("POST", "orderList/oco", **sent)
    assert held(client, "BTC") == ("0.894", "0.106")
    client.book([("0.0093", "90")], [("0.0094", "90")], "LTCBTC")
    client.trade("0.0095", "1", symbol="LTCBTC")
    found = {one["type"]: one["status"] for one in client.ask("GET", "allOrders", symbol="LTCBTC")}
    assert found == {"STOP_LOSS_LIMIT": "EXPIRED", "TAKE_PROFIT": "FILLED"}
    assert held(client, "BTC") == ("0.906", "0")
