"""
The fast lane: plain REST requests are read and answered without aiohttp, which takes over at anything else.

A connection begins here and stays while all it brings are whole requests of the kind that every client sends. The
first that is not (an upgrade, a chunked body, a control call, a head that is odd in any way) goes to aiohttp's own
handler together with the connection, for good. So there is one parser for what is difficult, and none for what is not.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from exec_plugin.server.tally import clock
from exec_plugin.server.wire import form_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.account import Reply
    from exec_plugin.server.settings import ServerSettings

_METHODS = frozenset((b"GET", b"POST", b"PUT", b"DELETE"))
_ROOTS = (b"/api/", b"/sapi/")
#: Headers that the gateway reads.
_READ = {b"x-mbx-apikey": "x-mbx-apikey", b"x-mbx-time-unit": "x-mbx-time-unit"}
#: Headers that need more than this lane knows.
_DIFFICULT = frozenset((b"transfer-encoding", b"upgrade", b"expect", b"content-encoding", b"trailer"))
_LONGEST_HEAD = 16 * 1024
#: Digits of the longest body that anybody could mean.
_DIGITS = 15
_END = b"\r\n\r\n"
#: Answers of a connection that may wait to be written.
_MOST_UNWRITTEN = 256


class Plain(NamedTuple):
    """A request whose head is whole and plain."""

    method: str
    target: str
    headers: Mapping[str, str]
    #: where its body begins and ends in what was read
    start: int
    end: int


def read_head(data: bytes, size: int) -> Plain | None:
    """The request whose head is the first ``size`` bytes; None when it is not plain."""
    line, *fields = data[:size].split(b"\r\n")
    parts = line.split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1" or parts[0] not in _METHODS:  # noqa: PLR2004  method, target, version
        return None
    method, target, _ = parts
    if not target.startswith(_ROOTS) or not target.isascii():
        return None
    found: dict[str, str] = {}
    length = -1
    for item in fields:
        name, colon, value = item.partition(b":")
        name, value = name.lower(), value.strip()
        if not colon or name in _DIFFICULT or name != name.strip():
            return None
        if name in _READ:
            found[_READ[name]] = value.decode("latin-1")
        elif name == b"connection" and value.lower() != b"keep-alive":
            return None
        elif name == b"content-length":
            if length >= 0 or not value.isdigit() or len(value) > _DIGITS:
                return None
            length = int(value)
    start = size + len(_END)
    return Plain(method.decode(), target.decode(), found, start, start + max(length, 0))


def peer_of(transport: asyncio.BaseTransport | None) -> str:
    """The address at the other end of a connection."""
    found = transport.get_extra_info("peername") if transport is not None else None
    return found[0] if found else ""


class Desk(Protocol):
    """Who answers."""

    def answer(self, plain: Plain, body: str, peer: str) -> Reply | None:
        """The reply to a request; None when it takes time to answer."""

    def leave(self, reply: Reply, write: Callable[[Reply], None], *, alone: bool) -> None:
        """
        Have a reply written when it may leave, or what is sent instead of it.

        ``alone`` is whether the connection waits for no other one.
        """

    def note(self, plain: Plain, began: float, peer: str, status: int) -> None:
        """Count a request whose answer leaves now."""

    def drop(self) -> None:
        """Count a client that was cut off because it does not read."""

    def settle(self) -> None:
        """Let all replies leave now."""


class Full(asyncio.Protocol):
    """What talks to a client for whom there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up."""
        cast("asyncio.Transport", transport).abort()


class Lane(asyncio.Protocol):
    """
    One connection.

    Args:
        settings: its bounds.
        desk: who answers.
        hand_over: makes the protocol that takes over.
        lanes: where this one notes that it exists.
    """

    def __init__(
        self,
        settings: ServerSettings,
        desk: Desk,
        hand_over: Callable[[], asyncio.Protocol],
        lanes: set[Lane],
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._hand_over = hand_over
        self._lanes = lanes
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self.peer = ""
        self._transport: asyncio.Transport | None = None
        self._unwritten = 0
        self._is_paused = False
        #: when it last brought a whole request or began with one, by the loop's clock: a trickle is no use
        self.used = 0.0
        #: whether there is no room for one more from an address
        self.is_crowded: Callable[[str], bool] = lambda _: False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        # a cast, not a check: other event loops have transports of their own
        self._transport = cast("asyncio.Transport", transport)
        self.peer = peer_of(transport)
        if self.is_crowded(self.peer):
            self._transport.abort()
            return
        self._lanes.add(self)
        self.used = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's own name
        """The client is gone."""
        self._lanes.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole, and keep the rest."""
        transport = self._transport
        if transport is None or transport.is_closing():
            # it may have gone while it was not listened to
            return
        if not self._read:
            self.used = self._loop.time()
        self._read = data = self._read + data if self._read else data
        while data:
            size = data.find(_END)
            if size < 0 and len(data) <= _LONGEST_HEAD and data[:1].isupper():
                return
            if not 0 <= size <= _LONGEST_HEAD:
                # no head, too long a one, or nothing that will ever be one
                self._leave()
                return
            plain = read_head(data, size)
            if plain is None or plain.end - plain.start > self._settings.max_body:
                self._leave()
                return
            if len(data) < plain.end:
                return
            self.used = self._loop.time()
            body = data[plain.start : plain.end].decode(errors="replace")
            began = clock()
            reply = self._desk.answer(plain, body, self.peer)
            if reply is None:
                self._leave()
                return
            self._read = data = data[plain.end :]
            self._unwritten += 1
            note = partial(self._desk.note, plain, began, self.peer)
            self._desk.leave(reply, partial(self._write, transport, note), alone=self._unwritten == 1)
            if not self._goes_on(transport):
                return

    def _goes_on(self, transport: asyncio.Transport) -> bool:
        """Whether more may be asked now; who has asked for more than can be written down is not listened to for a while."""
        if self._unwritten >= _MOST_UNWRITTEN and not transport.is_closing():
            self._is_paused = True
            transport.pause_reading()
        return not (self._is_paused or transport.is_closing())

    def _write(self, transport: asyncio.Transport, note: Callable[[int], None], sent: Reply) -> None:
        """Write a reply."""
        self._unwritten -= 1
        if self._is_paused and not self._unwritten:
            self._is_paused = False
            transport.resume_reading()
            self._loop.call_soon(self.data_received, b"")
        note(sent.status)
        if transport.is_closing():
            # it has gone while its answer waited
            return
        transport.write(form_bytes(sent))
        if transport.get_write_buffer_size() > self._settings.max_unsent:
            # it asks and does not listen
            self._desk.drop()
            transport.abort()

    def close(self) -> None:
        """Close the connection once what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _leave(self) -> None:
        """Let aiohttp go on with the connection."""
        transport = self._transport
        if transport is None:
            return
        self._lanes.discard(self)
        if self._unwritten:
            # what comes next is answered after what came before
            self._desk.settle()
        other = self._hand_over()
        transport.set_protocol(other)
        other.connection_made(transport)
        read, self._read, self._transport = self._read, b"", None
        other.data_received(read)
