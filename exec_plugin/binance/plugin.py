"""The built-in plugin ``binance``: ccxt's ``binance`` as it is, the typed client over it, and this package's limiter."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from exec_plugin.config import nearest
from exec_plugin.core.errors import ConfigError
from exec_plugin.hookspecs import ExchangeSpec, hookimpl
from exec_plugin.plugins import current, throttle

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from exec_plugin.binance.config import BinanceConfig

EXCHANGE_ID = "binance"
#: Whose budget ``[exec_plugin.limits]`` names, and where it is kept.
PLACES = ("account", "ip", "store")
#: What of a host's configuration is the client's, by the host's spelling.
_SPELLINGS = {"apiKey": "api_key", "secret": "api_secret"}


@hookimpl(trylast=True)
def exec_exchanges() -> list[ExchangeSpec]:
    """``binance`` in ccxt's three namespaces, within its limits, and the typed client over it."""
    return [
        ExchangeSpec(EXCHANGE_ID, _client, *(_maker(name) for name in ("ccxt", "ccxt.async_support", "ccxt.pro"))),
    ]


@hookimpl(trylast=True)
def exec_make_throttle(exchange: Any, config: Mapping[str, Any]) -> Any:
    """The limiter whose budget all processes of this machine share."""
    from exec_plugin.rate_limit import install_throttle

    return install_throttle(exchange, **limit_options(config))


def limit_options(table: Mapping[str, Any]) -> dict[str, Any]:
    """
    ``[exec_plugin.limits]`` as arguments of ``install_throttle``: whose budget, kept where, and its limits.

    Raises:
        ConfigError: for an unknown setting or a wrong value.
    """
    from exec_plugin.rate_limit import RateLimitConfig

    limits = limit_settings()
    given = _known("limits", table, (*PLACES, *limits))
    config = {name: given.pop(name) for name in limits if name in given}
    return {**given, "config": RateLimitConfig(**config)} if config else given


def limit_settings() -> list[str]:
    """The limits that ``[exec_plugin.limits]`` may set, beside ``PLACES``."""
    from attrs import fields

    from exec_plugin.rate_limit import RateLimitConfig

    return [each.name for each in fields(RateLimitConfig)]


def client_config(table: Mapping[str, Any]) -> BinanceConfig:
    """
    ``[exec_plugin.binance]`` as a client's configuration.

    Raises:
        ConfigError: for an unknown setting or a wrong value.
    """
    from exec_plugin.binance.config import BinanceConfig

    return BinanceConfig(**_known("binance", table, _client_settings()))


def _client_settings() -> list[str]:
    from attrs import fields

    from exec_plugin.binance.config import BinanceConfig

    return [each.name for each in fields(BinanceConfig)]


def _known(where: str, table: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    for name in table:
        if name not in names:
            msg = f"{where}: unknown setting {name!r}; {nearest(name, names)}"
            raise ConfigError(msg)
    return {name: value for name, value in table.items() if value is not None}


def _maker(namespace: str) -> Any:
    def make(config: Mapping[str, Any]) -> Any:
        exchange = getattr(import_module(namespace), EXCHANGE_ID)(dict(config))
        throttle(current(), exchange)
        return exchange

    return make


def _client(config: Mapping[str, Any]) -> Any:
    """A client as ``[exec_plugin.binance]`` says, and over it what the host's configuration says under the same names."""
    from exec_plugin.binance.client import BinanceClient

    told = {_SPELLINGS.get(name, name): value for name, value in config.items() if value is not None}
    given = {name: value for name, value in told.items() if name in _client_settings()}
    return BinanceClient(client_config({**current().config.table("binance"), **given}))
