from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.matching.resting import RestingSide, StopSide
from exec_plugin.core.orders import UNSEEN, LiveOrder
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import FAR

PAIR = default_symbol("BTCUSDT")


def _order(number, price, stop=0):
    order = LiveOrder(number, "", None, PAIR, True, "LIMIT", "GTC", 1, price, 0)
    order.stop = stop
    return order


def test_empty():
    """The best price of nobody is one that nobody crosses."""
    assert RestingSide(is_bid=True).best == 0
    assert RestingSide(is_bid=False).best == FAR
    assert StopSide(above=True).nearest == FAR
    assert StopSide(above=False).nearest == 0


def test_first():
    """The oldest order of a level is first, whoever was removed before it."""
    side = RestingSide(is_bid=True)
    orders = [_order(number, 100) for number in range(5)]
    for order in orders:
        side.add(order, 0)
    for gone in (1, 0, 3):
        side.remove(orders[gone])
    level = side.levels[100]
    assert level.first() is orders[2]
    assert list(level) == [orders[2], orders[4]]


def test_gap():
    """A position counts from what was ahead on arrival, and is unknown where nobody knew."""
    side = RestingSide(is_bid=True)
    early, late, unseen = (_order(number, 100) for number in range(3))
    side.add(early, 5)
    level = side.levels[100]
    level.consumed += 3
    side.add(late, 5)
    side.add(unseen, UNSEEN)
    assert [level.gap(order) for order in (early, late, unseen)] == [2, 5, FAR]
    level.consumed += 100
    assert [level.gap(order) for order in (early, late, unseen)] == [0, 0, FAR]


def test_until():
    """Levels up to a limit come best first, each once, also after one was emptied and filled again."""
    side = RestingSide(is_bid=False)
    for number, price in enumerate((103, 101, 105, 102)):
        side.add(_order(number, price), 0)
    again = side.levels[102].first()
    side.remove(again)
    side.add(again, 0)
    assert [level.price for level in side.until(103)] == [101, 102, 103]
    assert [level.price for level in side.until(103)] == [101, 102, 103]
    assert list(side.until(100)) == []


def test_cheap_removal():
    """Dead entries never outnumber the living by much."""
    side = RestingSide(is_bid=True)
    for number in range(1000):
        order = _order(number, 1 + number % 50)
        side.add(order, 0)
        if number % 10:
            side.remove(order)
    assert len(side._heap) <= 2 * len(side.levels) + 10
    assert all(level.dead <= len(level.orders) - level.dead for level in side.levels.values())


def test_no_dead_prices():
    """Orders that come and go behind the best one leave nothing behind."""
    side = RestingSide(is_bid=True)
    side.add(_order(0, 100_000), 0)
    for number in range(1, 1000):
        side.add(order := _order(number, number), 0)
        side.remove(order)
    assert len(side._heap) <= 2 * len(side.levels) + 10
    assert side.best == 100_000


moves = st.lists(st.tuples(st.booleans(), st.integers(1, 8), st.integers(0, 50)), max_size=80)


@pytest.mark.parametrize("is_bid", [True, False])
@given(moves)
def test_best(is_bid, moves):
    """The best price and each level's orders are those of a plain list."""
    side, alive = RestingSide(is_bid=is_bid), []
    for number, (added, price, pick) in enumerate(moves):
        if added or not alive:
            order = _order(number, price)
            side.add(order, 0)
            alive.append(order)
        else:
            side.remove(alive.pop(pick % len(alive)))
        prices = sorted({order.price for order in alive}, reverse=is_bid)
        assert side.best == (prices[0] if prices else (0 if is_bid else FAR))
        assert [level.price for level in side.until(0 if is_bid else FAR)] == prices
        for price in prices:
            assert list(side.levels[price]) == [order for order in alive if order.price == price]


@pytest.mark.parametrize("above", [True, False])
@given(moves)
def test_nearest(above, moves):
    """The nearest stop, oldest first, is that of a plain list."""
    side, armed = StopSide(above=above), []
    for number, (added, stop, pick) in enumerate(moves):
        armed.sort(key=lambda order: (order.stop if above else -order.stop, order.id))
        if added or not armed:
            order = _order(number, 0, stop)
            side.add(order)
            armed.append(order)
        elif pick % 2:
            assert side.pop() is armed.pop(0)
        else:
            side.remove(armed.pop(pick % len(armed)))
        stops = [order.stop for order in armed]
        assert side.nearest == ((min if above else max)(stops, default=FAR if above else 0))
        assert all(order.armed for order in armed)
