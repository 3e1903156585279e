"""What a request is to a limiter: budget, endpoint, weight, orders, urgency."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.endpoints import DOCUMENTED, Priority
from exec_plugin.rate_limit.requests import HOSTS, SPOT, account_name, classify

SPOT_URL = "https://api.binance.com/api/v3"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}


def depth(host):
    """A request to some host."""
    return classify("GET", f"https://{host}/api/v3/depth", {"symbol": "BTCUSDT"})


@pytest.mark.parametrize("twin", ["api", "api-gcp", "api1", "api2", "api3", "api4"])
def test_one_ip_one_budget(twin):
    """The base endpoints of rest-api.md are one API, whose limits are by IP: they spend one budget."""
    assert depth(f"{twin}.binance.com").host == SPOT
    assert depth(f"{twin.upper()}.Binance.com:443").host == SPOT


@pytest.mark.parametrize("host", sorted(set(HOSTS.values()) - {SPOT}))
def test_others_apart(host):
    """Testnet, demo mode and the host for market data alone are counted apart."""
    assert depth(host).host == host != SPOT


def test_own_host():
    """A proxy, a tunnel or a server of one's own is a Binance with a budget of its own."""
    assert depth("127.0.0.1:8080").host == "127.0.0.1:8080"
    assert depth("user:password@binance.our-proxy.example").host == "binance.our-proxy.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.binance.com/sapi/v1/capital/config/getall",
        "https://fapi.binance.com/fapi/v1/depth",
        "https://papi.binance.com/papi/v1/ping",
        "https://api.binance.us/api/v3/depth",
        "https://www.binance.com/api/v3/depth",
        "/0/public/Depth",
        "",
    ],
)
def test_elsewhere(url):
    """What is not Binance spot spends no budget that is known, and costs what ccxt takes it for."""
    request = classify("GET", url, {"limit": "5000"}, cost=2)
    assert (request.host, request.weight, request.orders) == (None, 10, 0)


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=lambda row: f"{row.method} {row.path}")
def test_table(row):
    """A documented spot endpoint has the table's weight, orders and urgency."""
    request = classify(row.method, f"https://{SPOT}{row.path}", {"symbol": "BTCUSDT"}, cost=99)
    assert request.endpoint == f"{row.method} {row.path}"
    if row.path.startswith("/api/"):
        expected = (row.cost({"symbol": "BTCUSDT"}), row.orders, row.priority)
        assert (request.weight, request.orders, request.priority) == expected


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", "depth", {"symbol": "BTCUSDT", "limit": 1000}, 50),
        ("GET", "depth", {"symbol": "BTCUSDT", "limit": None}, 5),
        ("GET", "ticker/24hr", {"symbols": '["A","B"]'}, 2),
        ("GET", "ticker/24hr", {"symbols": [f"S{number}" for number in range(21)]}, 40),
        ("GET", "ticker/24hr", {}, 80),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "orderId": 7}, 5),
        ("POST", "order/test", {"computeCommissionRates": True}, 20),
        ("POST", "order/test", {"computeCommissionRates": False}, 1),
    ],
)
def test_parameters(method, path, params, weight):
    """Weight follows the parameters as ccxt has them, and as they are sent, in the query or in the body."""
    url = f"{SPOT_URL}/{path}"
    assert classify(method, url, params).weight == weight
    sent = urlencode({name: _sent(value) for name, value in params.items() if value is not None})
    assert classify(method, f"{url}?{sent}").weight == weight
    assert classify(method, url, body=sent).weight == weight


def _sent(value):
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else json.dumps(value)


def test_query_wins():
    """Where both name a parameter, the query string counts."""
    assert classify("GET", f"{SPOT_URL}/depth?limit=5000", {"limit": 5}, "limit=500").weight == 250


@pytest.mark.parametrize(
    ("path", "orders"),
    [("order", 1), ("order/test", 0), ("order/oco", 2), ("orderList/oto", 2), ("orderList/otoco", 3), ("sor/order", 1)],
)
def test_orders(path, orders):
    """Order lists count as the orders that they hold; a test counts as none."""
    assert classify("POST", f"{SPOT_URL}/{path}", ORDER).orders == orders


@pytest.mark.parametrize(("cost", "weight"), [(0.1, 1), (0.2, 1), (1, 5), (0.4, 2), (4.0002, 21), (0, 1)])
def test_unknown(cost, weight):
    """An endpoint that the table does not know costs at least what ccxt takes it for, and never nothing."""
    assert classify("GET", f"{SPOT_URL}/fromTomorrow", cost=cost).weight == weight


@pytest.mark.parametrize(
    ("method", "priority"),
    [("GET", Priority.ACCOUNT), ("DELETE", Priority.CANCEL), ("POST", Priority.ORDER), ("PUT", Priority.ORDER)],
)
def test_unknown_urgency(method, priority):
    """An endpoint that the table does not know is taken for what it might be."""
    request = classify(method, f"{SPOT_URL}/fromTomorrow")
    assert request.priority is priority
    assert request.kind == priority.name.lower()


@pytest.mark.parametrize("params", [["a", "list"], "text", 7, {"limit": object()}])
def test_odd_parameters(params):
    """Parameters of any shape are no error: some exchanges of ccxt send lists."""
    assert classify("GET", f"{SPOT_URL}/depth", params, object()).weight == 5


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.integers(), st.none())))
def test_any(query, params):
    """Whatever is sent has a weight."""
    for method, path in DOCUMENTED:
        assert classify(method, f"https://{SPOT}{path}?{query}", params, query).weight > 0


def test_account():
    """An account is named by its key's hash, which is the same each time and shows nothing of the key."""
    name = account_name("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A")
    assert name == account_name("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A")
    assert name.isalnum()
    assert len(name) == 16
    assert name != account_name("another")
    assert account_name(None) == account_name("") == "default"
