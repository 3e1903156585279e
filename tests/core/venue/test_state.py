"""Orders and lists as plain lists, and back in another venue."""

from __future__ import annotations

import json

import pytest
from stage import Stage, units

from exec_plugin.core.orders import UNSEEN, Peg
from exec_plugin.core.venue.state import (
    LIST_FIELDS,
    ORDER_FIELDS,
    clear,
    list_state,
    look_again,
    meet_missed,
    order_state,
    place,
    resume,
    revive_list,
    revive_order,
    turns,
)


@pytest.fixture
def book(stage):
    """A stage whose book tells quantities."""
    stage.book({"100": "5"}, {"101": "5"})
    return stage


def plain(order, turn=None):
    """A state as it comes back from a file."""
    return json.loads(json.dumps(order_state(order, turn)))


def moved(order, other=None):
    """The order put back on another stage."""
    other = other or Stage()
    state = plain(order)
    desk = other.alice.desk(other.venue.markets[order.symbol.name].symbol)
    again = revive_order(state, desk)
    desk.remember(again)
    if again.is_open:
        desk.keep_open(again)
    resume(other.venue, [(again, state)])
    return again


def test_fields(book):
    """Every field of a state has a name, and nothing of an order is missing."""
    order = book.place("BUY", "LIMIT", "1", "99")
    assert len(plain(order)) == len(ORDER_FIELDS)
    unnamed = set(order.__slots__) - set(ORDER_FIELDS)
    assert unnamed == {"desk", "level", "group"}
    assert set(ORDER_FIELDS) - set(order.__slots__) == {"list", "turn"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (
            "LIMIT",
            {"price": "99", "client_id": "mine", "extra": {"strategyId": 3, "usedSor": True}, "stp": "EXPIRE_BOTH"},
        ),
        ("LIMIT", {"price": "99", "iceberg": "0.25"}),
        ("LIMIT", {"price": "99", "peg": Peg("PRIMARY_PEG")}),
        ("MARKET", {}),
        ("STOP_LOSS", {"stop": "105"}),
        ("TAKE_PROFIT_LIMIT", {"stop": "95", "price": "96"}),
        ("STOP_LOSS", {"trailing": 500}),
    ],
)
def test_there_and_back(book, kind, options):
    """An order of any kind is the same again, in the same place."""
    book.bought("101", "1")
    order = book.place("BUY", kind, "1", **options)
    assert plain(moved(order)) == plain(order)


def test_amended(book):
    """Its amendments come with it."""
    order = book.place("BUY", "LIMIT", "2", "99")
    book.venue.amend(order, units("1"), "new")
    again = moved(order)
    assert again.amendments == order.amendments


@pytest.mark.parametrize(("model", "gap"), [("queue", "3"), ("touch", "0"), ("through", None)])
def test_other_model(book, model, gap):
    """A place in a queue counts where there are queues."""
    order = book.place("BUY", "LIMIT", "1", "100")
    book.sold("100", "2")
    assert order.level.gap(order) == units("3")
    again = moved(order, Stage(fill_model=model))
    assert again.ahead == (UNSEEN if gap is None else units(gap))


def test_unseen_level(book):
    """What was shown at a price before tells nothing now: only what is shown next does."""
    order = moved(book.place("BUY", "LIMIT", "1", "100"))
    assert order.level.shown == UNSEEN


def test_joins(book):
    """At a price where others rest already, what they have seen stays."""
    other = Stage()
    other.book({"100": "4"}, {"101": "5"})
    resting = other.place("BUY", "LIMIT", "1", "100", by=other.bob)
    again = moved(book.place("BUY", "LIMIT", "1", "100"), other)
    assert list(again.level) == [resting, again]
    assert again.level.shown == units("4")


def test_list(book):
    """A list has its orders, its pair and its state again."""
    legs = [book.draft("SELL", "STOP_LOSS", "1", stop="90"), book.draft("SELL", "LIMIT_MAKER", "1", "120")]
    first = book.draft("BUY", "LIMIT", "1", "99")
    group = book.venue.lists.place_oto(first, legs, "mine", lambda group: group)
    state = json.loads(json.dumps(list_state(group)))
    assert len(state) == len(LIST_FIELDS)
    orders = [revive_order(plain(order), order.desk) for order in group.legs]
    again = revive_list(state, orders)
    assert list_state(again) == list_state(group)
    assert again.pair == orders[1:]
    assert all(order.group is again for order in orders)


def test_turns(book):
    """Whoever came later may stand before an iceberg's next slice."""
    first = book.place("SELL", "LIMIT", "2", "110", iceberg="1")
    second = book.place("SELL", "LIMIT", "1", "110")
    first.level.orders.rotate(-1)
    assert turns(first) == {second.id: [second.id, 0, 0], first.id: [second.id, 1, 1]}


def test_place(book):
    """A place changes with the queue and with what a trailing stop has seen, and with nothing else."""
    resting, trailing = book.place("BUY", "LIMIT", "1", "100"), book.place("SELL", "STOP_LOSS", "1", trailing=100)
    before = place(resting), place(trailing)
    book.bought("101", "1")
    assert place(resting) == before[0] == (units("5"), 0, 0)
    assert place(trailing) != before[1]
    book.sold("100", "1")
    assert place(resting) == (units("4"), 0, 0)


def test_cleared(book):
    """Once all orders are taken out none is met or triggered, nobody is told, and others can take their places."""
    book.place("BUY", "LIMIT", "1", "99")
    book.place("SELL", "STOP_LOSS", "1", stop="90")
    book.place("SELL", "STOP_LOSS", "1", trailing=100)
    events = []
    book.venue.listeners.append(events.append)
    clear(book.venue)
    book.sold("80", "9")
    market = book.market
    assert (market.buys.levels, market.buys.best, market.stops_below.nearest, market.trails.fall) == ({}, 0, 0, 0)
    assert events == []
    book.book({"100": "5"}, {"101": "5"})
    order = book.place("BUY", "LIMIT", "1", "99")
    book.sold("98", "9")
    assert order.status == "FILLED"


def test_market_beyond(book):
    """Orders that the market stands beyond when they come back are filled or triggered at once."""
    resting, stop = book.place("BUY", "LIMIT", "1", "95"), book.place("SELL", "STOP_LOSS", "1", stop="92")
    other = Stage()
    other.book({"90": "9"}, {"91": "9"})
    other.sold("90", "1")
    again = [moved(resting, other), moved(stop, other)]
    assert [order.is_open for order in again] == [True, True]
    look_again(other.venue)
    assert [order.status for order in again] == ["FILLED", "FILLED"]
    assert other.alice.desks[other.name].records[0][4] == units("95")


def test_missed(book):
    """Trades after the last that was met fill at the order's own price; those before count no more."""
    order = book.place("BUY", "LIMIT", "1", "95")
    other = Stage()
    other.book({"100": "5"}, {"101": "5"})
    other.sold("80", "1")
    met = other.market.trade_id
    again = moved(order, other)
    meet_missed(other.venue, {other.name: met})
    assert again.is_open
    clear(other.venue)
    other.sold("94", "0.4")
    other.bought("101", "1")
    resume(other.venue, [(again, plain(order))])
    meet_missed(other.venue, {other.name: met})
    assert again.filled == units("0.4")
    assert other.market.last == units("101")


def test_changes_are_collected(book):
    """What something has happened to is collected for one who asks, with and without listeners."""
    outbox = book.venue.outbox
    for listeners in ([], [lambda event: None]):
        outbox.changed = {}
        book.venue.listeners[:] = listeners
        resting = book.place("BUY", "LIMIT", "1", "99")
        taking = book.place("BUY", "MARKET", "1")
        stop = book.place("SELL", "STOP_LOSS", "1", stop="90")
        assert outbox.changed == {order.id: order for order in (resting, taking, stop)}
        outbox.changed = {}
        book.sold("98", "1")
        assert outbox.changed == {resting.id: resting}
        outbox.changed = {}
        book.venue.cancel(stop)
        assert outbox.changed == {stop.id: stop}
