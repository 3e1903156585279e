"""Bodies in and responses out, with bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from http import HTTPStatus

    from exec_plugin.account import Reply

_UUID = "x-mbx-uuid"
_JSON = "application/json;charset=UTF-8"
#: What answers name as their server; aiohttp would name itself and its version.
SERVER = {"Server": "exec_plugin"}


class TooLarge(Exception):
    """A body is longer than the server takes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is longer than {most} bytes")


async def read_body(request: web.BaseRequest, most: int) -> str:
    """
    The body of a request as text.

    Raises:
        TooLarge: when it is longer than ``most`` bytes.
    """
    if not request.can_read_body:
        return ""
    if (request.content_length or 0) > most:
        raise TooLarge(most)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise TooLarge(most)
    return body.decode(errors="replace")


def form_response(reply: Reply) -> web.Response:
    """A reply of the gateway as an HTTP response."""
    headers = {**reply.headers, **SERVER, _UUID: _uuid()}
    return web.Response(status=reply.status, reason=reply.reason, headers=headers, body=reply.text.encode())


def form_bytes(reply: Reply) -> bytes:
    """The same as it goes over the wire."""
    body = reply.text.encode()
    lines = [f"{name}: {value}" for name, value in reply.headers.items()]
    head = "\r\n".join((f"HTTP/1.1 {reply.status} {reply.reason}", *lines))
    return f"{head}\r\n{_UUID}: {_uuid()}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _uuid() -> str:
    return os.urandom(16).hex()


def json_response(status: HTTPStatus, text: str) -> web.Response:
    """A JSON text as an HTTP response."""
    headers = {"Content-Type": _JSON, **SERVER}
    return web.Response(status=status.value, reason=status.phrase, headers=headers, body=text.encode())


def cut(request: web.BaseRequest) -> web.Response:
    """End a request's connection without an answer; the response is for nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
