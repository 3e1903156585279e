"""The built-in plugin ``binance``: ccxt's ``binance`` as it is, the typed client over it, and this package's limiter."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from exec_plugin.hookspecs import ExchangeSpec, hookimpl
from exec_plugin.plugins import current, throttle

if TYPE_CHECKING:
    from collections.abc import Mapping

EXCHANGE_ID = "binance"
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

    return install_throttle(exchange, **config)


def _maker(namespace: str) -> Any:
    def make(config: Mapping[str, Any]) -> Any:
        exchange = getattr(import_module(namespace), EXCHANGE_ID)(dict(config))
        throttle(current(), exchange)
        return exchange

    return make


def _client(config: Mapping[str, Any]) -> Any:
    """A client as ``[exec_plugin.binance]`` says, and over it what the host's configuration says under the same names."""
    from attrs import fields

    from exec_plugin.binance.client import BinanceClient
    from exec_plugin.binance.config import BinanceConfig

    known = {each.name for each in fields(BinanceConfig)}
    told = {_SPELLINGS.get(name, name): value for name, value in config.items() if value is not None}
    merged = {**current().config.table("binance"), **{name: value for name, value in told.items() if name in known}}
    return BinanceClient(BinanceConfig(**merged))
