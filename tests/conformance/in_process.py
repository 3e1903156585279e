"""An adapter that lets the conformance runner play its scenarios on a scripted exchange in this process."""

from __future__ import annotations

import importlib.util
import json
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from exec_plugin.protocol.control import ScriptedExchange

if TYPE_CHECKING:
    from pathlib import Path

#: What only a server with sockets can play.
SOCKETS = ("ws-api",)


def load_runner(shared: Path) -> Any:
    """The runner's module, from where it lies."""
    spec = importlib.util.spec_from_file_location("conformance_run", shared / "conformance" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class LocalSession:
    """Stands where the runner has its HTTP session: requests go to a gateway, control calls to its owner."""

    trust_env = False

    def __init__(self) -> None:
        self.exchange: ScriptedExchange | None = None

    def request(self, verb: str, url: str, **kwargs: Any) -> Any:
        """Answer like an HTTP server would."""
        parts = urlsplit(url)
        if parts.path.startswith("/paper/"):
            return self._control(parts.path, parts.query, kwargs.get("json"))
        assert self.exchange is not None
        headers = {name.lower(): value for name, value in (kwargs.get("headers") or {}).items()}
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        reply = self.exchange.gateway.handle(verb, target, headers, kwargs.get("data") or "")
        return SimpleNamespace(
            status_code=reply.status, text=reply.text, content=reply.text.encode(), headers=reply.headers
        )

    def _control(self, path: str, query: str, payload: Any) -> Any:
        answer: Any = {}
        if path == "/paper/reset":
            self.exchange = ScriptedExchange(payload)
        elif path == "/paper/market":
            self.exchange.market(payload["events"])
        elif path == "/paper/clock":
            answer = {"serverTime": self.exchange.clock(**payload)}
        else:
            after = int(parse_qs(query)["after"][0])
            events, last = self.exchange.events(after)
            answer = {"events": [{"seq": seq, "event": event} for seq, event in events], "last": last}
        # through JSON, as over a wire
        text = json.dumps(answer)
        return SimpleNamespace(status_code=200, text=text, content=text.encode(), json=lambda: json.loads(text))


class LocalSocket:
    """Stands where the runner has its WebSocket: market streams of the same exchange."""

    def __init__(self, exchange: ScriptedExchange, url: str) -> None:
        path, _, query = url.removeprefix("ws://in.process").partition("?")
        names = query.removeprefix("streams=") if query else path.removeprefix("/ws").lstrip("/")
        self._texts: deque[str] = deque()
        self._session = exchange.gateway.streams.open(
            self._texts.append, names=[name for name in names.split("/") if name], combined=path == "/stream"
        )

    def send(self, text: str) -> None:
        """Write a control frame."""
        self._session.receive(text)

    def recv(self, wait: float) -> Any:
        """The next message: all of them are there already."""
        return json.loads(self._texts.popleft()) if self._texts else None

    def close(self) -> None:
        """End the connection."""
        self._session.close()


def open_scenarios(shared: Path) -> tuple[Any, Any]:
    """The runner's module and a player of the open scenarios on this process's own exchange."""
    return player_of(shared, shared / "conformance" / "open")


def player_of(shared: Path, scenarios: Path) -> tuple[Any, Any]:
    """The runner's module and a player of a folder of scenarios."""
    runner = load_runner(shared)
    suite = runner.Suite([str(scenarios)])
    options = SimpleNamespace(
        url="http://in.process", admin_prefix="/paper", timeout=5, transport="rest", events="admin", verbose=False
    )
    player = runner.Player(suite, options)
    player.http = session = LocalSession()
    runner.WebSocket = lambda url, *_: LocalSocket(session.exchange, url)
    return runner, player
