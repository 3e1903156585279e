"""Limiters as Prometheus metrics: ``export_metrics(limiter)``, with the extra ``metrics``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exec_plugin.rate_limit.limiter import RateLimiter

PREFIX = "exec_plugin_limit_"

#: What is told of each window: its name, its key in ``get_status()["buckets"]``, its help.
WINDOWS = (
    ("capacity", "capacity", "What the exchange allows in a window."),
    ("used", "used", "What is used of a window."),
    ("in_flight", "in_flight", "What is sent and not answered yet."),
    ("resets_in_seconds", "resets_in", "Seconds until a window ends."),
    ("strangers", "strangers", "What others on the same IP used of a window."),
)
#: What is told of each budget, likewise.
BUDGETS = (
    ("blocked_seconds", "blocked_for", "Seconds until requests may leave again after a refusal."),
    ("orders_blocked_seconds", "orders_blocked_for", "Seconds until orders may leave again after a refusal."),
    ("banned", "banned", "1 while the exchange bans the IP."),
    ("factor", "factor", "How much of the windows is used: 1, or less after errors."),
    ("share", "share", "How much of the budget is spent here: 1, or less where the others are not seen."),
    ("last_report_seconds", "last_report", "Seconds since the exchange last told its counters."),
    ("members", "members", "How many limiters spent the budget in the last minute."),
    ("orders_today", "orders_today", "Orders placed on the exchange's day."),
)
#: What a limiter itself has spent: its key in ``get_stats()`` -> what it is.
SPENT = {"requests_used": "requests", "weight_used": "weight", "orders_used": "orders"}

_collectors: WeakKeyDictionary[Any, Collector] = WeakKeyDictionary()


def export_metrics(limiter: RateLimiter, registry: Any = None, *, name: str = "") -> None:
    """
    Let Prometheus see a limiter.

    Args:
        limiter: whose status is read whenever metrics are collected, never in between.
        registry: a prometheus_client registry; by default the one that is served by default.
        name: tells apart limiters of one process that have the same host and account.

    Raises:
        ConfigError: without the prometheus_client package, and for a second limiter of the same labels.
    """
    prometheus = package()
    registry = prometheus.REGISTRY if registry is None else registry
    collector = _collectors.get(registry)
    if collector is None:
        collector = Collector()
        collector.add(limiter, name)
        registry.register(collector)
        _collectors[registry] = collector
    else:
        collector.add(limiter, name)


class Collector:
    """All limiters of a registry, as prometheus_client wants to be told of them."""

    def __init__(self) -> None:
        self._limiters: dict[tuple[str, str, str], RateLimiter] = {}

    def add(self, limiter: RateLimiter, name: str) -> None:
        """Tell of one more limiter."""
        status = limiter.get_status()
        labels = (status.get("host", ""), status.get("account", ""), name)
        if labels in self._limiters:
            raise ConfigError(
                f"host={labels[0]!r} account={labels[1]!r} name={name!r} is exported already; give a name"
            )
        self._limiters[labels] = limiter

    def describe(self) -> list[Any]:
        """Nothing: so registering collects nothing."""
        return []

    def collect(self) -> Iterator[Any]:
        """Everything, as it is now."""
        core = import_module("prometheus_client.core")
        seen = [(labels, limiter.get_stats()) for labels, limiter in self._limiters.items()]
        yield from _gauges(core, WINDOWS, "window", _windows(seen))
        yield from _gauges(core, BUDGETS, "", [(labels, "", stats) for labels, stats in seen])
        yield from _gauges(core, [("waiting", "count", "How many requests wait here.")], "class", _waiting(seen))
        spent = core.CounterMetricFamily(f"{PREFIX}spent", "What this limiter let through.", labels=[*LABELS, "what"])
        for labels, stats in seen:
            for key, what in SPENT.items():
                spent.add_metric([*labels, what], stats.get(key, 0))
        yield spent


LABELS = ("host", "account", "name")
Labels = tuple[str, str, str]


def _gauges(
    core: Any,
    metrics: Iterable[tuple[str, str, str]],
    extra: str,
    rows: Iterable[tuple[Labels, str, Mapping[str, Any]]],
) -> Iterator[Any]:
    rows = list(rows)
    for name, key, text in metrics:
        family = core.GaugeMetricFamily(PREFIX + name, text, labels=[*LABELS, extra] if extra else LABELS)
        for labels, value, numbers in rows:
            # a plain limiter knows less than one that follows the exchange
            if numbers.get(key) is not None:
                family.add_metric([*labels, value] if extra else labels, float(numbers[key]))
        yield family


def _windows(seen: Iterable[tuple[Labels, Mapping[str, Any]]]) -> list[tuple[Labels, str, Mapping[str, Any]]]:
    return [(labels, window, numbers) for labels, stats in seen for window, numbers in stats["buckets"].items()]


def _waiting(seen: Iterable[tuple[Labels, Mapping[str, Any]]]) -> list[tuple[Labels, str, Mapping[str, Any]]]:
    return [
        (labels, kind, {"count": count})
        for labels, stats in seen
        for kind, count in stats.get("waiting_by_class", {"all": stats["waiting"]}).items()
    ]


def package() -> Any:
    """
    prometheus_client.

    Raises:
        ConfigError: without it, with the line that installs it.
    """
    try:
        return import_module("prometheus_client")
    except ImportError as error:
        raise ConfigError("metrics need the prometheus_client package: pip install 'exec-plugin[metrics]'") from error
