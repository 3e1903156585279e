"""A budget that lives and ends with this process."""

from __future__ import annotations

import time
from threading import RLock
from typing import TYPE_CHECKING

from exec_plugin.limit_store.base import CELLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.limit_store.base import Cells, T, Ts


class MemoryStore:
    """A list under a lock; limiters that are given the same store share the budget."""

    share = 1.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._cells = [0.0] * CELLS
        # a signal's handler, or a finalizer, may come in the middle of a change of its own thread
        self._lock = RLock()

    def update(self, change: Callable[[Cells, *Ts], T], *args: *Ts) -> T:
        """Answer ``change(cells, *args)``, run while nobody else changes the cells."""
        with self._lock:
            return change(self._cells, *args)

    def close(self) -> None:
        """Nothing is held."""
