"""Whatever reaches the server: control calls of any shape, and bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import socket
import struct
import threading
from contextlib import ExitStack, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protocol.any_requests import BY_NAME, CROWDED, Maker
from protocol.signing_client import KEY, NOW, form

from exec_plugin.endpoints import SIGNED
from exec_plugin.protocol import sign
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import PaperServer, ServerSettings
from exec_plugin.server.control import Asked, Control
from exec_plugin.server.stage import Stage

SECRET = "correct horse battery"
SETUP = {**CROWDED, "secretKey": SECRET}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "95"}


def ask(exchange, name, params):
    """One request of the exchange as it is after a reset; answers status and JSON."""
    endpoint = BY_NAME[name]
    query = form(params)
    if endpoint.security == SIGNED:
        query = form({**params, "timestamp": exchange.venue.now})
        query = f"{query}&signature={sign(SECRET, query)}"
    reply = exchange.gateway.handle(endpoint.method, f"{endpoint.path}?{query}", {"x-mbx-apikey": KEY})
    answer = json.loads(reply.text)
    json.dumps(answer, allow_nan=False)
    return reply.status, answer


def use(exchange, maker):
    """Ask a bit of everything: whatever a control call has left behind, the exchange answers."""
    for name, params in (
        ("exchangeInfo", {}),
        ("account.status", {}),
        ("order.place", ORDER),
        ("order.place", {**ORDER, "side": "SELL"}),
        ("openOrders.cancelAll", {"symbol": "BTCUSDT"}),
        ("depth", {"symbol": "BTCUSDT"}),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}),
        ("ticker.24hr", {}),
        ("avgPrice", {"symbol": "BTCUSDT"}),
        ("order.test", {**ORDER, "computeCommissionRates": "true"}),
        ("account.commission", {"symbol": "BTCUSDT"}),
        ("myFilters", {"symbol": "BTCUSDT"}),
        maker.request(),
    ):
        params = {key: value.encode(errors="replace").decode() for key, value in params.items()}
        status, answer = ask(exchange, name, params)
        assert status in {200, 400, 401, 409, 418, 429}, answer
        if status != 200:
            assert list(answer)[:2] == ["code", "msg"]


def control_call(maker):
    """A control call: a sensible one, or one bent out of shape."""
    kind = maker.pick(("reset", "market", "market", "market", "clock", "clock", "events"))
    if kind == "events":
        return Asked("GET", "/paper/events?after=" + maker.pick(("0", "5", "x", "-1", "", "9" * 30, "%00")), "")
    payload = {
        "reset": SETUP,
        "market": {"events": [maker.event() for _ in range(maker.rng.randint(1, 3))]},
        "clock": maker.pick(({"advance": 1000}, {"now": NOW + 5000}, {"advance": 86_400_000}, {"now": 2**62})),
    }[kind]
    for _ in range(maker.pick((0, 1, 1, 2))):
        payload = maker.bent(payload)
    text = json.dumps(payload, ensure_ascii=maker.sometimes(2))
    return Asked("POST", f"/paper/{kind}", maker.torn(text) if maker.sometimes(8) else text)


@given(st.integers(0, 2**64 - 1), st.integers(1, 25))
@settings(max_examples=100)
def test_any_control_call(seed, length):
    """Control calls of any shape are answered, and leave an exchange that answers."""
    maker = Maker(seed)
    stage = Stage(ScriptedExchange(SETUP))
    control = Control(stage)
    for _ in range(length):
        asked = control_call(maker)
        before = stage.exchange
        status, text = control.answer(asked)
        answer = json.loads(text)
        assert status in {200, 400, 404, 405, 409}, answer
        if status != 200:
            assert list(answer)[:2] == ["code", "msg"]
            assert stage.exchange is before
        assert SECRET not in text
        use(stage.exchange, maker)


# ---------------------------------------------------------------------- bytes


#: Seconds of silence after which an answer is taken to be whole.
QUIET = 0.4


class Served:
    """A server in a thread of its own, the log records it made, and clients that send it bytes."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.failures = []
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context))
        self.exchange = ScriptedExchange(SETUP)
        settings = ServerSettings(port=0, max_body=20_000, max_control_body=50_000, max_message=5000)
        self.server = PaperServer(self.exchange, settings)
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.run(self.server.start())
        host, port = self.server.url.removeprefix("http://").split(":")
        self.address = (host, int(port))

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def stop(self):
        self.run(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def send(self, data, *, ends=False, quiet=QUIET):
        """What the server answers to some bytes; with ``ends`` the client says at once that it says no more."""
        with socket.create_connection(self.address, timeout=10) as client:
            # a server that has heard enough may hang up before it has heard all
            with suppress(ConnectionError):
                client.sendall(data)
                if ends:
                    client.shutdown(socket.SHUT_WR)
            client.settimeout(quiet)
            heard = b""
            with suppress(ConnectionError, TimeoutError):
                while part := client.recv(65536):
                    heard += part
        return heard


@pytest.fixture(scope="module")
def served():
    """One server for all of these tests: whatever one of them sends, the next finds it well."""
    server = Served()
    yield server
    server.stop()


def post(path, body, *headers):
    """A plain POST as bytes."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def order_form(**params):
    """A signed order as a form."""
    payload = form({**ORDER, "timestamp": NOW, **params})
    return f"{payload}&signature={sign(SECRET, payload)}"


KEYED = f"X-MBX-APIKEY: {KEY}"
CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
ORDERED = order_form()
HANDSHAKE = (
    b"GET /ws-api/v3 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: Bytes that are refused, or not even answered.
MALFORMED = {
    "nothing": b"",
    "no-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "zeros": bytes(5000),
    "newlines": b"\r\n" * 500,
    "future-version": b"GET /api/v3/ping HTTP/9.9\r\n\r\n",
    "bad-method": b"G\x00T /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown-method": b"BREW /api/v3/order HTTP/1.1\r\nHost: x\r\n\r\n",
    "patch": b"PATCH /api/v3/order HTTP/1.1\r\nHost: x\r\n\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "head": b"HEAD /api/v3/account HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-path": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad-url": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "other-bytes": b"GET /api/v3/\xff\xfe?\xc3\x28 HTTP/1.1\r\nHost: x\r\n\r\n",
    "long-line": b"GET /api/v3/ping?x=" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long-header": b"GET /api/v3/order HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many-headers": b"GET /api/v3/order HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "no-colon": b"GET /api/v3/order HTTP/1.1\r\nHost x\r\n\r\n",
    "folded": b"GET /api/v3/order HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    "two-lengths": b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    "odd-length": b"POST /api/v3/order HTTP/1.1\r\nContent-Length: -1\r\n\r\nabc",
    "no-number": b"POST /api/v3/order HTTP/1.1\r\nContent-Length: x\r\n\r\nabc",
    "short-body": b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc",
    "long-body": post("/api/v3/order", b"x=" + b"a" * 50_000, KEYED),
    "too-long": b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\nabc",
    "binary-body": post("/api/v3/order", bytes(range(256)) * 20, KEYED),
    "json-body": post("/api/v3/order", json.dumps(ORDER).encode(), KEYED, "Content-Type: application/json"),
    "bad-gzip": post("/api/v3/order", b"no gzip", KEYED, "Content-Encoding: gzip"),
    "gzip-bomb": post("/api/v3/order", gzip.compress(bytes(10_000_000)), KEYED, "Content-Encoding: gzip"),
    "bad-chunk": post("/api/v3/order", b"", KEYED, CHUNKED).replace(b"Content-Length: 0\r\n", b"") + b"zz\r\nabc\r\n0\r\n\r\n",
    "chunk-cut": post("/api/v3/order", b"", KEYED, CHUNKED).replace(b"Content-Length: 0\r\n", b"") + b"ff\r\nabc",
    "smuggled": post("/api/v3/order", b"0\r\n\r\nGET /api/v3/ping HTTP/1.1\r\n\r\n", KEYED, CHUNKED),
    "expect": post("/api/v3/order", b"", "Expect: the worst"),
    "twice-in-query": f"POST /api/v3/order?{ORDERED}&side=BUY HTTP/1.1\r\nHost: x\r\n{KEYED}\r\n\r\n".encode(),
    "many-params": post("/api/v3/order", "&".join(f"p{number}=1" for number in range(3000)).encode(), KEYED),
    "half-characters": post("/api/v3/order", b"symbol=%ED%A0%80&side=%ff&type=%00", KEYED),
    "bad-key": post("/api/v3/order", ORDERED.encode(), "X-MBX-APIKEY: \xff\xfe"),
    "bad-unit": post("/api/v3/order", ORDERED.encode(), KEYED, "X-MBX-TIME-UNIT: \xe9"),
    "bare-upgrade": (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"),
    "odd-upgrade": b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "no-host": b"POST /paper/reset HTTP/1.1\r\nHost: [::1\r\nContent-Length: 2\r\n\r\n{}",
    "digits-of-a-length": b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "odd-handshake": HANDSHAKE.replace(b"dGhl", b"dG\xffl"),
    "upgrade-at-no-url": HANDSHAKE.replace(b"/ws-api/v3", b"//["),
    "upgrade-nowhere": HANDSHAKE.replace(b"/ws-api/v3", b"/nowhere"),
    "odd-options": HANDSHAKE.replace(b"/ws-api/v3", b"/ws-api/v3?timeUnit=%ff&returnRateLimits=%00"),
    "control-nowhere": post("/paper/nowhere", b"{}"),
    "control-binary": post("/paper/market", bytes(range(256))),
    "control-deep": post("/paper/market", b'{"events":' + b"[" * 40_000),
    "control-digits": post("/paper/clock", b'{"now":' + b"9" * 6000 + b"}"),
    "control-long": post("/paper/reset", b"[" * 60_000),
    "control-nan": post("/paper/clock", b'{"now": NaN}'),
}  # fmt: skip


def check_bytes(served, heard):
    """An answer is HTTP, no failure of the server, and tells neither a secret nor where the code lies."""
    assert SECRET.encode() not in heard
    for leak in (b"Traceback", b".py", b"exec_plugin/"):
        assert leak not in heard.partition(b"\r\n\r\n")[2]
    if heard:
        # a version that was torn is answered in kind
        assert re.match(rb"HTTP/\d\.\d \d{3} ", heard), heard[:80]
        assert heard.split(b" ", 2)[1][:1] != b"5", heard


def check_well(served, records):
    """The server answers others, has logged no failure, and its exchange is as it was."""
    assert served.failures == []
    assert [record.getMessage() for record in records if record.levelno >= logging.ERROR] == []
    ping = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    # it hangs up itself when it has answered
    assert served.send(ping, quiet=60).endswith(b"{}")
    assert served.exchange.account.desks == {} or not any(
        desk.orders for desk in served.exchange.account.desks.values()
    )


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed(data, served, caplog):
    """Bytes that are no proper request are refused with Binance's error, and cost nobody else anything."""
    heard = served.send(data)
    check_bytes(served, heard)
    check_well(served, caplog.records)
    if heard:
        head, _, body = heard.partition(b"\r\n\r\n")
        assert head.split(b" ", 2)[1][:1] == b"4", heard
        if body and not data.startswith(b"HEAD"):
            assert list(json.loads(body.partition(b"HTTP/1.1")[0]))[:2] == ["code", "msg"]


@pytest.mark.parametrize("name", ["nothing", "no-http", "short-body", "chunk-cut", "binary-body", "odd-upgrade"])
def test_half_closed(name, served, caplog):
    """A client that stops talking in the middle of something costs nothing."""
    heard = served.send(MALFORMED[name], ends=True)
    check_bytes(served, heard)
    check_well(served, caplog.records)


def test_slow(served, caplog):
    """Clients that begin and never end keep nobody waiting."""
    with ExitStack() as stack:
        for number, data in enumerate((MALFORMED["short-body"], MALFORMED["chunk-cut"], b"GET /api", HANDSHAKE) * 8):
            client = stack.enter_context(socket.create_connection(served.address, timeout=10))
            client.sendall(data[: len(data) - number % 3])
        check_well(served, caplog.records)
    check_well(served, caplog.records)


def masked(opcode, data, *, final=True):
    """A client's WebSocket frame."""
    size = len(data)
    head = bytes((opcode | 0x80 * final, 0x80 | size)) if size < 126 else struct.pack(">BBH", opcode | 0x80, 254, size)
    return head + bytes(4) + data


REQUESTS = (
    f"GET /api/v3/account?{order_form()} HTTP/1.1\r\nHost: x\r\n{KEYED}\r\nConnection: close\r\n\r\n".encode(),
    post("/api/v3/order/test", ORDERED.encode(), KEYED, "Connection: close"),
    post("/paper/market", b'{"events":[]}', "Connection: close"),
    HANDSHAKE + masked(1, b'{"id":1,"method":"ping"}') + masked(8, b"\x03\xe8"),
    HANDSHAKE.replace(b"/ws-api/v3", b"/ws/btcusdt@trade") + masked(1, b'{"id":1,"method":"LIST_SUBSCRIPTIONS"}'),
)


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_torn_requests(served, caplog, seed):
    """Requests with bytes replaced, left out or doubled are answered or not, and that is all."""
    maker = Maker(seed)
    data = bytearray(maker.pick(REQUESTS))
    for _ in range(maker.rng.randint(1, 6)):
        place = maker.rng.randrange(len(data))
        data[place : place + maker.rng.randrange(4)] = maker.pick(
            (b"", b"\x00", b"\xff", b"\r\n", b" ", b":", b"9" * 20)
        )
    check_bytes(served, served.send(bytes(data)))
    check_well(served, caplog.records)


def test_torn_handshake(served, caplog):
    """A handshake that is none, with bytes in its headers that are no text, is refused like any other."""
    answer = served.send(HANDSHAKE.replace(b"Upgrade: websocket", b"Upgrade: web\xffsocket"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    check_well(served, caplog.records)


@pytest.mark.parametrize(
    "frames",
    [
        masked(1, b"{" * 100),
        masked(1, b"\xff\xfe\xfd"),
        masked(1, b'{"id":1,"method":"ping"', final=False) + masked(0, b"}"),
        masked(1, b"a", final=False) + masked(1, b"b"),
        masked(0, b"never begun"),
        masked(2, bytes(100)),
        masked(3, b"reserved"),
        masked(9, b"x" * 125),
        masked(9, b"x" * 300),
        masked(8, b"\x00"),
        masked(8, b"\xff\xff\xff"),
        masked(1, b'"' + b"a" * 4990 + b'"'),
        masked(1, b"a" * 20_000),
        b"\x81\x05hello",
        b"\x81\xff" + b"\xff" * 8 + bytes(4),
        b"\xf1\x80" + bytes(4),
        masked(1, b'{"id":1,"method":"order.place","params":{"symbol":"\\ud800"}}'),
    ],
    ids=range(17),
)
@pytest.mark.parametrize("path", [b"/ws-api/v3", b"/ws"])
def test_odd_frames(path, frames, served, caplog):
    """WebSocket frames that break the rules end their connection at most."""
    heard = served.send(HANDSHAKE.replace(b"/ws-api/v3", path) + frames)
    assert heard.startswith(b"HTTP/1.1 101 ")
    check_bytes(served, heard)
    check_well(served, caplog.records)
