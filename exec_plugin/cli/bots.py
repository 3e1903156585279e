"""Loading a bot from a file and calling it as it wants to be called."""

from __future__ import annotations

import importlib.util
import inspect
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path
    from types import ModuleType

    Bot = Callable[..., Coroutine[Any, Any, None]]


def load_bot(path: Path | None) -> Bot:
    """
    ``run`` of a bot's file, or of the grid bot that comes with the package.

    Raises:
        ConfigError: when the file has no such coroutine function.
    """
    if path is None:
        from exec_plugin.cli.grid_bot import run

        return run
    found = getattr(_module(path), "run", None)
    if not inspect.iscoroutinefunction(found):
        msg = f"{path} has no `async def run(exchange, symbol)`: that is what the demo calls"
        raise ConfigError(msg)
    return found


def check_arguments(bot: Bot, given: Mapping[str, object]) -> None:
    """
    Refuse an option that the bot does not take.

    Raises:
        ConfigError: with the option's name.
    """
    known = inspect.signature(bot).parameters
    for name in given:
        if name not in known:
            msg = f"--{name}: this bot's run() takes no argument {name!r}; it takes {', '.join(known)}"
            raise ConfigError(msg)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        msg = f"{path} is no Python file"
        raise ConfigError(msg)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
