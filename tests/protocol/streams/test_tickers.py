"""The streams of statistics."""

from __future__ import annotations

import pytest

from exec_plugin.core.clock import DAY

from .listening import Place


@pytest.fixture
def place():
    """A fresh exchange: 99 bid, 101 asked, nine coins each."""
    return Place()


def traded(place):
    """Three coins at two prices within a second."""
    place.trade("100", "2", taker="BUY")
    place.wait(500)
    place.trade("110", "1", taker="BUY")
    place.wait(500)


def test_ticker(place):
    """The statistics of 24 hours are those of the request, under short names in the documents' order."""
    ear = place.listen("ticker")
    traded(place)
    told = ear.one()
    reply = place.ask("GET", "ticker/24hr", symbol="BTCUSDT")
    names = {
        "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
        "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
        "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
        "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
    }  # fmt: skip
    assert list(told) == ["e", "E", "s", *names]
    assert (told["e"], told["E"], told["s"]) == ("24hrTicker", place.venue.now, "BTCUSDT")
    assert {name: told[name] for name in names} == {name: reply[long] for name, long in names.items()}


def test_mini(place):
    """The mini ticker is a part of it."""
    ear = place.listen("miniTicker")
    traded(place)
    assert list(ear.one().items()) == [
        ("e", "24hrMiniTicker"), ("E", place.venue.now), ("s", "BTCUSDT"), ("c", "110.00000000"),
        ("o", "100.00000000"), ("h", "110.00000000"), ("l", "100.00000000"), ("v", "3.00000000"),
        ("q", "310.00000000"),
    ]  # fmt: skip


@pytest.mark.parametrize("size", ["1h", "4h", "1d"])
def test_window(place, size):
    """A rolling window opens on a minute and closes now, as the request's does."""
    ear = place.listen(f"ticker_{size}")
    traded(place)
    told = ear.one()
    reply = place.ask("GET", "ticker", symbol="BTCUSDT", windowSize=size)
    assert list(told) == ["e", "E", "s", *"pPohlcwvqOCFLn"]
    assert told["e"] == f"{size}Ticker"
    assert told["O"] % 60_000 == 0
    assert (told["O"], told["C"], told["w"], told["n"]) == (
        reply["openTime"], place.venue.now, reply["weightedAvgPrice"], 2,
    )  # fmt: skip


def test_average(place):
    """The average price is that of the request, told when it changes."""
    ear = place.listen("avgPrice")
    traded(place)
    assert list(ear.one().items()) == [
        ("e", "avgPrice"), ("E", place.venue.now), ("s", "BTCUSDT"), ("i", "5m"), ("w", "103.33333333"),
        ("T", place.venue.now - 500),
    ]  # fmt: skip
    place.wait(3000)
    assert ear.heard() == []


def test_reference(place):
    """There is no reference price, which each listener is told once."""
    ear = place.listen("referencePrice")
    place.wait(3000)
    assert ear.one() == {"e": "referencePrice", "s": "BTCUSDT", "r": None, "t": place.venue.now - 2000}


def test_touch_counts(place):
    """A touch that moves changes the ticker that shows it, and not the mini ticker."""
    ear = place.listen("ticker", "miniTicker")
    place.wait(1000)
    assert [event["e"] for event in ear.heard()] == ["24hrTicker", "24hrMiniTicker"]
    place.book([("98", "1")], [("101", "9")])
    place.wait(1000)
    assert ear.one()["b"] == "98.00000000"


def test_falls_out(place):
    """What becomes a day old leaves the statistics, which is a change."""
    ear = place.listen("miniTicker")
    traded(place)
    ear.heard()
    place.wait(DAY - 800)
    assert ear.one()["v"] == "1.00000000"


@pytest.mark.parametrize(
    ("name", "event"),
    [("!miniTicker@arr", "24hrMiniTicker"), ("!ticker@arr", "24hrTicker"), ("!ticker_1h@arr", "1hTicker")],
)
def test_all(place, name, event):
    """The array holds the symbols that changed since the last one, and comes only when there are any."""
    place.trade("0.01", symbol="LTCBTC")
    ear = place.listen(name)
    place.wait(3000)
    assert ear.heard() == []
    traded(place)
    (told,) = ear.one()
    assert (told["s"], told["e"]) == ("BTCUSDT", event)
    place.trade("0.02", symbol="LTCBTC")
    place.trade("111")
    place.wait(1000)
    assert [one["s"] for one in ear.one()] == ["BTCUSDT", "LTCBTC"]


def test_micros(place):
    """Moments in microseconds are those of the event and of the window, in arrays as well."""
    ear = place.listen("!ticker_1h@arr", "ticker", micros=True)
    traded(place)
    for told in (event[0] if isinstance(event, list) else event for event in ear.heard()):
        assert told["E"] == told["C"] == place.venue.now * 1000
        assert told["O"] % 1000 == 0
        assert told["O"] > 10**15
