"""What is made through hooks: models, markets, stores, limiters and clients, by the first plugin that makes one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exec_plugin.config import nearest
from exec_plugin.core.errors import ConfigError, ExecPluginError
from exec_plugin.plugins.observing import in_a_line, listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from exec_plugin.hookspecs import ExchangeSpec
    from exec_plugin.plugins.manager import Plugins

#: The method by which a model of each kind is known.
_METHODS = {"slippage": "units", "fee": "commission", "latency": "leg", "queue": "shrink"}


def _first(plugins: Plugins, hook: str, **values: Any) -> tuple[str, Any]:
    """The plugin that answers first, and its answer; a plugin's mistake becomes a ConfigError that names it."""
    for listener in listeners(getattr(plugins.hook, hook)):
        with _named(listener.plugin, hook):
            found = listener(values)
        if found is not None:
            return listener.plugin, found
    return "", None


@contextmanager
def _named(plugin: str, hook: str) -> Iterator[None]:
    try:
        yield
    except ExecPluginError:
        raise
    except Exception as error:
        msg = f"plugin {plugin!r} failed in {hook}: {in_a_line(error)}"
        raise ConfigError(msg) from error


def make_model(plugins: Plugins, kind: str, name: str, params: Mapping[str, Any], known: Iterable[str]) -> Any:
    """
    The model of a kind and name.

    Args:
        plugins: who is asked.
        kind: slippage, fee, latency or queue.
        name: of the model.
        params: its settings.
        known: the names of the built-in ones, for the error.

    Raises:
        ConfigError: when nobody makes it, or what is made is no such model.
    """
    plugin, found = _first(plugins, "exec_make_model", kind=kind, name=name, params=params)
    if found is None:
        raise _unknown(plugins, f"{kind} model", name, known)
    method = _METHODS[kind]
    if not callable(getattr(found, method, None)):
        msg = f"plugin {plugin!r} made {found!r} as {kind} model {name!r}: it has no method {method}"
        raise ConfigError(msg)
    return found


def market_source(plugins: Plugins, name: str, config: Mapping[str, Any], known: Iterable[str]) -> Any:
    """
    The feed of that name.

    Raises:
        ConfigError: when nobody makes it, or what is made is no feed.
    """
    plugin, found = _first(plugins, "exec_market_source", name=name, config=config)
    if found is None:
        raise _unknown(plugins, "feed", name, known)
    missing = [part for part in ("symbols", "start", "rows") if not hasattr(found, part)]
    if missing:
        msg = f"plugin {plugin!r} made {found!r} as feed {name!r}: it has no {', '.join(missing)}"
        raise ConfigError(msg)
    return found


def limit_store(plugins: Plugins, url: str, host: str) -> Any:
    """The store of limits that a URL names; None when nobody knows its scheme."""
    return _first(plugins, "exec_limit_store", url=url, host=host)[1]


def throttle(plugins: Plugins, exchange: Any, config: Mapping[str, Any] | None = None) -> Any:
    """
    Install a limiter on a ccxt exchange, as the settings ``[exec_plugin.limits]`` and ``config`` over them say.

    Raises:
        ConfigError: when no active plugin makes one.
    """
    merged = {**plugins.config.table("limits"), **(config or {})}
    found = _first(plugins, "exec_make_throttle", exchange=exchange, config=merged)[1]
    if found is None:
        msg = f"no active plugin makes a throttle for {exchange!r}"
        raise ConfigError(msg)
    return found


def exchanges(plugins: Plugins) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Every exchange that a host may name, as what makes its client from the host's configuration."""
    return {name: _client_of(plugins, spec) for name, spec in exchange_specs(plugins).items()}


def exchange_specs(plugins: Plugins) -> dict[str, ExchangeSpec]:
    """Every exchange by its name; where two plugins have the same, that of the later one."""
    return {spec.name: spec for spec in collected(plugins, "exec_exchanges")}


def collected(plugins: Plugins, hook: str) -> list[Any]:
    """What all plugins give for a hook, the built-in ones first; one that fails gives nothing, and is in the log."""
    found: list[Any] = []
    for listener in reversed(listeners(getattr(plugins.hook, hook))):
        try:
            found.extend(listener({}) or ())
        except Exception as error:  # noqa: BLE001 - a plugin's code: the others' are wanted all the same
            plugins.failures.note(listener.plugin, hook, error)
    return found


def _client_of(plugins: Plugins, spec: ExchangeSpec) -> Callable[[Mapping[str, Any]], Any]:
    def make(config: Mapping[str, Any]) -> Any:
        made = _first(plugins, "exec_make_client", name=spec.name, config=config)[1]
        return spec.make_client(config) if made is None else made

    return make


def _unknown(plugins: Plugins, what: str, name: str, known: Iterable[str]) -> ConfigError:
    asked = sorted(each for each, _ in plugins.list_name_plugin())
    return ConfigError(
        f"no {what} {name!r}: {nearest(name, known)}, and no active plugin makes it ({', '.join(asked)}); "
        "one is active when plugins = [...] of [exec_plugin] names it"
    )
