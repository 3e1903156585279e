"""The payloads of the user-data stream."""

from __future__ import annotations

import json

import pytest
from signing_client import LIMIT, NOW, Client

from exec_plugin.protocol import control

# user-data-stream.md, Order Update, without what is only visible after self-trade prevention
REPORT = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q V".split()
STOP = {**LIMIT, "type": "STOP_LOSS_LIMIT", "side": "SELL", "price": "89", "stopPrice": "90"}


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def reports(client, after=0):
    """The execution reports after a number."""
    events = [event for _, event in client.exchange.events(after)[0]]
    assert json.loads(json.dumps(events)) == events
    return [event for event in events if event["e"] == "executionReport"]


def test_new(client):
    """A new order that rests is reported once, with the documents' fields."""
    client.place(newClientOrderId="mine")
    (report,) = reports(client)
    assert set(report) == {*REPORT, "W"}
    assert report == {
        "e": "executionReport", "E": NOW, "s": "BTCUSDT", "c": "mine", "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "1.00000000", "p": "95.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW",
        "X": "NEW", "r": "NONE", "i": 1, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None,
        "T": NOW, "t": -1, "I": report["I"], "w": True, "m": False, "M": False, "O": NOW, "Z": "0.00000000",
        "Y": "0.00000000", "Q": "0.00000000", "W": NOW, "V": "NONE",
    }  # fmt: skip


def test_trades(client):
    """Every execution is reported with what it was and what is filled by then."""
    client.book([("99", "9")], [("101", "0.5"), ("102", "9")])
    client.market(quantity="1")
    new, first, second = reports(client)
    assert (new["x"], new["X"], new["z"]) == ("NEW", "NEW", "0.00000000")
    assert (first["x"], first["X"], first["l"], first["L"], first["z"]) == (
        "TRADE", "PARTIALLY_FILLED", "0.50000000", "101.00000000", "0.50000000",
    )  # fmt: skip
    assert (second["X"], second["l"], second["Y"], second["Z"]) == (
        "FILLED", "0.50000000", "51.00000000", "101.50000000",
    )  # fmt: skip
    assert (second["n"], second["N"], second["t"], second["m"]) == ("0.00100000", "BTC", 2, False)
    # neither was on the book: what an order takes it takes before it rests
    assert (first["w"], second["w"]) == (False, False)
    assert [report["I"] for report in (new, first, second)] == sorted({new["I"], first["I"], second["I"]})


def test_maker(client):
    """An order that rested is reported as maker, at the time of the trade."""
    client.place()
    client.wait(9)
    client.trade("94", "5")
    report = reports(client)[-1]
    assert (report["X"], report["m"], report["L"]) == ("FILLED", True, "95.00000000")
    assert (report["E"], report["T"], report["O"]) == (NOW + 9, NOW + 9, NOW)
    assert (report["w"], report["W"]) == (False, NOW)


def test_cancelled(client):
    """A cancel is reported under its own id, with the order's beside it."""
    client.place(newClientOrderId="mine")
    client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="gone")
    report = reports(client)[-1]
    assert (report["x"], report["X"], report["c"], report["C"], report["w"], report["W"]) == (
        "CANCELED", "CANCELED", "gone", "mine", False, NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tif", "reason"),
    [("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "UNFILLED_FOK_ORDER_EXPIRED")],
)
def test_expired(client, tif, reason):
    """An order that expires says why."""
    client.place(price="100", timeInForce=tif)
    report = reports(client)[-1]
    assert (report["x"], report["X"], report["eR"]) == ("EXPIRED", "EXPIRED", reason)


def test_stop(client):
    """A stop order is reported when it waits and again when it works."""
    client.ask("POST", "order", **STOP)
    (waiting,) = reports(client)
    assert (waiting["X"], waiting["P"], waiting["w"]) == ("NEW", "90.00000000", False)
    assert "W" not in waiting
    client.wait(5)
    client.book([], [("95", "1")])
    client.trade("90", "0.1")
    working = reports(client)[-1]
    assert (working["x"], working["X"], working["w"], working["W"]) == ("NEW", "NEW", True, NOW + 5)


def test_amended(client):
    """A lower quantity is reported as a replacement."""
    client.place(newClientOrderId="old")
    client.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=1, newQty="0.5", newClientOrderId="new")
    report = reports(client)[-1]
    assert (report["x"], report["X"], report["q"], report["c"], report["C"]) == (
        "REPLACED", "NEW", "0.50000000", "new", "old",
    )  # fmt: skip


def test_strategy(client):
    """A strategy's marks come back in every report of the order."""
    client.place(strategyId=7, strategyType=1000001)
    client.trade("94", "1")
    assert [(report["j"], report["J"]) for report in reports(client)] == [(7, 1000001)] * 2


def test_position(client):
    """The balances that may have changed follow the reports, as they are then."""
    client.place(quantity="2")
    _, (_, position) = client.exchange.events()[0]
    assert position == {
        "e": "outboundAccountPosition",
        "E": NOW,
        "u": NOW,
        "B": [
            {"a": "BTC", "f": "10.00000000", "l": "0.00000000"},
            {"a": "USDT", "f": "810.00000000", "l": "190.00000000"},
        ],
    }


def test_refused(client):
    """A refused order is no event."""
    client.refused("POST", "order", **{**LIMIT, "price": "0"})
    assert client.exchange.events() == ([], 0)


def test_other_accounts(client):
    """Each account's events are numbered apart."""
    client.venue.place(client.venue.open_account("other", {"USDT": 10**12}), "BTCUSDT", True, "MARKET", 10**8)
    assert client.exchange.events() == ([], 0)
    hub = client.gateway.user_data
    assert [number for number, _ in hub.events("other", 0, 10)] == [1, 2, 3]
    assert hub.chronicle.last("other") == 3


def test_bounded(monkeypatch):
    """Only the latest events are kept; the numbers go on."""
    monkeypatch.setattr(control, "KEPT_EVENTS", 3)
    client = Client()
    for _ in range(3):
        client.place(quantity="0.1")
    events, last = client.exchange.events()
    assert [number for number, _ in events] == [4, 5, 6]
    assert last == 6


# ---------------------------------------------------------------------- order lists

OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "105",
    "belowType": "STOP_LOSS", "belowStopPrice": "95", "aboveClientOrderId": "up", "belowClientOrderId": "down",
    "listClientOrderId": "list",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "99", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "workingClientOrderId": "first", "pendingType": "LIMIT", "pendingSide": "SELL",
    "pendingPrice": "110", "pendingTimeInForce": "GTC", "pendingQuantity": "1", "pendingClientOrderId": "second",
    "listClientOrderId": "list",
}  # fmt: skip


def story(client, after=0):
    """What was told after a number, as sentences: of lists "list STATUS", of orders "id EXECUTION STATUS (reason)"."""
    found = []
    for _, event in client.exchange.events(after)[0]:
        if event["e"] == "listStatus":
            found.append(f"{event['C']} {event['l']}")
        elif event["e"] == "executionReport":
            name = event["C"] or event["c"]
            found.append(f"{name} {event['x']} {event['X']}" + (f" ({event['eR']})" if "eR" in event else ""))
    return found


def test_list(client):
    """An order list is reported with the documents' fields, beside its orders."""
    reply = client.ask("POST", "orderList/oco", **OCO)
    (told,) = [event for _, event in client.exchange.events()[0] if event["e"] == "listStatus"]
    assert told == {
        "e": "listStatus", "E": NOW, "s": "BTCUSDT", "g": reply["orderListId"], "c": "OCO", "l": "EXEC_STARTED",
        "L": "EXECUTING", "r": "NONE", "C": "list", "T": NOW,
        "O": [{"s": "BTCUSDT", "i": 1, "c": "down"}, {"s": "BTCUSDT", "i": 2, "c": "up"}],
    }  # fmt: skip
    stop, limit = reports(client)
    assert (stop["g"], stop["w"], "W" in stop) == (reply["orderListId"], False, False)
    assert (limit["g"], limit["w"], limit["W"]) == (reply["orderListId"], True, NOW)


def _cancel(client):
    client.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=1)


def _rise(client):
    client.trade("106", "5", "BUY")


def _fall(client):
    client.book([("94", "9")], [("97", "9")])
    client.trade("95", "0.1")


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (_cancel, ["down CANCELED CANCELED", "up CANCELED CANCELED", "list ALL_DONE"]),
        (_rise, ["up TRADE FILLED", "down EXPIRED EXPIRED (OCO_TRIGGER)", "list ALL_DONE"]),
        (
            _fall,
            ["up EXPIRED EXPIRED (OCO_TRIGGER)", "down NEW NEW", "down TRADE FILLED", "list ALL_DONE"],
        ),
    ],
)
def test_list_ends(client, happens, told):
    """A list is reported done once, after all that ended it."""
    client.ask("POST", "orderList/oco", **OCO)
    _, last = client.exchange.events()
    happens(client)
    assert story(client, last) == told


def test_list_follows(client):
    """A pending order is reported when it is accepted and again when it starts, with its list."""
    client.ask("POST", "orderList/oto", **OTO)
    assert story(client) == ["first NEW NEW", "second NEW PENDING_NEW", "list EXEC_STARTED"]
    waiting = reports(client)[1]
    assert (waiting["w"], "W" in waiting) == (False, False)
    _, last = client.exchange.events()
    client.wait(5)
    client.trade("98", "1")
    assert story(client, last) == ["first TRADE FILLED", "list EXEC_STARTED", "second NEW NEW"]
    started = reports(client, last)[-1]
    assert (started["w"], started["W"], started["O"]) == (True, NOW + 5, NOW)


def test_list_at_once(client):
    """What a working order sets off at once is told in the order in which it happened."""
    client.ask("POST", "orderList/oto", **{**OTO, "workingPrice": "101", "pendingPrice": "90"})
    assert story(client) == [
        "first NEW NEW",
        "second NEW PENDING_NEW",
        "list EXEC_STARTED",
        "first TRADE FILLED",
        "list EXEC_STARTED",
        "second NEW NEW",
        "second TRADE FILLED",
        "list ALL_DONE",
    ]
    assert [report["w"] for report in reports(client)] == [True, False, False, True, False]


def test_list_expires(client):
    """A working order that expires takes the pending one with it."""
    client.ask("POST", "orderList/oto", **{**OTO, "workingTimeInForce": "IOC"})
    assert story(client)[3:] == [
        "first EXPIRED EXPIRED (UNFILLED_IOC_QUANTITY_EXPIRED)",
        "second EXPIRED EXPIRED (OTO_PHASE_ONE_EXPIRED)",
        "list ALL_DONE",
    ]


def test_list_refused_later(client):
    """A pending order that is refused in its turn is reported as expired."""
    client.ask("POST", "orderList/oto", **{**OTO, "pendingQuantity": "12"})
    _, last = client.exchange.events()
    client.trade("98", "1")
    assert story(client, last)[-2:] == ["second EXPIRED EXPIRED (REJECTED)", "list ALL_DONE"]


@pytest.mark.parametrize(("name", "told"), [("new", ["list UPDATED"]), ("up", [])])
def test_list_amended(client, name, told):
    """A list is reported when an amendment gives one of its orders another client id."""
    client.ask("POST", "orderList/oco", **OCO)
    _, last = client.exchange.events()
    client.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=2, newQty="0.5", newClientOrderId=name)
    assert story(client, last) == ["up REPLACED NEW", "down REPLACED NEW", *told]
    first, second = reports(client, last)
    assert (first["c"], first["q"], second["q"]) == (name, "0.50000000", "0.50000000")
    if told:
        updated = next(event for _, event in client.exchange.events(last)[0] if event["e"] == "listStatus")
        assert [one["c"] for one in updated["O"]] == ["down", "new"]


# ---------------------------------------------------------------------- fields that show only when they apply


def test_trailing(client):
    """A trailing stop tells how far it follows, and since when."""
    client.trade("100", "0.1")
    sent = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "trailingDelta": 250}
    client.ask("POST", "order", **sent)
    client.ask("POST", "order", **sent, stopPrice="95")
    follows, waits = reports(client)
    assert (follows["d"], follows["D"], follows["w"], follows["P"]) == (250, NOW, False, "0.00000000")
    assert (waits["d"], waits["D"], waits["w"], waits["P"]) == (250, -1, False, "95.00000000")
    client.wait(4)
    client.trade("95", "0.1")
    assert client.ask("GET", "order", symbol="BTCUSDT", orderId=2)["trailingTime"] == NOW + 4


def test_pegged(client):
    """A pegged order tells its peg and the price it took, beside the price that was sent."""
    client.book([("99", "1"), ("98", "1")], [("101", "1")])
    peg = {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1}
    client.place(**peg)
    (report,) = reports(client)
    assert (report["p"], report["gP"], report["gOT"], report["gOV"], report["gp"]) == (
        "95.00000000", "PRIMARY_PEG", "PRICE_LEVEL", 1, "98.00000000",
    )  # fmt: skip


def test_iceberg(client):
    """An iceberg tells its visible part."""
    client.place(icebergQty="0.25")
    assert [report["F"] for report in reports(client)] == ["0.25000000"]


def test_plain(client):
    """Other orders have none of these fields."""
    client.place()
    (report,) = reports(client)
    assert not {"d", "D", "j", "J", "gP", "gOT", "gOV", "gp", "eR"} & set(report)
