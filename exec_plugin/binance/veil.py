"""Signatures and keys taken out of what others say: their errors and their logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import aiohttp

from exec_plugin.config.showing import veiled

if TYPE_CHECKING:
    from collections.abc import Callable


def veil(error: BaseException) -> None:
    """Take them out of an error and of those that it came from, all of which a traceback shows."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        error.args = tuple(veiled(part) for part in error.args)
        below = error.__cause__ or error.__context__
        if isinstance(below, aiohttp.ClientResponseError):
            # shows the whole request, headers and all
            error.__cause__ = error.__context__ = None
            return
        if below is None:
            return
        error = below


class Veil(logging.LoggerAdapter[logging.Logger]):
    """A logger like another that is shown no signatures and keys: ccxt logs whole requests while it is debugged."""

    def debug(self, msg: object, *args: object, **named: Any) -> None:
        """Log, if anybody listens; ccxt asks twice a request, and mostly nobody does."""
        if self.logger.isEnabledFor(logging.DEBUG):
            self.log(logging.DEBUG, msg, *args, **named)

    def log(self, level: int, msg: object, *args: object, **named: Any) -> None:
        """Log, if anybody listens."""
        if self.isEnabledFor(level):
            shown = [veiled(str(each)) if isinstance(each, (str, bytes, dict)) else each for each in args]
            super().log(level, veiled(msg), *shown, **named)


def veiling(below: Callable[..., Any]) -> Callable[..., None]:
    """A function that prints, like ``below``, which is shown no signatures and keys."""

    def log(*told: Any) -> None:
        below(*[veiled(str(each)) if isinstance(each, (str, dict)) else each for each in told])

    return log
