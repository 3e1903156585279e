"""
The built-in plugin ``paper``: ccxt's ``binancepaper``, the models of its market and where that comes from.

It is loaded wherever any plugin is asked, so that what it makes is imported only when it is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from exec_plugin.ccxt_exchange.description import EXCHANGE_ID
from exec_plugin.ccxt_exchange.registry import FACES, install
from exec_plugin.hookspecs import ExchangeSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.feeds import Feed


@hookimpl(trylast=True)
def exec_exchanges() -> list[ExchangeSpec]:
    """``binancepaper`` in ccxt's three namespaces, and the typed client over it."""
    return [
        ExchangeSpec(EXCHANGE_ID, _client, *(_maker(namespace) for namespace in FACES)),
    ]


@hookimpl(trylast=True)
def exec_make_model(kind: str, name: str, params: Mapping[str, Any]) -> Any:
    """The models that settings may name without a plugin."""
    from exec_plugin.account import parts

    return parts.make_model(kind, name, params)


@hookimpl(trylast=True)
def exec_market_source(name: str, config: Mapping[str, Any]) -> Feed | None:
    """The feeds that settings may name without a plugin."""
    from exec_plugin.account import parts

    return parts.open_feed(name, config)


def _maker(namespace: str) -> Any:
    def make(config: Mapping[str, Any]) -> Any:
        install()
        return getattr(import_module(namespace), EXCHANGE_ID)(_options(config))

    return make


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ccxt takes of a host's configuration: key, secret and options, under either spelling."""
    names = {"api_key": "apiKey", "apiKey": "apiKey", "api_secret": "secret", "secret": "secret", "options": "options"}
    found = {names[name]: value for name, value in config.items() if name in names and value is not None}
    if "paper" in config:
        found["options"] = {**found.get("options", {}), "paper": config["paper"]}
    return found


def _client(config: Mapping[str, Any]) -> Any:
    from exec_plugin.binance import BinanceClient

    return BinanceClient(exchange=_maker("ccxt.async_support")(config))
