"""The fast lane answers what is plain, in whatever pieces it comes, and leaves the rest to aiohttp."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.server import PaperServer, ServerSettings
from exec_plugin.server.lane import read_head

PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
ORDER = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: k\r\nContent-Length: 3\r\n\r\na=b"


def head_of(data):
    """What the lane makes of a head."""
    return read_head(data, data.find(b"\r\n\r\n"))


def test_plain():
    """A plain head gives method, target, the headers that matter and the body's place."""
    plain = head_of(ORDER)
    assert (plain.method, plain.target, plain.headers) == ("POST", "/api/v3/order", {"x-mbx-apikey": "k"})
    assert ORDER[plain.start : plain.end] == b"a=b"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /paper/events HTTP/1.1",
        b"GET /ws HTTP/1.1\r\nUpgrade: websocket",
        b"GET /api/v3/ping HTTP/1.0",
        b"GET  /api/v3/ping HTTP/1.1",
        b"BREW /api/v3/ping HTTP/1.1",
        b"GET http://x/api/v3/ping HTTP/1.1",
        "GET /api/v3/pïng HTTP/1.1".encode(),
        b"POST /api/v3/order HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: -1",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: " + b"9" * 5000,
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length : 1",
        b"POST /api/v3/order HTTP/1.1\r\nExpect: 100-continue",
        b"GET /api/v3/ping HTTP/1.1\r\nConnection: close",
        b"GET /api/v3/ping HTTP/1.1\r\nX: a\r\n folded",
        b"GET /api/v3/ping HTTP/1.1\r\nno colon",
    ],
)
def test_not_plain(head):
    """Anything odd, or more than a request for REST, is left to aiohttp."""
    assert head_of(head + b"\r\n\r\n") is None


@given(st.binary(max_size=200))
def test_any_bytes(data):
    """No bytes break the lane."""
    text = b"GET /api/v3/ping HTTP/1.1\r\n" + data + b"\r\n\r\n"
    plain = read_head(text, len(text) - 4)
    assert plain is None or plain.end >= plain.start == len(text)


async def answers(reader, count):
    """The status lines of so many answers."""
    found = []
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        found.append(head.split(b" ")[1])
    return found


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
async def test_pieces(raw, size):
    """Requests may come in any pieces, and several in one."""
    reader, writer = await raw()
    data = PING + ORDER + PING
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        await writer.drain()
        await asyncio.sleep(0)
    assert await answers(reader, 3) == [b"200", b"401", b"200"]


async def test_hand_over(raw):
    """A connection that was plain goes on with aiohttp, and nothing is lost on the way."""
    reader, writer = await raw()
    writer.write(PING + b"GET /paper/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + PING)
    assert await answers(reader, 3) == [b"200", b"200", b"200"]


@pytest.mark.parametrize("data", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 20_000])
async def test_garbage(raw, data):
    """What is no HTTP is answered with 400 and the connection ends."""
    reader, writer = await raw()
    writer.write(data)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.")


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written = b""

    def get_extra_info(self, _):
        return ("127.0.0.1", 1)

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return 0

    def is_closing(self):
        return False


async def test_trickle(server):
    """A connection is in use while it brings whole requests; bytes that never become one do not keep it open."""
    lane, now = server._accept(), [0.0]
    lane._loop = SimpleNamespace(time=lambda: now[0])
    lane.connection_made(Pipe())
    seen = []
    for byte in (ORDER + PING)[:-1]:
        now[0] += 1
        lane.data_received(bytes((byte,)))
        seen.append(lane.used)
    # it began, the order was whole, the next began
    assert list(dict.fromkeys(seen)) == [1, len(ORDER), len(ORDER) + 1]
    server._lanes.discard(lane)


class Wire:
    """A transport whose client does not read."""

    unread = 0
    is_aborted = False

    def get_extra_info(self, name):
        """The client's address."""
        return ("127.0.0.1", 1) if name == "peername" else None

    def write(self, data):
        """Keep it."""
        self.unread += len(data)

    def get_write_buffer_size(self):
        """All that was written."""
        return self.unread

    def is_closing(self):
        """Whether it was hung up on."""
        return self.is_aborted

    def abort(self):
        """Hang up."""
        self.is_aborted = True


async def test_no_reader(exchange):
    """Who asks and does not read is cut off, and counted, as are the requests that were answered."""
    server = PaperServer(exchange, ServerSettings(port=0, max_unsent=1000))
    await server.start()
    wire = Wire()
    lane = server._accept()
    lane.connection_made(wire)
    lane.data_received(PING * 50)
    assert wire.is_aborted
    lane.connection_lost(None)
    tally = server.doors.tally
    assert tally.dropped == 1
    assert 1 < tally.requests["GET", "/api/v3/ping", 200] < 50
    await server.stop()
