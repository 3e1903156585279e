from __future__ import annotations

import json

import pytest
from signing_client import KEY, SETUP, Client


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def test_trade_fee(client):
    """The wallet's fees are told for one symbol or for all."""
    row = {"symbol": "LTCBTC", "makerCommission": "0.00100000", "takerCommission": "0.00200000"}
    assert client.ask("GET", "/sapi/v1/asset/tradeFee", symbol="LTCBTC") == [row]
    names = [entry["symbol"] for entry in SETUP["symbols"]]
    assert [row["symbol"] for row in client.ask("GET", "/sapi/v1/asset/tradeFee")] == names
    assert client.refused("GET", "/sapi/v1/asset/tradeFee", symbol="ETHUSDT")[0] == -1121


def test_system_status(client):
    """The system is always up."""
    assert client.ask("GET", "/sapi/v1/system/status") == {"status": 0, "msg": "normal"}


def test_coins(client):
    """Every coin that is traded or held is listed once, with what the account has of it and no way in or out."""
    client.place(price="95", quantity="2")
    rows = {row["coin"]: row for row in client.ask("GET", "/sapi/v1/capital/config/getall")}
    assert list(rows) == ["BTC", "USDT", "LTC", "BNB"]
    assert (rows["USDT"]["free"], rows["USDT"]["locked"]) == ("810.00000000", "190.00000000")
    assert (rows["BNB"]["free"], rows["BNB"]["locked"]) == ("0.00000000", "0.00000000")
    assert not any(row["networkList"] or row["depositAllEnable"] or row["withdrawAllEnable"] for row in rows.values())


def test_held_coin():
    """A coin that no symbol trades is listed too where the account holds some."""
    client = Client(balances={"DOGE": "7"})
    rows = client.ask("GET", "/sapi/v1/capital/config/getall")
    assert [row["free"] for row in rows if row["coin"] == "DOGE"] == ["7.00000000"]


def test_key_permissions(client):
    """A key may trade spot and take nothing out."""
    told = client.ask("GET", "/sapi/v1/account/apiRestrictions")
    assert [name for name, value in told.items() if value is True] == ["enableReading", "enableSpotAndMarginTrading"]


EMPTY = ["/sapi/v1/spot/delist-schedule", "/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"]


@pytest.mark.parametrize("path", EMPTY)
@pytest.mark.parametrize("query", ["", "?timestamp=1&recvWindow=10000&signature=00"])
def test_empty(client, path, query):
    """Lists of what is not on paper are empty for whoever shows a key; ccxt signs such calls for nothing."""
    reply = client.gateway.handle("GET", path + query, {"x-mbx-apikey": KEY})
    assert (reply.status, reply.text) == (200, "[]")


@pytest.mark.parametrize(("headers", "code"), [({}, -2014), ({"x-mbx-apikey": "stranger"}, -2015)])
@pytest.mark.parametrize("path", EMPTY)
def test_key_wanted(client, path, headers, code):
    """They are not for strangers."""
    reply = client.gateway.handle("GET", path, headers)
    assert (reply.status, json.loads(reply.text)["code"]) == (401, code)


def test_signature_wanted(client):
    """What is told of an account needs its signature."""
    for path in ("/sapi/v1/capital/config/getall", "/sapi/v1/account/apiRestrictions"):
        assert client.gateway.handle("GET", path, {"x-mbx-apikey": KEY}).status == 400
