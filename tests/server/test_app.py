"""REST over real HTTP: replies, headers, bounds, and a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
import pytest
import requests
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from protocol.signing_client import KEY, LIMIT, NOW, SECRET, Client, form

from exec_plugin.core.errors import ConfigError
from exec_plugin.protocol import sign
from exec_plugin.server import PaperServer, ServerSettings
from exec_plugin.server.settings import is_loopback

from .conftest import in_thread

HEADERS = {"X-MBX-APIKEY": KEY}


def signed(**params):
    """A signed form."""
    text = form({**params, "timestamp": NOW})
    return f"{text}&signature={sign(SECRET, text)}"


async def test_public(http):
    """A public request is answered with Binance's headers."""
    async with http.get("/api/v3/time") as reply:
        assert await reply.json() == {"serverTime": NOW}
        assert reply.headers["Content-Type"] == "application/json;charset=UTF-8"
        assert reply.headers["Date"] == "Mon, 05 Jan 2026 12:00:00 GMT"
        assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "1"
        assert len(reply.headers["x-mbx-uuid"]) == 32


@pytest.mark.parametrize("where", ["query", "body"])
async def test_order(http, where):
    """A signed order may come by query or by form, and tells the order counts."""
    text = signed(**LIMIT)
    query, body = (f"?{text}", None) if where == "query" else ("", text)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    async with http.post(f"/api/v3/order{query}", data=body, headers=HEADERS | kind) as reply:
        assert (await reply.json())["status"] == "NEW"
        assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def test_error(http):
    """A refused order is Binance's error, never a hint."""
    async with http.post("/api/v3/order", data=signed(**LIMIT | {"price": "0.001"}), headers=HEADERS) as reply:
        assert reply.status == 400
        assert await reply.json() == {"code": -1013, "msg": "Filter failure: PRICE_FILTER"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/favicon.ico", 404), ("PATCH", "/api/v3/order", 405), ("HEAD", "/api/v3/ping", 405)],
)
async def test_elsewhere(http, method, path, status):
    """What is no endpoint is an error in JSON."""
    async with http.request(method, path) as reply:
        assert reply.status == status


async def test_forwarded(http):
    """Weight is counted for the address that connects, whatever it says about others."""
    for number in (1, 2):
        async with http.get("/api/v3/ping", headers={"X-Forwarded-For": f"10.0.0.{number}"}) as reply:
            assert reply.headers["X-MBX-USED-WEIGHT-1M"] == str(number)


async def test_chunked(http):
    """A body in chunks is a body."""

    async def pieces():
        for piece in (signed(**LIMIT)[:20], signed(**LIMIT)[20:]):
            yield piece.encode()

    async with http.post("/api/v3/order", data=pieces(), headers=HEADERS) as reply:
        assert (await reply.json())["status"] == "NEW"


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large(exchange, chunked):
    """A body beyond the bound is refused, whether it tells its length or not."""
    server = PaperServer(exchange, ServerSettings(port=0, max_body=100))

    async def pieces():
        for _ in range(50):
            yield b"x" * 10

    await server.start()
    data = pieces() if chunked else b"x" * 101
    async with aiohttp.ClientSession(server.url) as session, session.post("/api/v3/order", data=data) as reply:
        assert reply.status == 413
    assert server.doors.tally.requests == {("POST", "/api/v3/order", 413): 1}
    await server.stop()


async def test_many_connections(exchange):
    """Beyond the most connections a client is hung up on."""
    server = PaperServer(exchange, ServerSettings(port=0, max_connections=1))
    await server.start()
    port = int(server.url.rpartition(":")[2])
    _, first = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0)
    reader, second = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    assert server.doors.tally.turned_away == 1
    first.close()
    second.close()
    await server.stop()


async def test_port_in_use(server):
    """A port that is taken is told by its number."""
    port = int(server.url.rpartition(":")[2])
    other = PaperServer(server.stage.exchange, ServerSettings(port=port))
    with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 is in use"):
        await other.start()


async def test_stop(exchange):
    """Stopping closes every socket with a close frame, after the event that tells of it."""
    server = PaperServer(exchange, ServerSettings(port=0))
    await server.start()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/ws-api/v3") as socket:
        stopping = asyncio.create_task(server.stop())
        assert json.loads((await socket.receive()).data) == {"event": {"e": "serverShutdown", "E": NOW}}
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1001
        await stopping


async def test_latency(exchange):
    """Faults on the way delay or cut a request; the connection that was plain before is not any more."""
    server = PaperServer(exchange, ServerSettings(port=0))
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v3/ping") as reply:
            assert reply.status == 200
        rules = {"rules": [{"fault": "drop", "path": "/api/v3/order", "executed": True}]}
        async with session.post("/paper/faults", json=rules) as reply:
            assert reply.status == 200
        with pytest.raises(aiohttp.ClientError):
            await session.post("/api/v3/order", data=signed(**LIMIT), headers=HEADERS)
        async with session.get(f"/api/v3/openOrders?{signed()}", headers=HEADERS) as reply:
            assert [order["price"] for order in await reply.json()] == ["95.00000000"]
        async with session.post("/paper/faults", json={}) as reply:
            assert reply.status == 200
    await server.stop()


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("192.168.1.4", False), ("example.org", False), ("", False), (None, False)],
)  # fmt: skip
def test_loopback(host, local):
    """Only this machine's own addresses are local."""
    assert is_loopback(host) is local


async def test_tls(exchange, tmp_path):
    """With a certificate of its own it speaks https and wss."""
    pytest.importorskip("cryptography")
    cert, key = certificate(tmp_path)
    server = PaperServer(exchange, ServerSettings(port=0, tls_cert=cert, tls_key=key))
    await server.start()
    assert server.url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=cert)
    trust.check_hostname = False
    async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(ssl=trust)) as session:
        async with session.get("/api/v3/time") as reply:
            assert await reply.json() == {"serverTime": NOW}
        async with session.get("/paper/events") as reply:
            assert await reply.json() == {"events": [], "last": 0}
        async with session.ws_connect("/ws-api/v3") as socket:
            await socket.send_json({"id": 1, "method": "time"})
            assert (await socket.receive_json())["result"] == {"serverTime": NOW}
    await server.stop()


def certificate(folder):
    """A certificate that signs itself, and its key, as files."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


TARGETS = st.builds(
    lambda path, query: f"{path}?{query}",
    st.sampled_from(["/api/v3/order", "/api/v3/depth", "/api/v3/klines", "/api/v3/openOrders", "/sapi/v1/x", "/"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60)
    | st.lists(st.tuples(st.sampled_from([*LIMIT, "signature", "timestamp", "limit"]), st.text(max_size=12))).map(
        lambda pairs: "&".join(f"{name}={quote(value, errors='replace')}" for name, value in pairs)
    ),
)


@hypothesis_settings(max_examples=60)
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), TARGETS, st.binary(max_size=80))
def test_anything(steady, method, target, body):
    """Whatever is asked, the answer is JSON with a status below 500, tells no secret, and nothing changes."""
    url, session, client = steady
    before = client.state()
    reply = session.request(method, url + target, data=body, headers=HEADERS, timeout=10)
    assert reply.status_code < 500
    assert isinstance(reply.json(), (dict, list))
    assert SECRET not in reply.text
    assert "Traceback" not in reply.text
    assert client.state() == before


@pytest.fixture(scope="module")
def steady():
    """A server without limits, a blocking client of it, and a look at its exchange."""
    client = Client(rateLimits=[])
    with in_thread(client.exchange) as server, requests.Session() as session:
        session.trust_env = False
        yield server.url, session, client
