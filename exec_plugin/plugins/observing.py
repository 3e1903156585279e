"""Listeners of plugins, each called by itself: one that raises is named in the log and disturbs nobody."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import HookCaller

logger = logging.getLogger(__name__)


def in_a_line(error: BaseException) -> str:
    """An error as one line: its kind, unless it is one of ours, and its text."""
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return text if isinstance(error, ExecPluginError) else f"{type(error).__name__}: {text}"


class Listener(NamedTuple):
    """One plugin's function for a hook, and the arguments that it takes of it."""

    plugin: str
    function: Callable[..., Any]
    wanted: tuple[str, ...]

    def __call__(self, values: dict[str, Any]) -> Any:
        """Call it with what it wants."""
        return self.function(*[values[name] for name in self.wanted])


def listeners(hook: HookCaller) -> list[Listener]:
    """Those who implement a hook, in the order in which pluggy would call them."""
    found = reversed(hook.get_hookimpls())
    return [Listener(each.plugin_name, each.function, each.argnames) for each in found]


class Failures:
    """What plugins did wrong: told at the first time, and again whenever it has become ten times as often."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, plugin: str, hook: str, error: Exception) -> None:
        """A plugin's function has raised."""
        count = self._counts[plugin, hook] = self._counts[plugin, hook] + 1
        if str(count).strip("0") == "1":
            times = "" if count == 1 else f", {count} times so far"
            logger.error("plugin %r failed in %s%s: %s", plugin, hook, times, in_a_line(error))
        logger.debug("plugin %r failed in %s", plugin, hook, exc_info=error)


class Observer:
    """
    Everybody who listens to one hook; false where nobody does.

    It knows who listened when it was made.
    """

    def __init__(self, hook: HookCaller, failures: Failures) -> None:
        self._name = hook.name
        self._listeners = listeners(hook)
        self._failures = failures

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def __call__(self, **values: Any) -> None:
        """Tell all of them."""
        for listener in self._listeners:
            try:
                listener(values)
            except Exception as error:  # noqa: BLE001 - a plugin's code: whatever it is, it ends here, and is logged
                self._failures.note(listener.plugin, self._name, error)
