"""The streams of the order book."""

from __future__ import annotations

from itertools import pairwise

import pytest

from .listening import Place


@pytest.fixture
def place():
    """A fresh exchange: 99 bid, 101 asked, nine coins each."""
    return Place()


def rest_id(place):
    """The id of the book that REST shows."""
    return place.ask("GET", "depth", symbol="BTCUSDT")["lastUpdateId"]


def test_book_ticker(place):
    """Every change of the best price or quantity is pushed at once, with the id that REST shows."""
    ear = place.listen("bookTicker")
    place.book([("99.5", "1"), ("99", "4")], [("100.5", "2")])
    assert list(ear.one().items()) == [
        ("u", rest_id(place)), ("s", "BTCUSDT"), ("b", "99.50000000"), ("B", "1.00000000"),
        ("a", "100.50000000"), ("A", "2.00000000"),
    ]  # fmt: skip


def test_book_ticker_unchanged(place):
    """What leaves the touch as it is stays unsaid."""
    ear = place.listen("bookTicker")
    place.book([("99", "9"), ("98", "1")], [("101", "9")])
    place.place(price="95")
    place.trade("100")
    assert ear.heard() == []


def test_book_ticker_orders(place):
    """Paper orders that come, trade and leave move the touch."""
    ear = place.listen("bookTicker")
    order = place.place(price="100")
    assert ear.one()["b"] == "100.00000000"
    place.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert ear.one()["b"] == "99.00000000"
    place.market(quantity="4")
    assert ear.one()["A"] == "5.00000000"


def test_book_ticker_empty(place):
    """A side without orders shows zeros, as over REST."""
    ear = place.listen("bookTicker")
    place.book([], [("101", "9")])
    told = ear.one()
    assert (told["b"], told["B"]) == ("0.00000000", "0.00000000")


def test_all_book_tickers(place):
    """``!bookTicker`` tells of every symbol."""
    ear = place.listen("!bookTicker")
    place.book([("98", "1")], [("102", "1")])
    place.book([("0.01", "1")], [("0.02", "1")], symbol="LTCBTC")
    assert [event["s"] for event in ear.heard()] == ["BTCUSDT", "LTCBTC"]


@pytest.mark.parametrize(("name", "speed"), [("depth5", 1000), ("depth5@100ms", 100)])
def test_partial(place, name, speed):
    """The best levels come at the stream's pace, to a newcomer once, to all when they have changed."""
    ear = place.listen(name)
    place.book([(str(price), "1") for price in range(90, 100)], [("101", "9")])
    place.wait(speed - 1)
    assert ear.heard() == []
    place.wait(1)
    told = ear.one()
    assert list(told) == ["lastUpdateId", "bids", "asks"]
    assert told == place.ask("GET", "depth", symbol="BTCUSDT", limit=5)
    place.wait(3 * speed)
    assert ear.heard() == []
    late = place.listen(name)
    place.wait(speed)
    assert late.one()["bids"] == told["bids"]
    assert ear.heard() == []


def test_partial_deeper(place):
    """A change below the levels of a stream is not told."""
    ear = place.listen("depth5")
    bids = [(str(price), "1") for price in range(90, 100)]
    place.book(bids, [("101", "9")])
    place.wait(1000)
    ear.heard()
    place.book([*bids, ("50", "1")], [("101", "9")])
    place.wait(1000)
    assert ear.heard() == []


@pytest.mark.parametrize(("name", "speed"), [("depth", 1000), ("depth@100ms", 100)])
def test_diff(place, name, speed):
    """The changed levels come at the stream's pace, with the range of ids that they cover."""
    before = rest_id(place)
    ear = place.listen(name)
    place.place(price="95", quantity="2")
    place.book([("99", "3")], [("102", "1")])
    place.wait(speed)
    assert list(ear.one().items()) == [
        ("e", "depthUpdate"), ("E", place.venue.now), ("s", "BTCUSDT"), ("U", before + 1), ("u", rest_id(place)),
        ("b", [["95.00000000", "2.00000000"], ["99.00000000", "3.00000000"]]),
        ("a", [["101.00000000", "0.00000000"], ["102.00000000", "1.00000000"]]),
    ]  # fmt: skip


def test_diff_joins(place):
    """Each range begins where the one before it ended, though ids grow without a change to tell."""
    ear = place.listen("depth@100ms")
    for number in range(1, 6):
        place.trade("100")
        if number % 2:
            place.place(price="95")
        place.wait(100)
    events = ear.heard()
    assert len(events) == 3
    assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(events))


def test_diff_undone(place):
    """What came and went between two turns is not told."""
    ear = place.listen("depth")
    order = place.place(price="95")
    place.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    place.wait(1000)
    assert ear.heard() == []


def test_diff_seen(place):
    """Who was shown the book meanwhile hears that what he saw is gone; the others hear nothing false."""
    ear = place.listen("depth")
    order = place.place(price="95", quantity="2")
    assert ["95.00000000", "2.00000000"] in place.ask("GET", "depth", symbol="BTCUSDT")["bids"]
    place.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    place.wait(1000)
    assert ear.one()["b"] == [["95.00000000", "0.00000000"]]


def test_ids(place):
    """The book's id grows with everything that changes it: the feed's book, and paper orders that come, trade and go."""
    ids = [rest_id(place)]

    def noted():
        ids.append(rest_id(place))

    order = place.place(price="95")
    noted()
    place.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    noted()
    place.market(quantity="1")
    noted()
    place.book([("98", "1")], [("101", "9")])
    noted()
    assert ids == sorted(set(ids))
    noted()
    assert ids[-1] == ids[-2]


def test_feed_ids(place):
    """Where the feed numbers its books, their ids are the feed's."""
    place.venue.book("BTCUSDT", {99: 1}, {101: 1}, 5000)
    assert rest_id(place) == 5000
    place.venue.depth("BTCUSDT", {99: 2}, {}, 5007)
    assert rest_id(place) == 5007
