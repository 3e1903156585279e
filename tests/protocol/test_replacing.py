"""Cancel and replace: what each half did, and what is refused before."""

from __future__ import annotations

import json

import pytest
from signing_client import FILTERS, KEY, LIMIT, NOW, SETUP, Client

REPLACE = {**LIMIT, "price": "96", "cancelReplaceMode": "STOP_ON_FAILURE"}
ALLOW = {"cancelReplaceMode": "ALLOW_FAILURE"}
CROSSING = {"type": "LIMIT_MAKER", "price": "101"}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
MATCHES = {"code": -2010, "msg": "Order would immediately match and take."}
ORDERS = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10}
EXCEEDED = {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def replace(client, **params):
    """Status and body of a request; an order type without timeInForce gets none."""
    params = {**REPLACE, **params}
    if params["type"] == "LIMIT_MAKER":
        del params["timeInForce"]
    reply = client.send("POST", "order/cancelReplace", params)
    return reply.status, json.loads(reply.text)


def results(body):
    """The two results of a reply, wherever they stand."""
    found = body.get("data", body)
    return found["cancelResult"], found["newOrderResult"]


def open_ids(client):
    """The ids of the open orders."""
    return [order["orderId"] for order in client.ask("GET", "openOrders", symbol="BTCUSDT")]


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
@pytest.mark.parametrize("by", ["id", "client id", "both"])
def test_success(client, mode, by):
    """Both halves answer what they would have answered alone; the order is named as in a cancel."""
    old = client.place(newClientOrderId="old")
    which = {"cancelOrderId": old["orderId"], "cancelOrigClientOrderId": "old"}
    if by != "both":
        which.pop("cancelOrigClientOrderId" if by == "id" else "cancelOrderId")
    status, body = replace(
        client, cancelReplaceMode=mode, cancelNewClientOrderId="bye", newClientOrderId="new", **which
    )
    assert (status, list(body)) == (200, ["cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"])
    assert results(body) == ("SUCCESS", "SUCCESS")
    cancelled, placed = body["cancelResponse"], body["newOrderResponse"]
    assert (cancelled["status"], cancelled["origClientOrderId"], cancelled["clientOrderId"]) == (
        "CANCELED",
        "old",
        "bye",
    )
    assert (placed["status"], placed["clientOrderId"], placed["price"]) == ("NEW", "new", "96.00000000")
    assert open_ids(client) == [placed["orderId"]]


def test_freed_funds():
    """What the cancel frees pays for the new order, and its client id may be used again."""
    client = Client(balances={"USDT": "96"})
    old = client.place(newClientOrderId="same")
    status, body = replace(client, cancelOrderId=old["orderId"], newClientOrderId="same")
    assert (status, results(body)) == (200, ("SUCCESS", "SUCCESS"))


@pytest.mark.parametrize(
    ("params", "status", "code", "halves", "responses"),
    [
        ({}, 400, -2022, ("FAILURE", "NOT_ATTEMPTED"), (UNKNOWN, None)),
        (ALLOW, 409, -2021, ("FAILURE", "SUCCESS"), (UNKNOWN, ...)),
        ({**ALLOW, **CROSSING}, 400, -2022, ("FAILURE", "FAILURE"), (UNKNOWN, MATCHES)),
    ],
)
def test_cancel_fails(client, params, status, code, halves, responses):
    """When the cancel fails, the mode decides whether the new order is tried."""
    found, body = replace(client, cancelOrigClientOrderId="never", **params)
    assert (found, body["code"], results(body)) == (status, code, halves)
    cancelled, placed = body["data"]["cancelResponse"], body["data"]["newOrderResponse"]
    assert cancelled == responses[0]
    assert responses[1] is ... or placed == responses[1]
    assert len(open_ids(client)) == (halves[1] == "SUCCESS")


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_order_fails(client, mode):
    """When only the new order is refused by the matching engine, the old one is gone all the same."""
    old = client.place()
    status, body = replace(client, cancelReplaceMode=mode, cancelOrderId=old["orderId"], **CROSSING)
    assert (status, body["code"], body["msg"]) == (409, -2021, "Order cancel-replace partially failed.")
    assert results(body) == ("SUCCESS", "FAILURE")
    assert body["data"]["newOrderResponse"] == MATCHES
    assert open_ids(client) == []


@pytest.mark.parametrize(
    ("restriction", "halves"),
    [("ONLY_NEW", ("SUCCESS", "SUCCESS")), ("ONLY_PARTIALLY_FILLED", ("FAILURE", "NOT_ATTEMPTED"))],
)
def test_restrictions(client, restriction, halves):
    """The cancel keeps to its restrictions."""
    old = client.place()
    _, body = replace(client, cancelOrderId=old["orderId"], cancelRestrictions=restriction)
    assert results(body) == halves


def test_other_client_id(client):
    """An id and a client id that are not of one order cancel nothing."""
    old = client.place(newClientOrderId="old")
    status, body = replace(client, cancelOrderId=old["orderId"], cancelOrigClientOrderId="new")
    assert (status, body["data"]["cancelResponse"]["code"]) == (400, -2039)
    assert open_ids(client) == [old["orderId"]]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"cancelReplaceMode": "MAYBE"}, -1130),
        ({"orderRateLimitExceededMode": "MAYBE"}, -1130),
        ({"cancelRestrictions": "MAYBE"}, -1145),
        ({"cancelReplaceMode": ""}, -1102),
        ({"cancelOrderId": ""}, -1102),
        ({"price": ""}, -1102),
        ({"stopPrice": "1"}, -1106),
        ({"price": "0.001"}, -1013),
        ({"quantity": "0.000001"}, -1013),
        ({"selfTradePreventionMode": "SOMETIMES"}, -1130),
    ],
)
def test_refused_before(client, params, code):
    """What is wrong with parameters or filters is told plainly, and the old order stays."""
    old = client.place()
    sent = {
        name: value for name, value in {**REPLACE, "cancelOrderId": old["orderId"], **params}.items() if value != ""
    }
    assert client.refused("POST", "order/cancelReplace", **sent)[0] == code
    assert open_ids(client) == [old["orderId"]]


def test_filters_before():
    """Filters count the order that is to be cancelled, also where it passes its client id on."""
    rules = [*FILTERS, {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1}]
    client = Client(symbols=[{**SETUP["symbols"][0], "filters": rules}])
    old = client.place(newClientOrderId="same")
    params = {**REPLACE, "cancelOrderId": old["orderId"], "newClientOrderId": "same"}
    assert client.refused("POST", "order/cancelReplace", **params) == (-1013, "Filter failure: MAX_NUM_ORDERS")


def test_not_allowed():
    """A symbol may forbid it."""
    client = Client(symbols=[{**SETUP["symbols"][0], "cancelReplaceAllowed": False}])
    old = client.place()
    assert client.refused("POST", "order/cancelReplace", **REPLACE, cancelOrderId=old["orderId"]) == (
        -2010, "Order cancel-replace is not supported for this symbol.",
    )  # fmt: skip


def count(client):
    """The unfilled orders that are counted."""
    return client.ask("GET", "rateLimit/order")[0]["count"]


@pytest.mark.parametrize("which", ["found", "unknown"])
def test_counts_one(client, which):
    """An order that was not attempted counts as one that was, and the headers tell."""
    old = client.place()
    params = {**REPLACE, "cancelOrderId": old["orderId"] if which == "found" else 99}
    reply = client.send("POST", "order/cancelReplace", params)
    assert reply.status == (200 if which == "found" else 400)
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "2"
    assert count(client) == 2


@pytest.fixture
def limited():
    """An exchange that takes one order in ten seconds, and the order that was."""
    client = Client(rateLimits=[{**ORDERS, "limit": 1}])
    return client, client.place()


@pytest.mark.parametrize("mode", [{}, {"orderRateLimitExceededMode": "DO_NOTHING"}])
def test_exceeded(limited, mode):
    """With the order count used up nothing is done."""
    client, old = limited
    status, body = replace(client, cancelOrderId=old["orderId"], **mode)
    assert (status, body) == (429, EXCEEDED)
    assert open_ids(client) == [old["orderId"]]


@pytest.mark.parametrize(
    ("params", "known", "status", "code", "halves", "response"),
    [
        ({}, True, 429, -2021, ("SUCCESS", "FAILURE"), EXCEEDED),
        ({}, False, 429, -2022, ("FAILURE", "NOT_ATTEMPTED"), None),
        (ALLOW, True, 409, -2021, ("SUCCESS", "FAILURE"), EXCEEDED),
        (ALLOW, False, 400, -2022, ("FAILURE", "FAILURE"), EXCEEDED),
    ],
)
def test_cancel_only(limited, params, known, status, code, halves, response):
    """CANCEL_ONLY tries the cancel although no order may follow, and counts nothing."""
    client, old = limited
    sent = {**REPLACE, **params, "cancelOrderId": old["orderId"] if known else 99}
    reply = client.send("POST", "order/cancelReplace", {**sent, "orderRateLimitExceededMode": "CANCEL_ONLY"})
    body = json.loads(reply.text)
    assert (reply.status, body["code"], results(body)) == (status, code, halves)
    assert body["data"]["newOrderResponse"] == response
    assert ("Retry-After" in reply.headers) == (status == 429)
    assert count(client) == 1
    assert open_ids(client) == ([] if known else [old["orderId"]])


def test_cancel_only_within(client):
    """CANCEL_ONLY changes nothing while orders may be placed."""
    old = client.place()
    status, _ = replace(client, cancelOrderId=old["orderId"], orderRateLimitExceededMode="CANCEL_ONLY")
    assert status == 200


def test_micros(client):
    """Who asks for microseconds gets them in the halves of a failure, too."""
    params = {**REPLACE, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": 99}
    reply = client.send("POST", "order/cancelReplace", params, {"x-mbx-time-unit": "MICROSECOND"}.items())
    assert json.loads(reply.text)["data"]["newOrderResponse"]["transactTime"] == NOW * 1000


def test_secret_stays(client):
    """No error of it shows the key."""
    reply = client.send("POST", "order/cancelReplace", {**REPLACE, "cancelOrderId": 99})
    assert f'"{KEY}"' not in reply.text
