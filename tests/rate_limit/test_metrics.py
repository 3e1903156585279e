"""Limiters as Prometheus sees them."""

from __future__ import annotations

import sys

import pytest

from exec_plugin.core.errors import ConfigError
from exec_plugin.rate_limit import AdaptiveRateLimiter, RateLimiter
from exec_plugin.rate_limit.metrics import export_metrics

prometheus = pytest.importorskip("prometheus_client", reason="pip install 'exec-plugin[metrics]'")


@pytest.fixture
def registry():
    """A registry of the test's own."""
    return prometheus.CollectorRegistry()


@pytest.fixture
def limiter():
    """A limiter that follows an exchange, with a budget of its own."""
    return AdaptiveRateLimiter(host="api.test", account="mine", store="memory")


def value(registry, metric, **labels):
    """A sample's value."""
    given = {"host": "api.test", "account": "mine", "name": ""} | labels
    return registry.get_sample_value(f"exec_plugin_limit_{metric}", given)


def test_windows(registry, limiter):
    """Each window has gauges, read when they are asked for."""
    export_metrics(limiter, registry)
    assert value(registry, "used", window="weight") == 0
    limiter.settle(limiter.reserve_blocking(5), 200, {"X-MBX-USED-WEIGHT-1M": "5"})
    flying = limiter.reserve_blocking(20)
    assert value(registry, "capacity", window="weight") == 6000
    assert value(registry, "used", window="weight") == 5
    assert value(registry, "in_flight", window="weight") == 20
    assert 0 < value(registry, "resets_in_seconds", window="weight") <= 60
    assert value(registry, "capacity", window="orders_10s") == 100
    limiter.withdraw(flying)


def test_ban(registry, limiter):
    """A ban is seen, and for how long it lasts."""
    export_metrics(limiter, registry)
    assert (value(registry, "banned"), value(registry, "blocked_seconds")) == (0, 0)
    limiter.settle(limiter.reserve_blocking(1), 418, {"Retry-After": "120"})
    assert value(registry, "banned") == 1
    assert 100 < value(registry, "blocked_seconds") <= 121


def test_spent(registry, limiter):
    """Counters tell what this limiter let through."""
    export_metrics(limiter, registry)
    limiter.reserve_blocking(5)
    assert value(registry, "spent_total", what="weight") == 5
    assert value(registry, "spent_total", what="requests") == 1


def test_waiting(registry, limiter):
    """Who waits is told by class."""
    export_metrics(limiter, registry)
    assert {
        kind: value(registry, "waiting", **{"class": kind}) for kind in ("cancel", "order", "account", "market")
    } == {
        "cancel": 0,
        "order": 0,
        "account": 0,
        "market": 0,
    }


def test_several(registry, limiter):
    """Several limiters share a registry; two with the same labels need names."""
    other = AdaptiveRateLimiter(host="other.test", account="mine", store="memory")
    for one in (limiter, other):
        export_metrics(one, registry)
    assert value(registry, "capacity", window="weight", host="other.test") == 6000
    with pytest.raises(ConfigError, match="exported already; give a name"):
        export_metrics(limiter, registry)
    export_metrics(limiter, registry, name="again")
    assert value(registry, "capacity", window="weight", name="again") == 6000


def test_plain(registry):
    """A plain limiter tells what it knows."""
    limiter = RateLimiter()
    limiter.acquire("request", 30)
    export_metrics(limiter, registry)
    assert value(registry, "used", window="weight", host="", account="") == pytest.approx(30, abs=1)
    assert value(registry, "waiting", host="", account="", **{"class": "all"}) == 0
    assert value(registry, "banned", host="", account="") is None


def test_text(registry, limiter):
    """The page that Prometheus reads can be written."""
    export_metrics(limiter, registry)
    page = prometheus.generate_latest(registry).decode()
    assert "# TYPE exec_plugin_limit_spent_total counter" in page
    assert 'exec_plugin_limit_used{account="mine",host="api.test",name="",window="weight"} 0.0' in page


def test_default_registry(limiter):
    """By default it is the registry that is served by default."""
    export_metrics(limiter, name="default registry")
    assert value(prometheus.REGISTRY, "factor", name="default registry") == 1


def test_no_package(monkeypatch, limiter):
    """Without the package the message says how to install it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'exec-plugin\[metrics\]'"):
        export_metrics(limiter)
