from __future__ import annotations

import pytest

from exec_plugin.core.matching.depth import DepthSide
from exec_plugin.core.units import FAR


@pytest.fixture
def asks():
    """Asks at 101, 102 and 103 with ten each."""
    side = DepthSide(is_bid=False)
    side.replace({103: 10, 101: 10, 102: 10})
    return side


def test_best_first(asks):
    """Prices come best first on either side."""
    bids = DepthSide(is_bid=True)
    bids.replace({98: 1, 99: 1})
    assert asks.best_first() == [101, 102, 103]
    assert bids.best_first() == [99, 98]


def test_empty():
    """A side without a touch shows nothing, whatever its levels say."""
    side = DepthSide(is_bid=True)
    side.replace({99: 1})
    assert list(side.walk(0, 0)) == []
    assert list(side.walk(FAR, 0)) == []


def test_update(asks):
    """Changed levels replace, join or, at zero, leave."""
    asks.update({101: 0, 102: 7, 104: 1, 105: 0})
    assert [(price, asks.shown(price)) for price in asks.best_first()] == [(102, 7), (103, 10), (104, 1)]


def test_replace(asks):
    """A whole side leaves nothing of the old one; zeros in it are no levels."""
    asks.take(101, 10, 5)
    asks.replace({105: 1, 106: 0})
    assert (asks.best_first(), asks.shown(105), asks.shown(106)) == ([105], 1, 0)
    assert asks.taken == {}
    assert asks.edge == 105


def test_edge():
    """What lies beyond the worst price of a book is unknown; without one, all is."""
    bids = DepthSide(is_bid=True)
    assert bids.edge == FAR
    bids.replace({98: 1, 95: 1})
    assert bids.edge == 95
    bids.replace({})
    assert bids.edge == FAR


def test_taken(asks):
    """What was taken stays taken while the level shows the same."""
    asks.take(101, 10, 4)
    asks.take(101, 10, 3)
    assert asks.available(101, 10) == 3
    asks.update({102: 5})
    assert asks.available(101, 10) == 3


@pytest.mark.parametrize("shown", [10, 9, 11])
def test_shown_anew(asks, shown):
    """An update of the level, even to the same quantity, offers all of it again."""
    asks.take(101, 10, 10)
    asks.update({101: shown})
    assert asks.available(101, shown) == shown


def test_other_quantity(asks):
    """A touch that shows another quantity than was taken from offers all of it."""
    asks.take(101, 10, 10)
    assert asks.available(101, 8) == 8


def test_unknown_quantity(asks):
    """An unknown quantity never runs out."""
    asks.take(101, FAR, 10**18)
    assert asks.available(101, FAR) == FAR


def test_walk(asks):
    """The touch comes first and overrules what the levels say at its price and before it."""
    asks.take(103, 10, 4)
    assert list(asks.walk(102, 3)) == [(102, 3, 3), (103, 10, 6)]
    assert list(asks.walk(100, 3)) == [(100, 3, 3), (101, 10, 10), (102, 10, 10), (103, 10, 6)]


def test_touch(asks):
    """The best price with a quantity is found also after it left and came back."""
    assert asks.touch() == (101, 10)
    asks.update({101: 0, 102: 0})
    assert asks.touch() == (103, 10)
    asks.update({101: 4})
    asks.update({100: 0})
    assert asks.touch() == (101, 4)
    asks.best_first()
    asks.update({100: 2})
    assert asks.touch() == (100, 2)
    asks.replace({})
    assert asks.touch() == (FAR, 0)


def test_waiting():
    """Updates that nobody looked at between are merged in order, and do not pile up without end."""
    bids = DepthSide(is_bid=True)
    for number in range(10_000):
        bids.update({90 + number % 7: number})
    assert [bids.shown(price) for price in range(90, 97)] == [9996, 9997, 9998, 9999, 9993, 9994, 9995]


def test_forgets_what_left():
    """Levels that were removed are forgotten, also where nobody ever looks behind the touch."""
    bids = DepthSide(is_bid=True)
    bids.replace({100: 1})
    for price in range(101, 20_000):
        bids.update({price - 1: 0, price: 1})
        assert bids.touch() == (price, 1)
    assert len(bids._levels) == len(bids._heap) < 300
    assert bids.best_first() == [19_999]


def test_forgets_what_came_and_went():
    """A price that comes and goes behind the touch, and is looked for each time, does not pile up."""
    bids = DepthSide(is_bid=True)
    bids.replace({100: 1, 90: 1})
    for _ in range(2_000):
        bids.update({90: 0})
        assert (bids.touch(), bids.best_first()) == ((100, 1), [100])
        bids.update({90: 1})
        assert (bids.touch(), bids.best_first()) == ((100, 1), [100, 90])
    assert len(bids._heap) < 600
