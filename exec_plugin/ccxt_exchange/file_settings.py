"""Settings that a host's own configuration has no place for: those of the file that ``EXEC_PLUGIN_CONFIG`` names."""

from __future__ import annotations

import functools
import os
import tomllib
from pathlib import Path
from typing import Any

from exec_plugin.core.errors import ConfigError

__all__ = ["file_settings"]

VARIABLE = "EXEC_PLUGIN_CONFIG"


def file_settings(table: str) -> dict[str, Any]:
    """
    A table of the file's ``[exec_plugin]``; empty without file or table.

    Raises:
        ConfigError: for a file that cannot be read.
    """
    path = os.environ.get(VARIABLE)
    return dict(_read(path).get(table, {})) if path else {}


@functools.cache
def _read(path: str) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    tables: dict[str, Any] = found.get("exec_plugin") or found.get("tool", {}).get("exec_plugin", {})
    return tables
