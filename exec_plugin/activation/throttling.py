"""A limiter on every real ``binance`` that a host makes, whoever makes it."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPTIONS", "unwrap", "wrap"]

#: The table of settings, in ``options`` of an exchange and in the file.
OPTIONS = "limits"

_constructors: dict[type, Callable[..., None] | None] = {}


def wrap(namespace: str) -> None:
    """See that each new ``binance`` of a namespace, and of its subclasses, has our throttle; a listener's part."""
    if namespace == "ccxt.pro":
        # its class is made of async_support's
        return
    face = sys.modules[namespace].binance
    if face in _constructors:
        return
    _constructors[face] = face.__dict__.get("__init__")
    construct = face.__init__

    @functools.wraps(construct)
    def construct_and_install(exchange: Any, *args: Any, **named: Any) -> None:
        construct(exchange, *args, **named)
        _install(exchange)

    face.__init__ = construct_and_install


def unwrap() -> None:
    """Give the classes their own constructors back; the throttles of exchanges that exist stay."""
    while _constructors:
        face, construct = _constructors.popitem()
        if construct is None:
            del face.__init__  # type: ignore[misc]
        else:
            face.__init__ = construct  # type: ignore[misc]


def _install(exchange: Any) -> None:
    from exec_plugin.activation import guarded
    from exec_plugin.ccxt_exchange.transport import PaperTransport

    # made of the same class, and spends nobody's budget
    if isinstance(exchange, PaperTransport):
        return
    with guarded("throttle"):
        from exec_plugin.plugins import current, throttle

        throttle(current(), exchange, exchange.options.get(OPTIONS) or {})
