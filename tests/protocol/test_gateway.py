"""Requests in, replies out: routing, precedence, headers, weights, limits, and whatever else may be sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing_client import KEY, LIMIT, NOW, SECRET, Client, form

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.errors import VenueError
from exec_plugin.endpoints import ENDPOINTS, RATE_LIMITS
from exec_plugin.protocol import gateway as gateway_module
from exec_plugin.protocol import sign

TIGHT = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 30},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 2},
]


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def weight_of(client, method, path, params):
    """What one request adds to the weight that is told in the headers."""
    before = client.gateway.limits.weights[0].used("local", NOW)
    return int(client.send(method, path, params).headers["X-MBX-USED-WEIGHT-1M"]) - before


# ---------------------------------------------------------------------- routing


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/api/v3/ping", 200),
        ("GET", "https://api.binance.com/api/v3/ping", 200),
        ("GET", "/api/v3/ping?", 200),
        ("POST", "/api/v3/ping", 405),
        ("get", "/api/v3/ping", 405),
        ("GET", "/api/v3/ping/", 404),
        ("GET", "/api/v4/ping", 404),
        ("GET", "/sapi/v1/margin/account", 404),
        ("POST", "/api/v3/userDataStream", 410),
        ("GET", "", 404),
        ("GET", "http://[", 404),
        ("GET", "\x00", 404),
    ],
)
def test_routes(client, method, target, status):
    """A route is its method and its path on whatever host; anything else is an error, never a request elsewhere."""
    reply = client.gateway.handle(method, target, {})
    assert reply.status == status
    assert status == 200 or json.loads(reply.text)["code"] == -1


@pytest.mark.parametrize(("key", "code"), [(None, -2014), ("a b", -2014), ("stranger", -2015)])
def test_keys(client, key, code):
    """Who cannot show a key is not authorised, which is another status than a bad request."""
    headers = {} if key is None else {"x-mbx-apikey": key}
    reply = client.gateway.handle("GET", f"/api/v3/account?{client.signed({})}", headers)
    assert (reply.status, reply.reason, json.loads(reply.text)["code"]) == (401, "Unauthorized", code)


def test_public(client):
    """Public requests need no key."""
    assert client.gateway.handle("GET", "/api/v3/time", {}).text == f'{{"serverTime":{NOW}}}'


# ---------------------------------------------------------------------- query and body


@pytest.mark.parametrize("split", range(len(LIMIT) + 1))
def test_mixed(client, split):
    """The parameters of an order may be spread over query and body in any way."""
    pairs = list(LIMIT.items())
    query, body = form(dict(pairs[:split])), form({**dict(pairs[split:]), "timestamp": NOW})
    signed = f"{body}&signature={sign(SECRET, query + body)}"
    reply = client.gateway.handle("POST", f"/api/v3/order?{query}", {"x-mbx-apikey": KEY}, signed)
    assert json.loads(reply.text)["status"] == "NEW"


def test_query_wins(client):
    """Where query and body name the same parameter, the query's value is used."""
    query, body = "price=90", form({**LIMIT, "timestamp": NOW})
    signed = f"{body}&signature={sign(SECRET, query + body)}"
    reply = client.gateway.handle("POST", f"/api/v3/order?{query}", {"x-mbx-apikey": KEY}, signed)
    assert json.loads(reply.text)["price"] == "90.00000000"


def test_duplicates(client):
    """Within the query a parameter stands once."""
    reply = client.gateway.handle("GET", "/api/v3/depth?symbol=BTCUSDT&symbol=LTCBTC", {})
    assert (reply.status, json.loads(reply.text)["code"]) == (400, -1101)


# ---------------------------------------------------------------------- headers


def test_headers(client):
    """Every reply tells the weight used so far; the date is the venue's."""
    reply = client.send("GET", "exchangeInfo")
    assert reply.headers == {
        "Content-Type": "application/json;charset=UTF-8",
        "Date": "Mon, 05 Jan 2026 12:00:00 GMT",
        "X-MBX-USED-WEIGHT": "20",
        "X-MBX-USED-WEIGHT-1M": "20",
    }
    assert client.send("GET", "depth", {"symbol": "ETHUSDT"}).headers["X-MBX-USED-WEIGHT-1M"] == "25"
    client.wait(MINUTE)
    assert client.send("GET", "ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_callers(client):
    """Weight is counted for each caller apart."""
    client.gateway.handle("GET", "/api/v3/exchangeInfo", {}, caller="one")
    assert client.gateway.handle("GET", "/api/v3/ping", {}, caller="two").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_order_headers(client):
    """An accepted order tells how many there were; cancels, test orders and refused ones count nothing."""
    client.send("POST", "order/test", LIMIT)
    client.send("POST", "order", {**LIMIT, "price": "0"})
    reply = client.send("POST", "order", LIMIT)
    assert (reply.headers["X-MBX-ORDER-COUNT-10S"], reply.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    reply = client.send("DELETE", "order", {"symbol": "BTCUSDT", "orderId": 1})
    assert "X-MBX-ORDER-COUNT-10S" not in reply.headers
    assert [row["count"] for row in client.ask("GET", "rateLimit/order")] == [1, 1]


@pytest.mark.parametrize(("unit", "factor"), [("MICROSECOND", 1000), ("microsecond", 1000), ("MILLISECOND", 1)])
def test_time_unit(client, unit, factor):
    """Every moment of an answer is in the unit that was asked for, a moment that never was stays -1."""
    headers = {"x-mbx-time-unit": unit}
    client.trade("100")
    stop = {**LIMIT, "type": "STOP_LOSS_LIMIT", "stopPrice": "110"}
    order = json.loads(client.send("POST", "order", {**stop, "newOrderRespType": "FULL"}, headers).text)
    assert (order["transactTime"], order["workingTime"]) == (NOW * factor, -1)
    (trade,) = json.loads(client.send("GET", "aggTrades", {"symbol": "BTCUSDT"}, headers).text)
    assert trade["T"] == NOW * factor
    (row,) = json.loads(client.send("GET", "klines", {"symbol": "BTCUSDT", "interval": "1m"}, headers).text)
    assert (row[0], row[6]) == (NOW * factor, (NOW + MINUTE) * factor - 1)


def test_bad_time_unit(client):
    """Another unit is refused."""
    reply = client.send("GET", "time", headers={"x-mbx-time-unit": "SECOND"})
    assert (reply.status, json.loads(reply.text)["code"]) == (400, -1194)


# ---------------------------------------------------------------------- limits

NAMED = {"symbol": "BTCUSDT"}
MANY = {"symbols": ["BTCUSDT", "LTCBTC"]}


def symbols(count):
    """A list of so many names."""
    return {"symbols": [f"S{number}" for number in range(count)]}


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", "ping", {}, 1),
        ("GET", "time", {}, 1),
        ("GET", "exchangeInfo", {}, 20),
        ("GET", "depth", NAMED, 5),
        *[
            ("GET", "depth", {**NAMED, "limit": limit}, weight)
            for limit, weight in [
                (1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (5000, 250), (9999, 250),
            ]
        ],
        ("GET", "trades", NAMED, 25),
        ("GET", "historicalTrades", NAMED, 25),
        ("GET", "aggTrades", NAMED, 4),
        ("GET", "klines", {**NAMED, "interval": "1m"}, 2),
        ("GET", "uiKlines", {**NAMED, "interval": "1m"}, 2),
        ("GET", "avgPrice", NAMED, 2),
        ("GET", "ticker/24hr", {}, 80),
        ("GET", "ticker/24hr", NAMED, 2),
        *[("GET", "ticker/24hr", symbols(count), weight) for count, weight in [(1, 2), (20, 2), (21, 40), (100, 40), (101, 80)]],
        ("GET", "ticker/24hr", {"symbols": "["}, 2),
        ("GET", "ticker/24hr", {"symbols": "[" * 100_000}, 2),
        ("GET", "ticker/24hr", {"symbols": "5"}, 2),
        ("GET", "ticker/tradingDay", NAMED, 4),
        ("GET", "ticker/tradingDay", MANY, 8),
        *[("GET", "ticker", symbols(count), weight) for count, weight in [(1, 4), (50, 200), (51, 200)]],
        ("GET", "ticker/price", {}, 4),
        ("GET", "ticker/price", NAMED, 2),
        ("GET", "ticker/price", MANY, 4),
        ("GET", "ticker/bookTicker", {}, 4),
        ("GET", "ticker/bookTicker", NAMED, 2),
        ("GET", "ticker/bookTicker", MANY, 4),
        ("POST", "order", LIMIT, 0),
        ("POST", "order", {**LIMIT, "price": "0"}, 1),
        ("POST", "order/test", LIMIT, 1),
        ("POST", "order/test", {**LIMIT, "computeCommissionRates": "false"}, 1),
        ("POST", "order/test", {**LIMIT, "computeCommissionRates": "true"}, 20),
        ("GET", "order", {**NAMED, "orderId": 1}, 4),
        ("DELETE", "order", {**NAMED, "orderId": 1}, 1),
        ("PUT", "order/amend/keepPriority", {**NAMED, "orderId": 1, "newQty": "0.1"}, 4),
        ("GET", "order/amendments", {**NAMED, "orderId": 1}, 4),
        ("GET", "openOrders", {}, 80),
        ("GET", "openOrders", NAMED, 6),
        ("DELETE", "openOrders", NAMED, 1),
        ("GET", "allOrders", NAMED, 20),
        ("GET", "myTrades", NAMED, 20),
        ("GET", "myTrades", {**NAMED, "orderId": 1}, 5),
        ("GET", "account", {}, 20),
        ("GET", "account/commission", NAMED, 20),
        ("GET", "rateLimit/order", {}, 40),
    ],
)  # fmt: skip
def test_weight(client, method, path, params, weight):
    """Every request weighs what the documents say, also when it is refused."""
    assert weight_of(client, method, path, params) == weight


def test_free_orders(client):
    """Trading is free where it succeeds, an amendment only where the order expires of it."""
    number = client.place()["orderId"]
    assert weight_of(client, "PUT", "order/amend/keepPriority", {**NAMED, "orderId": number, "newQty": "0.5"}) == 4
    assert weight_of(client, "DELETE", "order", {**NAMED, "orderId": number}) == 0
    client.place()
    assert weight_of(client, "DELETE", "openOrders", NAMED) == 0
    client.gateway.free_orders = False
    assert weight_of(client, "POST", "order", LIMIT) == 1


def test_free_when_used_up():
    """A caller that only trades is never refused, even where the weight is used up to the last."""
    client = Client(rateLimits=[TIGHT[0]])
    client.send("GET", "exchangeInfo")
    for _ in range(10):
        client.gateway.handle("GET", "/api/v3/ping", {})
    assert [client.send("POST", "order", LIMIT).status for _ in range(5)] == [200] * 5
    assert client.send("GET", "ping").status == 429


def test_unreadable(client):
    """What cannot be read is counted as a request as well."""
    reply = client.gateway.handle("GET", "/api/v3/depth?a=1&a=2", {})
    assert (reply.status, reply.headers["X-MBX-USED-WEIGHT-1M"]) == (400, "5")


def test_error_with_data(client, monkeypatch):
    """An error may bring its own status and more than code and message."""

    def fail(context, params):
        error = VenueError(-2022, "Order cancel-replace failed.")
        error.status, error.data = 409, {"cancelResult": "FAILURE"}
        raise error

    monkeypatch.setitem(gateway_module._HANDLERS, "ping", fail)
    reply = client.send("GET", "ping")
    assert (reply.status, reply.reason) == (409, "Conflict")
    assert json.loads(reply.text) == {
        "code": -2022, "msg": "Order cancel-replace failed.", "data": {"cancelResult": "FAILURE"},
    }  # fmt: skip


def test_too_much_weight():
    """Beyond the weight limit nothing is done until the minute is over, and the wait is told."""
    client = Client(rateLimits=TIGHT)
    client.send("GET", "exchangeInfo")
    client.wait(15_500)
    client.send("POST", "order", LIMIT)
    before = client.state()
    reply = client.send("GET", "exchangeInfo")
    assert (reply.status, reply.reason, reply.headers["Retry-After"]) == (429, "Too Many Requests", "45")
    assert json.loads(reply.text) == {
        "code": -1003,
        "msg": "Too much request weight used; current limit is 30 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    }
    assert client.send("POST", "order", LIMIT).status == 429
    assert client.state() == before
    client.wait(44_500)
    assert client.send("POST", "order", LIMIT).status == 200


def test_too_many_orders():
    """Beyond the order limit only orders are refused; cancelling gives nothing back."""
    client = Client(rateLimits=TIGHT)
    client.place()
    client.place()
    client.wait(2000)
    client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    before = client.state()
    reply = client.send("POST", "order", LIMIT)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "8")
    msg = "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert json.loads(reply.text) == {"code": -1015, "msg": msg}
    assert client.state() == before
    assert client.ask("POST", "order/test", **LIMIT) == {}
    client.wait(8000)
    assert client.place()["status"] == "NEW"


def test_limits_told(client):
    """What is enforced is what exchangeInfo lists."""
    assert client.ask("GET", "exchangeInfo")["rateLimits"] == [dict(entry) for entry in RATE_LIMITS]


def test_weight_before_security(client):
    """A request with a bad signature has its weight."""
    client.gateway.handle("GET", "/api/v3/account?timestamp=1&signature=00", {"x-mbx-apikey": KEY})
    assert client.send("GET", "ping").headers["X-MBX-USED-WEIGHT-1M"] == "21"


# ---------------------------------------------------------------------- whatever is sent

FLOOR = {**LIMIT, "side": "SELL", "price": "89", "stopPrice": "90", "type": "STOP_LOSS_LIMIT"}
ORDERS = [
    LIMIT,
    {**LIMIT, "price": "101.5", "timeInForce": "IOC"},
    {**LIMIT, "side": "SELL", "price": "99", "timeInForce": "FOK", "newOrderRespType": "RESULT"},
    {**LIMIT, "side": "SELL", "price": "96", "selfTradePreventionMode": "EXPIRE_MAKER", "newClientOrderId": "a"},
    {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.5", "price": "98.5"},
    {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"},
    {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quoteOrderQty": "50"},
    {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "91"},
    FLOOR,
]
ONE = [{**NAMED, "orderId": str(number)} for number in (1, 2, 3)] + [{**NAMED, "origClientOrderId": "a"}]
KLINES = [{**NAMED, "interval": name} for name in ("1s", "1m", "1h", "1d", "1w", "1M")]
ANY = [{}, NAMED, {"symbols": '["BTCUSDT","LTCBTC"]'}]
#: What a request sensibly is, by its endpoint's name; elsewhere it names a symbol.
TEMPLATES = {
    "order.place": ORDERS,
    "order.test": ORDERS,
    "order.status": ONE,
    "order.cancel": [*ONE, {**ONE[0], "cancelRestrictions": "ONLY_NEW"}],
    "order.amend.keepPriority": [{**which, "newQty": quantity} for which in ONE for quantity in ("0.25", "2")],
    "order.amendments": ONE[:3],
    "allOrders": [NAMED, {**NAMED, "startTime": str(NOW)}, ONE[1]],
    "myTrades": [NAMED, {**NAMED, "endTime": str(NOW * 1000)}, {**NAMED, "fromId": "1"}],
    "klines": KLINES,
    "uiKlines": KLINES,
    "ticker": [{**NAMED, "windowSize": "1h"}, NAMED],
    **dict.fromkeys(
        ("exchangeInfo", "ticker.24hr", "ticker.price", "ticker.book", "openOrders.status", "asset.tradeFee"), ANY
    ),
    **{name: [{}] for name in ("ping", "time", "account.status", "account.rateLimits.orders", "system.status")},
}
#: Requests that change something come more often than those that only read.
CHANGING = [row for row in ENDPOINTS.values() if row.method != "GET"]
NONSENSE = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(), max_size=4),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from([
        "", "null", "[]", "{}", "[[[[", "[" * 100_000, "9" * 5000, "1e999", "-0", "0", "0.1" + "0" * 5000 + "1", "\x00",
        "%00", "\ud800", "٣", "NaN", "Infinity", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "true", "' OR 1=1", "../../", "BTC/USDT", "btcusdt", "0.30000000000000004", "99999999999999999999",
    ]),
)  # fmt: skip
SENT = st.one_of(
    NONSENSE,
    st.sampled_from(["1", "2", "0.5", "95", "101", "a", "BTCUSDT", "BNBUSDT", "SELL", "GTC", "true", str(NOW)]),
)
HEADERS = st.dictionaries(st.sampled_from(["x-mbx-apikey", "x-mbx-time-unit", "x"]), NONSENSE, max_size=1)
ELSEWHERE = st.sampled_from(["symbol", "timestamp", "recvWindow", "signature", "limit", "x", ""])


@st.composite
def requests(draw):
    """A request: a sensible one of its endpoint, often with something left out, replaced or added."""
    endpoint = draw(st.sampled_from([*ENDPOINTS.values(), *CHANGING * 4]))
    params = dict(draw(st.sampled_from(TEMPLATES.get(endpoint.name, [NAMED]))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        name = draw(st.one_of(st.sampled_from([*endpoint.params, "symbol"]), ELSEWHERE))
        if draw(st.booleans()):
            params[name] = draw(SENT)
        else:
            params.pop(name, None)
    headers = draw(HEADERS) if draw(st.integers(0, 19)) == 0 else {}
    return endpoint.method, endpoint.path, params, headers


def check(client, reply, before):
    """A reply is JSON; an error has its code and has changed nothing."""
    parsed = json.loads(reply.text)
    json.dumps(parsed, allow_nan=False)
    assert all(isinstance(item, str) for pair in reply.headers.items() for item in pair)
    assert reply.status in (200, 400, 401)
    if reply.status != 200:
        assert list(parsed) == ["code", "msg"]
        assert isinstance(parsed["code"], int)
        assert isinstance(parsed["msg"], str)
        assert client.state() == before


@given(st.lists(st.tuples(requests(), st.sampled_from([None, "90", "94", "99", "106"])), min_size=1, max_size=12))
@settings(max_examples=300)
def test_any_requests(batch):
    """Whatever is sent is answered; what is refused has changed nothing."""
    client = Client()
    client.place(quantity="3")
    for (method, path, params, headers), price in batch:
        before = client.state()
        text = {name: value.encode(errors="replace").decode() for name, value in params.items()}
        check(client, client.send(method, path, text, headers), before)
        if price:
            client.trade(price, "0.5")


@given(
    st.sampled_from(sorted(ENDPOINTS)),
    st.text(st.characters(), max_size=60),
    st.text(st.characters(), max_size=60),
    st.booleans(),
)
@settings(max_examples=300)
def test_any_text(route, query, body, signed):
    """Query and body may be any text at all."""
    client = Client()
    before = client.state()
    if signed:
        query = f"{query}&timestamp={NOW}"
        query = f"{query}&signature={sign(SECRET, query + body)}"
    check(client, client.gateway.handle(route[0], f"{route[1]}?{query}", {"x-mbx-apikey": KEY}, body), before)


@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "X"]), st.text(st.characters(), max_size=40))
def test_any_target(method, target):
    """Any target is answered with JSON."""
    reply = Client().gateway.handle(method, target, {})
    assert reply.status in (400, 404, 405, 410)
    assert json.loads(reply.text)["code"] < 0


@pytest.mark.parametrize(
    ("method", "name", "params"),
    [("POST", "order", LIMIT), ("DELETE", "openOrders", {"symbol": "BTCUSDT"}), ("POST", "order/cancelReplace", LIMIT)],
)
def test_away(client, method, name, params):
    """While the market cannot be seen nothing is placed or cancelled, by -1001 with 503, and queries go on."""
    placed = client.ask("POST", "order", **LIMIT)
    client.gateway.is_away = True
    reply = client.send(method, name, params)
    assert reply.status == 503
    assert json.loads(reply.text) == {
        "code": -1001,
        "msg": "Internal error; unable to process your request. Please try again.",
    }
    assert [order["orderId"] for order in client.ask("GET", "openOrders")] == [placed["orderId"]]
    client.gateway.is_away = False
    assert client.ask("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])["status"] == "CANCELED"
