"""Where the package's log goes when it runs as a command; as a library it configures nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "exec_plugin"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(verbose: int, log_file: Path | None) -> None:
    """
    Send the log to stderr by the number of ``-v`` and, at least from INFO on, to a file.

    Raises:
        ConfigError: when the file cannot be written.
    """
    logger = logging.getLogger(ROOT)
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    logger.setLevel(min(level, logging.INFO) if log_file else level)
    _add(logger, logging.StreamHandler(), level)
    if log_file:
        _add(logger, _file(log_file), min(level, logging.INFO))


def reset() -> None:
    """Undo ``configure``: a process may go on after a command, or run another one."""
    logger = logging.getLogger(ROOT)
    for handler in [handler for handler in logger.handlers if handler.get_name() == __name__]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


def _add(logger: logging.Logger, handler: logging.Handler, level: int) -> None:
    handler.set_name(__name__)
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(_LINE))
    logger.addHandler(handler)


def _file(path: Path) -> logging.Handler:
    try:
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        msg = f"--log-file {path} cannot be written: {error.strerror or error}"
        raise ConfigError(msg) from error
