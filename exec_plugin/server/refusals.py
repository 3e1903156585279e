"""What aiohttp refuses by itself, said in Binance's form: bytes that are no HTTP, bodies that cannot be unpacked."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from exec_plugin.protocol.render import to_json
from exec_plugin.server.control import failure
from exec_plugin.server.wire import json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

#: errors.md, -1000 UNKNOWN.
_UNKNOWN = to_json({"code": -1000, "msg": "An unknown error occurred while processing the request."})
_UNREADABLE = failure("this is no HTTP request that can be read")
#: What is the client's doing: it hung up within its body, or packed it otherwise than it said.
_OF_CLIENTS = (ConnectionError, web.RequestPayloadError)


class Listener(web.Server):
    """aiohttp's low-level server, whose error page every client of Binance can read."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, keepalive_timeout: float
    ) -> None:
        super().__init__(handler)
        self._keepalive = keepalive_timeout

    def __call__(self) -> web.RequestHandler:
        """The protocol of one connection."""
        return _Handler(self, loop=self._loop, access_log=None, keepalive_timeout=self._keepalive)  # type: ignore[arg-type]  # None is none


class _Handler(web.RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that failed, and close its connection; a client's fault is none of the log's business."""
        if isinstance(exc, _OF_CLIENTS):
            status = HTTPStatus.BAD_REQUEST
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if is_ours:
            _log.error("a request failed", exc_info=exc)
        else:
            _log.debug("%s sent no proper request: %s", request.remote, message or exc)
        if request.writer.output_size > 0:
            raise ConnectionError("part of another answer was sent already")
        response = json_response(HTTPStatus(status), _UNKNOWN if is_ours else _UNREADABLE)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what went wrong beside an answer, unless the client did it."""
        if not isinstance(kw.get("exc_info"), _OF_CLIENTS):
            super().log_exception(*args, **kw)
