"""Queries of orders and trades: shapes, pages and windows."""

from __future__ import annotations

import pytest
from signing_client import NOW, Client

from exec_plugin.core.clock import DAY, SECOND

# The key sets of the documents' examples.
AMOUNTS = ["price", "origQty", "executedQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side"]
STATUS = {
    "symbol", "orderId", "orderListId", "clientOrderId", *AMOUNTS, "stopPrice", "icebergQty", "time", "updateTime",
    "isWorking", "workingTime", "origQuoteOrderQty", "selfTradePreventionMode",
}  # fmt: skip
TRADE = [
    "symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission", "commissionAsset", "time",
    "isBuyer", "isMaker", "isBestMatch",
]  # fmt: skip


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def test_status(client):
    """One order, found by either id."""
    client.place(newClientOrderId="mine")
    order = client.ask("GET", "order", symbol="BTCUSDT", orderId=1)
    assert set(order) == STATUS
    assert order == client.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert order == client.ask("GET", "order", symbol="BTCUSDT", orderId=1, origClientOrderId="mine")
    assert (order["icebergQty"], order["stopPrice"]) == ("0.00000000", "0.00000000")


@pytest.mark.parametrize(
    ("params", "code"),
    [({}, -1102), ({"orderId": "7"}, -2013), ({"origClientOrderId": "x"}, -2013), ({"orderId": ""}, -1105)],
)
def test_status_refuses(client, params, code):
    """An order that does not exist is not found."""
    assert client.refused("GET", "order", symbol="BTCUSDT", **params)[0] == code


def test_open_orders(client):
    """Open orders are listed for one symbol or for all, oldest first."""
    client.place()
    client.place(symbol="LTCBTC", price="0.5")
    client.place()
    client.market(quantity="1")
    assert [order["orderId"] for order in client.ask("GET", "openOrders")] == [1, 2, 3]
    orders = client.ask("GET", "openOrders", symbol="BTCUSDT")
    assert [order["orderId"] for order in orders] == [1, 3]
    assert set(orders[0]) == STATUS


@pytest.fixture
def busy(client):
    """Five filled market orders, a second apart, ids and trades 1 to 5."""
    for _ in range(5):
        client.market(quantity="0.1")
        client.wait(SECOND)
    return client


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"limit": 2}, [4, 5]),
        ({"limit": 100_000}, [1, 2, 3, 4, 5]),
        ({"startTime": NOW + 1}, [2, 3, 4, 5]),
        ({"startTime": NOW + 1, "limit": 2}, [2, 3]),
        ({"endTime": NOW + 3 * SECOND}, [1, 2, 3, 4]),
        ({"endTime": NOW + 3 * SECOND, "limit": 2}, [3, 4]),
        ({"startTime": NOW + SECOND, "endTime": NOW + 2 * SECOND}, [2, 3]),
        ({"startTime": (NOW + SECOND) * 1000, "endTime": (NOW + 2 * SECOND) * 1000}, [2, 3]),
        ({"startTime": NOW, "endTime": NOW + DAY}, [1, 2, 3, 4, 5]),
        ({"startTime": NOW + DAY}, []),
    ],
)
def test_windows(busy, params, ids):
    """Orders and trades: the newest without a start, the oldest from a start on, both ends included."""
    orders = busy.ask("GET", "allOrders", symbol="BTCUSDT", **params)
    assert [order["orderId"] for order in orders] == ids
    assert all(set(order) == STATUS for order in orders)
    trades = busy.ask("GET", "myTrades", symbol="BTCUSDT", **params)
    assert [trade["orderId"] for trade in trades] == ids
    assert all(list(trade) == TRADE for trade in trades)


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"orderId": 3}, [3, 4, 5]),
        ({"orderId": 3, "limit": 2}, [3, 4]),
        ({"orderId": 0, "limit": 1}, [1]),
        ({"orderId": 6}, []),
        ({"orderId": 2, "endTime": NOW + 2 * SECOND}, [2, 3]),
    ],
)
def test_all_orders_from_id(busy, params, ids):
    """Orders can be read page by page from an id on."""
    orders = busy.ask("GET", "allOrders", symbol="BTCUSDT", **params)
    assert [order["orderId"] for order in orders] == ids


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"fromId": 4}, [4, 5]),
        ({"fromId": 0, "limit": 2}, [1, 2]),
        ({"orderId": 2}, [2]),
        ({"orderId": 9}, []),
        ({"orderId": 2, "fromId": 3}, []),
    ],
)
def test_my_trades_from_id(busy, params, ids):
    """Trades can be read page by page from an id on, and by their order."""
    trades = busy.ask("GET", "myTrades", symbol="BTCUSDT", **params)
    assert [trade["id"] for trade in trades] == ids


@pytest.mark.parametrize("path", ["allOrders", "myTrades"])
@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"startTime": NOW, "endTime": NOW + DAY + 1}, -1127),
        ({"startTime": NOW, "endTime": NOW - 1}, -1128),
        ({"limit": "0"}, -1130),
        ({"limit": "-1"}, -1100),
        ({"startTime": "today"}, -1100),
    ],
)
def test_windows_refuse(busy, path, params, code):
    """A window runs forwards and not for more than a day."""
    assert busy.refused("GET", path, symbol="BTCUSDT", **params)[0] == code


@pytest.mark.parametrize("extra", [{"startTime": NOW}, {"endTime": NOW}, {"startTime": NOW, "endTime": NOW}])
@pytest.mark.parametrize("name", ["fromId", "orderId"])
def test_my_trades_combinations(busy, name, extra):
    """A trade or order id excludes a window."""
    expected = (-1128, "Combination of optional parameters invalid.")
    assert busy.refused("GET", "myTrades", symbol="BTCUSDT", **{name: 1}, **extra) == expected


def test_my_trade(client):
    """A trade tells its price, its value and what it cost, and who rested."""
    client.place(price="95", quantity="2")
    client.trade("94", "2")
    (trade,) = client.ask("GET", "myTrades", symbol="BTCUSDT")
    assert trade == {
        "symbol": "BTCUSDT", "id": 1, "orderId": 1, "orderListId": -1, "price": "95.00000000", "qty": "2.00000000",
        "quoteQty": "190.00000000", "commission": "0.00200000", "commissionAsset": "BTC", "time": NOW,
        "isBuyer": True, "isMaker": True, "isBestMatch": True,
    }  # fmt: skip
