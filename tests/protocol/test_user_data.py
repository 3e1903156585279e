"""The payloads of the user-data stream."""

from __future__ import annotations

import json

import pytest
from signing_client import LIMIT, NOW, Client

from exec_plugin.protocol import user_data
from exec_plugin.protocol.user_data import UserDataLog

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
    assert (first["w"], second["w"]) == (True, False)
    assert [report["I"] for report in (new, first, second)] == sorted({new["I"], first["I"], second["I"]})


def test_maker(client):
    """An order that rested is reported as maker, at the time of the trade."""
    client.place()
    client.wait(9)
    client.trade("94", "5")
    report = reports(client)[-1]
    assert (report["X"], report["m"], report["L"]) == ("FILLED", True, "95.00000000")
    assert (report["E"], report["T"], report["O"]) == (NOW + 9, NOW + 9, NOW)


def test_cancelled(client):
    """A cancel is reported under its own id, with the order's beside it."""
    client.place(newClientOrderId="mine")
    client.ask("DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="gone")
    report = reports(client)[-1]
    assert (report["x"], report["X"], report["c"], report["C"], report["w"]) == (
        "CANCELED", "CANCELED", "gone", "mine", False,
    )  # fmt: skip
    assert "W" not in report


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
    assert (report["x"], report["X"], report["q"], report["c"]) == ("REPLACED", "NEW", "0.50000000", "new")
    assert report["C"] == "old"


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
    """A log keeps each account's events apart."""
    client.venue.place(client.venue.open_account("other", {"USDT": 10**12}), "BTCUSDT", True, "MARKET", 10**8)
    assert client.exchange.events() == ([], 0)
    events, last = client.exchange.log.after("other", 0)
    assert len(events) == last == 3


def test_bounded(client, monkeypatch):
    """Only the latest events are kept; the numbers go on."""
    monkeypatch.setattr(user_data, "KEPT_EVENTS", 3)
    log = UserDataLog()
    client.venue.listeners.append(log)
    for _ in range(3):
        client.place(quantity="0.1")
    events, last = log.after("default", 0)
    assert [number for number, _ in events] == [4, 5, 6]
    assert last == 6
