"""Files that people write: TOML, which may be anything."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def read_toml(path: Path) -> dict[str, Any]:
    """
    The table of a file.

    Raises:
        ConfigError: when there is none, or it is no TOML; numbers and nesting beyond all bounds are none either.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigError(msg) from error
