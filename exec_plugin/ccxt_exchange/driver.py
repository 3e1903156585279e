"""
What moves a market while a bot only listens.

An exchange moves when somebody looks. Open streams look: on a clock one timer per event loop wakes for the next thing
that happens; a replay at full speed goes on while something is awaited and nothing is left to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ccxt.base.errors import ExchangeClosedByUser, ExchangeError

from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    import asyncio

    from exec_plugin.account.links import Exchange
    from exec_plugin.ccxt_exchange.connection import PaperConnection

#: Seconds between two looks at least, however fast the market is.
SHORTEST = 0.001
#: How many turns of the loop a bot gets to act on what it was told before a replay goes on.
TURNS = 16
#: How far a replay goes without anything to tell before the loop has a turn.
STEPS = 200

_drivers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Exchange, Driver]] = WeakKeyDictionary()


class Driver:
    """Moves one exchange on behalf of the connections of one event loop, as long as there are any."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._connections: list[PaperConnection] = []
        self._timer: asyncio.Handle | None = None
        self._turns = 0
        self._seen = -1

    @classmethod
    def of(cls, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> Driver:
        """The one driver of an exchange in a loop."""
        drivers = _drivers.setdefault(loop, {})
        found = drivers.get(exchange)
        if found is None:
            found = drivers[exchange] = cls(exchange, loop)
        return found

    @staticmethod
    def wake_all(loop: asyncio.AbstractEventLoop) -> None:
        """Somebody in a loop is about to wait for a message."""
        for driver in tuple(_drivers.get(loop, {}).values()):
            driver.wake()

    def join(self, connection: PaperConnection) -> None:
        """A connection is open."""
        if not self._connections:
            self._exchange.on_push.append(self._on_push)
        self._connections.append(connection)
        self.wake()

    def leave(self, connection: PaperConnection) -> None:
        """A connection is over; after the last one nothing is left of the driver."""
        if connection in self._connections:
            self._connections.remove(connection)
        if self._connections:
            return
        if self._on_push in self._exchange.on_push:
            self._exchange.on_push.remove(self._on_push)
        if self._timer is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)
        drivers = _drivers.get(self._loop, {})
        if drivers.get(self._exchange) is self:
            del drivers[self._exchange]

    def _stop(self) -> None:
        if self._timer is not None and not self._connections:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """There may be something to do, or to do sooner."""
        if self._exchange.is_replay:
            if self._timer is None:
                self._turns = 0
                self._timer = self._loop.call_soon(self._turn)
        else:
            self._set_timer()

    # ------------------------------------------------------------------ with a clock, or pushed by others

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._exchange.seconds_to_next()
        if self._connections and delay is not None:
            self._timer = self._loop.call_later(max(delay, SHORTEST), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._guarded(self._exchange.catch_up):
            self._set_timer()

    def _on_push(self) -> None:
        if self._loop.is_closed():
            for connection in tuple(self._connections):
                self.leave(connection)
        else:
            self._loop.call_soon_threadsafe(self._look)

    # ------------------------------------------------------------------ a replay at full speed

    def _turn(self) -> None:
        """Go on when nobody has anything to read or to do, and somebody waits."""
        self._timer = None
        if not any(connection.is_awaited for connection in self._connections):
            return
        now = self._exchange.venue.now
        if now != self._seen or any(connection.has_mail for connection in self._connections):
            self._seen, self._turns = now, 0
        self._turns += 1
        if self._turns < TURNS or self._guarded(self._go_on):
            self._timer = self._loop.call_soon(self._turn)

    def _go_on(self) -> None:
        for _ in range(STEPS):
            if not self._exchange.step():
                self._tell(
                    ExchangeClosedByUser, f"the recording is over, at {self._exchange.venue.now}; nothing follows"
                )
                return
            if any(connection.has_mail for connection in self._connections):
                return
        # nothing to tell so far, so nobody needs turns to act on it
        self._seen, self._turns = self._exchange.venue.now, TURNS - 2

    # ------------------------------------------------------------------ errors

    def _guarded(self, move: Any) -> bool:
        """Move the market; when it cannot be, those who wait are told why."""
        try:
            move()
        except ExecPluginError as error:
            self._tell(ExchangeError, str(error), error)
            return False
        return True

    def _tell(self, kind: type[Exception], text: str, cause: Exception | None = None) -> None:
        for connection in tuple(self._connections):
            error = kind(f"binancepaper {text}")
            error.__cause__ = cause
            connection.client.reject(error)
