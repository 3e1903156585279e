"""Has what an exchange's accounts did written down on behalf of an event loop, which goes on while the disk is waited for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from exec_plugin.journal.commit import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from exec_plugin.account.house import PaperExchange
    from exec_plugin.protocol import Reply

#: Seconds that a commit may wait for the disk before nothing more is taken on.
PATIENCE = 10.0


def nothing(_: float) -> None:
    """Nobody wants to know how long it took."""


class Writer:
    """
    Writes down together what comes in one turn of an event loop, or while a commit waits for the disk.

    Used in that loop only.

    Args:
        exchange: whose accounts.
        note: is told how many seconds each commit took.
        clock: seconds that go on steadily.
    """

    def __init__(
        self,
        exchange: PaperExchange,
        note: Callable[[float], object] = nothing,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._exchange = exchange
        self._note = note
        self._clock = clock
        self._is_due = False
        #: what another thread writes down just now
        self._writing: Future[None] | None = None
        self._began = 0.0
        #: waits for the disk, while the loop goes on
        self._thread = ThreadPoolExecutor(1, "exec_plugin-writer")

    @classmethod
    def of(cls, exchange: PaperExchange) -> Writer:
        """The one writer of an exchange in the running loop."""
        writers = _writers.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
        found = writers.get(exchange)
        if found is None:
            found = writers[exchange] = cls(exchange)
        return found

    @property
    def is_writing(self) -> bool:
        """Whether another thread waits for the disk."""
        return self._writing is not None

    def leave(self, reply: Reply, write: Callable[[Reply], None], *, alone: bool = True) -> None:
        """
        Have a reply written: at once, or once what it tells of is written down, together with all that comes until then.

        ``write`` gets it, or what is sent instead of it because it has not happened; ``alone`` is whether nobody waits for it
        behind others. Whoever else has the exchange, in whatever thread, may be the one who calls it.
        """
        exchange, gateway = self._exchange, self._exchange.gateway
        with exchange.lock:
            gateway.leave(partial(write, reply), lambda: write(gateway.lost(reply)), alone=alone)
        self.settle_soon()

    def departure(self, reply: Reply) -> asyncio.Future[Reply]:
        """What a reply is waited for by until it may leave; its result is the reply, or what is sent instead."""
        loop = asyncio.get_running_loop()
        left: asyncio.Future[Reply] = loop.create_future()

        def arrive(found: Reply) -> None:
            # who asked may have gone meanwhile
            if not left.done():
                left.set_result(found)

        def leave(sent: Reply) -> None:
            if asyncio._get_running_loop() is loop:
                arrive(sent)
                return
            # a loop that is closed has nobody left who waits
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(arrive, sent)

        self.leave(reply, leave)
        return left

    def settle_soon(self) -> None:
        """Write down what has changed once all that has arrived by now is answered."""
        exchange = self._exchange
        # also what a loop that has ended has begun to write; and where that failed nobody else may try it again
        if (exchange.is_behind or exchange.has_failed) and not (self._is_due or self._writing):
            asyncio.get_running_loop().call_soon(self.write)
            self._is_due = True

    def write(self) -> None:
        """Write down what has changed, if anything has; where that waits for a disk, another thread does."""
        self._is_due = False
        if self._writing is not None:
            self.lose_patience()
            return
        exchange = self._exchange
        self._began = self._clock()
        with exchange.lock, exchange.whole:
            was_dirty = exchange.is_dirty
            commit = exchange.start_settling()
            if commit is not None:
                writing = hand_over(commit, self._thread)
                writing.add_done_callback(self._tell(asyncio.get_running_loop()))
                # last: once this is set, it is for ``_written`` to have the next one begin
                self._writing = writing
        if commit is None and was_dirty:
            self._note(self._clock() - self._began)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        # one that ends before cannot go as long as its writer holds it, nor the writer before it
        found = ref(loop)

        def tell(_: object) -> None:
            # where the loop is closed, whoever comes next finds what became of it
            if (loop := found()) is not None:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._written)

        return tell

    def _written(self) -> None:
        self._writing = None
        with self._exchange.lock, self._exchange.whole:
            self._exchange.finish_settling()
        self._note(self._clock() - self._began)
        self.settle_soon()

    def lose_patience(self) -> None:
        """Have accounts refused for as long as a commit waits that has waited for too long already."""
        if self._writing is None or (waited := self._clock() - self._began) <= PATIENCE:
            return
        with self._exchange.lock:
            self._exchange.refuse(f"a commit has waited for the disk for {waited:.0f} s")

    async def rest(self) -> None:
        """Wait for what another thread writes down just now."""
        if self._writing is not None:
            await asyncio.wrap_future(self._writing)


_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[PaperExchange, Writer]] = WeakKeyDictionary()
