"""A limiter on every real ``binance`` that a host makes, whoever makes it."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["OPTIONS", "unwrap", "wrap"]

#: The table of settings, in ``options`` of an exchange and in the file.
OPTIONS = "limits"

_PLACES = frozenset(("account", "ip", "store"))

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
        from exec_plugin.rate_limit import install_throttle

        install_throttle(exchange, **_settings(exchange.options))


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """What ``install_throttle`` is to be called with: the exchange's own table over the file's."""
    from attrs import fields

    from exec_plugin.account.settings import nearest
    from exec_plugin.ccxt_exchange.file_settings import file_settings
    from exec_plugin.core.errors import ConfigError
    from exec_plugin.rate_limit import RateLimitConfig

    given = {**file_settings(OPTIONS), **(options.get(OPTIONS) or {})}
    limits = {attribute.name for attribute in fields(RateLimitConfig)}
    for name in given.keys() - limits - _PLACES:
        raise ConfigError(f"{OPTIONS}: unknown setting {name!r}; {nearest(name, limits | _PLACES)}")
    config = {name: given.pop(name) for name in limits & given.keys()}
    return {**given, "config": RateLimitConfig(**config) if config else None}
