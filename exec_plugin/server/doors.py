"""Where WebSocket clients come in: the WebSocket API and the market streams."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from aiohttp import WSCloseCode, web

from exec_plugin.core.errors import VenueError
from exec_plugin.protocol.gateway import error_body, http_status, read_time_unit
from exec_plugin.protocol.render import to_json
from exec_plugin.protocol.ws_api import CONNECT_WEIGHT, ApiSession
from exec_plugin.server.access import log_frame
from exec_plugin.server.control import failure
from exec_plugin.server.settings import is_loopback
from exec_plugin.server.sockets import STREAM_MESSAGES, Framer, Socket, Sockets
from exec_plugin.server.stage import Stage
from exec_plugin.server.tally import Tally, clock
from exec_plugin.server.wire import json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exec_plugin.account import PaperExchange
    from exec_plugin.protocol import StreamHub
    from exec_plugin.protocol.control import ScriptedExchange
    from exec_plugin.protocol.ws_api.session import Last
    from exec_plugin.server.settings import ServerSettings
    from exec_plugin.server.stage import Session

API, RAW, COMBINED = "/ws-api/v3", "/ws", "/stream"
#: How many connections an address may try in five minutes (WebSocket Limits); tests on this machine try many.
ATTEMPTS, LOCAL_ATTEMPTS, ATTEMPTS_IN = 300, 30_000, 300.0
#: How many addresses are remembered before those are forgotten that have not tried for so long.
MOST_ADDRESSES = 10_000


class Attempts:
    """Counts the connections that each address tries, over the last five minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tried: dict[str, deque[float]] = {}

    def note(self, peer: str) -> bool:
        """Count one more; answers whether it is within bounds."""
        now = self._clock()
        if len(self._tried) > MOST_ADDRESSES:
            self._tried = {other: moments for other, moments in self._tried.items() if now - moments[-1] <= ATTEMPTS_IN}
        most = LOCAL_ATTEMPTS if is_loopback(peer) else ATTEMPTS
        tried = self._tried.setdefault(peer, deque())
        while tried and now - tried[0] > ATTEMPTS_IN:
            tried.popleft()
        if len(tried) >= most:
            return False
        tried.append(now)
        return True


class Doors:
    """Opens WebSocket connections to what is on stage."""

    def __init__(self, exchange: PaperExchange | ScriptedExchange, settings: ServerSettings, sockets: Sockets) -> None:
        self.stage = Stage(exchange)
        self.sockets = sockets
        self._settings = settings
        self._attempts = Attempts()
        self._framer = Framer()
        self.tally = Tally()

    async def open(self, request: web.BaseRequest) -> web.StreamResponse:
        """Shake hands and serve the connection until it ends."""
        if not self._attempts.note(request.remote or ""):
            self.tally.turn_away()
            return json_response(HTTPStatus.TOO_MANY_REQUESTS, failure("too many connections in five minutes"))
        if not _is_handshake(request):
            return json_response(HTTPStatus.BAD_REQUEST, failure("this is no WebSocket handshake"))
        # not urlsplit, which refuses some texts
        path, _, query = request.raw_path.partition("?")
        try:
            options = _options(query)
            micros = read_time_unit(options.get("timeUnit", "MILLISECOND"))
            if path.rstrip("/") == API:
                return await self._open_api(request, options, micros=micros)
        except VenueError as error:
            return json_response(http_status(error), to_json(error_body(error)))
        names = _names(path, options)
        if names is None:
            return json_response(HTTPStatus.NOT_FOUND, failure(f"there is no WebSocket at {path}"))
        return await self._open_streams(request, self.stage.streams, names, micros=micros)

    async def _open_api(
        self, request: web.BaseRequest, options: Mapping[str, str], *, micros: bool
    ) -> web.StreamResponse:
        exchange = self.stage.exchange
        gateway = exchange.gateway
        socket = Socket(request, self._settings, self._framer)
        with exchange.lock:
            self.stage.catch_up()
            gateway.limits.spend(socket.peer, CONNECT_WEIGHT, gateway.venue.now)
            session = ApiSession(
                gateway,
                socket.push,
                caller=socket.peer,
                paced=True,
                micros=micros,
                return_rate_limits=options.get("returnRateLimits", "").lower() != "false",
                hang_up=lambda: socket.end(WSCloseCode.POLICY_VIOLATION, "banned"),
            )
        response = await socket.open()
        socket.farewell = session.shut_down
        return await self._serve(socket, exchange, session, response)

    async def _open_streams(
        self, request: web.BaseRequest, hub: StreamHub, names: Sequence[str], *, micros: bool
    ) -> web.StreamResponse:
        exchange = self.stage.exchange
        socket = Socket(request, self._settings, self._framer, rate=STREAM_MESSAGES)
        combined = socket.path.startswith(COMBINED)
        # first, because a client may be sent something as soon as it is connected
        response = await socket.open()
        with exchange.lock:
            self.stage.catch_up()
            session = hub.open(socket.push, names=names, combined=combined, micros=micros)

        socket.farewell = session.shut_down
        return await self._serve(socket, exchange, session, response)

    async def _serve(
        self,
        socket: Socket,
        exchange: PaperExchange | ScriptedExchange,
        session: Session,
        response: web.StreamResponse,
    ) -> web.StreamResponse:
        """Serve a connection to its end."""
        stage = self.stage

        async def receive(text: str) -> None:
            way = await stage.travel(lambda faults: faults.way_of_frame(text))
            if way.cut:
                # before the request is carried out or after: the client sees nothing of it either way
                socket.cut()
            if not way.cut or way.executed:
                with stage.lock, stage.whole:
                    stage.catch_up()
                    began = clock()
                    session.receive(text)
                    if isinstance(session, ApiSession):
                        self._note_reply(exchange, socket.peer, session.last, began)
                    stage.settle_soon()

        self.sockets.add(socket)
        socket.on_slow = self.tally.drop
        socket.breaks = self._breaks(exchange, socket.path)
        try:
            await socket.listen(receive)
        finally:
            self.sockets.discard(socket)
            with exchange.lock:
                session.close()
        return response

    def _note_reply(self, exchange: PaperExchange | ScriptedExchange, peer: str, last: Last, began: float) -> None:
        """Count a request of the WebSocket API right behind its answer, which may have to wait."""

        def note(status: int) -> None:
            seconds = clock() - began
            self.tally.note_frame(last.name, status, seconds)
            log_frame(peer, last.name, status, seconds)

        exchange.gateway.leave(partial(note, last.status), partial(note, last.lost))

    @staticmethod
    def _breaks(exchange: PaperExchange | ScriptedExchange, path: str) -> Callable[[], bool] | None:
        """What tells when a connection shall break; None while nothing is rehearsed."""
        faults = exchange.gateway.faults
        return None if faults is None else lambda: faults.disconnects(path)


def _is_handshake(request: web.BaseRequest) -> bool:
    """Whether a request is a WebSocket handshake that can be answered."""
    try:
        return web.WebSocketResponse().can_prepare(request).ok
    except ValueError:
        # aiohttp decodes the key and repeats other headers, none of which need be text
        return False


def _options(query: str) -> dict[str, str]:
    """The options of a connection's URL; the last one of a name counts."""
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def _names(path: str, options: Mapping[str, str]) -> list[str] | None:
    """The streams that a URL names; None where there are no streams."""
    if path.rstrip("/") == COMBINED:
        return [name for name in options.get("streams", "").split("/") if name]
    if path == RAW or path.startswith(f"{RAW}/"):
        return [name for name in unquote(path.removeprefix(RAW)).split("/") if name]
    return None
