"""One client's connection to the streams: what it is subscribed to, and its control frames."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.render import to_json
from exec_plugin.protocol.streams.frames import BAD_REQUEST, FrameError, read_frame
from exec_plugin.protocol.streams.topics import event_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exec_plugin.protocol.streams.frames import Frame
    from exec_plugin.protocol.streams.hub import StreamHub

logger = logging.getLogger(__name__)

#: How many streams one connection may listen to (web-socket-streams.md, WebSocket Limits).
MOST_STREAMS = 1024


class StreamSession:
    """
    A connection; made by ``StreamHub.open``, used under the exchange's lock.

    ``combined`` wraps events with the name of their stream, ``micros`` shows moments in microseconds.
    """

    def __init__(
        self, hub: StreamHub, push: Callable[[str], None], names: Sequence[str], *, combined: bool, micros: bool
    ) -> None:
        self.combined = combined
        self.micros = micros
        self.closed = False
        #: the subscriptions in the order they were made
        self.streams: dict[str, None] = {}
        self._hub = hub
        self._push = push
        # a plus sign that was not escaped in a query arrives as a space
        wanted = dict.fromkeys(name.replace("@ 08:00", "@+08:00") for name in names)
        if len(wanted) > MOST_STREAMS:
            message = f"Too many parameters; expected '{MOST_STREAMS}' and received '{len(wanted)}'."
            raise RequestRejected(-1101, message, "open a second connection for the rest")
        self._subscribe(wanted)

    def receive(self, text: str) -> None:
        """Do what a control frame asks for and answer it (Live Subscribing/Unsubscribing to streams)."""
        if self.closed:
            return
        try:
            frame = read_frame(text)
            answer = {"result": self._do(frame), "id": frame.id}
        except FrameError as error:
            answer = error.answer
        self.push(to_json(answer))

    def close(self) -> None:
        """End all subscriptions; nothing is pushed any more."""
        self.closed = True
        self._unsubscribe(tuple(self.streams))

    def shut_down(self) -> None:
        """Tell the client that the server is about to end (web-socket-streams.md, Server Shutdown)."""
        self.push(event_text("!serverShutdown", {"e": "serverShutdown", "E": self._hub.venue.now}, self))

    def push(self, text: str) -> None:
        """Hand a text to the client; one that cannot take it is dropped, for the market goes on."""
        if self.closed:
            return
        try:
            self._push(text)
        except Exception:  # whatever a connection may raise
            logger.warning("a stream connection failed and was closed", exc_info=True)
            self.close()

    def _do(self, frame: Frame) -> Any:
        if frame.method == "SUBSCRIBE":
            self._subscribe(self._within_limit(frame.params))
        elif frame.method == "UNSUBSCRIBE":
            self._unsubscribe(frame.params)
        elif frame.method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        elif frame.method == "GET_PROPERTY":
            return self.combined
        else:
            self.combined = frame.params[1]
        return None

    def _within_limit(self, names: Sequence[str]) -> dict[str, None]:
        wanted = dict.fromkeys(name for name in names if name not in self.streams)
        if len(self.streams) + len(wanted) > MOST_STREAMS:
            raise FrameError(BAD_REQUEST, "Invalid request: too many parameters")
        return wanted

    def _subscribe(self, names: dict[str, None]) -> None:
        for name in names:
            self.streams[name] = None
            self._hub.join(name, self)

    def _unsubscribe(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self.streams:
                del self.streams[name]
                self._hub.leave(name, self)

    def __repr__(self) -> str:
        return f"<StreamSession {len(self.streams)} streams{', closed' if self.closed else ''}>"
