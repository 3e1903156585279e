"""The plugins of this process: loaded once from its settings, or by the host that it runs."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Any

from exec_plugin.config import read_config
from exec_plugin.plugins.manager import Plugins

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Process:
    """What is active; one for all threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.plugins: Plugins | None = None


_PROCESS = _Process()


def load(settings: Mapping[str, Any] | None = None) -> Plugins:
    """
    Load plugins as the settings say, over those of environment and file; whatever is opened later is bound to them.

    Args:
        settings: the table ``[exec_plugin]``, such as a host has in its own configuration.

    Raises:
        ConfigError: for an unknown setting, with the nearest known one.
    """
    loaded = Plugins(read_config(settings))
    # kept until the end of the process even if another load follows: what was opened with them goes on
    atexit.register(loaded.close)
    with _PROCESS.lock:
        _PROCESS.plugins = loaded
    return loaded


def current() -> Plugins:
    """The plugins of this process; loaded from environment and file where nobody has loaded any."""
    found = _PROCESS.plugins
    if found is None:
        with _PROCESS.lock:
            found = _PROCESS.plugins or load()
    return found


def forget() -> None:
    """Let go of the process's plugins; the next that are needed are loaded anew."""
    with _PROCESS.lock:
        found, _PROCESS.plugins = _PROCESS.plugins, None
    if found is not None:
        found.close()
        atexit.unregister(found.close)
