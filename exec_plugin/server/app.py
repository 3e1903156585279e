"""The server: one raw handler over aiohttp's low-level server, so that a request costs little but itself."""

from __future__ import annotations

import asyncio
import errno
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from exec_plugin.account import PaperExchange
from exec_plugin.core.errors import ConfigError
from exec_plugin.server import control
from exec_plugin.server.access import log_request
from exec_plugin.server.attaching import open_doors
from exec_plugin.server.control import Asked, Control, Refused
from exec_plugin.server.doors import Doors
from exec_plugin.server.lane import Full, Lane, Plain, peer_of
from exec_plugin.server.probes import Probes
from exec_plugin.server.refusals import Listener
from exec_plugin.server.settings import is_loopback
from exec_plugin.server.sockets import Sockets
from exec_plugin.server.tally import clock
from exec_plugin.server.wire import TooLarge, cut, form_response, json_response, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.account import Reply
    from exec_plugin.protocol.control import ScriptedExchange
    from exec_plugin.server.settings import ServerSettings

_log = logging.getLogger(__name__)

#: Seconds that pending requests get when the server stops, and idle connections get at any time.
LAST_REQUESTS, IDLE = 5.0, 75.0
#: How many connections wait to be accepted.
_BACKLOG = 512


class PaperServer:
    """
    A paper exchange over HTTP and WebSocket.

    Args:
        exchange: what is served; ``POST /paper/reset`` puts another one in its place.
        settings: where, and how much it bears.
    """

    def __init__(self, exchange: PaperExchange | ScriptedExchange, settings: ServerSettings) -> None:
        self.settings = settings
        self.doors = Doors(exchange, settings, Sockets())
        self.stage = self.doors.stage
        self.stage.on_change = self._on_change
        self._control = Control(self.stage)
        self._probes = Probes(settings, self.stage, self.doors.tally, self._connections)
        self._listener: web.Server | None = None
        self._lanes: set[Lane] = set()
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where it is reached; the port is known once it has started."""
        scheme = "https" if self.settings.tls_cert else "http"
        port = self._server.sockets[0].getsockname()[1] if self._server else self.settings.port
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"{scheme}://{host}:{port}"

    async def start(self) -> None:
        """
        Listen.

        Raises:
            ConfigError: when it cannot listen there.
        """
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._listener = Listener(self._handle, keepalive_timeout=IDLE)
        try:
            self._server = await loop.create_server(
                self._accept, settings.host, settings.port, ssl=settings.tls(), backlog=_BACKLOG
            )
        except OSError as error:
            raise ConfigError(_cannot_listen(settings, error)) from error
        chores = (self._tick(), self._sweep(), self.doors.sockets.pulse())
        self._tasks = [loop.create_task(chore) for chore in chores]
        exchange = self.stage.exchange
        if isinstance(exchange, PaperExchange):
            with exchange.lock:
                open_doors(exchange, self.url, settings)
        _log.info("serving at %s", self.url)

    async def stop(self) -> None:
        """Stop listening, let pending requests finish, and close every socket with a close frame."""
        if self._server is None or self._listener is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # what was asked is answered before its connection ends
        await self.stage.rest()
        await self.doors.sockets.close(WSCloseCode.GOING_AWAY, "the server stops")
        # and what came while others were told
        self.stage.settle()
        for lane in tuple(self._lanes):
            lane.close()
        self._listener.pre_shutdown()
        await self._listener.shutdown(LAST_REQUESTS)
        await self.stage.rest()
        self._server = None
        _log.info("stopped")

    def _connections(self) -> dict[str, int]:
        """How many are open, by kind."""
        handled = len(self._listener.connections) if self._listener is not None else 0
        sockets = len(self.doors.sockets)
        return {"http": len(self._lanes) + max(handled - sockets, 0), "websocket": sockets}

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.stage.tick)
            with self.stage.lock:
                self.stage.catch_up()
                self.stage.write()

    async def _sweep(self) -> None:
        """Close connections that nobody uses."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(IDLE / 5)
            for lane in tuple(self._lanes):
                if loop.time() - lane.used > IDLE:
                    lane.close()

    def _on_change(self) -> None:
        self.doors.sockets.end(WSCloseCode.SERVICE_RESTART, "the exchange was reset")

    # ------------------------------------------------------------------ requests

    def _accept(self) -> asyncio.Protocol:
        """What a new connection talks to."""
        assert self._listener is not None  # noqa: S101
        if len(self._lanes) + len(self._listener.connections) >= self.settings.max_connections:
            self.doors.tally.turn_away()
            return Full()
        lane = Lane(self.settings, self, self._listener, self._lanes)
        lane.is_crowded = self._is_crowded
        return lane

    def _is_crowded(self, peer: str) -> bool:
        """Whether another machine has as many connections as one may."""
        listener, most = self._listener, self.settings.max_per_address
        if listener is None or is_loopback(peer) or len(self._lanes) + len(listener.connections) < most:
            return False
        peers = [lane.peer for lane in self._lanes]
        peers += [peer_of(handler.transport) for handler in listener.connections]
        if peers.count(peer) < most:
            return False
        self.doors.tally.turn_away()
        return True

    def answer(self, plain: Plain, body: str, peer: str) -> Reply | None:
        """A REST request that takes no time on its way; None for others."""
        stage = self.stage
        if not stage.is_near:
            return None
        with stage.lock, stage.whole:
            stage.catch_up()
            return stage.gateway.handle(plain.method, plain.target, plain.headers, body, caller=peer)

    def note(self, plain: Plain, began: float, peer: str, status: int) -> None:
        """Count a request whose answer leaves now, and log it where that much is logged."""
        seconds = clock() - began
        self.doors.tally.note(plain.method, plain.target, status, seconds)
        log_request(peer, plain, status, seconds)

    def drop(self) -> None:
        """Count a client that was cut off because it does not read."""
        self.doors.tally.drop()

    def leave(self, reply: Reply, write: Callable[[Reply], None], *, alone: bool) -> None:
        """Have a reply written when it may leave."""
        self.stage.leave(reply, write, alone=alone)

    def settle(self) -> None:
        """Let all replies leave now."""
        self.stage.settle()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        if target.startswith(control.PREFIX):
            return await self._answer_control(request, target)
        probed = self._probes.answer(request)
        if probed is not None:
            return probed
        if "Upgrade" in request.headers and request.method == "GET":
            return await self.doors.open(request)
        return await self._answer(request, target)

    async def _answer(self, request: web.BaseRequest, target: str) -> web.StreamResponse:
        """A REST request."""
        stage, headers, peer = self.stage, request.headers, request.remote or ""
        known = {name.lower(): headers[name] for name in ("X-MBX-APIKEY", "X-MBX-TIME-UNIT") if name in headers}
        plain = Plain(request.method, target, known, 0, 0)
        try:
            body = await read_body(request, self.settings.max_body)
        except TooLarge as error:
            self.note(plain, clock(), peer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value)
            return json_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, control.failure(str(error)))
        way = await stage.travel(lambda faults: faults.way_of_request(request.method, target))
        if way.cut and not way.executed:
            return cut(request)
        began = clock()
        with stage.lock, stage.whole:
            stage.catch_up()
            reply = stage.gateway.handle(request.method, target, known, body, caller=peer)
        reply = await stage.departure(reply)
        self.note(plain, began, peer, reply.status)
        if way.cut:
            return cut(request)
        await stage.travel_back()
        return form_response(reply)

    async def _answer_control(self, request: web.BaseRequest, target: str) -> web.StreamResponse:
        try:
            control.admit(self.settings, request.remote, request.headers)
            body = await read_body(request, self.settings.max_control_body)
        except Refused as refused:
            return json_response(refused.status, control.failure(refused.msg))
        except TooLarge as error:
            return json_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, control.failure(str(error)))
        with self.stage.lock:
            status, text = self._control.answer(Asked(request.method, target, body))
        return json_response(status, text)


def _cannot_listen(settings: ServerSettings, error: OSError) -> str:
    place = f"port {settings.port} on {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use: choose another one, or 0 for any that is free"
    return f"{place} cannot be listened at: {error.strerror or error}"
