"""Placing, cancelling and amending orders, through signed requests."""

from __future__ import annotations

import pytest
from signing_client import LIMIT, NOW, Client

# The key sets of the documents' examples.
ACK = ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
AMOUNTS = ["price", "origQty", "executedQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side"]
RESULT = {*ACK, *AMOUNTS, "origQuoteOrderQty", "workingTime", "selfTradePreventionMode"}
FULL = {*RESULT, "fills"}
FILL = ["price", "qty", "commission", "commissionAsset", "tradeId"]
CANCELLED = {*ACK, *AMOUNTS, "origClientOrderId", "origQuoteOrderQty", "selfTradePreventionMode"}
AMENDED = {
    "symbol", "orderId", "orderListId", "origClientOrderId", "clientOrderId", "price", "qty", "executedQty",
    "preventedQty", "quoteOrderQty", "cumulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime",
    "selfTradePreventionMode",
}  # fmt: skip
AMENDMENT = ["symbol", "orderId", "executionId", "origClientOrderId", "newClientOrderId", "origQty", "newQty", "time"]
STOP = {**LIMIT, "type": "STOP_LOSS_LIMIT", "side": "SELL", "price": "89", "stopPrice": "90"}

MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}


def without(params, *names):
    """The other parameters."""
    return {name: value for name, value in params.items() if name not in names}


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


# ---------------------------------------------------------------------- the answer to a new order


def test_full(client):
    """A market order answers what it traded, level by level."""
    client.book([("99", "9")], [("101", "0.5"), ("102", "9")])
    reply = client.market(quantity="1.5", newClientOrderId="mine")
    assert set(reply) == FULL
    assert [list(fill) for fill in reply["fills"]] == [FILL, FILL]
    assert (reply["clientOrderId"], reply["status"], reply["price"]) == ("mine", "FILLED", "0.00000000")
    assert (reply["executedQty"], reply["cummulativeQuoteQty"]) == ("1.50000000", "152.50000000")
    assert reply["fills"][0] == {
        "price": "101.00000000", "qty": "0.50000000", "commission": "0.00100000", "commissionAsset": "BTC", "tradeId": 1,
    }  # fmt: skip
    assert (reply["orderListId"], reply["transactTime"], reply["workingTime"]) == (-1, NOW, NOW)


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        (LIMIT, FULL),
        ({**LIMIT, "newOrderRespType": "FULL"}, FULL),
        ({**LIMIT, "newOrderRespType": "RESULT"}, RESULT),
        ({**LIMIT, "newOrderRespType": "ACK"}, set(ACK)),
        ({**without(LIMIT, "timeInForce"), "type": "LIMIT_MAKER"}, set(ACK)),
        (STOP, set(ACK)),
        ({**STOP, "newOrderRespType": "RESULT"}, RESULT | {"stopPrice"}),
        ({**STOP, "newOrderRespType": "FULL"}, FULL | {"stopPrice"}),
        ({**LIMIT, "strategyId": 7, "strategyType": 1000000}, FULL | {"strategyId", "strategyType"}),
        ({**LIMIT, "price": "100", "timeInForce": "IOC"}, FULL | {"expiryReason"}),
        ({**LIMIT, "price": "100", "timeInForce": "FOK"}, FULL | {"expiryReason"}),
    ],
)
def test_response_type(client, params, keys):
    """The answer has the fields of the response type, and conditional ones only when they apply."""
    reply = client.ask("POST", "order", **params)
    assert set(reply) == keys
    assert list(reply)[: len(ACK)] == ACK


def test_resting(client):
    """A limit order that rests has no fills."""
    reply = client.place()
    assert (reply["status"], reply["fills"], reply["origQuoteOrderQty"]) == ("NEW", [], "0.00000000")


def test_by_value(client):
    """A market order by value buys what it can and says what it was given."""
    reply = client.market(quoteOrderQty="101")
    assert (reply["origQty"], reply["executedQty"]) == ("1.00000000", "1.00000000")
    assert reply["origQuoteOrderQty"] == "101.00000000"


def test_generated_id(client):
    """An order without a client id gets one that finds it."""
    name = client.place()["clientOrderId"]
    assert client.ask("GET", "order", symbol="BTCUSDT", origClientOrderId=name)["clientOrderId"] == name


def test_waiting(client):
    """A stop order is not working until its price has been seen."""
    client.ask("POST", "order", **STOP)
    waiting = client.ask("GET", "order", symbol="BTCUSDT", orderId=1)
    assert (waiting["isWorking"], waiting["workingTime"], waiting["stopPrice"]) == (False, -1, "90.00000000")
    client.wait(5)
    client.trade("90", "0.01")
    working = client.ask("GET", "order", symbol="BTCUSDT", orderId=1)
    assert (working["isWorking"], working["workingTime"]) == (True, NOW + 5)


# ---------------------------------------------------------------------- fields that show only when they apply

TRAIL = {**without(STOP, "stopPrice"), "trailingDelta": "250"}


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        (TRAIL, {"trailingDelta": 250, "trailingTime": NOW}),
        ({**TRAIL, "stopPrice": "90"}, {"trailingDelta": 250, "trailingTime": -1, "stopPrice": "90.00000000"}),
        ({**LIMIT, "icebergQty": "0.25"}, {"icebergQty": "0.25000000"}),
        ({**LIMIT, "icebergQty": "0"}, {"icebergQty": "0.00000000"}),
        (
            {**without(LIMIT, "price"), "pegPriceType": "PRIMARY_PEG"},
            {"pegPriceType": "PRIMARY_PEG", "peggedPrice": "99.00000000", "price": "0.00000000"},
        ),
        (
            {**LIMIT, "pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"},
            {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1, "peggedPrice": "98.00000000", "price": "95.00000000"},
        ),
        ({**STOP, "pegPriceType": "MARKET_PEG"}, {"pegPriceType": "MARKET_PEG", "price": "89.00000000"}),
        ({**LIMIT, "strategyId": 7, "strategyType": 1000000}, {"strategyId": 7, "strategyType": 1000000}),
    ],
)
def test_conditional(client, params, fields):
    """What was asked for beyond the usual is told by every answer about the order."""
    client.book([("99", "9"), ("98", "9")], [("101", "9")])
    client.trade("100", "0.1")
    placed = client.ask("POST", "order", **params, newOrderRespType="RESULT")
    which = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    amended = client.ask("PUT", "order/amend/keepPriority", **which, newQty="0.5")["amendedOrder"]
    queried, (opened,) = client.ask("GET", "order", **which), client.ask("GET", "openOrders")
    cancelled = client.ask("DELETE", "order", **which)
    for reply in (placed, amended, queried, opened, cancelled):
        assert fields.items() <= reply.items()
    assert ("peggedPrice" in placed) is ("pegPriceType" in params and params["type"] == "LIMIT")


@pytest.mark.parametrize(
    "params",
    [{"stopPrice": "90", "trailingDelta": "0"}, {"trailingDelta": "0"}],
)
def test_follows_nothing(client, params):
    """A trailing delta of nothing is below every range."""
    sent = {**without(STOP, "stopPrice"), **params}
    assert client.refused("POST", "order", **sent) == (-1013, "Filter failure: TRAILING_DELTA")


@pytest.mark.parametrize(
    "params",
    [
        {**MARKET, "pegPriceType": "PRIMARY_PEG"},
        {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "90", "pegPriceType": "PRIMARY_PEG"},
        {"symbol": "BTCUSDT", "side": "BUY", "type": "TAKE_PROFIT", "quantity": "1", "stopPrice": "90", "pegPriceType": "MARKET_PEG"},
    ],
)  # fmt: skip
def test_unpeggable(client, params):
    """An order without a limit has nothing to peg."""
    assert client.refused("POST", "order", **params) == (-2010, "This order type may not use pegged price.")


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        ({"pegPriceType": "PRIMARY_PEG", "timeInForce": "GTC"}, True),
        ({"pegPriceType": "PRIMARY_PEG", "timeInForce": "FOK"}, False),
        ({"pegPriceType": "MARKET_PEG", "timeInForce": "GTC"}, True),
        ({"pegPriceType": "MARKET_PEG", "timeInForce": "IOC"}, True),
        ({"pegPriceType": "MARKET_PEG", "timeInForce": "FOK"}, True),
        ({"pegPriceType": "PRIMARY_PEG", "type": "LIMIT_MAKER"}, True),
        ({"pegPriceType": "MARKET_PEG", "type": "LIMIT_MAKER"}, False),
    ],
)
def test_pegs(client, params, allowed):
    """What would rest is pegged to its own side, what must not rest to the other one (faqs/pegged_orders.md)."""
    sent = {**without(LIMIT, "price", "timeInForce"), **params}
    if allowed:
        client.ask("POST", "order", **sent)
    else:
        expected = (-2010, "This price peg cannot be used with this order type.")
        assert client.refused("POST", "order", **sent) == expected


def test_pegs_unsupported():
    """A symbol may not offer pegged orders."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "pegInstructionsAllowed": False}])
    sent = {**LIMIT, "pegPriceType": "PRIMARY_PEG"}
    assert client.refused("POST", "order", **sent) == (-2010, "Pegged orders are not supported for this symbol.")


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["symbol", "side", "type", "timeInForce", "quantity", "price"])
def test_missing(client, name):
    """A limit order needs all of its parameters."""
    code, msg = client.refused("POST", "order", **without(LIMIT, name))
    assert (code, msg) == (-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"type": "MARKET"}, -1106),
        ({"stopPrice": "90"}, -1106),
        ({"trailingDelta": "100"}, -1106),
        ({"quoteOrderQty": "10"}, -1106),
        ({"type": "LIMIT_MAKER"}, -1106),
        ({"type": "STOP_LOSS_LIMIT"}, -1102),
        ({"strategyType": "999999"}, -1134),
        ({"icebergQty": "1"}, -2010),
        ({"icebergQty": "1.1"}, -2010),
        ({"icebergQty": "0.000001"}, -1013),
        ({"icebergQty": "-0.1"}, -1100),
        ({"icebergQty": "0.1", "timeInForce": "IOC"}, -1014),
        ({"icebergQty": "0.1", "timeInForce": "FOK"}, -1014),
        ({"pegPriceType": "BEST_PEG"}, -1210),
        ({"pegPriceType": "PRIMARY_PEG", "timeInForce": "IOC"}, -2010),
        ({"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL"}, -1128),
        ({"pegPriceType": "PRIMARY_PEG", "pegOffsetValue": "1"}, -1128),
        ({"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "TICK", "pegOffsetValue": "1"}, -1211),
        ({"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"}, -2010),
        ({"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "101"}, -1102),
        ({"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"}, -1128),
        ({"pegPriceType": "PRIMARY_PEG", "price": "0.001"}, -1013),
        ({"pegPriceType": "PRIMARY_PEG", "price": "0.01"}, -1013),
        ({"side": "HOLD"}, -1117),
        ({"type": "STOP"}, -1116),
        ({"timeInForce": "GTX"}, -1115),
        ({"newOrderRespType": "SHORT"}, -1130),
        ({"newClientOrderId": "a b"}, -1100),
        ({"symbol": "ETHUSDT"}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"quantity": "0"}, -1013),
        ({"quantity": "-1"}, -1100),
        ({"quantity": "NaN"}, -1100),
        ({"quantity": "1e400"}, -1100),
        ({"quantity": "99999999999999999999"}, -1013),
        ({"quantity": "0.30000000000000004"}, -1111),
        ({"quantity": "0.000011"}, -1013),
        ({"price": "0"}, -1013),
        ({"price": "95.001"}, -1013),
        ({"price": "0.01"}, -1013),
        ({"quantity": "100", "price": "95"}, -2010),
        ({"side": "SELL", "quantity": "11", "price": "105"}, -2010),
        ({"symbol": "BNBUSDT"}, -2010),
        ({"colour": "red"}, -1104),
    ],
)
def test_refuses(client, params, code):
    """A bad order has its code, and nothing is different afterwards."""
    sent = {**LIMIT, **params}
    assert client.refused("POST", "order", **sent)[0] == code
    assert client.refused("POST", "order/test", **sent)[0] == code


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"quantity": "1", "quoteOrderQty": "10"}, -1106),
        ({"quantity": "1", "price": "95"}, -1106),
        ({"quantity": "1", "timeInForce": "GTC"}, -1106),
        ({"quantity": "1", "icebergQty": "0.1"}, -1106),
        ({"quantity": "1", "stopPrice": "90"}, -1106),
        ({"quoteOrderQty": "0"}, -1013),
        ({"quoteOrderQty": "0.01"}, -1013),
        ({"quantity": "0.00001"}, 0),
        ({"side": "SELL", "quantity": "11"}, -2010),
    ],
)
def test_refuses_market(client, params, code):
    """A market order takes a quantity or a value, and nothing that belongs to a limit."""
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **params}
    if code:
        assert client.refused("POST", "order", **sent)[0] == code
    else:
        # without a public trade there is no average that its value could be too small by
        assert client.ask("POST", "order", **sent)["status"] == "FILLED"


@pytest.mark.parametrize(
    ("feature", "params", "msg"),
    [
        ({"orderTypes": ["LIMIT"]}, MARKET, "Market orders are not supported for this symbol."),
        ({"orderTypes": ["LIMIT"]}, STOP, "Stop loss limit orders are not supported for this symbol."),
        ({"orderTypes": ["MARKET"]}, LIMIT, "These orders are not supported for this symbol."),
        (
            {"icebergAllowed": False},
            {**LIMIT, "icebergQty": "0.1"},
            "Iceberg orders are not supported for this symbol.",
        ),
        (
            {"allowTrailingStop": False},
            {**STOP, "trailingDelta": "100"},
            "Trailing stop orders are not supported for this symbol.",
        ),
        (
            {"quoteOrderQtyMarketAllowed": False},
            {**without(MARKET, "quantity"), "quoteOrderQty": "50"},
            "Quote order qty market orders are not support for this symbol.",
        ),
    ],
)
def test_features(feature, params, msg):
    """What a symbol does not offer is refused in Binance's words."""
    client = Client(symbols=[{"symbol": "BTCUSDT", **feature}])
    assert client.refused("POST", "order", **params) == (-2010, msg)


def test_post_only(client):
    """A post-only order that would take is refused."""
    sent = {**without(LIMIT, "timeInForce"), "type": "LIMIT_MAKER", "price": "101"}
    assert client.refused("POST", "order", **sent) == (-2010, "Order would immediately match and take.")


def test_triggered_at_once(client):
    """A stop price that was passed already is refused."""
    client.trade("90", "0.01")
    assert client.refused("POST", "order", **STOP) == (-2010, "Order would trigger immediately.")


def test_duplicate(client):
    """A client id is unique among open orders and free again afterwards."""
    client.place(newClientOrderId="mine")
    sent = {**LIMIT, "newClientOrderId": "mine"}
    assert client.refused("POST", "order", **sent) == (-2010, "Duplicate order sent.")
    client.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert client.place(newClientOrderId="mine")["orderId"] == 2


def test_too_many_orders(client):
    """Open orders are counted per symbol."""
    for _ in range(20):
        client.place(quantity="0.1")
    assert client.refused("POST", "order", **LIMIT) == (-1013, "Filter failure: MAX_NUM_ORDERS")


# ---------------------------------------------------------------------- test orders


def test_order_test(client):
    """A test order is checked and goes nowhere."""
    before = client.state()
    assert client.ask("POST", "order/test", **LIMIT) == {}
    assert client.state() == before


@pytest.mark.parametrize(("side", "extra"), [("BUY", "0.00120000"), ("SELL", "0.00140000")])
def test_order_test_rates(side, extra):
    """A test order tells the rates that its side would pay."""
    rates = {"maker": "0.001", "taker": "0.002", "buyer": "0.0002", "seller": "0.0004"}
    client = Client(commission={"standard": rates, "special": {"maker": "0.01", "taker": "0.02"}})
    reply = client.ask("POST", "order/test", **{**LIMIT, "side": side, "computeCommissionRates": "true"})
    names = ["standardCommissionForOrder", "specialCommissionForOrder", "taxCommissionForOrder", "discount"]
    assert list(reply) == names
    assert reply["standardCommissionForOrder"]["maker"] == extra
    assert reply["specialCommissionForOrder"] == {"maker": "0.01000000", "taker": "0.02000000"}
    assert list(reply["discount"]) == ["enabledForAccount", "enabledForSymbol", "discountAsset", "discount"]


def test_commission(client):
    """The commission rates of a symbol have the documents' fields."""
    reply = client.ask("GET", "account/commission", symbol="BTCUSDT")
    roles = {"maker": "0.00100000", "taker": "0.00200000", "buyer": "0.00000000", "seller": "0.00000000"}
    assert list(reply) == ["symbol", "standardCommission", "specialCommission", "taxCommission", "discount"]
    assert (reply["symbol"], reply["standardCommission"]) == ("BTCUSDT", roles)
    assert reply["taxCommission"] == dict.fromkeys(roles, "0.00000000")
    assert reply["discount"]["discountAsset"] == "BNB"
    assert client.refused("GET", "account/commission", symbol="ETHUSDT")[0] == -1121


# ---------------------------------------------------------------------- cancelling


def test_cancel(client):
    """A cancel answers the order with the cancel's own id in place of the order's."""
    client.place(newClientOrderId="mine")
    client.wait(7)
    reply = client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="gone")
    assert set(reply) == CANCELLED
    assert (reply["origClientOrderId"], reply["clientOrderId"]) == ("mine", "gone")
    assert (reply["status"], reply["transactTime"]) == ("CANCELED", NOW + 7)
    assert client.ask("GET", "openOrders") == []


def test_cancel_stop(client):
    """A cancelled stop order still tells its stop price."""
    client.ask("POST", "order", **STOP)
    assert set(client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1)) == CANCELLED | {"stopPrice"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"orderId": "2"}, -2011),
        ({"orderId": "0"}, -2011),
        ({"orderId": "99999999999999999999"}, -1108),
        ({"orderId": "one"}, -1100),
        ({"origClientOrderId": "other"}, -2011),
        ({"orderId": "1", "origClientOrderId": "other"}, -2039),
        ({"orderId": "1", "cancelRestrictions": "ONLY_OLD"}, -1145),
        ({"orderId": "1", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, -2011),
        ({"orderId": "1", "symbol": "LTCBTC"}, -2011),
        ({"orderId": "1", "symbol": "ETHUSDT"}, -1121),
    ],
)
def test_cancel_refuses(client, params, code):
    """An order that is not meant stays open."""
    client.place(newClientOrderId="mine")
    assert client.refused("DELETE", "order", **{"symbol": "BTCUSDT", **params})[0] == code


def test_cancel_twice(client):
    """What is cancelled cannot be cancelled again."""
    client.place()
    client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1)
    assert client.refused("DELETE", "order", symbol="BTCUSDT", orderId=1) == (-2011, "Unknown order sent.")


def test_cancel_filled(client):
    """What is filled cannot be cancelled."""
    client.market(quantity="1")
    assert client.refused("DELETE", "order", symbol="BTCUSDT", orderId=1)[0] == -2011


@pytest.mark.parametrize(
    ("filled", "restriction", "allowed"),
    [
        (False, "ONLY_NEW", True),
        (True, "ONLY_NEW", False),
        (False, "ONLY_PARTIALLY_FILLED", False),
        (True, "ONLY_PARTIALLY_FILLED", True),
    ],
)
def test_cancel_restrictions(client, filled, restriction, allowed):
    """A cancel may be meant for orders that have traded, or for those that have not."""
    client.place()
    if filled:
        client.trade("94", "0.5")
    sent = {"symbol": "BTCUSDT", "orderId": 1, "cancelRestrictions": restriction}
    if allowed:
        assert client.ask("DELETE", "order", **sent)["status"] == "CANCELED"
    else:
        expected = (-2011, "Order was not canceled due to cancel restrictions.")
        assert client.refused("DELETE", "order", **sent) == expected


def test_cancel_all(client):
    """All open orders of one symbol are cancelled under one id; the others stay."""
    client.place(newClientOrderId="a")
    client.place(newClientOrderId="b")
    client.place(symbol="LTCBTC", price="0.5", quantity="1")
    replies = client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert [reply["origClientOrderId"] for reply in replies] == ["a", "b"]
    assert len({reply["clientOrderId"] for reply in replies}) == 1
    assert [set(reply) for reply in replies] == [CANCELLED, CANCELLED]
    assert [order["symbol"] for order in client.ask("GET", "openOrders")] == ["LTCBTC"]


def test_cancel_none(client):
    """Where nothing is open there is nothing to cancel."""
    assert client.refused("DELETE", "openOrders", symbol="BTCUSDT") == (-2011, "Unknown order sent.")


# ---------------------------------------------------------------------- amending


def test_amend(client):
    """A lower quantity keeps the order and gives back what it locked."""
    client.place(newClientOrderId="old", quantity="2")
    client.wait(3)
    reply = client.ask(
        "PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=1, newQty="0.5", newClientOrderId="new"
    )
    assert list(reply) == ["transactTime", "executionId", "amendedOrder"]
    order = reply["amendedOrder"]
    assert set(order) == AMENDED
    assert (order["origClientOrderId"], order["clientOrderId"], order["qty"]) == ("old", "new", "0.50000000")
    assert client.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="new")["origQty"] == "0.50000000"
    assert client.account.balances["USDT"].locked == 47_50000000


def test_amendments(client):
    """What was changed can be read again, from any change on."""
    client.place(quantity="3")
    first, second = [
        client.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=1, newQty=qty)["executionId"]
        for qty in ("2", "1")
    ]
    rows = client.ask("GET", "order/amendments", symbol="BTCUSDT", orderId=1)
    assert [list(row) for row in rows] == [AMENDMENT, AMENDMENT]
    assert [(row["origQty"], row["newQty"]) for row in rows] == [
        ("3.00000000", "2.00000000"),
        ("2.00000000", "1.00000000"),
    ]
    assert rows[0]["newClientOrderId"] == rows[1]["origClientOrderId"]
    later = client.ask("GET", "order/amendments", symbol="BTCUSDT", orderId=1, fromExecutionId=second)
    assert [row["executionId"] for row in later] == [second]
    fewer = client.ask("GET", "order/amendments", symbol="BTCUSDT", orderId=1, limit=1)
    assert [row["executionId"] for row in fewer] == [first]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"newQty": "2"}, -2038),
        ({"newQty": "1"}, -2038),
        ({"newQty": "0"}, -1013),
        ({"newQty": "0.000011"}, -1013),
        ({"newQty": "0.00001"}, -1013),
        ({"newQty": ""}, -1102),
        ({"newQty": "0.5", "orderId": "9"}, -2038),
        ({"newQty": "0.5", "origClientOrderId": "other"}, -2039),
    ],
)
def test_amend_refuses(client, params, code):
    """A quantity may only become less, and must stay legal."""
    client.place()
    sent = {"symbol": "BTCUSDT", "orderId": "1", **params}
    assert client.refused("PUT", "order/amend/keepPriority", **sent)[0] == code


def test_amend_unsupported():
    """A symbol may not offer amending."""
    client = Client(symbols=[{"symbol": "BTCUSDT", "amendAllowed": False}])
    client.place()
    expected = (-2038, "Order amend is not supported for this symbol.")
    sent = {"symbol": "BTCUSDT", "orderId": 1, "newQty": "0.5"}
    assert client.refused("PUT", "order/amend/keepPriority", **sent) == expected


def test_amend_duplicate(client):
    """An amended order cannot take the client id of another open one."""
    client.place(newClientOrderId="a")
    client.place(newClientOrderId="b")
    sent = {"symbol": "BTCUSDT", "orderId": "2", "newQty": "0.5", "newClientOrderId": "a"}
    assert client.refused("PUT", "order/amend/keepPriority", **sent) == (-2038, "Duplicate order sent.")
