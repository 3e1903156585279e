"""The endpoint table against the figures of Binance's documents, written down here a second time."""

from __future__ import annotations

import json
import re

import pytest

from exec_plugin.endpoints import DOCUMENTED, ENDPOINTS, PUBLIC, SIGNED, Endpoint, Priority
from exec_plugin.protocol.params import Spec

# rest-api.md, the **Weight** and **Unfilled Order Count** of each heading: route, weight, orders.
FIGURES = """
Test connectivity                             GET /ping 1
Check server time                             GET /time 1
Exchange information                          GET /exchangeInfo 20
Recent trades list                            GET /trades 25
Old trade lookup                              GET /historicalTrades 25
Historical Block Trades                       GET /historicalBlockTrades 25
Compressed/Aggregate trades list              GET /aggTrades 4
Kline/Candlestick data                        GET /klines 2
UIKlines                                      GET /uiKlines 2
Current average price                         GET /avgPrice 2
Query Reference Price                         GET /referencePrice 2
Query Reference Price Calculation             GET /referencePrice/calculation 2
New order                                     POST /order 1 1
Cancel order                                  DELETE /order 1
Cancel All Open Orders on a Symbol            DELETE /openOrders 1
Cancel an Existing Order and Send a New Order POST /order/cancelReplace 1 1
Order Amend Keep Priority                     PUT /order/amend/keepPriority 4 0
New OCO - Deprecated                          POST /order/oco 1 2
New Order list - OCO                          POST /orderList/oco 1 2
New Order list - OTO                          POST /orderList/oto 1 2
New Order list - OTOCO                        POST /orderList/otoco 1 3
New Order List - OPO                          POST /orderList/opo 1 2
New Order List - OPOCO                        POST /orderList/opoco 1 3
Cancel Order list                             DELETE /orderList 1
New order using SOR                           POST /sor/order 1 1
Account information                           GET /account 20
Query order                                   GET /order 4
All orders                                    GET /allOrders 20
Query Order list                              GET /orderList 4
Query all Order lists                         GET /allOrderList 20
Query Open Order lists                        GET /openOrderList 6
Query Unfilled Order Count                    GET /rateLimit/order 40
Query Allocations                             GET /myAllocations 20
Query Commission Rates                        GET /account/commission 20
Query Order Amendments                        GET /order/amendments 4
Query relevant filters                        GET /myFilters 40
"""


def many(count):
    """A call that names so many symbols."""
    return {"symbols": json.dumps([f"S{number}" for number in range(count)])}


ONE = {"symbol": "BTCUSDT"}

# rest-api.md, the headings whose weight depends on parameters.
BY_PARAMETERS = {
    ("Order book", "GET /depth"): [
        (ONE, 5),
        *(({**ONE, "limit": limit}, 5) for limit in ("1", "100")),
        *(({**ONE, "limit": limit}, 25) for limit in ("101", "500")),
        *(({**ONE, "limit": limit}, 50) for limit in ("501", "1000")),
        *(({**ONE, "limit": limit}, 250) for limit in ("1001", "5000")),
    ],
    ("Query Execution Rules", "GET /executionRules"): [
        (ONE, 2), (many(1), 2), (many(3), 6), (many(20), 40), (many(21), 40), ({"symbolStatus": "TRADING"}, 40),
        ({}, 40),
    ],
    ("24hr ticker price change statistics", "GET /ticker/24hr"): [
        (ONE, 2), (many(1), 2), (many(20), 2), (many(21), 40), (many(100), 40), (many(101), 80), ({}, 80),
    ],
    ("Trading Day Ticker", "GET /ticker/tradingDay"): [
        (ONE, 4), (many(1), 4), (many(50), 200), (many(51), 200),
    ],
    ("Rolling window price change statistics", "GET /ticker"): [
        ({**ONE, "windowSize": "7d"}, 4), (many(2), 8), (many(50), 200), (many(100), 200),
    ],
    ("Symbol price ticker", "GET /ticker/price"): [(ONE, 2), (many(1), 4), (many(9), 4), ({}, 4)],
    ("Symbol order book ticker", "GET /ticker/bookTicker"): [(ONE, 2), (many(1), 4), (many(9), 4), ({}, 4)],
    ("Test new order", "POST /order/test"): [
        (ONE, 1), ({"computeCommissionRates": "false"}, 1), ({"computeCommissionRates": "true"}, 20),
    ],
    ("Test new order using SOR", "POST /sor/order/test"): [(ONE, 1), ({"computeCommissionRates": "true"}, 20)],
    ("Current open orders", "GET /openOrders"): [(ONE, 6), ({}, 80)],
    ("Account trade list", "GET /myTrades"): [(ONE, 20), ({**ONE, "orderId": "1"}, 5)],
    ("Query Prevented Matches", "GET /myPreventedMatches"): [
        ({**ONE, "preventedMatchId": "1"}, 2), ({**ONE, "orderId": "1"}, 20),
    ],
}  # fmt: skip

# What no heading has: CHANGELOG.md 2023-08-25 (weights of the user data stream), and what clients ask of wallet and margin.
ELSEWHERE = """
GET /sapi/v1/asset/tradeFee
GET /sapi/v1/system/status
GET /sapi/v1/capital/config/getall
GET /sapi/v1/account/apiRestrictions
GET /sapi/v1/spot/delist-schedule
GET /sapi/v1/margin/allPairs
GET /sapi/v1/margin/isolated/allPairs
POST /api/v3/userDataStream
PUT /api/v3/userDataStream
DELETE /api/v3/userDataStream
GET /api/v3/paper/events
"""

# What ends a risk, and what may take one; all else looks.
CANCELS = "DELETE /order, DELETE /openOrders, DELETE /orderList".split(", ")
ORDERS = """
POST /order
POST /order/cancelReplace
POST /order/oco
POST /orderList/oco
POST /orderList/oto
POST /orderList/otoco
POST /orderList/opo
POST /orderList/opoco
POST /sor/order
PUT /order/amend/keepPriority
"""

figures = [re.fullmatch(r"(.+?) +(\S+ /\S+) (\d+) ?(\d*)", line) for line in FIGURES.strip().splitlines()]


def find(route):
    """The table's row for a route of a heading."""
    method, path = route.split()
    return DOCUMENTED[method, f"/api/v3{path}"]


@pytest.mark.parametrize("figure", figures, ids=lambda figure: figure[2])
def test_figures(figure):
    """Weight and orders are the documented ones, whatever the parameters."""
    endpoint = find(figure[2])
    assert endpoint.orders == int(figure[4] or 0)
    assert {endpoint.cost(sent) for sent in ({}, ONE, many(200), {"limit": "5000"})} == {int(figure[3])}


@pytest.mark.parametrize(
    ("route", "sent", "weight"),
    [(route, sent, weight) for (_, route), cases in BY_PARAMETERS.items() for sent, weight in cases],
)
def test_by_parameters(route, sent, weight):
    """A weight that depends on parameters follows the documented table."""
    assert find(route).cost(sent) == weight


@pytest.mark.parametrize("sent", [{"symbols": "["}, {"symbols": "1"}, {"limit": "x"}, {"limit": "9" * 5000}])
@pytest.mark.parametrize("endpoint", DOCUMENTED.values(), ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_nonsense(endpoint, sent):
    """Whatever is sent has a weight."""
    assert endpoint.cost(sent) > 0


def test_whole():
    """Every row of the table has its figures here, and the other way round."""
    headings = {figure[2] for figure in figures} | {route for _, route in BY_PARAMETERS}
    told = {route.replace(" ", " /api/v3", 1) for route in headings} | set(ELSEWHERE.split("\n")[1:-1])
    assert {" ".join(route) for route in DOCUMENTED} == told


def test_user_data_stream():
    """Listen keys cost 2 and are asked for with a key alone."""
    rows = [row for row in DOCUMENTED.values() if row.path.endswith("/userDataStream")]
    assert [(row.cost({}), row.security, row.priority) for row in rows] == [(2, "MARKET_DATA", Priority.ACCOUNT)] * 3


def test_priorities():
    """Cancels come first, then what places or changes an order, then the account, then the market."""
    assert list(Priority) == sorted(Priority) == [Priority.CANCEL, Priority.ORDER, Priority.ACCOUNT, Priority.MARKET]
    named = {urgency: [row for row in DOCUMENTED.values() if row.priority is urgency] for urgency in Priority}
    assert named[Priority.CANCEL] == [find(route) for route in CANCELS]
    assert len(named[Priority.ORDER]) == len(ORDERS.split("\n")[1:-1])
    assert all(find(route) in named[Priority.ORDER] for route in ORDERS.split("\n")[1:-1])
    assert {row.security for row in named[Priority.MARKET]} == {PUBLIC}
    assert PUBLIC not in {row.security for row in named[Priority.ACCOUNT]}


def test_orders_are_signed():
    """What adds to the unfilled orders is signed and sent as an order."""
    assert {(row.security, row.priority) for row in DOCUMENTED.values() if row.orders} == {(SIGNED, Priority.ORDER)}


def test_simulated():
    """The paper exchange answers a part of the table, and nothing else."""
    assert set(ENDPOINTS) < set(DOCUMENTED)
    assert all(row.simulated is (route in ENDPOINTS) for route, row in DOCUMENTED.items())
    assert Endpoint("GET", "/x", "x", 1, PUBLIC, {}).simulated


def test_readable():
    """The parameters of every row are of kinds that can be read, and each name stands once."""
    assert [Spec(row.params).mandatory for row in DOCUMENTED.values()]
    assert len({row.name for row in DOCUMENTED.values()}) == len(DOCUMENTED)
