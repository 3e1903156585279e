"""Stream connections without a socket: a URL says what is spoken, texts go in, texts come out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from exec_plugin.protocol.params import read_whole
from exec_plugin.protocol.render import to_json

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol import Gateway, StreamHub
    from exec_plugin.protocol.ws_api import ApiSession

    T = TypeVar("T")

#: What speaks the WebSocket API, as its version is part of the path (web-socket-api.md).
API = "/ws-api/v3"
#: The place of the user-data events that clients of old ask for with a listen key; no stream has such a name.
LISTEN_KEY = "paper-user-data"


class Exchange(Protocol):
    """A market that connections lead to, and what moves it while they only listen."""

    lock: threading.RLock
    venue: Venue
    gateway: Gateway

    @property
    def is_replay(self) -> bool:
        """Whether it moves only while somebody waits for it."""

    @property
    def on_push(self) -> list[Callable[[], None]]:
        """What is called when somebody else moves it."""

    def catch_up(self) -> None:
        """Let it go on until now."""

    def seconds_to_next(self) -> float | None:
        """How long nothing happens on its clock, where it has one."""

    def step(self) -> bool:
        """Let a replay go on to the next thing that happens."""


class Owner(Protocol):
    """An account that connections are opened for."""

    @property
    def exchange(self) -> Exchange:
        """Its market."""

    @property
    def name(self) -> str:
        """Its name."""

    def converse_soon(self, ask: Callable[[], object]) -> None:
        """Ask the exchange something whose answer is pushed."""

    def open_api(self, push: Callable[[str], None], *, micros: bool = False) -> ApiSession:
        """A session of the WebSocket API."""


class Session(Protocol):
    """The far end of a connection, used under the exchange's lock."""

    def receive(self, text: str) -> None:
        """Take a frame of the client."""

    def close(self) -> None:
        """End it; nothing is pushed any more."""


class _UserData:
    """A connection that only tells what happens to an account; with a number also what happened after that event."""

    def __init__(self, account: Owner, push: Callable[[str], None], after: int | None = None) -> None:
        hub, name = account.exchange.gateway.user_data, account.name
        if after is None:

            def sink(event: dict[str, Any]) -> None:
                push(to_json(event))

            hub.subscribe(name, sink)
            self._end = partial(hub.unsubscribe, name, sink)
        else:
            follower = hub.follow(name, after, lambda seq, event: push(to_json({"seq": seq, "event": event})))
            hub.join(follower)
            self._end = partial(hub.leave, follower)

    def receive(self, text: str) -> None:
        """There is nothing to ask for."""

    def close(self) -> None:
        """End it."""
        self._end()


def is_known(url: str) -> bool:
    """Whether anything answers under a URL; its host plays no part."""
    path = urlsplit(url).path
    return path in (API, "/stream", "/ws") or path.startswith("/ws/")


class Link:
    """
    One connection of an account to its exchange; safe to use from any thread, in its event loop where accounts are kept.

    ``push`` is called under the exchange's lock by whoever moves the market, and must not block.
    """

    def __init__(self, account: Owner, url: str, push: Callable[[str], None]) -> None:
        self.exchange = account.exchange
        self._account = account
        self._is_api = urlsplit(url).path == API
        with self.exchange.lock:
            self.exchange.catch_up()
            self._session = _open(account, url, push)

    def send(self, text: str) -> None:
        """Take a frame of the client; a request of the WebSocket API takes the time that one over HTTP does."""
        if self._is_api:
            self._account.converse_soon(lambda: self._session.receive(text))
            return
        with self.exchange.lock:
            self.exchange.catch_up()
            self._session.receive(text)

    def close(self) -> None:
        """End the connection."""
        with self.exchange.lock:
            self._session.close()


def _open(account: Owner, url: str, push: Callable[[str], None]) -> Session:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    micros = query.get("timeUnit", [""])[0].upper() == "MICROSECOND"
    if parts.path == API:
        return account.open_api(push, micros=micros)
    if parts.path == f"/ws/{LISTEN_KEY}":
        return _UserData(account, push, _after(query.get("after", [""])[-1]))
    hub: StreamHub = account.exchange.gateway.streams
    if parts.path == "/stream":
        # parse_qs would take the plus sign of a time zone for a space
        listed = next((part[8:] for part in parts.query.split("&") if part.startswith("streams=")), "")
        return hub.open(push, names=_names(listed), combined=True, micros=micros)
    return hub.open(push, names=_names(parts.path[4:]), micros=micros)


def _after(text: str) -> int | None:
    """The number of the event that a connection resumes after; None for one that does not."""
    return read_whole("after", text) if text else None


def _names(text: str) -> list[str]:
    return [name for name in text.split("/") if name]
