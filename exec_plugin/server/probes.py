"""Whether a server lives, can trade, and what it has done: for those who watch over it, without a key."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from exec_plugin.core.errors import ConfigError
from exec_plugin.protocol.render import to_json
from exec_plugin.server.control import failure, is_from_here
from exec_plugin.server.wire import SERVER, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.server.settings import ServerSettings
    from exec_plugin.server.stage import Stage
    from exec_plugin.server.tally import Tally

HEALTH, READY, METRICS = "/health", "/ready", "/metrics"


def ailments(stage: Stage) -> dict[str, str]:
    """What keeps the exchange from trading, by its part; empty when nothing does."""
    gateway = stage.gateway
    told = {name: check() for name, check in gateway.checks.items()}
    if gateway.is_away:
        told["feed"] = "the live market is out of reach, or what was missed is still on its way"
    return {name: what for name, what in told.items() if what}


class Probes:
    """
    The routes ``/health``, ``/ready`` and ``/metrics``.

    Args:
        settings: who may read the metrics.
        stage: the exchange that is served.
        tally: what was counted.
        connections: how many are open, by kind.
    """

    def __init__(
        self, settings: ServerSettings, stage: Stage, tally: Tally, connections: Callable[[], dict[str, int]]
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._parts = (stage, tally, connections)
        self._routes: dict[str, Callable[[web.BaseRequest], web.Response]] = {
            HEALTH: self._health,
            READY: self._ready,
            METRICS: self._metrics,
        }

    def answer(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to such a route; None for any other."""
        route = self._routes.get(request.raw_path.partition("?")[0])
        if route is None:
            return None
        if request.method not in {"GET", "HEAD"}:
            return json_response(HTTPStatus.METHOD_NOT_ALLOWED, failure("this is to be read"))
        return route(request)

    @staticmethod
    def _health(_: web.BaseRequest) -> web.Response:
        """It answers; that is all there is to say, and nothing is waited for."""
        return json_response(HTTPStatus.OK, to_json({"status": "ok"}))

    def _ready(self, request: web.BaseRequest) -> web.Response:
        told = ailments(self._stage)
        if told:
            if not is_from_here(request.remote, request.headers):
                # what is wrong may name a file or a host; who is elsewhere learns only which part it is
                told = dict.fromkeys(told, "not well")
            return json_response(HTTPStatus.SERVICE_UNAVAILABLE, to_json({"status": "not ready", "why": told}))
        return json_response(HTTPStatus.OK, to_json({"status": "ready"}))

    def _metrics(self, request: web.BaseRequest) -> web.Response:
        if not self._settings.metrics:
            return json_response(HTTPStatus.NOT_FOUND, failure("metrics are switched off"))
        if not _may_read(self._settings.metrics_token, request.remote, request.headers):
            text = "metrics are for this machine, or need the header Authorization: Bearer and the metrics token"
            return json_response(HTTPStatus.FORBIDDEN, failure(text))
        from exec_plugin.server.metrics import Exporter

        try:
            exporter = Exporter(*self._parts)
        except ConfigError as error:
            return json_response(HTTPStatus.NOT_FOUND, failure(str(error)))
        return web.Response(body=exporter.text(), headers={"Content-Type": exporter.content_type, **SERVER})


def _may_read(token: str, peer: str | None, headers: Mapping[str, str]) -> bool:
    """Whether somebody is on this machine and no web page, or shows the token."""
    shown = headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(token.encode(), shown.encode(errors="surrogateescape")):
        return True
    return is_from_here(peer, headers)
