"""
The hooks, one function each; docs/plugins.md has a heading and an example for every one.

Of those that make something the first result that is not None is used, third parties' before the built-ins'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.hookspecs.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import click

    from exec_plugin.core.models import Fill, MarketData, Order
    from exec_plugin.hookspecs.accounts import AccountView
    from exec_plugin.hookspecs.values import ExchangeSpec, OrderEvent, RequestRecord


@hookspec(historic=True)
def exec_configure(config: Mapping[str, Any]) -> None:
    """Called once with the merged settings, right after the plugin was loaded; its own are ``config[its name]``."""


@hookspec
def exec_unconfigure() -> None:
    """Called when the plugins are let go of, at the end of the process at the latest."""


@hookspec
def exec_exchanges() -> Iterable[ExchangeSpec]:  # type: ignore[empty-body]
    """Exchanges that hosts may name; all plugins' are collected, a later plugin's replaces an earlier one's."""


@hookspec(firstresult=True)
def exec_make_client(name: str, config: Mapping[str, Any]) -> Any:
    """The client of the exchange of that name, or None; without one the exchange's own is made."""


@hookspec(firstresult=True)
def exec_make_throttle(exchange: Any, config: Mapping[str, Any]) -> Any:
    """What keeps a ccxt exchange within its limits, installed on it, or None."""


@hookspec(firstresult=True)
def exec_limit_store(url: str, host: str) -> Any:
    """The ``LimitStore`` that a URL of an unknown scheme names, or None."""


@hookspec(firstresult=True)
def exec_make_model(kind: str, name: str, params: Mapping[str, Any]) -> Any:
    """The model of that kind (``slippage``, ``fee``, ``latency`` or ``queue``) and name, or None."""


@hookspec(firstresult=True)
def exec_market_source(name: str, config: Mapping[str, Any]) -> Any:
    """The ``Feed`` of that name, for the paper settings ``config``, or None."""


@hookspec(firstresult=True)
def exec_check_order(order: Order, account: AccountView, market: MarketData) -> str | None:
    """Why an order must not be placed, or None; a check that raises refuses the order."""


@hookspec
def exec_order_event(event: OrderEvent) -> None:
    """An order of a paper account was placed, traded, changed or ended."""


@hookspec
def exec_fill(fill: Fill, account: str) -> None:
    """An order of a paper account was executed, in part or whole."""


@hookspec
def exec_request(record: RequestRecord) -> None:
    """A request was answered, refused or lost."""


@hookspec
def exec_commands() -> Iterable[click.Command]:  # type: ignore[empty-body]
    """Commands for ``exec-plugin``; one that has the name of a built-in command is left out."""


#: Hooks that only listen: one that raises is named in the log and changes nothing.
OBSERVERS = ("exec_order_event", "exec_fill", "exec_request")
