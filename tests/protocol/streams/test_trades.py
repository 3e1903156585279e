"""The streams of public trades."""

from __future__ import annotations

import json

import pytest

from exec_plugin.core.units import parse_units

from .listening import Place


@pytest.fixture
def place():
    """A fresh exchange: 99 bid, 101 asked, nine coins each."""
    return Place()


def script(place, *trades):
    """Scripted trades: price, quantity, group."""
    place.exchange.market(
        [
            {"type": "trade", "symbol": "BTCUSDT", "price": price, "qty": qty, "taker": "BUY", "group": group}
            for price, qty, group in trades
        ]
    )


def test_trade(place):
    """A trade is pushed as it happens, with the documents' fields."""
    ear = place.listen("trade")
    place.trade("100", "2", taker="BUY")
    now = place.venue.now
    assert list(ear.one().items()) == [
        ("e", "trade"), ("E", now), ("s", "BTCUSDT"), ("t", 1), ("p", "100.00000000"), ("q", "2.00000000"),
        ("T", now), ("m", False), ("M", True),
    ]  # fmt: skip


def test_own_trades(place):
    """Fills of paper orders are public trades like any other."""
    ear = place.listen("trade")
    place.market(quantity="1.5")
    place.place(price="98", quantity="1")
    place.trade("97", "3")
    assert [(event["p"], event["q"], event["m"]) for event in ear.heard()] == [
        ("101.00000000", "1.50000000", False),
        ("98.00000000", "1.00000000", True),
        ("97.00000000", "2.00000000", True),
    ]


def test_only_later(place):
    """What happened before a subscription is not told, other symbols' trades never."""
    place.trade("100")
    ear = place.listen("trade", "aggTrade")
    place.trade("0.01", symbol="LTCBTC")
    assert ear.heard() == []
    place.trade("102")
    assert [event["p"] for event in ear.heard()] == ["102.00000000"] * 2


def test_aggregate(place):
    """An aggregate is pushed with the documents' fields, at once."""
    ear = place.listen("aggTrade")
    script(place, ("100", "1", 1), ("100", "2", 1), ("100.5", "1", 1))
    now = place.venue.now
    first, second = ear.heard()
    assert list(first.items()) == [
        ("e", "aggTrade"), ("E", now), ("s", "BTCUSDT"), ("a", 1), ("p", "100.00000000"), ("q", "3.00000000"),
        ("f", 1), ("l", 2), ("T", now), ("m", False), ("M", True),
    ]  # fmt: skip
    assert (second["a"], second["f"], second["l"], second["p"]) == (2, 3, 3, "100.50000000")


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        ((None, None), [1, 1]),
        ((1, 1), [2]),
        ((1, 2), [1, 1]),
        ((1, None), [1, 1]),
        ((None, 1), [1, 1]),
        ((1, 2, 1), [1, 1, 1]),
        ((1, 1, 2, 2, 2), [2, 3]),
    ],
)
def test_groups(place, groups, sizes):
    """Scripted trades are of one taker where they follow one another in one group, over REST as in the stream."""
    ear = place.listen("aggTrade")
    script(place, *(("100", "1", group) for group in groups))
    assert [event["l"] - event["f"] + 1 for event in ear.heard()] == sizes
    listed = place.ask("GET", "aggTrades", symbol="BTCUSDT")
    assert [row["l"] - row["f"] + 1 for row in listed] == sizes


def test_group_ends(place):
    """A group does not reach into the next call."""
    script(place, ("100", "1", 1))
    script(place, ("100", "1", 1))
    assert [row["q"] for row in place.ask("GET", "aggTrades", symbol="BTCUSDT")] == ["1.00000000"] * 2


def test_group_meets_orders(place):
    """A taker that trades with paper orders first is one taker at each price."""
    ear = place.listen("aggTrade")
    place.place(price="100", quantity="1")
    place.place(price="100", quantity="2")
    place.trade("98", "5")
    assert [(event["p"], event["q"], event["m"]) for event in ear.heard()] == [
        ("100.00000000", "3.00000000", True),
        ("98.00000000", "2.00000000", True),
    ]


def test_own_takers(place):
    """Two orders at one moment and price are two takers; one order on two makers is one."""
    ear = place.listen("aggTrade")
    place.place(side="SELL", price="100", quantity="1")
    place.place(side="SELL", price="100", quantity="1")
    place.market(quantity="2")
    place.market(quantity="1")
    place.market(quantity="1")
    assert [event["q"] for event in ear.heard()] == ["2.00000000", "1.00000000", "1.00000000"]


def feed(place, price, time=None):
    """A trade as a feed brings it: whose order took is not known."""
    now = place.venue.now
    place.venue.apply([(1, now, "BTCUSDT", parse_units(price), parse_units("1"), True, 0, time or now)])
    place.hub.flush()


def test_unmarked(place):
    """Trades of a feed at one moment and price are one aggregate, told when another follows or time has passed."""
    ear = place.listen("aggTrade")
    feed(place, "100")
    feed(place, "100")
    assert ear.heard() == []
    feed(place, "99")
    assert ear.one()["q"] == "2.00000000"
    place.wait(1)
    assert ear.one()["p"] == "99.00000000"


def test_told_is_whole(place):
    """An aggregate that was told grows no more, whatever the feed brings late."""
    ear = place.listen("aggTrade")
    moment = place.venue.now
    feed(place, "100", moment)
    place.wait(5)
    feed(place, "100", moment)
    place.wait(5)
    told = ear.heard()
    assert [event["q"] for event in told] == ["1.00000000"] * 2
    shown = place.ask("GET", "aggTrades", symbol="BTCUSDT")
    assert shown == [{name: value for name, value in event.items() if name not in "eEs"} for event in told]


def test_trimmed(place):
    """A tape that lets go of its oldest trades takes nothing from those who listen."""
    tape = place.venue.markets["BTCUSDT"].tape
    tape.limit, tape.most, tape.room = 4, 8, 8
    ear = place.listen("trade", "aggTrade")
    for number in range(1, 30):
        place.trade(str(number))
    told = ear.heard()
    assert [event["t"] for event in told if event["e"] == "trade"] == list(range(1, 30))
    assert [event["a"] for event in told if event["e"] == "aggTrade"] == list(range(1, 30))


def test_written_once(place):
    """An event for many is the same text for all."""
    texts = []
    for _ in range(3):
        place.hub.open(texts.append, names=["btcusdt@trade"])
    place.trade("100")
    assert len(texts) == 3
    assert len({id(text) for text in texts}) == 1
    assert json.loads(texts[0])["e"] == "trade"
