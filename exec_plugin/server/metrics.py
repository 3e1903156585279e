"""A server as Prometheus metrics, with the extra ``metrics``: read when somebody asks, never in between."""

from __future__ import annotations

import asyncio
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from exec_plugin.account import PaperExchange
from exec_plugin.account.pump import wall_clock
from exec_plugin.feeds.live import LiveFeed
from exec_plugin.rate_limit.metrics import package
from exec_plugin.server.probes import ailments
from exec_plugin.server.tally import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exec_plugin.server.stage import Stage
    from exec_plugin.server.tally import Tally, Times

PREFIX = "exec_plugin_server_"


class Exporter:
    """
    What Prometheus is told.

    Args:
        stage: the exchange that is served.
        tally: what was counted.
        connections: how many are open, by kind.

    Raises:
        ConfigError: without the prometheus_client package.
    """

    def __init__(self, stage: Stage, tally: Tally, connections: Callable[[], dict[str, int]]) -> None:
        self._stage = stage
        self._tally = tally
        self._connections = connections
        prometheus = package()
        self._registry = prometheus.CollectorRegistry()
        self._registry.register(self)
        # memory, processor time and file descriptors of this process
        prometheus.ProcessCollector(registry=self._registry)
        self._generate = prometheus.generate_latest
        self._core = import_module("prometheus_client.core")
        self.content_type: str = prometheus.CONTENT_TYPE_LATEST

    def text(self) -> bytes:
        """Everything as it is now, in Prometheus' text format."""
        found: bytes = self._generate(self._registry)
        return found

    def describe(self) -> list[Any]:
        """Nothing: so registering collects nothing."""
        return []

    def collect(self) -> Iterator[Any]:
        """Everything as it is now."""
        with self._stage.lock:
            yield from list(self._served())
            yield from list(self._traded())

    # ------------------------------------------------------------------ what is told

    def _served(self) -> Iterator[Any]:
        """The server itself."""
        tally, hubs = self._tally, self._stage.gateway
        yield self._counter(
            "requests", "Requests that were answered.", ("method", "route", "status"),
            [((method, route, str(status)), count) for (method, route, status), count in tally.requests.items()],
        )  # fmt: skip
        times = self._core.HistogramMetricFamily(
            f"{PREFIX}request_seconds",
            "How long it took to answer them, with what was written down before; faults and latency aside.",
            labels=("transport",),
        )
        for transport, found in (("rest", tally.rest), ("ws", tally.ws)):
            times.add_metric((transport,), _buckets(found), found.seconds)
        yield times
        if getattr(self._stage.exchange, "journal", None) is not None:
            written = self._core.HistogramMetricFamily(
                f"{PREFIX}write_seconds", "How long it took to write down what had changed."
            )
            written.add_metric((), _buckets(self._stage.written), self._stage.written.seconds)
            yield written
        yield self._gauge("connections", "Connections that are open.", ("kind",), _by_name(self._connections()))
        watched = {"market": hubs.streams.subscriptions, "user": hubs.user_data.subscriptions}
        yield self._gauge("subscriptions", "Streams that clients listen to.", ("kind",), _by_name(watched))
        yield self._counter("dropped_readers", "Clients cut off because they did not read.", (), [((), tally.dropped)])
        yield self._counter("refused_connections", "Connections that were not let in.", (), [((), tally.turned_away)])
        yield self._gauge("tasks", "Tasks of the event loop.", (), [((), _tasks())])
        yield self._gauge("ready", "1 while it can trade.", (), [((), not ailments(self._stage))])

    def _traded(self) -> Iterator[Any]:
        """The exchange that is served; after a reset its counts begin anew."""
        gateway = self._stage.gateway
        venue, limits = gateway.venue, gateway.limits
        desks = [desk for account in venue.accounts.values() for desk in account.desks.values()]
        yield self._counter("orders_placed", "Orders accepted.", (), [((), venue.order_id)])
        yield self._counter(
            "fills", "Executions of accounts' orders.", (), [((), sum(len(desk.records) for desk in desks))]
        )
        yield self._gauge("orders_open", "Orders that are open.", (), [((), sum(len(desk.open) for desk in desks))])
        refused = [((str(code),), count) for code, count in gateway.refused.items()]
        yield self._counter("orders_refused", "Trading requests refused, by code.", ("code",), refused)
        used = [((window.suffix,), window.most(venue.now)) for window in limits.weights]
        yield self._gauge("used_weight", "Request weight of the address that used most.", ("window",), used)
        most = [((window.suffix,), window.limit) for window in limits.weights]
        yield self._gauge("weight_limit", "Request weight that an address may use.", ("window",), most)
        exchange = self._stage.exchange
        if isinstance(exchange, PaperExchange) and isinstance(exchange.feed, LiveFeed):
            lag = max(wall_clock() - exchange.feed.newest, 0) / 1000
            yield self._gauge("feed_lag_seconds", "Since the newest row of the live market.", (), [((), lag)])

    def _counter(
        self, name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
    ) -> Any:
        return _filled(self._core.CounterMetricFamily(PREFIX + name, text, labels=labels), rows)

    def _gauge(
        self, name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
    ) -> Any:
        return _filled(self._core.GaugeMetricFamily(PREFIX + name, text, labels=labels), rows)


def _filled(family: Any, rows: Iterable[tuple[tuple[str, ...], float]]) -> Any:
    for labels, value in rows:
        family.add_metric(labels, float(value))
    return family


def _by_name(counts: dict[str, int]) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), count) for name, count in counts.items()]


def _buckets(times: Times) -> list[tuple[str, float]]:
    bounds = [*map(str, BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(map(float, times.counts)), strict=True))


def _tasks() -> int:
    """How many tasks the event loop has; none where there is no loop."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
