"""Where a budget is kept: in this process, in a file that all processes of a machine share, or further away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from exec_plugin.limit_store.base import CELLS, LAYOUT, Cells, LimitStore
from exec_plugin.limit_store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CELLS", "LAYOUT", "Cells", "LimitStore", "MemoryStore", "open_store"]


def open_store(
    where: LimitStore | str | Path | None, host: str, clock: Callable[[], float] = time.monotonic
) -> LimitStore:
    """The store of a host's budget: None is the machine's file, "memory" this process, a path another file, redis:// a server."""
    if isinstance(where, str) and where.startswith(("redis://", "rediss://", "unix://")):
        from exec_plugin.limit_store.shared_redis import RedisStore

        return RedisStore(where, host, clock=clock)
    if where is None or isinstance(where, str) or hasattr(where, "__fspath__"):
        return MemoryStore(clock)
    return where
