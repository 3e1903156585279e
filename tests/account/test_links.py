"""Stream connections without a socket, and a market that is listened to."""

from __future__ import annotations

import json

import pytest

from exec_plugin.account import PaperAccount, PaperExchange, Settings
from exec_plugin.account.links import LISTEN_KEY, is_known
from exec_plugin.core.units import FAR

HOST = "wss://stream.binance.com:9443"


@pytest.fixture
def account():
    """The account of a made-up market at full speed."""
    exchange = PaperExchange(Settings.read({"speed": "max", "symbols": ["BTCUSDT"]}))
    return PaperAccount(exchange, exchange.open_account("one", {"USDT": "10000"}), None)


def connect(account, path):
    """A connection, and what it is told."""
    texts = []
    return account.connect(HOST + path, texts.append), texts


@pytest.mark.parametrize(
    "path", ["/ws", "/ws/", "/ws/1", "/ws/btcusdt@trade", "/stream", "/stream?streams=a", "/ws-api/v3"]
)
def test_known(account, path):
    """These paths are answered, under any host."""
    assert is_known(HOST + path)
    assert account.answers(f"ws://elsewhere{path}")


@pytest.mark.parametrize("path", ["", "/", "/wss", "/ws-fapi/v1", "/public/ws", "/stream/x", "/ws-api/v1"])
def test_unknown(path):
    """These belong to other markets or to nobody."""
    assert not is_known(HOST + path)


def test_raw(account):
    """The names in the path are subscribed to, events come as they are."""
    link, texts = connect(account, "/ws/btcusdt@trade/btcusdt@aggTrade")
    account.exchange.move_to(account.exchange.venue.now + 10_000)
    assert {json.loads(text)["e"] for text in texts} == {"trade", "aggTrade"}
    link.close()
    assert not account.exchange.gateway.streams.busy


def test_combined(account):
    """The names in the query are, with their time zone, and events say whose they are, in the unit that was asked."""
    link, texts = connect(account, "/stream?streams=btcusdt@kline_1s@+08:00/btcusdt@depth&timeUnit=MICROSECOND")
    link.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    assert json.loads(texts.pop())["result"] == ["btcusdt@kline_1s@+08:00", "btcusdt@depth"]
    account.exchange.move_to(account.exchange.venue.now + 2_000)
    events = [json.loads(text) for text in texts]
    assert {event["stream"] for event in events} == {"btcusdt@kline_1s@+08:00", "btcusdt@depth"}
    assert all(event["data"]["E"] > 10**15 for event in events)
    link.close()


def test_api(account):
    """The WebSocket API takes the time of a request, and a request over it is one of the account."""
    link, texts = connect(account, "/ws-api/v3")
    before = account.milliseconds()
    link.send('{"id":1,"method":"time"}')
    reply = json.loads(texts.pop())
    assert (reply["id"], reply["status"]) == (1, 200)
    assert account.milliseconds() > before
    link.close()


def test_listen_key(account):
    """Clients of old hear the account's events as they are."""
    link, texts = connect(account, f"/ws/{LISTEN_KEY}")
    link.send("anything")
    exchange = account.exchange
    exchange.venue.place(account.account, "BTCUSDT", True, "MARKET", 10**6)
    assert [json.loads(text)["e"] for text in texts] == [
        "executionReport", "executionReport", "outboundAccountPosition",
    ]  # fmt: skip
    link.close()
    link.close()


def history(streams):
    """What a market comes to in a minute, with somebody listening or without."""
    exchange = PaperExchange(Settings.read({"speed": "max", "symbols": ["BTCUSDT", "ETHUSDT"], "seed": 4}))
    account = exchange.open_account("one", {"USDT": "100000"})
    market = exchange.venue.markets["BTCUSDT"]
    price = market.bid
    if streams:
        exchange.gateway.streams.open(lambda text: None, names=streams)
    for number in range(6):
        exchange.venue.place(account, "BTCUSDT", True, "LIMIT", 10**6, price - number * 10**6)
        exchange.move_to(exchange.venue.now + 10_000)
    fills = [tuple(fill) for desk in account.desks.values() for fill in desk.fills]
    return fills, market.tape[-50:], market.depth_view(FAR), exchange.venue.now


@pytest.mark.parametrize(
    "names", [["btcusdt@trade"], ["btcusdt@bookTicker", "btcusdt@depth@100ms", "ethusdt@kline_1s"]]
)
def test_listening_changes_nothing(names):
    """The market goes the same way whoever listens."""
    assert history(names) == history([])


def test_step(account):
    """A replay is moved on to the next thing that happens or is due."""
    exchange = account.exchange
    upcoming = exchange.pump.upcoming
    assert exchange.next_moment() == upcoming
    assert exchange.step()
    assert exchange.venue.now == upcoming
    connect(account, "/ws/btcusdt@depth@100ms")
    assert exchange.next_moment() == min(exchange.pump.upcoming, exchange.gateway.streams.due)
