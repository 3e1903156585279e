"""WebSockets: the WebSocket API and streams over real sockets, slow readers, pulse and bounds."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st
from protocol.signing_client import KEY, LIMIT, NOW, SECRET

from exec_plugin.protocol import sign
from exec_plugin.server import ServerSettings, doors, sockets
from exec_plugin.server.doors import Attempts
from exec_plugin.server.sockets import Framer, frame


class FakeHub:
    """Streams that repeat what they are told, and what the client says."""

    busy = False

    def __init__(self):
        self.opened = []

    def open(self, push, *, names=(), combined=False, micros=False):
        session = SimpleNamespace(
            push=push, names=list(names), combined=combined, micros=micros, closed=False, receive=push
        )
        session.close = lambda: setattr(session, "closed", True)
        session.shut_down = lambda: push(json.dumps({"e": "serverShutdown"}))
        self.opened.append(session)
        push(json.dumps({"hello": session.names}))
        return session

    def advance(self, moment):
        """Nothing is due at any time."""

    def flush(self):
        """Nothing is kept back."""


@pytest.fixture
def hub(exchange):
    """The exchange's streams."""
    exchange.gateway.streams = FakeHub()
    return exchange.gateway.streams


def signed(**params):
    """Parameters with key and signature."""
    params = {**params, "apiKey": KEY, "timestamp": NOW}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": sign(SECRET, payload)}


async def ask(socket, method, **params):
    """The result of a request."""
    await socket.send_json({"id": 1, "method": method, "params": params})
    while True:
        reply = await socket.receive_json(timeout=5)
        if "status" in reply:
            assert reply["status"] == 200, reply
            return reply["result"]


async def test_api(http):
    """Requests are answered, and connecting weighs 2."""
    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_json({"id": "a", "method": "ping"})
        reply = await socket.receive_json()
        assert (reply["id"], reply["result"], reply["rateLimits"][0]["count"]) == ("a", {}, 3)


async def test_api_options(http):
    """The connection's URL chooses the unit of time and whether limits are told."""
    async with http.ws_connect("/ws-api/v3?timeUnit=microsecond&returnRateLimits=false") as socket:
        await socket.send_json({"id": 1, "method": "time"})
        assert await socket.receive_json() == {"id": 1, "status": 200, "result": {"serverTime": NOW * 1000}}


@pytest.mark.parametrize(
    ("path", "status"),
    [("/ws-api/v3?timeUnit=HOUR", 400), ("/ws-api/v9", 404), ("/nowhere", 404)],
)
async def test_no_socket(http, path, status):
    """Where there is nothing to connect to, the handshake is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(path)
    assert caught.value.status == status


async def test_user_data(http):
    """Events of orders by REST reach a subscribed connection, and none after it has gone."""
    async with http.ws_connect("/ws-api/v3") as socket:
        assert await ask(socket, "userDataStream.subscribe.signature", **signed()) == {"subscriptionId": 0}
        await ask(socket, "order.place", **signed(**LIMIT))
        text = f"symbol=BTCUSDT&timestamp={NOW}"
        target = f"/api/v3/openOrders?{text}&signature={sign(SECRET, text)}"
        async with http.delete(target, headers={"X-MBX-APIKEY": KEY}) as reply:
            assert reply.status == 200
        events = [(await socket.receive_json(timeout=5))["event"]["e"] for _ in range(2)]
        assert events == ["executionReport", "outboundAccountPosition"]


@pytest.mark.parametrize(
    ("path", "names", "combined", "micros"),
    [
        ("/ws", [], False, False),
        ("/ws/btcusdt@trade", ["btcusdt@trade"], False, False),
        ("/ws/btcusdt@trade/ethusdt@depth@100ms", ["btcusdt@trade", "ethusdt@depth@100ms"], False, False),
        ("/ws/1", ["1"], False, False),
        ("/stream", [], True, False),
        ("/stream?streams=", [], True, False),
        ("/stream?streams=btcusdt@trade/!ticker@arr", ["btcusdt@trade", "!ticker@arr"], True, False),
        ("/stream?streams=btcusdt%40trade&timeUnit=MICROSECOND", ["btcusdt@trade"], True, True),
    ],
)
async def test_streams(http, hub, path, names, combined, micros):
    """A path names its streams; what is pushed at once arrives, and the end is told to the hub."""
    async with http.ws_connect(path) as socket:
        assert await socket.receive_json() == {"hello": names}
        await socket.send_str("echo")
        assert (await socket.receive()).data == "echo"
        (session,) = hub.opened
        assert (session.names, session.combined, session.micros) == (names, combined, micros)
    async with asyncio.timeout(60):
        while not session.closed:  # noqa: ASYNC110  nobody tells of it
            await asyncio.sleep(0)


async def test_too_fast(http, hub):
    """A stream client that sends a sixth message within a second is disconnected."""
    async with http.ws_connect("/ws") as socket:
        await socket.receive()
        for _ in range(6):
            await socket.send_str("x")
        replies = [(await socket.receive()).type for _ in range(6)]
        assert replies == [WSMsgType.TEXT] * 5 + [WSMsgType.CLOSE]
        assert socket.close_code == 1008


async def test_slow_reader(http, hub, server):
    """A client that does not read is cut off and counted, and nobody waits for it."""
    async with http.ws_connect("/ws") as socket:
        (session,) = hub.opened
        # stop reading: what the kernel buffers on both sides is bounded, so is what the server keeps
        socket._response.connection.transport.pause_reading()
        text = "x" * 100_000
        sent = 0
        while not session.closed and sent < 2_000:
            session.push(text)
            sent += 1
            await asyncio.sleep(0)
        assert session.closed
        assert sent * len(text) < 50 * 2**20
        assert server.doors.tally.dropped == 1


@pytest.mark.parametrize("settings", [ServerSettings(port=0, max_message=100)], ids=["small"])
async def test_long_message(http):
    """A frame beyond the bound ends the connection."""
    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_str("x" * 101)
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1009


async def test_binary(http):
    """Only texts are understood."""
    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_bytes(b"x")
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1003


async def test_ping(http):
    """A ping is answered with its own payload."""
    async with http.ws_connect("/ws-api/v3", autoping=False) as socket:
        await socket.ping(b"hello")
        reply = await socket.receive()
        assert (reply.type, reply.data) == (WSMsgType.PONG, b"hello")


async def test_pulse(server, http, monkeypatch):
    """Who answers no ping is cut off; an unsolicited pong is no answer."""
    async with http.ws_connect("/ws-api/v3", autoping=False) as socket:
        await ask(socket, "ping")
        (one,) = server.doors.sockets._all
        await one.beat()
        ping = await socket.receive()
        assert ping.type is WSMsgType.PING
        monkeypatch.setattr(sockets, "PONG_WITHIN", -1)
        await socket.pong(b"unsolicited")
        await ask(socket, "ping")
        await one.beat()
        assert (await socket.receive(timeout=5)).type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)


async def test_a_day(server, http, monkeypatch):
    """A connection ends after a day."""
    async with http.ws_connect("/ws-api/v3") as socket:
        await ask(socket, "ping")
        (one,) = server.doors.sockets._all
        monkeypatch.setattr(sockets, "LONGEST_LIFE", -1)
        await one.beat()
        assert (await socket.receive(timeout=5)).type is WSMsgType.CLOSE


async def test_attempts(http, monkeypatch):
    """An address that connects too often is refused for a while."""
    monkeypatch.setattr(doors, "LOCAL_ATTEMPTS", 1)
    async with http.ws_connect("/ws-api/v3"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect("/ws-api/v3")
    assert caught.value.status == 429


def test_attempts_end():
    """Attempts are forgotten after five minutes; every address has its own."""
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    assert all(attempts.note("8.8.8.8") for _ in range(300))
    assert not attempts.note("8.8.8.8")
    assert attempts.note("8.8.4.4")
    now[0] = 300.1
    assert attempts.note("8.8.8.8")


async def test_fault_disconnect(http):
    """A rehearsed disconnect cuts the socket instead of sending a frame."""
    async with http.post("/paper/faults", json={"rules": [{"fault": "disconnect", "after": 1}]}):
        pass
    async with http.ws_connect("/ws-api/v3") as socket:
        await ask(socket, "ping")
        await socket.send_json({"id": 1, "method": "ping"})
        assert (await socket.receive(timeout=5)).type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)


@pytest.mark.parametrize(("executed", "count"), [(False, 0), (True, 1)])
async def test_fault_drop(exchange, http, executed, count):
    """A rehearsed drop ends the connection before or after the order, and never with an answer."""
    rule = {"fault": "drop", "path": "order.place", "executed": executed}
    async with http.post("/paper/faults", json={"rules": [rule]}):
        pass
    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "order.place", "params": signed(**LIMIT)})
        assert (await socket.receive(timeout=5)).type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)
    assert len(exchange.account.open_orders) == count


@given(st.integers(0, 70_000))
def test_frame(size):
    """A frame has the shortest length field that holds its size."""
    data = frame("x" * size)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert len(data) == head + size
    assert data[0] == 0x81
    length = data[1] if head == 2 else int.from_bytes(data[2:head], "big")
    assert length == size


def test_framer():
    """One text is framed once, whoever it goes to."""
    framer, text = Framer(), "hello"
    assert framer(text) is framer(text)
    assert framer("other") == frame("other")
