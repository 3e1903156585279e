"""
One reader for all settings: arguments win over the environment, that over the file, that over the defaults.

The file is the one that ``EXEC_PLUGIN_CONFIG`` names, else ``exec_plugin.toml`` in the working folder, else the
``[tool.exec_plugin]`` of a ``pyproject.toml`` there. What a table may hold is its reader's business; which tables there
are is checked here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from exec_plugin.config.files import read_toml
from exec_plugin.config.names import PLUGIN_LISTS, SECTIONS, SERVED, VALUES, nearest
from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILE, PROJECT_FILE = "exec_plugin.toml", "pyproject.toml"
VARIABLE, PREFIX = "EXEC_PLUGIN_CONFIG", "EXEC_PLUGIN__"
#: Where a value comes from that somebody gave in a call.
ARGUMENT = "argument"

Path_ = tuple[str, ...]


@frozen
class Config:
    """
    Merged settings.

    Args:
        values: tables and values as in the file, below its ``[exec_plugin]``.
        origins: where each value comes from, by its path.
    """

    values: Mapping[str, Any] = field(factory=dict, repr=False)
    origins: Mapping[Path_, str] = field(factory=dict)

    def table(self, *path: str) -> dict[str, Any]:
        """A table's settings; empty where there is none."""
        found: Any = self.values
        for name in path:
            found = found.get(name, {})
        return dict(found)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The plugins that are to be active beside the built-in ones."""
        return _names("plugins", self.values.get("plugins", ()))

    @property
    def block(self) -> tuple[str, ...]:
        """The plugins that are not to be active, whoever names them."""
        return _names("block", self.values.get("block", ()))

    @property
    def strict(self) -> bool:
        """Whether a plugin that cannot be loaded is an error."""
        return bool(self.values.get("strict", False))

    def account(self, api_key: str | None, name: str) -> tuple[str, dict[str, Any]]:
        """
        The account that a key or a name is bound to, and its settings over those of ``[exec_plugin.paper]``.

        Without a binding the name is the one that was given.
        """
        paper = self.table("paper")
        for known, entry in self.table("accounts").items():
            if known == name or (not name and api_key and str(entry.get("api_key", "")) == api_key):
                return known, {**paper, **{key: value for key, value in entry.items() if key != "api_key"}}
        return name, paper


def read_config(
    given: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Config:
    """
    The merged settings.

    Args:
        given: what a call names; it wins.
        environment: where ``EXEC_PLUGIN__SECTION__KEY`` and ``EXEC_PLUGIN_CONFIG`` may be set.
        folder: where a file is looked for, by default the working folder.

    Raises:
        ConfigError: for a file that cannot be read, or an unknown table, which is told with the nearest known one.
    """
    values: dict[str, Any] = {}
    origins: dict[Path_, str] = {}
    named: set[str] = set()
    for where, table in _sources(given, environment, folder or Path()):
        told = _flat(table)
        # a plugin that a stronger source leaves out keeps its table in a weaker one
        named.update(_names("plugins", told.get("plugins", ())), _names("block", told.get("block", ())))
        for path, value in _leaves(told):
            _put(values, path, value, where)
            origins[path] = where
    _check(values, (*VALUES, *SECTIONS, *named))
    return Config(values, {path: where for path, where in origins.items() if _has(values, path)})


def _flat(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """``plugins = {enabled = ..., disabled = ...}`` as the two lists that it stands for."""
    lists = table.get("plugins")
    if not isinstance(lists, Mapping):
        return table
    for name in lists:
        if name not in PLUGIN_LISTS:
            msg = f"plugins: unknown setting {name!r}; {nearest(name, PLUGIN_LISTS)}"
            raise ConfigError(msg)
    told = {name: value for name, value in table.items() if name != "plugins"}
    if "enabled" in lists:
        told["plugins"] = lists["enabled"]
    if "disabled" in lists:
        told["block"] = [*_names("block", told.get("block", ())), *_names("plugins.disabled", lists["disabled"])]
    return told


def _sources(
    given: Mapping[str, Any] | None, environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """From the weakest to the strongest."""
    path = _find(environment, folder)
    if path is not None:
        yield str(path), _read(path)
    for name, text in environment.items():
        if name.startswith(PREFIX) and (words := name.removeprefix(PREFIX).lower().split("__")) and words[0]:
            if len(words) == 1 and words[0] in SERVED:
                continue
            yield name, _nested(words, _value(text))
    if given is not None:
        if not isinstance(given, Mapping):
            msg = f"settings={given!r} is no table such as {{'plugins': ['mine']}}"
            raise ConfigError(msg)
        yield ARGUMENT, given


def _find(environment: Mapping[str, str], folder: Path) -> Path | None:
    if named := environment.get(VARIABLE):
        return Path(named)
    if (path := folder / FILE).is_file():
        return path
    path = folder / PROJECT_FILE
    return path if path.is_file() else None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        table = read_toml(path)
    except ConfigError as error:
        # a project's file that is none is the project's business
        if path.name == PROJECT_FILE and not isinstance(error.__cause__, OSError):
            return {}
        raise
    if path.name == PROJECT_FILE:
        return _table("tool.exec_plugin", _table("tool", table.get("tool", {})).get("exec_plugin", {}))
    for name in table:
        if name != "exec_plugin":
            msg = f"{path}: [{name}] is not below [exec_plugin]; write [exec_plugin.{name}]"
            raise ConfigError(msg)
    return _table("exec_plugin", table.get("exec_plugin", {}))


def _value(text: str) -> Any:
    """A variable's text as JSON where it is some, else as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _nested(words: Sequence[str], value: Any) -> dict[str, Any]:
    return {words[0]: value if len(words) == 1 else _nested(words[1:], value)}


def _leaves(table: Mapping[str, Any], above: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    for name, value in table.items():
        path = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _put(values: dict[str, Any], path: Path_, value: Any, where: str) -> None:
    table = values
    for name in path[:-1]:
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = table[name] = {}
        table = inner
    former = table.get(path[-1])
    if isinstance(former, dict) and not isinstance(value, Mapping):
        msg = f"{where}: {'.'.join(path)}={value!r} is a table"
        raise ConfigError(msg)
    # an empty table takes nothing away from one that is there
    table[path[-1]] = value if former is None or not isinstance(value, Mapping) else former


def _has(values: Mapping[str, Any], path: Path_) -> bool:
    found: Any = values
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True


def _check(values: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in values:
        if name not in known:
            msg = f"exec_plugin: unknown setting {name!r}; {nearest(name, known)}"
            raise ConfigError(msg)
    for name in SECTIONS:
        _table(name, values.get(name, {}))
    for name, entry in values.get("accounts", {}).items():
        _table(f"accounts.{name}", entry)
    strict = values.get("strict", False)
    if not isinstance(strict, bool):
        msg = f"strict={strict!r} is true or false"
        raise ConfigError(msg)


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{name}={value!r} is a table"
        raise ConfigError(msg)
    return value


def _names(setting: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        msg = f"{setting}={value!r} is no list of names such as ['binance', 'paper']"
        raise ConfigError(msg)
    return _unique(name.strip() for name in value)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
