"""Where the package's log goes when it runs as a command; as a library it configures nothing."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "exec_plugin"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what a record tells in fields of its own (``told``)."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as JSON."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


#: How a record is written, by the name of the format.
FORMATS = {"text": lambda: logging.Formatter(_LINE), "json": JsonLines}


def configure(verbose: int, log_file: Path | None, form: str = "text") -> None:
    """
    Send the log to stderr by the number of ``-v`` and, at least from INFO on, to a file; ``form`` is one of ``FORMATS``.

    Raises:
        ConfigError: when the file cannot be written.
    """
    logger = logging.getLogger(ROOT)
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    logger.setLevel(min(level, logging.INFO) if log_file else level)
    written = FORMATS[form]()
    _add(logger, logging.StreamHandler(), level, written)
    if log_file:
        _add(logger, _file(log_file), min(level, logging.INFO), written)


def reset() -> None:
    """Undo ``configure``: a process may go on after a command, or run another one."""
    logger = logging.getLogger(ROOT)
    for handler in [handler for handler in logger.handlers if handler.get_name() == __name__]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


def _add(logger: logging.Logger, handler: logging.Handler, level: int, written: logging.Formatter) -> None:
    handler.set_name(__name__)
    handler.setLevel(level)
    handler.setFormatter(written)
    logger.addHandler(handler)


def _file(path: Path) -> logging.Handler:
    try:
        # who trades what is its owner's business
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        msg = f"--log-file {path} cannot be written: {error.strerror or error}"
        raise ConfigError(msg) from error
