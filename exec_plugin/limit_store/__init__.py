"""Where a budget is kept: in this process, in a file that all processes of a machine share, or further away."""

from __future__ import annotations

import os
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from exec_plugin.core.errors import ConfigError
from exec_plugin.limit_store import mapped
from exec_plugin.limit_store.base import CELLS, LAYOUT, Cells, LimitStore
from exec_plugin.limit_store.mapped import MappedStore
from exec_plugin.limit_store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CELLS",
    "LAYOUT",
    "SCHEMES",
    "Cells",
    "LimitStore",
    "MappedStore",
    "MemoryStore",
    "open_store",
    "state_folder",
    "state_path",
]

#: How the URLs of a Redis server begin.
SCHEMES = ("redis://", "rediss://", "unix://")

_in_process: WeakValueDictionary[str, MemoryStore] = WeakValueDictionary()
_warned: set[str] = set()


def open_store(
    where: LimitStore | str | os.PathLike[str] | None,
    host: str = "api.binance.com",
    clock: Callable[[], float] = time.monotonic,
) -> LimitStore:
    """
    The store of a host's budget: None is this machine's file, "memory" is the caller's own, a path another file, and
    redis://, rediss:// or unix:// a Redis server, for several machines.

    Where a file cannot be used the budget is this process's, which one warning says.
    """
    if where == "memory":
        return MemoryStore(clock)
    if isinstance(where, str) and where.startswith(SCHEMES):
        from exec_plugin.limit_store.shared_redis import RedisStore

        return RedisStore(where, host, clock=clock)
    if isinstance(where, str) and "://" in where:
        raise ConfigError(f"store={where!r} is not known; give a path, 'memory', a redis:// URL, or a LimitStore")
    if where is not None and not isinstance(where, str | os.PathLike):
        return where
    path = Path(f"{host}.budget" if where is None else where)
    try:
        if where is None:
            path = state_path(host)
        if mapped.AVAILABLE:
            return MappedStore(path, clock)
        why = "this system has no file locks"
    # pathlib's for a user who has no home, as in many containers, is a RuntimeError
    except (OSError, RuntimeError) as error:
        why = str(error)
    return _fall_back(path, why, clock)


def state_folder() -> Path:
    """
    The user's folder for what is shared and kept; ``EXEC_PLUGIN_HOME`` names another.

    RuntimeError for a user who has no home and names none.
    """
    if home := os.environ.get("EXEC_PLUGIN_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "exec_plugin"


def state_path(host: str) -> Path:
    """The file of a host's budget in the ``state_folder``."""
    return state_folder() / "limits" / f"{re.sub(r'[^a-z0-9.-]', '_', host.lower())}.budget"


def _fall_back(path: Path, why: str, clock: Callable[[], float]) -> MemoryStore:
    if str(path) not in _warned:
        _warned.add(str(path))
        warnings.warn(
            f"the budget cannot be shared in {path}: {why}; this process counts alone", RuntimeWarning, stacklevel=3
        )
    return _in_process.setdefault(str(path), MemoryStore(clock))
