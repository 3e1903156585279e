"""WebSocket connections: frames in under the exchange's lock, frames out without waiting for slow readers."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exec_plugin.server.settings import ServerSettings

_log = logging.getLogger(__name__)

#: Seconds between pings, after which a silent client is gone, and after which any is (General WSS information).
PING_EVERY, PONG_WITHIN, LONGEST_LIFE = 20.0, 60.0, 24 * 3600.0
#: Messages that a stream client may send in a second (web-socket-streams.md, WebSocket Limits).
STREAM_MESSAGES = 5
_HEARD = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)
_SHORT, _MIDDLE = 126, 65_536


def frame(text: str) -> bytes:
    """A text as one unmasked WebSocket frame (RFC 6455, 5.2)."""
    data = text.encode()
    size = len(data)
    if size < _SHORT:
        return bytes((0x81, size)) + data
    if size < _MIDDLE:
        return struct.pack(">BBH", 0x81, 126, size) + data
    return struct.pack(">BBQ", 0x81, 127, size) + data


class Framer:
    """Frames texts; one that goes to many clients is framed once."""

    def __init__(self) -> None:
        self._text = ""
        self._frame = frame("")

    def __call__(self, text: str) -> bytes:
        """A text as a frame."""
        if text is not self._text:
            self._text, self._frame = text, frame(text)
        return self._frame


class Socket:
    """
    One connection.

    ``push`` writes at once and waits for nobody: a client that does not read is cut off when too much has gathered.
    """

    def __init__(self, request: web.BaseRequest, settings: ServerSettings, framer: Framer, *, rate: int = 0) -> None:
        self.peer = request.remote or ""
        self.path = request.rel_url.raw_path
        self._request = request
        self._settings = settings
        self._framer = framer
        self._rate = rate
        self._heard: deque[float] = deque(maxlen=rate + 1)
        self._loop = asyncio.get_running_loop()
        # no compression: frames are written as they are
        self._web = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=settings.max_message, timeout=1.0
        )
        self._transport: Any = None
        self._since = self._last_pong = self._loop.time()
        self._pings = 0
        self._is_cut = False
        self._closing: asyncio.Task[None] | None = None
        #: tells the client that the server is about to end
        self.farewell: Callable[[], None] = lambda: None
        #: whether the connection breaks instead of carrying one more frame, where faults are rehearsed
        self.breaks: Callable[[], bool] | None = None
        #: told when the client is cut off because it does not read
        self.on_slow: Callable[[], None] = lambda: None

    async def open(self) -> web.WebSocketResponse:
        """Shake hands."""
        await self._web.prepare(self._request)
        self._transport = self._request.transport
        return self._web

    def push(self, text: str) -> None:
        """Send a text."""
        transport = self._transport
        if transport is None or self._is_cut or self._closing is not None or transport.is_closing():
            return
        if self.breaks is not None and self.breaks():
            self.cut()
            return
        if transport.get_write_buffer_size() > self._settings.max_unsent:
            _log.warning("%s %s reads too slowly and was cut off", self.peer, self.path)
            self.on_slow()
            self.cut()
            return
        transport.write(self._framer(text))

    def cut(self) -> None:
        """End the connection at once, without a word."""
        self._is_cut = True
        if self._transport is not None:
            self._transport.abort()

    def end(self, code: int, reason: str) -> None:
        """Close the connection soon, with a close frame."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(code, reason))

    async def close(self, code: int, reason: str) -> None:
        """Close the connection with a close frame, and wait until that is done."""
        self.end(code, reason)
        if self._closing is not None:
            await self._closing

    async def _close(self, code: int, reason: str) -> None:
        await self._web.close(code=code, message=reason.encode())

    async def listen(self, receive: Callable[[str], Awaitable[None]]) -> None:
        """Hand each text to ``receive`` until the connection ends."""
        while True:
            message = await self._web.receive()
            if message.type not in _HEARD:
                return
            if self._is_too_fast():
                await self.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                return
            if message.type is WSMsgType.TEXT:
                await receive(message.data)
            elif message.type is WSMsgType.PING:
                await self._web.pong(message.data)
            elif message.type is WSMsgType.BINARY:
                await self.close(WSCloseCode.UNSUPPORTED_DATA, "text frames only")
                return
            elif message.data == self._ping_payload():
                # an unsolicited pong keeps nobody connected (General WSS information)
                self._last_pong = self._loop.time()

    def _is_too_fast(self) -> bool:
        if not self._rate:
            return False
        now = self._loop.time()
        self._heard.append(now)
        return len(self._heard) > self._rate and now - self._heard[0] < 1

    async def beat(self) -> None:
        """Ping; who is silent for too long or connected for a day is disconnected."""
        now = self._loop.time()
        if now - self._since > LONGEST_LIFE:
            self.end(WSCloseCode.GOING_AWAY, "connected for 24 hours")
        elif self._pings and now - self._last_pong > PONG_WITHIN:
            self.cut()
        elif self._closing is None and not self._web.closed:
            self._pings += 1
            await self._web.ping(self._ping_payload())

    def _ping_payload(self) -> bytes:
        return str(self._pings).encode()


class Sockets:
    """All connections of a server, their pulse and their end."""

    def __init__(self) -> None:
        self._all: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, socket: Socket) -> None:
        """Look after a connection."""
        self._all.add(socket)

    def discard(self, socket: Socket) -> None:
        """A connection has ended."""
        self._all.discard(socket)

    def end(self, code: int, reason: str) -> None:
        """Close all of them soon."""
        for socket in tuple(self._all):
            socket.end(code, reason)

    async def close(self, code: int, reason: str) -> None:
        """Tell all of them that the server ends, close them, and wait."""
        for socket in tuple(self._all):
            socket.farewell()
        await asyncio.gather(*(socket.close(code, reason) for socket in tuple(self._all)), return_exceptions=True)

    async def pulse(self) -> None:
        """Ping all of them for ever."""
        while True:
            await asyncio.sleep(PING_EVERY)
            for socket in tuple(self._all):
                await socket.beat()
