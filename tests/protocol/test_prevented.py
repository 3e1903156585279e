"""What replies, reports and queries say of prevented matches."""

from __future__ import annotations

import pytest
from signing_client import LIMIT, NOW, Client

ROW = [
    "symbol", "preventedMatchId", "takerOrderId", "makerSymbol", "makerOrderId", "tradeGroupId",
    "selfTradePreventionMode", "price", "takerPreventedQuantity", "makerPreventedQuantity", "transactTime",
]  # fmt: skip
COMBINATION = (-1128, "Combination of optional parameters invalid.")


@pytest.fixture
def client():
    """An account that may buy and sell, at an empty book."""
    client = Client(balances={"USDT": "1000", "BTC": "10"})
    client.book([], [])
    return client


def meet(client, mode, *, resting="1", taking="3", **more):
    """A buy order on the book and a sell order that would meet it; answers both replies."""
    own = client.place(quantity=resting, price="50")
    return own, client.place(side="SELL", quantity=taking, price="50", selfTradePreventionMode=mode, **more)


def test_both(client):
    """A placement tells each prevented match, and what the order lost in all."""
    own, order = meet(client, "EXPIRE_BOTH")
    assert order["preventedMatches"] == [
        {
            "preventedMatchId": 0, "makerSymbol": "BTCUSDT", "makerOrderId": own["orderId"], "price": "50.00000000",
            "takerPreventedQuantity": "3.00000000", "makerPreventedQuantity": "1.00000000",
        },
    ]  # fmt: skip
    assert (order["status"], order["preventedQuantity"], order["fills"]) == ("EXPIRED_IN_MATCH", "3.00000000", [])
    assert "preventedMatchId" not in order


@pytest.mark.parametrize(
    ("mode", "own", "order"),
    [
        ("EXPIRE_TAKER", None, "3.00000000"),
        ("EXPIRE_MAKER", "1.00000000", None),
        ("EXPIRE_BOTH", "1.00000000", "3.00000000"),
        ("DECREMENT", "1.00000000", "1.00000000"),
    ],
)
def test_status(client, mode, own, order):
    """A query shows quantity and match of an order that lost something, and neither of one that did not."""
    for reply, expected in zip(meet(client, mode), (own, order), strict=True):
        found = client.ask("GET", "order", symbol="BTCUSDT", orderId=reply["orderId"])
        assert found.get("preventedQuantity") == expected
        assert found.get("preventedMatchId") == (None if expected is None else 0)


def test_result(client):
    """RESULT tells of prevented matches as FULL does, ACK does not."""
    _, order = meet(client, "EXPIRE_MAKER", newOrderRespType="RESULT")
    assert [one["makerPreventedQuantity"] for one in order["preventedMatches"]] == ["1.00000000"]
    client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    _, order = meet(client, "EXPIRE_MAKER", newOrderRespType="ACK")
    assert "preventedMatches" not in order


def test_others(client):
    """What is prevented of a stop that an order triggers is not in that order's reply."""
    client.trade("100")
    client.book([("99", "9")], [("110", "1")])
    client.place(side="SELL", price="120")
    stop = {**LIMIT, "type": "STOP_LOSS_LIMIT", "stopPrice": "110", "price": "130"}
    triggered = client.ask("POST", "order", **stop, selfTradePreventionMode="EXPIRE_TAKER")
    assert "preventedMatches" not in client.market(quantity="1")
    found = client.ask("GET", "order", symbol="BTCUSDT", orderId=triggered["orderId"])
    assert found["status"] == "EXPIRED_IN_MATCH"


def test_none(client):
    """An order that prevents nothing has none of the fields."""
    order = client.place(selfTradePreventionMode="EXPIRE_BOTH")
    assert not {"preventedMatches", "preventedQuantity", "preventedMatchId"} & set(order)


def test_cancelled(client):
    """What a decremented order lost is shown when it is cancelled and when it is amended."""
    own, _ = meet(client, "DECREMENT", resting="5", taking="2")
    which = {"symbol": "BTCUSDT", "orderId": own["orderId"]}
    amended = client.ask("PUT", "order/amend/keepPriority", **which, newQty="4")["amendedOrder"]
    assert (amended["qty"], amended["preventedQty"]) == ("4.00000000", "2.00000000")
    cancelled = client.ask("DELETE", "order", **which)
    assert (cancelled["preventedQuantity"], cancelled["preventedMatchId"]) == ("2.00000000", 0)


def test_reports(client):
    """A report of a prevented match has its fields, and nothing was executed."""
    own, order = meet(client, "DECREMENT", resting="5", taking="2")
    last = [event for _, event in client.exchange.events()[0] if event.get("x") == "TRADE_PREVENTION"]
    common = {
        "v": 0, "A": "2.00000000", "B": "2.00000000", "u": -1, "Cs": "BTCUSDT", "pl": "2.00000000",
        "pL": "50.00000000", "pY": "100.00000000", "l": "0.00000000", "L": "0.00000000", "Y": "0.00000000", "t": -1,
    }  # fmt: skip
    maker = {"i": own["orderId"], "U": order["orderId"], "X": "NEW", "w": True}
    taker = {"i": order["orderId"], "U": own["orderId"], "X": "EXPIRED_IN_MATCH", "w": False}
    for event, expected in zip(last, (maker, taker), strict=True):
        assert event | common | expected == event


def test_later_reports(client):
    """Later reports keep what the order lost in all; the match itself is told once."""
    own, _ = meet(client, "DECREMENT", resting="5", taking="2")
    client.ask("DELETE", "order", symbol="BTCUSDT", orderId=own["orderId"])
    report = [event for _, event in client.exchange.events()[0] if event.get("x") == "CANCELED"][-1]
    assert report["A"] == "2.00000000"
    assert not {"v", "B", "u", "U", "Cs", "pl", "pL", "pY"} & set(report)


def test_reports_without(client):
    """Reports of orders that lost nothing have no such field."""
    own, order = meet(client, "EXPIRE_TAKER")
    new = [event for _, event in client.exchange.events()[0] if event.get("x") == "NEW"]
    assert [event["i"] for event in new] == [own["orderId"], order["orderId"]]
    assert not any({"v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY"} & set(event) for event in new)


def test_query(client):
    """A prevented match is found by its id, by its taker and by its maker."""
    own, order = meet(client, "EXPIRE_BOTH")
    by_taker = client.ask("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=order["orderId"])
    assert [list(row) for row in by_taker] == [ROW]
    assert by_taker[0]["transactTime"] == NOW
    assert by_taker[0]["tradeGroupId"] == -1
    for which in ({"orderId": own["orderId"]}, {"preventedMatchId": 0}):
        assert client.ask("GET", "myPreventedMatches", symbol="BTCUSDT", **which) == by_taker
    assert client.ask("GET", "myPreventedMatches", symbol="BTCUSDT", preventedMatchId=1) == []
    assert client.ask("GET", "myPreventedMatches", symbol="LTCBTC", orderId=order["orderId"]) == []


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("EXPIRE_TAKER", {"takerPreventedQuantity": "3.00000000"}),
        ("EXPIRE_MAKER", {"makerPreventedQuantity": "1.00000000"}),
        ("DECREMENT", {"takerPreventedQuantity": "1.00000000", "makerPreventedQuantity": "1.00000000"}),
    ],
)
def test_query_quantities(client, mode, shown):
    """A quantity shows only for an order that lost some."""
    _, order = meet(client, mode)
    (row,) = client.ask("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=order["orderId"])
    assert {name: value for name, value in row.items() if name.endswith("Quantity")} == shown
    assert row["selfTradePreventionMode"] == mode


def test_pages(client):
    """An order's prevented matches are paged by id, oldest first."""
    for price in ("53", "52", "51", "50"):
        client.place(quantity="1", price=price)
    order = client.place(side="SELL", quantity="9", price="50", selfTradePreventionMode="EXPIRE_MAKER")
    which = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    pages = [{}, {"fromPreventedMatchId": 1}, {"fromPreventedMatchId": 1, "limit": 2}, {"fromPreventedMatchId": 9}]
    found = [
        [row["preventedMatchId"] for row in client.ask("GET", "myPreventedMatches", **which, **page)] for page in pages
    ]
    assert found == [[0, 1, 2, 3], [1, 2, 3], [1, 2], []]


@pytest.mark.parametrize(
    "params",
    [
        {}, {"limit": 5}, {"fromPreventedMatchId": 0}, {"preventedMatchId": 0, "orderId": 1},
        {"preventedMatchId": 0, "limit": 1}, {"orderId": 1, "limit": 5},
    ],
)  # fmt: skip
def test_combinations(client, params):
    """Other combinations of the parameters than the documented ones are refused."""
    assert client.refused("GET", "myPreventedMatches", symbol="BTCUSDT", **params) == COMBINATION


def test_not_allowed():
    """A symbol may allow some modes only, and has one for those who name none."""
    rules = {"defaultSelfTradePreventionMode": "EXPIRE_MAKER", "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"]}
    client = Client(symbols=[{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", **rules}])
    assert client.refused("POST", "order", **LIMIT, selfTradePreventionMode="NONE") == (
        -1013, "This symbol does not allow the specified self-trade prevention mode.",
    )  # fmt: skip
    assert client.place()["selfTradePreventionMode"] == "EXPIRE_MAKER"


def test_amend_pair(client):
    """A pair cannot be amended to less than self-trade prevention has taken from one of its orders."""
    client.ask(
        "POST", "orderList/oco", symbol="BTCUSDT", side="SELL", quantity="5",
        aboveType="LIMIT_MAKER", abovePrice="100.5", belowType="STOP_LOSS", belowStopPrice="90",
    )  # fmt: skip
    client.place(quantity="4", price="100.5", selfTradePreventionMode="DECREMENT")
    stop, limit = client.ask("GET", "openOrders", symbol="BTCUSDT")
    assert limit["preventedQuantity"] == "4.00000000"
    code, _ = client.refused(
        "PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=str(stop["orderId"]), newQty="3"
    )
    assert code == -2038
    client.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=str(stop["orderId"]), newQty="4.5")
    assert client.account.balances["BTC"].locked == 450_000_000
