"""All streams of an exchange, and the time that they follow."""

from __future__ import annotations

import pytest

from exec_plugin.core.units import FAR

from .listening import Place


@pytest.fixture
def place():
    """A fresh exchange."""
    return Place()


def test_idle(place):
    """Without listeners there is nothing to do, and nothing is due."""
    assert not place.hub.busy
    place.hub.flush()
    assert place.hub.due == FAR
    ear = place.listen("depth")
    assert place.hub.busy
    assert place.hub.due == place.venue.now + 1000
    ear.session.close()
    place.wait(5000)
    assert not place.hub.busy
    assert repr(place.hub) == "<StreamHub 0 streams>"


def test_turns(place):
    """However far the clock moves at once, each stream speaks at its own moments, with their times."""
    ear = place.listen("miniTicker", "depth@100ms")
    place.trade("100")
    place.place(price="95")
    place.wait(1050)
    assert [(event["e"], event["E"] % 1000) for event in ear.heard()] == [
        ("depthUpdate", 100),
        ("24hrMiniTicker", 0),
    ]


def test_event_times(place):
    """Events that carry their time move the clock through the turns between them."""
    ear = place.listen("depth@100ms")
    start = place.venue.now
    place.exchange.market(
        [
            {"type": "book", "symbol": "BTCUSDT", "bids": [["98", "1"]], "asks": [], "time": start + 50},
            {"type": "book", "symbol": "BTCUSDT", "bids": [["97", "1"]], "asks": [], "time": start + 150},
        ]
    )
    place.wait(100)
    assert [(event["E"] - start, event["b"][-1][0]) for event in ear.heard()] == [
        (100, "99.00000000"),
        (200, "98.00000000"),
    ]


def test_each_event(place):
    """Each event of a script is told by itself, not only where they end."""
    ear = place.listen("bookTicker")
    books = [{"type": "book", "symbol": "BTCUSDT", "bids": [[str(price), "1"]], "asks": []} for price in (98, 97, 96)]
    place.exchange.market(books)
    assert [event["b"] for event in ear.heard()] == ["98.00000000", "97.00000000", "96.00000000"]


def test_refused_request(place):
    """What a request did before it was refused is told."""
    ear = place.listen("trade")
    place.send("POST", "order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0"})
    assert ear.heard() == []
    place.market(quantity="1")
    assert ear.one()["q"] == "1.00000000"
