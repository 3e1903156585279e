"""A server answers when what it tells is written down, and takes back what cannot be."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from journal.desk import Clock
from journal.stuck_disk import StuckDisk
from protocol.signing_client import form

import exec_plugin.account.writer as writer_module
import exec_plugin.server.app as app_module
import exec_plugin.server.doors as doors_module
import exec_plugin.server.lane as lane_module
from exec_plugin.account import PaperExchange, Settings
from exec_plugin.core.errors import JournalError
from exec_plugin.journal.books import RETRY_AFTER
from exec_plugin.protocol import Key, sign
from server.test_lane import answers

FUNDS = {"USDT": "1000", "BTC": "10"}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "95"}


@pytest.fixture
def exchange(tmp_path):
    """A market that nobody moves, whose one account is written down."""
    url = f"sqlite:///{tmp_path}/accounts.sqlite"
    exchange = PaperExchange(Settings.read({"feed": "push", "db_url": url, "limits": False}))
    exchange.open_accounts({"alice": FUNDS})
    exchange.gateway.keys["k"] = Key(exchange.venue.accounts["alice"], "s", timed=False)
    exchange.journal._clock = Clock()
    yield exchange
    exchange.close()


def signed(**params):
    """The form of a signed request."""
    payload = form({**params, "timestamp": 1})
    return f"{payload}&signature={sign('s', payload)}"


def request(method="POST", path="/api/v3/order", **params):
    """A whole HTTP request."""
    head = f"{method} {path}?{signed(**params)} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: k\r\n\r\n"
    return head.encode()


def entries(exchange):
    """What was written down."""
    store = exchange.journal.store
    return store.entries(store.rows()[0])


@pytest.fixture
def fill_disk(exchange, monkeypatch):
    """Makes the disk full, or makes room again."""
    backend = exchange.journal.store.backend
    real = backend.run

    def full(sql, params=()):
        if not sql.startswith("SELECT"):
            raise JournalError("full")
        return real(sql, params)

    return lambda is_full: monkeypatch.setattr(backend, "run", full if is_full else real)


async def test_written_first(exchange, raw, monkeypatch):
    """An order is acknowledged after it is written down."""
    log = []
    backend, form_bytes = exchange.journal.store.backend, lane_module.form_bytes
    commit = backend.commit
    monkeypatch.setattr(backend, "commit", lambda: (commit(), log.append("written")))
    monkeypatch.setattr(lane_module, "form_bytes", lambda reply: (log.append("told"), form_bytes(reply))[1])
    reader, writer = await raw()
    writer.write(request(**ORDER))
    assert await answers(reader, 1) == [b"200"]
    assert log == ["written", "told"]


async def test_together(exchange, raw):
    """What arrives together is written down together, and answered in its order."""
    lines = [await raw() for _ in range(3)]
    for _, writer in lines:
        writer.write(request(**ORDER) * 2 + request("GET", "/api/v3/openOrders"))
    for reader, _ in lines:
        assert await answers(reader, 3) == [b"200"] * 3
    assert len(exchange.venue.accounts["alice"].open_orders) == 6
    assert 1 <= len(entries(exchange)) <= 3


async def test_questions(exchange, raw):
    """A question that changes nothing is answered at once, and writes nothing."""
    reader, writer = await raw()
    writer.write(request("GET", "/api/v3/account"))
    assert await answers(reader, 1) == [b"200"]
    assert entries(exchange) == []


async def test_handed_over(raw):
    """A request that another part of the server answers comes after those before it."""
    reader, writer = await raw()
    odd = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nX: a\r\nConnection: close\r\n\r\n"
    writer.write(request(**ORDER) + odd)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert json.loads(await reader.readexactly(length))["orderId"] == 1
    rest = await asyncio.wait_for(reader.read(), 5)
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.endswith(b"{}")


async def ask(http, method="POST", path="/api/v3/order", **params):
    """The status and the JSON of a request through aiohttp's client."""
    async with http.request(method, f"{path}?{signed(**params)}", headers={"X-MBX-APIKEY": "k"}) as reply:
        return reply.status, await reply.json()


@pytest.fixture
def stuck_disk(exchange, monkeypatch):
    """Makes a commit wait for the disk until the test lets it go on, or fail."""
    backend = exchange.journal.store.backend
    disk = StuckDisk(backend)
    monkeypatch.setattr(backend, "commit", disk)
    yield disk
    disk.goes_on(None, 100)


async def happens(what):
    """Let the server go on until something is so."""
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0)


async def test_goes_on_meanwhile(exchange, raw, stuck_disk):
    """While a commit waits for the disk the server goes on: what comes then is written down together, by the next one."""
    (reader, writer), *others = [await raw() for _ in range(4)]
    writer.write(request(**ORDER))
    await stuck_disk.is_reached()
    for _, other in others:
        other.write(request(**ORDER))
    await happens(lambda: len(exchange.venue.accounts["alice"].open_orders) == 4)
    assert exchange.is_dirty
    stuck_disk.goes_on()
    assert await answers(reader, 1) == [b"200"]
    await stuck_disk.is_reached()
    stuck_disk.goes_on()
    for reader, _ in others:
        assert await answers(reader, 1) == [b"200"]
    assert len(entries(exchange)) == 2


async def test_question_meanwhile(exchange, raw, stuck_disk, monkeypatch):
    """A question that is asked while a commit waits for the disk is answered after it: it may tell of what is not written."""
    log, handle, form_bytes = [], exchange.gateway.handle, lane_module.form_bytes
    asked = asyncio.Event()
    (reader, writer), (asking, question) = await raw(), await raw()
    writer.write(request(**ORDER))
    await stuck_disk.is_reached()
    monkeypatch.setattr(exchange.gateway, "handle", lambda *found, **more: (asked.set(), handle(*found, **more))[1])
    monkeypatch.setattr(lane_module, "form_bytes", lambda reply: (log.append(reply.status), form_bytes(reply))[1])
    question.write(request("GET", "/api/v3/openOrders"))
    await asyncio.wait_for(asked.wait(), 5)
    assert log == []
    stuck_disk.goes_on()
    assert await answers(reader, 1) == [b"200"]
    assert await answers(asking, 1) == [b"200"]
    assert log == [200, 200]


@pytest.fixture
def impatient(monkeypatch):
    """No commit may wait for the disk."""
    monkeypatch.setattr(writer_module, "PATIENCE", -1.0)


async def test_slow_disk(exchange, http, raw, stuck_disk, impatient, caplog):
    """While the disk takes too long accounts are refused, and nothing of what is refused happens; what waits goes on waiting."""
    reader, writer = await raw()
    writer.write(request(**ORDER))
    await stuck_disk.is_reached()
    await happens(lambda: exchange.slow)
    assert await ask(http, **ORDER) == FAILED
    assert await ask(http, "GET", "/api/v3/openOrders") == FAILED
    async with http.get("/ready") as reply:
        assert reply.status == 503
        assert "waited for the disk" in (await reply.json())["why"]["journal"]
    async with http.get("/api/v3/ping") as reply:
        assert reply.status == 200
    assert "paper accounts are refused for now" in caplog.text
    stuck_disk.goes_on()
    assert await answers(reader, 1) == [b"200"]
    async with http.get("/ready") as reply:
        assert reply.status == 200
    status, found = await ask(http, "GET", "/api/v3/openOrders")
    assert (status, [order["orderId"] for order in found]) == (200, [1])


async def test_slow_disk_in_order(exchange, raw, stuck_disk, impatient):
    """On a connection that waits for an answer a refusal comes after it."""
    reader, writer = await raw()
    writer.write(request(**ORDER))
    await stuck_disk.is_reached()
    await happens(lambda: exchange.slow)
    writer.write(request(**ORDER))
    await happens(lambda: len(exchange.gateway.departures._waiting) == 2)
    stuck_disk.goes_on()
    assert await answers(reader, 2) == [b"200", b"503"]


async def test_slow_disk_on_a_socket(exchange, api, stuck_disk, impatient):
    """Over the WebSocket API a refusal comes at once, and the answers that wait after it."""
    await say(api, "order.place", **ORDER)
    await stuck_disk.is_reached()
    await happens(lambda: exchange.slow)
    await say(api, "openOrders.status")
    reply = await api.receive_json(timeout=5)
    assert (reply["id"], reply["status"]) == ("openOrders-status", 503)
    stuck_disk.goes_on()
    told = [await api.receive_json(timeout=5) for _ in range(3)]
    assert told[-1]["id"] == "order-place"


async def test_too_many_waiting(exchange, raw, stuck_disk, monkeypatch):
    """A client that asks for more than can be written down is not listened to until it has its answers."""
    monkeypatch.setattr(lane_module, "_MOST_UNWRITTEN", 3)
    reader, writer = await raw()
    stuck_disk.goes_on(None, 10)
    writer.write(request(**ORDER) * 8)
    assert await answers(reader, 8) == [b"200"] * 8
    assert len(exchange.venue.accounts["alice"].open_orders) == 8
    assert max(len(json.loads(entry.body)["orders"]) for entry in entries(exchange)) == 3


@pytest.mark.parametrize("more", [request(**ORDER), b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_gone_while_not_listened_to(exchange, server, raw, stuck_disk, monkeypatch, caplog, more):
    """Where such a client goes before it has its answers, nothing more is done for it, and nothing of it stays."""
    monkeypatch.setattr(lane_module, "_MOST_UNWRITTEN", 1)
    _, writer = await raw()
    writer.write(request(**ORDER) + more)
    await stuck_disk.is_reached()
    [lane] = server._lanes
    lane._transport.abort()
    await happens(lambda: not server._lanes)
    stuck_disk.goes_on()
    await happens(lambda: not server.stage.writer.is_writing)
    # what was called for soon has been
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert server._connections()["http"] == 0
    assert len(exchange.venue.accounts["alice"].open_orders) == 1
    assert caplog.records == []


@pytest.mark.parametrize("why", [JournalError("disk full"), MemoryError()])
async def test_fails_meanwhile(exchange, http, raw, stuck_disk, why):
    """Where a commit fails, neither what it was to write has happened nor what came while it waited for the disk."""
    first, second = await raw(), await raw()
    first[1].write(request(**ORDER))
    await stuck_disk.is_reached()
    second[1].write(request(**ORDER))
    await happens(lambda: exchange.is_dirty)
    stuck_disk.goes_on(why)
    for reader, _ in (first, second):
        assert await answers(reader, 1) == [b"503"]
    assert await ask(http, "GET", "/api/v3/openOrders") == FAILED
    exchange.journal._clock.now += RETRY_AFTER
    exchange.settle()
    assert await ask(http, "GET", "/api/v3/openOrders") == (200, [])
    assert entries(exchange) == []


async def test_stops_meanwhile(exchange, server, raw, stuck_disk):
    """A server that is stopped while a commit waits for the disk answers before it hangs up."""
    reader, writer = await raw()
    writer.write(request(**ORDER))
    await stuck_disk.is_reached()
    stuck_disk.goes_on()
    await server.stop()
    assert await answers(reader, 1) == [b"200"]
    assert len(entries(exchange)) == 1


@pytest.mark.parametrize("is_lane", [True, False])
async def test_asked_while_it_stops(exchange, server, raw, stuck_disk, monkeypatch, is_lane):
    """What is asked while a server that is being stopped closes its sockets is answered before its connection ends."""
    reader, writer = await raw()
    close = server.doors.sockets.close
    asked = request(**ORDER)
    if not is_lane:
        asked = asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    async def close_late(*found):
        writer.write(asked)
        await stuck_disk.is_reached()
        stuck_disk.goes_on()
        await close(*found)

    monkeypatch.setattr(server.doors.sockets, "close", close_late)
    await server.stop()
    assert await answers(reader, 1) == [b"200"]
    assert not server.stage.writer.is_writing
    assert len(entries(exchange)) == 1


FAILED = (503, {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."})


async def test_full_disk(exchange, http, fill_disk):
    """While nothing can be written down an account is refused with -1001, and an order that was refused is not there."""
    assert (await ask(http, **ORDER))[0] == 200
    fill_disk(True)
    assert await ask(http, **ORDER) == FAILED
    assert await ask(http, "GET", "/api/v3/openOrders") == FAILED
    async with http.get("/api/v3/ping") as reply:
        assert reply.status == 200
    fill_disk(False)
    exchange.journal._clock.now += RETRY_AFTER
    # the server tries again by itself
    exchange.settle()
    status, found = await ask(http, "GET", "/api/v3/openOrders")
    assert (status, [order["orderId"] for order in found]) == (200, [1])
    assert (await ask(http, **ORDER))[1]["orderId"] == 3


MARKET = b"GET /api/v3/depth?symbol=BTCUSDT HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_market_behind(exchange, raw, stuck_disk):
    """Market data that comes behind what cannot be written down is told in its turn, as it was."""
    reader, writer = await raw()
    writer.write(request(**ORDER) + MARKET + request("GET", "/api/v3/account"))
    await stuck_disk.is_reached()
    stuck_disk.goes_on(JournalError("disk full"))
    assert await answers(reader, 3) == [b"503", b"200", b"503"]
    assert exchange.gateway.is_shut
    writer.write(MARKET)
    assert await answers(reader, 1) == [b"200"]


@pytest.fixture
async def api(server):
    """A connection to the WebSocket API that hears the account's events."""
    async with aiohttp.ClientSession(server.url) as session, session.ws_connect("/ws-api/v3") as socket:
        await say(socket, "userDataStream.subscribe.signature")
        reply = await socket.receive_json(timeout=5)
        assert reply["status"] == 200, reply
        yield socket


async def say(socket, method, **params):
    """Send a signed request."""
    params = {**params, "apiKey": "k", "timestamp": 1}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    await socket.send_json(
        {"id": method.replace(".", "-"), "method": method, "params": {**params, "signature": sign("s", payload)}}
    )


async def test_socket(exchange, api, monkeypatch):
    """Over the WebSocket API events and reply come after the order is written down."""
    log = []
    backend = exchange.journal.store.backend
    commit = backend.commit
    monkeypatch.setattr(backend, "commit", lambda: (commit(), log.append("written")))
    await say(api, "order.place", **ORDER)
    told = [await api.receive_json(timeout=5) for _ in range(3)]
    assert [item.get("event", {}).get("e", item.get("status")) for item in told] == [
        "executionReport",
        "outboundAccountPosition",
        200,
    ]
    assert log == ["written"]


async def test_socket_full_disk(exchange, api, fill_disk):
    """A reply over the WebSocket API is replaced by -1001, and nobody hears of what was taken back."""
    fill_disk(True)
    await say(api, "order.place", **ORDER)
    reply = await api.receive_json(timeout=5)
    assert (reply["id"], reply["status"], reply["error"]) == ("order-place", *FAILED)
    fill_disk(False)
    exchange.journal._clock.now += RETRY_AFTER
    exchange.settle()
    await say(api, "openOrders.status")
    assert (await api.receive_json(timeout=5))["result"] == []


async def test_readiness(exchange, http, fill_disk):
    """A server whose accounts cannot be written down says that it is not ready, and why."""
    async with http.get("/ready") as reply:
        assert reply.status == 200
    fill_disk(True)
    await ask(http, **ORDER)
    async with http.get("/ready") as reply:
        assert reply.status == 503
        assert "full" in (await reply.json())["why"]["journal"]


async def test_writing_is_timed(exchange, http, server):
    """Metrics tell how long answers waited for what they tell to be written down."""
    pytest.importorskip("prometheus_client", reason="pip install 'exec-plugin[metrics]'")
    async with http.post(f"/api/v3/order?{signed(**ORDER)}", headers={"X-MBX-APIKEY": "k"}) as reply:
        assert reply.status == 200
    async with http.get("/metrics") as reply:
        text = await reply.text()
    assert sum(server.stage.written.counts) == 1
    assert "exec_plugin_server_write_seconds_count 1.0" in text


async def test_resumed(exchange, http, monkeypatch):
    """A stream that was lost and resumes over the server gets what it missed, in portions, then what happens."""
    monkeypatch.setattr("exec_plugin.protocol.user_events.AT_ONCE", 2)

    async def order():
        async with http.post(f"/api/v3/order?{signed(**ORDER)}", headers={"X-MBX-APIKEY": "k"}) as reply:
            assert reply.status == 200

    async def seqs(socket, count):
        return [(await socket.receive_json(timeout=5))["seq"] for _ in range(count)]

    def subscription(after):
        params = {"after": after, "apiKey": "k", "timestamp": 1}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = sign("s", payload)
        return {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}

    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_json(subscription(0))
        assert (await socket.receive_json(timeout=5))["result"] == {"subscriptionId": 0, "lastSeq": 0}
        await order()
        assert await seqs(socket, 2) == [1, 2]
    for _ in range(3):
        await order()
    async with http.ws_connect("/ws-api/v3") as socket:
        await socket.send_json(subscription(2))
        assert (await socket.receive_json(timeout=5))["result"] == {"subscriptionId": 0, "lastSeq": 8}
        await order()
        assert await seqs(socket, 8) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert exchange.gateway.user_data.chronicle.last("alice") == 10


@pytest.fixture
def slow_disk(exchange, monkeypatch):
    """Makes each commit take three seconds of the time that the server measures by."""
    now = [0.0]
    for module in (lane_module, app_module, doors_module):
        monkeypatch.setattr(module, "clock", lambda: now[0])
    backend = exchange.journal.store.backend
    commit = backend.commit

    def written():
        commit()
        now[0] += 3.0

    monkeypatch.setattr(backend, "commit", written)


async def test_waiting_counts(server, slow_disk, raw):
    """How long a request took includes the wait for what it changed to be written down, for all that share it."""
    reader, writer = await raw()
    writer.write(request(**ORDER) * 2 + request("GET", "/api/v3/openOrders"))
    assert await answers(reader, 3) == [b"200"] * 3
    assert server.doors.tally.rest.seconds == 9.0


async def test_waiting_counts_beside(server, slow_disk, raw):
    """So it does for a request that aiohttp reads."""
    reader, writer = await raw()
    head, _, rest = request(**ORDER).partition(b"\r\n")
    writer.write(head + b"\r\nConnection: close\r\n" + rest)
    assert await answers(reader, 1) == [b"200"]
    assert server.doors.tally.rest.seconds == 3.0


async def test_waiting_counts_on_a_socket(server, slow_disk, api):
    """And over the WebSocket API."""
    assert server.doors.tally.ws.seconds == 0.0
    await say(api, "order.place", **ORDER)
    for _ in range(3):
        await api.receive_json(timeout=5)
    assert server.doors.tally.ws.seconds == 3.0


async def test_lost_is_counted(server, http, fill_disk):
    """An answer that is replaced because nothing could be written down is counted as what was sent."""
    fill_disk(True)
    await ask(http, **ORDER)
    assert server.doors.tally.requests["POST", "/api/v3/order", 503] == 1
    assert ("POST", "/api/v3/order", 200) not in server.doors.tally.requests


async def test_lost_is_counted_on_a_socket(server, api, stuck_disk):
    """The same over the WebSocket API, where market data that came behind it is told all the same."""
    await say(api, "order.place", **ORDER)
    await stuck_disk.is_reached()
    await api.send_json({"id": 1, "method": "time"})
    requests = server.doors.tally.requests
    await happens(lambda: len(server.stage.gateway.departures) >= 4)
    stuck_disk.goes_on(JournalError("disk full"))
    assert [(await api.receive_json(timeout=5))["status"] for _ in range(2)] == [503, 200]
    assert (requests["WS", "order.place", 503], requests["WS", "time", 200]) == (1, 1)
    assert ("WS", "order.place", 200) not in requests
    assert ("WS", "time", 503) not in requests
