"""Orders by smart order routing, and the allocations that they never bring here."""

from __future__ import annotations

import pytest
from signing_client import LIMIT, NOW, Client

RATES = {"standardCommissionForOrder", "taxCommissionForOrder", "discount"}


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


@pytest.mark.parametrize("params", [{"type": "MARKET"}, {"type": "LIMIT", "timeInForce": "GTC", "price": "101"}])
def test_fills(client, params):
    """An order by SOR trades on its own book and says that it used SOR, now and later."""
    placed = client.ask("POST", "sor/order", symbol="BTCUSDT", side="BUY", quantity="1", **params)
    assert (placed["status"], placed["usedSor"], placed["workingFloor"]) == ("FILLED", True, "SOR")
    assert [fill["tradeId"] for fill in placed["fills"]] == [1]
    found = client.ask("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (found["usedSor"], found["workingFloor"]) == (True, "SOR")
    assert len(client.ask("GET", "myTrades", symbol="BTCUSDT")) == 1


def test_reports(client):
    """Reports of such an order carry the flags, those of others do not."""
    client.ask("POST", "sor/order", **LIMIT)
    client.place()
    first, second = (event for _, event in client.exchange.events()[0] if event["e"] == "executionReport")
    assert (first["k"], first["uS"]) == ("SOR", True)
    assert not {"k", "uS"} & set(second)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({**LIMIT, "quantity": ""}, -1102),
        ({**LIMIT, "quoteOrderQty": "5"}, -1104),
        ({**LIMIT, "usedSor": "true"}, -1104),
        ({**LIMIT, "type": "LIMIT_MAKER", "timeInForce": ""}, -1116),
        ({**LIMIT, "price": "0.001"}, -1013),
    ],
)
@pytest.mark.parametrize("path", ["sor/order", "sor/order/test"])
def test_refuses(client, path, params, code):
    """Only LIMIT and MARKET orders by quantity are taken, and filters apply."""
    sent = {name: value for name, value in params.items() if value}
    assert client.refused("POST", path, **sent)[0] == code


def test_test(client):
    """A test order changes nothing and tells the rates when asked."""
    before = client.state()
    assert client.ask("POST", "sor/order/test", **LIMIT) == {}
    assert set(client.ask("POST", "sor/order/test", **LIMIT, computeCommissionRates="true")) == RATES
    assert client.state() == before


@pytest.mark.parametrize(
    "params",
    [
        {}, {"limit": 5}, {"startTime": NOW}, {"endTime": NOW}, {"startTime": NOW, "endTime": NOW + 1},
        {"fromAllocationId": 0}, {"orderId": 1}, {"orderId": 1, "fromAllocationId": 0, "limit": 10},
    ],
)  # fmt: skip
def test_allocations(client, params):
    """Every documented query answers that there are none."""
    client.ask("POST", "sor/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")
    assert client.ask("GET", "myAllocations", symbol="BTCUSDT", **params) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "NONE"}, -1121),
        ({"orderId": 1, "startTime": NOW}, -1128),
        ({"fromAllocationId": 1, "endTime": NOW}, -1128),
        ({"startTime": NOW, "endTime": NOW + 86_400_001}, -1127),
        ({"limit": 0}, -1130),
    ],
)
def test_allocations_refused(client, params, code):
    """Others are refused."""
    assert client.refused("GET", "myAllocations", **{"symbol": "BTCUSDT", **params})[0] == code
