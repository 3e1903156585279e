"""What all streams have in common: who listens, when there is something to say, and how it is said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from exec_plugin.core.units import FAR
from exec_plugin.protocol.render import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.protocol.streams.hub import StreamHub
    from exec_plugin.protocol.streams.session import StreamSession

    Payload = dict[str, Any] | list[dict[str, Any]]

#: The fields of a payload that hold moments, and those of a candle; a candle ends with its last microsecond.
_MOMENTS = ("E", "O", "C", "T")


class Topic:
    """
    One stream with those who listen to it; it exists as long as somebody does.

    ``poll`` is called whenever the market may have moved, where ``polls`` says so, and ``tick`` when the venue's time
    has reached ``due``.
    """

    #: whether it has something to say as soon as the market moves
    polls = False

    def __init__(self, hub: StreamHub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.due = FAR
        self.sessions: dict[StreamSession, None] = {}

    def join(self, session: StreamSession) -> None:
        """Let a session listen from now on."""
        self.sessions[session] = None

    def leave(self, session: StreamSession) -> None:
        """Let a session go."""
        del self.sessions[session]

    def close(self) -> None:
        """Nobody listens any more."""

    def poll(self) -> None:
        """Say what has happened since the last time, where that is to be said at once."""

    def tick(self) -> None:
        """Say what is due."""

    def send(self, payload: Payload, sessions: Iterable[StreamSession] | None = None) -> None:
        """Hand a payload to all sessions or to some, written once for all that want it in the same form."""
        texts: dict[tuple[bool, bool], str] = {}
        for session in tuple(self.sessions if sessions is None else sessions):
            form = (session.combined, session.micros)
            text = texts.get(form)
            if text is None:
                text = texts[form] = event_text(self.name, payload, session)
            session.push(text)


class Periodic(Topic, ABC):
    """A stream that speaks at most once per ``speed`` ms of the venue's time, on a grid that all such streams share."""

    def __init__(self, hub: StreamHub, name: str, speed: int) -> None:
        super().__init__(hub, name)
        self.speed = speed
        self._wait()

    def _wait(self) -> None:
        now = self.hub.venue.now
        self.due = now - now % self.speed + self.speed

    def tick(self) -> None:
        """Say what has changed, and wait for the next turn."""
        self._wait()
        self.say()

    @abstractmethod
    def say(self) -> None:
        """Send what is new."""


class Welcoming(Periodic):
    """A stream that tells newcomers at their first turn what the others know."""

    def __init__(self, hub: StreamHub, name: str, speed: int) -> None:
        super().__init__(hub, name, speed)
        self._newcomers: dict[StreamSession, None] = {}

    def join(self, session: StreamSession) -> None:
        """Let a session listen; it hears the state at the next turn."""
        super().join(session)
        self._newcomers[session] = None

    def leave(self, session: StreamSession) -> None:
        """Let a session go."""
        super().leave(session)
        self._newcomers.pop(session, None)


class Snapshots(Welcoming):
    """A stream of a state: at each turn those who have it are told when it has changed, newcomers in any case."""

    def __init__(self, hub: StreamHub, name: str, speed: int) -> None:
        super().__init__(hub, name, speed)
        self._told: Any = None

    def say(self) -> None:
        """Send the state to those who do not know it."""
        payload = self.show()
        state = self.state(payload)
        if state != self._told:
            self._told = state
            self.send(payload)
        elif self._newcomers:
            self.send(payload, self._newcomers)
        self._newcomers.clear()

    @abstractmethod
    def show(self) -> dict[str, Any]:
        """The state as it is sent."""

    def state(self, payload: dict[str, Any]) -> Any:
        """What of the state counts as a change; the time passes anyway."""
        return {name: value for name, value in payload.items() if name not in ("E", "O", "C", "lastUpdateId")}


def event_text(name: str, payload: Payload, session: StreamSession) -> str:
    """An event of a stream in the form that a session has it in."""
    shown = in_micros(payload) if session.micros else payload
    return to_json({"stream": name, "data": shown} if session.combined else shown)


def in_micros(payload: Any) -> Any:
    """A payload with its moments in microseconds (web-socket-streams.md, General WSS information)."""
    if isinstance(payload, list):
        return [in_micros(item) for item in payload]
    shown = dict(payload)
    for name in _MOMENTS:
        if name in shown:
            shown[name] *= 1000
    if "k" in shown:
        candle = shown["k"]
        shown["k"] = {**candle, "t": candle["t"] * 1000, "T": candle["T"] * 1000 + 999}
    if shown.get("e") == "referencePrice":
        shown["t"] *= 1000
    return shown
