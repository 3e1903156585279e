"""Health, readiness and metrics: what they say, and to whom."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from protocol.signing_client import KEY, LIMIT, NOW, SECRET, SETUP, form

from exec_plugin.feeds import PushFeed
from exec_plugin.protocol import sign
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import PaperServer, ServerSettings
from exec_plugin.server.probes import _may_read, ailments
from exec_plugin.server.stage import Stage
from exec_plugin.server.tally import BOUNDS, OTHER, Tally, Times

HEADERS = {"X-MBX-APIKEY": KEY}


def signed(**params):
    """A signed form."""
    text = form({**params, "timestamp": NOW})
    return f"{text}&signature={sign(SECRET, text)}"


async def get(http, path, **options):
    """Status and text of a GET."""
    async with http.get(path, **options) as reply:
        return reply.status, await reply.text()


async def test_health(http):
    """A server that answers is healthy, whoever asks, and says nothing else."""
    assert await get(http, "/health") == (200, '{"status":"ok"}')
    assert await get(http, "/health?x=1", headers={"Host": "example.com"}) == (200, '{"status":"ok"}')


async def test_ready(http, exchange):
    """It is ready while it can trade; else it says which part is not, with 503."""
    assert await get(http, "/ready") == (200, '{"status":"ready"}')
    exchange.gateway.is_away = True
    exchange.gateway.checks["journal"] = lambda: "the disk is full"
    exchange.gateway.checks["other"] = lambda: ""
    status, text = await get(http, "/ready")
    assert (status, json.loads(text)["status"]) == (503, "not ready")
    assert set(json.loads(text)["why"]) == {"feed", "journal"}
    assert json.loads(text)["why"]["journal"] == "the disk is full"
    status, text = await get(http, "/ready", headers={"Host": "elsewhere.example"})
    assert (status, json.loads(text)["why"]) == (503, {"feed": "not well", "journal": "not well"})


def test_ailments():
    """A part is ill while its check tells something."""
    stage = Stage(ScriptedExchange(SETUP))
    assert ailments(stage) == {}
    stage.gateway.checks["journal"] = lambda: "full"
    assert ailments(stage) == {"journal": "full"}


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_methods(http, path):
    """They are read and nothing else; HEAD has no body."""
    async with http.post(path) as reply:
        assert reply.status == 405
    async with http.head(path) as reply:
        assert (reply.status, await reply.text()) == (200, "")


class TestWithoutControl:
    """A server without control routes."""

    @pytest.fixture
    def settings(self):
        return ServerSettings(port=0, control=False)

    async def test_probes(self, http):
        """The probes are there all the same."""
        pytest.importorskip("prometheus_client", reason="pip install 'exec-plugin[metrics]'")
        assert [(await get(http, path))[0] for path in ("/health", "/ready", "/metrics")] == [200, 200, 200]


class TestWithoutMetrics:
    """A server that was told to show none."""

    @pytest.fixture
    def settings(self):
        return ServerSettings(port=0, metrics=False)

    async def test_off(self, http):
        """The route does not exist."""
        assert (await get(http, "/metrics"))[0] == 404


async def test_without_extra(http, monkeypatch):
    """Where the extra is missing the route says which line installs it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    status, text = await get(http, "/metrics")
    assert status == 404
    assert "pip install 'exec-plugin[metrics]'" in text


def samples(text):
    """The samples of an exposition."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_metrics(http, exchange, server):
    """Requests, orders, refusals, fills, connections, subscriptions, weight and drops are counted, whatever brought them."""
    pytest.importorskip("prometheus_client", reason="pip install 'exec-plugin[metrics]'")
    exchange.market([{"type": "book", "symbol": "BTCUSDT", "bids": [["99", "5"]], "asks": [["101", "5"]]}])
    for price in ("95", "101", "0.001"):
        async with http.post("/api/v3/order", data=signed(**LIMIT | {"price": price}), headers=HEADERS):
            pass
    await get(http, "/api/v3/secret-path/of-somebody")
    async with http.ws_connect("/ws-api/v3") as api, http.ws_connect("/ws/btcusdt@trade"):
        await api.send_json({"id": 1, "method": "time"})
        await api.receive_json()
        await api.send_str("no JSON")
        await api.receive_json()
        server.doors.tally.drop()
        server.doors.tally.turn_away()
        status, text = await get(http, "/metrics")
        seen = samples(text)
    assert status == 200
    name = "exec_plugin_server_"
    order = 'method="POST",route="/api/v3/order"'
    assert seen[f'{name}requests_total{{{order},status="200"}}'] == 2
    assert seen[f'{name}requests_total{{{order},status="400"}}'] == 1
    assert seen[f'{name}requests_total{{method="other",route="other",status="404"}}'] == 1
    assert seen[f'{name}requests_total{{method="WS",route="time",status="200"}}'] == 1
    assert seen[f'{name}requests_total{{method="WS",route="other",status="400"}}'] == 1
    assert seen[f'{name}request_seconds_count{{transport="rest"}}'] == 4
    assert seen[f'{name}request_seconds_bucket{{le="+Inf",transport="ws"}}'] == 2
    assert seen[f"{name}tasks"] > 1
    assert seen[f"{name}orders_placed_total"] == 2
    assert seen[f"{name}orders_open"] == 1
    assert seen[f"{name}fills_total"] == 1
    assert seen[f'{name}orders_refused_total{{code="-1013"}}'] == 1
    assert seen[f'{name}connections{{kind="websocket"}}'] == 2
    assert seen[f'{name}connections{{kind="http"}}'] >= 1
    assert seen[f'{name}subscriptions{{kind="market"}}'] == 1
    assert seen[f"{name}dropped_readers_total"] == 1
    assert seen[f"{name}refused_connections_total"] == 1
    assert seen[f"{name}ready"] == 1
    assert seen[f'{name}weight_limit{{window="1M"}}'] == 6000
    assert seen[f'{name}used_weight{{window="1M"}}'] > 0
    assert "secret-path" not in text


@pytest.mark.parametrize(
    ("peer", "headers", "may"),
    [
        ("127.0.0.1", {"Host": "localhost:8080"}, True),
        ("127.0.0.1", {}, True),
        ("127.0.0.1", {"Host": "[::1"}, False),
        ("127.0.0.1", {"Host": "evil.example"}, False),
        ("127.0.0.1", {"Host": "localhost", "Origin": "https://evil.example"}, False),
        ("127.0.0.1", {"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, False),
        ("10.0.0.7", {"Host": "localhost"}, False),
        ("10.0.0.7", {"Authorization": "Bearer t0ken"}, True),
        ("10.0.0.7", {"Authorization": "Bearer t0ke"}, False),
        ("10.0.0.7", {"Authorization": "Bearer t\udcffken"}, False),
    ],
)
def test_readers(peer, headers, may):
    """Metrics are for this machine, web pages excepted, and for whoever shows the token."""
    assert _may_read("t0ken", peer, headers) is may


def test_no_token():
    """Without a token nobody can show it."""
    assert not _may_read("", "10.0.0.7", {"Authorization": "Bearer "})


def test_histogram():
    """A time counts in the first bound that it does not pass."""
    times = Times()
    for seconds in (BOUNDS[0], BOUNDS[0] * 1.01, 1e9):
        times.add(seconds)
    assert (times.counts[0], times.counts[1], times.counts[-1]) == (1, 1, 1)


def test_labels():
    """Whatever paths are asked for, their number is that of the routes."""
    tally = Tally()
    for number in range(1000):
        tally.note("GET", f"/api/v3/{number}?x", 404, 0.0)
    assert set(tally.requests) == {(OTHER, OTHER, 404)}


def test_newest():
    """A feed knows the time of its newest row, from which its lag follows."""
    feed = PushFeed((), 5)
    assert feed.newest == 5
    feed.push((0, 17), (0, 19))
    feed.push()
    assert feed.newest == 19


async def test_access_log(http, caplog):
    """At DEBUG each request is logged: where, whose key by its ends, what came of it; no signature and no body."""
    caplog.set_level(logging.DEBUG, logger="exec_plugin.server.access")
    await get(http, f"/api/v3/account?{signed()}", headers={"X-MBX-APIKEY": "longEnoughToHaveEnds"})
    (record,) = [record for record in caplog.records if record.name == "exec_plugin.server.access"]
    assert record.told["key"] == "long...Ends"
    assert "signature=***" in record.getMessage()
    assert "/api/v3/account" in record.getMessage()
    async with http.ws_connect("/ws-api/v3") as api:
        await api.send_json({"id": 1, "method": "session.status", "params": {"apiKey": "longEnoughToHaveEnds"}})
        await api.receive_json()
    assert "WS session.status: 400 in" in caplog.text
    assert "longEnough" not in caplog.text


class Pipe:
    """A transport of a connection from an address."""

    def __init__(self, peer):
        self.peer = peer
        self.aborted = False

    def get_extra_info(self, name):
        return (self.peer, 1) if name == "peername" else None

    def abort(self):
        self.aborted = True


async def test_crowd(exchange):
    """Another machine has so many connections and no more; this machine has what there is."""
    server = PaperServer(exchange, ServerSettings(port=0, max_per_address=2))
    await server.start()
    pipes = [
        Pipe(peer) for peer in ("10.0.0.7", "10.0.0.7", "10.0.0.7", "10.0.0.8", "127.0.0.1", "127.0.0.1", "127.0.0.1")
    ]
    for pipe in pipes:
        server._accept().connection_made(pipe)
    assert [pipe.aborted for pipe in pipes] == [False, False, True, False, False, False, False]
    assert server.doors.tally.turned_away == 1
    server._lanes.clear()
    await server.stop()
