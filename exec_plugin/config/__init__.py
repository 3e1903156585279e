"""The package's settings: read from arguments, the environment and a file, and merged in that order."""

from __future__ import annotations

from exec_plugin.config.names import nearest
from exec_plugin.config.reading import Config, read_config
from exec_plugin.config.showing import masked

__all__ = ["Config", "masked", "nearest", "read_config"]
