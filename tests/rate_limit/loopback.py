"""A server on this machine that answers as Binance would, and the exchanges that ask it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import iscoroutine
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

FLAVOURS = ("sync", "async", "pro")


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    params: dict[str, str]
    key: str | None


class Canned(NamedTuple):
    """An answer; a status of 0 drops the connection instead."""

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012  never changed
    body: Any = {}  # noqa: RUF012  never changed


class Loopback:
    """Answers with what was canned, in order, and with the last for ever."""

    def __init__(self):
        self.seen: list[Seen] = []
        self.arrived = threading.Event()
        # while it is clear, requests arrive and get no answer
        self.hold = threading.Event()
        self.hold.set()
        self.answers = [Canned(headers={"x-mbx-used-weight-1m": "7"}, body={"serverTime": 1_700_000_000_000})]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server.server_port}"

    def can(self, *answers):
        self.answers = list(answers)

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _handler(self):
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # without it small answers wait for the client's acknowledgement
            disable_nagle_algorithm = True

            def answer(self):
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                params = dict(parse_qsl(parts.query)) | dict(parse_qsl(body))
                loopback.seen.append(Seen(self.command, parts.path, params, self.headers.get("X-MBX-APIKEY")))
                loopback.arrived.set()
                loopback.hold.wait()
                answers = loopback.answers
                canned = answers.pop(0) if len(answers) > 1 else answers[0]
                if not canned.status:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                text = json.dumps(canned.body, separators=(",", ":")).encode()
                self.send_response(canned.status)
                for name, value in {"Content-Type": "application/json", **canned.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                # who was cancelled is not there to read it
                with suppress(OSError):
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *args):
                pass

        return Handler


def make(flavour, loopback, name="binance", **config):
    """An exchange of ccxt whose requests go to the loopback server."""
    import ccxt
    import ccxt.async_support
    import ccxt.pro

    namespace = {"sync": ccxt, "async": ccxt.async_support, "pro": ccxt.pro}[flavour]
    exchange = getattr(namespace, name)({"apiKey": "the-key", "secret": "the-secret", **config})
    for api, url in exchange.urls["api"].items():
        # pro has a table for its streams in there
        if isinstance(url, str):
            exchange.urls["api"][api] = f"http://{loopback.host}{urlsplit(url).path}"
    # closing has nothing to wait for
    exchange.timeout_on_exit = 0
    return exchange


class Desk:
    """Calls an exchange of any flavour as if it blocked."""

    def __init__(self, exchange):
        self.exchange = exchange
        # a loop of its own, which leaves alone the one that tests run in
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def ask(self, name, *args):
        answer = getattr(self.exchange, name)(*args)
        return self.runner.run(_wait(answer)) if iscoroutine(answer) else answer

    def close(self):
        if self.exchange.synchronous:
            self.exchange.session.close()
        else:
            self.ask("close")
        self.runner.close()


async def _wait(answer):
    return await answer
