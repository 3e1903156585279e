"""What a server shows: one exchange at a time, which a control call may replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.account import PaperExchange
from exec_plugin.account.pump import wall_clock
from exec_plugin.protocol.control import ScriptedExchange

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from exec_plugin.protocol import Gateway


class Session(Protocol):
    """A client of the WebSocket API or of the market streams."""

    def receive(self, text: str) -> None:
        """Answer one frame of the client."""

    def close(self) -> None:
        """The connection is gone."""


class StreamHub(Protocol):
    """The market streams of an exchange."""

    def open(
        self,
        push: Callable[[str], None],
        *,
        names: Sequence[str] = (),
        combined: bool = False,
        micros: bool = False,
    ) -> Session:
        """Connect a client."""


class Stage:
    """
    The exchange that is served now.

    ``exchange`` moves by a clock or by its script; ``on_change`` is called when another one takes its place.
    """

    def __init__(self, exchange: PaperExchange | ScriptedExchange) -> None:
        self.exchange = exchange
        self.on_change: Callable[[], None] = lambda: None

    @property
    def gateway(self) -> Gateway:
        """The protocol over it."""
        return self.exchange.gateway

    @property
    def lock(self) -> threading.RLock:
        """Held while anything of it is used."""
        return self.exchange.lock

    @property
    def streams(self) -> StreamHub | None:
        """Its market streams, where it has any."""
        hub: StreamHub | None = getattr(self.exchange.gateway, "streams", None)
        return hub

    @property
    def script(self) -> ScriptedExchange | None:
        """It, where a script moves it."""
        return self.exchange if isinstance(self.exchange, ScriptedExchange) else None

    def reset(self, setup: Mapping[str, Any]) -> None:
        """
        Put a fresh scripted exchange in its place; a setup that cannot be used changes nothing.

        Raises:
            ConfigError: when a part of it cannot be used.
        """
        self.exchange = ScriptedExchange(setup, wall_clock)
        self.on_change()

    def leg(self) -> float:
        """Seconds that a request, or its answer, is on its way."""
        return self.exchange.leg() / 1000 if isinstance(self.exchange, PaperExchange) else 0.0
