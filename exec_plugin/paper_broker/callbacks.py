"""Telling the caller what happened: plain functions and coroutine functions, none of which can break the broker."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import Execution
from exec_plugin.paper_broker.values import event_order, fill_value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from exec_plugin.core.events import Event
    from exec_plugin.core.models import Fill, Order

logger = logging.getLogger(__name__)


class Callbacks:
    """
    A listener of the venue that calls its owners' functions, in the order of their registration.

    A coroutine function becomes a task of the running event loop; where none runs it is run to its end at once.
    """

    def __init__(self) -> None:
        self.fills: list[Callable[[Fill], Awaitable[None] | None]] = []
        self.orders: list[Callable[[Order], Awaitable[None] | None]] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def __call__(self, event: Event) -> None:
        """Hear one event of the venue."""
        if not isinstance(event, Execution):
            return
        if event.fill is not None:
            for on_fill in self.fills:
                self._call(on_fill, fill_value(event.fill))
        for on_order in self.orders:
            self._call(on_order, event_order(event))

    def _call(self, callback: Callable[[Any], Any], value: Order | Fill) -> None:
        try:
            result = callback(value)
        except Exception:
            # the caller's code, like a plugin's, must not stop the venue or the other callbacks
            logger.exception("callback %r failed on %s", callback, value)
            return
        if asyncio.iscoroutine(result):
            self._start(result)

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            # not asyncio.run, which would take the thread's event loop away from who has one
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(self._finish(coroutine))
            finally:
                loop.close()
        else:
            self._track(running.create_task(coroutine))

    async def _finish(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._track(asyncio.get_running_loop().create_task(coroutine))
        while self._tasks:
            await asyncio.wait(self._tasks)
            # the tasks' own endings take them off the list
            await asyncio.sleep(0)

    def _track(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("callback %r failed", task.get_coro(), exc_info=error)
