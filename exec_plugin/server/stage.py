"""What a server shows: one exchange at a time, which a control call may replace."""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.account import PaperExchange
from exec_plugin.account.pump import wall_clock
from exec_plugin.account.writer import Writer
from exec_plugin.core.errors import FeedError
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import CLEAR
from exec_plugin.server.tally import Times, clock

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from exec_plugin.protocol import Gateway, Reply, StreamHub
    from exec_plugin.protocol.faults import Faults, Way

_log = logging.getLogger(__name__)


class Session(Protocol):
    """A client of the WebSocket API or of the market streams."""

    def receive(self, text: str) -> None:
        """Answer one frame of the client."""

    def close(self) -> None:
        """The connection is gone."""


#: Seconds between two looks at a feed: what a live one has received should not wait for long.
TICK, LIVE_TICK = 0.05, 0.01


class Stage:
    """
    The exchange that is served now.

    ``exchange`` moves by a clock or by its script; ``on_change`` is called when another one takes its place.
    """

    def __init__(self, exchange: PaperExchange | ScriptedExchange) -> None:
        self.exchange = exchange
        self.on_change: Callable[[], None] = lambda: None
        self._told = ""
        #: how long it took to write down what had changed
        self.written = Times()
        #: writes it down, where anything is kept
        self.writer = self._follow(exchange)

    @property
    def gateway(self) -> Gateway:
        """The protocol over it."""
        return self.exchange.gateway

    @property
    def lock(self) -> threading.RLock:
        """Held while anything of it is used."""
        return self.exchange.lock

    @property
    def whole(self) -> AbstractContextManager[object]:
        """Within it, for what changes accounts: it is done as a whole, or taken back."""
        exchange = self.exchange
        return exchange.whole if isinstance(exchange, PaperExchange) else nullcontext()

    @property
    def streams(self) -> StreamHub:
        """Its market streams."""
        return self.gateway.streams

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
        former, self.exchange, self.writer = self.exchange, ScriptedExchange(setup, wall_clock), None
        if isinstance(former, PaperExchange):
            former.close()
        self.on_change()

    def catch_up(self) -> None:
        """Let the market go on until now; what a feed cannot tell is logged, and the market goes on behind it."""
        try:
            self.exchange.catch_up()
        except FeedError as error:
            # this is tried many times a second, and need not be told as often
            if str(error) != self._told:
                self._told = str(error)
                _log.error("%s", error)

    # ------------------------------------------------------------------ what is written down before it is told

    def leave(self, reply: Reply, write: Callable[[Reply], None], *, alone: bool = True) -> None:
        """Have a reply written when it may leave; see ``Writer.leave``."""
        if self.writer is not None:
            self.writer.leave(reply, write, alone=alone)
            return
        with self.lock:
            self.gateway.departures.leave(partial(write, reply))

    async def departure(self, reply: Reply) -> Reply:
        """Wait until a reply may leave; answers it, or what is sent instead."""
        return reply if self.writer is None else await self.writer.departure(reply)

    def settle_soon(self) -> None:
        """Write down what has changed once all that has arrived by now is answered."""
        if self.writer is not None:
            self.writer.settle_soon()

    def write(self) -> None:
        """Write down what has changed, if anything has; where that waits for a disk, another thread does."""
        if self.writer is not None:
            self.writer.write()
        else:
            self.settle()

    async def rest(self) -> None:
        """Write down all that has changed, and leave no thread behind."""
        self.settle()
        if self.writer is not None:
            await self.writer.rest()

    def _follow(self, exchange: PaperExchange | ScriptedExchange) -> Writer | None:
        """Write down together with all else what the market changes by itself."""
        if not isinstance(exchange, PaperExchange):
            return None
        exchange.on_dirty = self._note_dirt
        return Writer(exchange, note=self.written.add)

    def _note_dirt(self) -> None:
        # a feed's own thread has no loop, and leaves it to the next look at the feed
        with suppress(RuntimeError):
            self.settle_soon()

    def settle(self) -> bool:
        """Write down what has changed, and let what waits for that leave; False when it has not happened after all."""
        exchange = self.exchange
        if not isinstance(exchange, PaperExchange):
            with exchange.lock:
                exchange.gateway.user_data.go_on()
            return True
        with exchange.lock:
            if not exchange.is_dirty:
                return exchange.settle()
            began = clock()
            try:
                return exchange.settle()
            finally:
                self.written.add(clock() - began)

    @property
    def tick(self) -> float:
        """Seconds between two looks at the feed, so that streams go on while nobody asks."""
        exchange = self.exchange
        is_fast = isinstance(exchange, PaperExchange) and exchange.settings.feed == "live"
        return LIVE_TICK if is_fast else TICK

    @property
    def is_near(self) -> bool:
        """Whether requests take no time on their way, and nothing happens to them there."""
        exchange = self.exchange
        far = isinstance(exchange, PaperExchange) and not exchange.is_near
        return not far and exchange.gateway.faults is None

    async def travel(self, faults_of: Callable[[Faults], Way]) -> Way:
        """Let a request take its way to the exchange; answers what happens to it there."""
        exchange = self.exchange
        faults = exchange.gateway.faults
        way = CLEAR if faults is None else faults_of(faults)
        delay = way.delay + (exchange.leg() if isinstance(exchange, PaperExchange) else 0)
        if delay:
            await asyncio.sleep(delay / 1000)
        return way

    async def travel_back(self) -> None:
        """Let an answer take its way to the client."""
        delay = self.exchange.leg() if isinstance(self.exchange, PaperExchange) else 0
        if delay:
            await asyncio.sleep(delay / 1000)
