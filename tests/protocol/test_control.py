"""The scripted exchange: reset, market, clock and events."""

from __future__ import annotations

import pytest
from signing_client import LIMIT, NOW, SETUP, Client

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.protocol.control import LATEST, ScriptedExchange

TRADE = {"type": "trade", "symbol": "BTCUSDT", "price": "100", "qty": "1", "taker": "BUY"}


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def test_reset(client):
    """A reset forgets orders, events, weight and the clock."""
    client.place()
    client.wait(1000)
    client.exchange.reset(SETUP)
    assert client.exchange.events() == ([], 0)
    assert client.exchange.venue.now == NOW
    assert client.exchange.account.open_orders == []
    assert client.exchange.gateway.limits.weight_headers("local", NOW)["X-MBX-USED-WEIGHT"] == "0"


@pytest.mark.parametrize(
    "setup",
    [
        {},
        {"symbols": []},
        {"symbols": [{"symbol": "no symbol"}]},
        {"symbols": [{"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT"}]},
        {"symbols": [{"symbol": "BTCUSDT", "filters": [{"filterType": "LOT_SIZE", "minQty": "x"}]}]},
        {**SETUP, "commission": {"standard": {"maker": "2"}}},
        {**SETUP, "balances": {"USDT": "-1"}},
        {**SETUP, "balances": {"USDT": "much"}},
        {**SETUP, "clock": LATEST + 1},
        {**SETUP, "clock": -1},
        {**SETUP, "clock": float("inf")},
        {**SETUP, "apiKey": 5},
        {**SETUP, "secretKey": {}},
        {**SETUP, "commission": {"discount": {"discount": "1.1"}}},
        {**SETUP, "commission": {"discount": {"discountAsset": []}}},
        {**SETUP, "rateLimits": [{**RATE_LIMITS[0], "intervalNum": 0}]},
        {**SETUP, "rateLimits": [{**RATE_LIMITS[0], "limit": -1}]},
        {"symbols": [{"symbol": "BTCUSDT", "baseAssetPrecision": "8"}]},
        {"symbols": [{"symbol": "BTCUSDT", "quotePrecision": 9}]},
        {"symbols": [{"symbol": "BTCUSDT", "orderTypes": [None]}]},
        {"symbols": [{"symbol": "BTCUSDT", "permissionSets": ["SPOT"]}]},
        {"symbols": [{"symbol": "BTCUSDT", "icebergAllowed": "yes"}]},
    ],
)
def test_reset_refuses(setup):
    """What cannot be an exchange is refused."""
    with pytest.raises(ConfigError):
        ScriptedExchange(setup)


def test_defaults():
    """Symbols are all that a reset needs."""
    exchange = ScriptedExchange({"symbols": [{"symbol": "BTCUSDT"}]})
    assert exchange.clock() == 0
    assert exchange.gateway.handle("GET", "/api/v3/ticker/price", {}).status == 200


def test_book(client):
    """A book replaces the one before; two levels at one price are one."""
    client.book([("98", "1"), ("98.00", "2")], [("102", "1")])
    reply = client.ask("GET", "depth", symbol="BTCUSDT")
    assert reply["bids"] == [["98.00000000", "3.00000000"]]
    assert reply["asks"] == [["102.00000000", "1.00000000"]]


@pytest.mark.parametrize(("taker", "is_maker"), [("BUY", False), ("SELL", True)])
def test_trade(client, taker, is_maker):
    """A trade is somebody else's, and moves the last price."""
    client.trade("100", "2", taker)
    (trade,) = client.ask("GET", "trades", symbol="BTCUSDT")
    assert (trade["price"], trade["isBuyerMaker"], trade["time"]) == ("100.00000000", is_maker, NOW)
    assert client.ask("GET", "ticker/price", symbol="BTCUSDT")["price"] == "100.00000000"


def test_event_time(client):
    """An event may move the clock first, never back."""
    client.exchange.market([{**TRADE, "time": NOW + 50}, {**TRADE, "time": NOW}])
    assert [trade["time"] for trade in client.ask("GET", "trades", symbol="BTCUSDT")] == [NOW + 50, NOW + 50]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"symbol": "ETHUSDT"}, -1121),
        ({"symbol": None}, -1121),
        ({"type": "candle"}, -1130),
        ({"type": None}, -1130),
        ({"price": "much"}, -1130),
        ({"price": None}, -1130),
        ({"qty": "NaN"}, -1130),
        ({"qty": "0"}, -1130),
        ({"price": "-1"}, -1130),
        ({"taker": "buy"}, -1130),
        ({"type": "book", "bids": [["1"]]}, -1130),
        ({"type": "book", "asks": [["1", "x"]]}, -1130),
        ({"type": "book", "asks": 5}, -1130),
        ({"time": "noon"}, -1130),
        ({"time": float("inf")}, -1130),
        ({"time": LATEST + 1}, -1130),
        ({"time": NOW + 1, "qty": "0"}, -1130),
        ({"price": str(2**62)}, -1130),
        ({"type": "book", "bids": [["1", "40000000000"], ["1", "40000000000"]]}, -1130),
    ],
)
def test_market_refuses(client, event, code):
    """An event that cannot be read is refused by name, with all that came before it."""
    whole = {**TRADE, **event}
    before = client.state()
    with pytest.raises(RequestRejected) as caught:
        client.exchange.market([{**TRADE, "time": NOW + 5}, whole])
    assert caught.value.code == code
    assert client.state() == before


def test_clock(client):
    """The clock goes by or to some time, and never back."""
    exchange = client.exchange
    assert exchange.clock(advance=10) == NOW + 10
    assert exchange.clock(now=NOW + 30) == NOW + 30
    assert exchange.clock(now=NOW) == NOW + 30
    assert exchange.clock() == NOW + 30
    with pytest.raises(RequestRejected):
        exchange.clock(advance=LATEST)
    assert exchange.clock(now=LATEST) == LATEST
    assert (
        client.send("GET", "klines", {"symbol": "BTCUSDT", "interval": "1M"})
        .headers["Date"]
        .startswith("Wed, 01 Jan 3000")
    )


def test_events(client):
    """Events are numbered and can be read from any number on."""
    client.send("POST", "order", LIMIT)
    events, last = client.exchange.events()
    assert [event["e"] for _, event in events] == ["executionReport", "outboundAccountPosition"]
    assert [number for number, _ in events] == [1, 2]
    assert last == 2
    client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    later, last = client.exchange.events(2)
    assert [(number, event["e"]) for number, event in later] == [(3, "executionReport"), (4, "outboundAccountPosition")]
    assert client.exchange.events(last) == ([], last)
