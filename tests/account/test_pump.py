"""How rows reach a venue: by the wall clock, at full speed, and as they are pushed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.account.pump import Pump, wall_clock
from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.events import QUOTE, TRADE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.core.venue import Venue
from exec_plugin.feeds import PushFeed
from exec_plugin.protocol import Gateway

START = 1_000_000
BTC = default_symbol("BTCUSDT")


class Clock:
    """A wall clock that goes when told."""

    def __init__(self):
        self.now = 77_000

    def __call__(self):
        return self.now


class ListFeed:
    """Rows that are known beforehand."""

    symbols = (BTC,)
    start = START

    def __init__(self, rows):
        self._rows = rows

    def rows(self):
        return iter(self._rows)


def trade(later, number=0, symbol="BTCUSDT"):
    """A public trade so many ms after the start."""
    return TRADE, START + later, symbol, 100 * SCALE, SCALE, False, number, START + later


def pump_of(rows, factor=0.0, clock=None):
    """A pump over a fresh venue."""
    venue = Venue([BTC], now=START)
    return Pump(venue, ListFeed(rows), factor, START, clock or Clock())


def ids(pump):
    """The trades that have happened."""
    return [record[0] for record in pump.venue.markets["BTCUSDT"].tape]


def test_wall_clock():
    """The wall clock tells milliseconds since the epoch, and does not go back."""
    first, second = wall_clock(), wall_clock()
    assert 1_700_000_000_000 < first <= second


@pytest.mark.parametrize(
    ("factor", "waited", "expected"),
    [(1, 2500, [1, 2]), (60, 50, [1, 2, 3]), (0.5, 2500, [1]), (1, 999, []), (1, 1000, [1])],
)
def test_paced(factor, waited, expected):
    """With a clock the venue's time is the wall's, times the factor, and its rows are those due by then."""
    clock = Clock()
    pump = pump_of([trade(1000, 1), trade(2000, 2), trade(3000, 3)], factor, clock)
    clock.now += waited
    assert pump.is_paced
    assert pump.now() == START + waited * factor
    pump.catch_up()
    assert ids(pump) == expected
    assert pump.venue.now == START + waited * factor


def test_set_back():
    """A wall clock that is set back stops the venue's time and does not turn it."""
    clock = Clock()
    pump = pump_of([trade(1000, 1)], 1.0, clock)
    clock.now += 1500
    pump.catch_up()
    clock.now -= 1000
    pump.catch_up()
    assert pump.now() == pump.venue.now == START + 1500


def test_full_speed():
    """Without a clock nothing moves but by being told."""
    clock = Clock()
    pump = pump_of([trade(0, 1), trade(1000, 2)], 0.0, clock)
    clock.now += 10**9
    pump.catch_up()
    assert (pump.is_paced, pump.now(), ids(pump)) == (False, START, [])
    pump.move_to(START + 999)
    assert (pump.now(), ids(pump)) == (START + 999, [1])
    pump.move_to(START + 1000)
    assert ids(pump) == [1, 2]


def test_never_back():
    """A moment that has passed moves nothing."""
    pump = pump_of([trade(10, 1)])
    pump.move_to(START + 50)
    pump.move_to(START)
    assert (pump.now(), pump.rows_applied) == (START + 50, 1)


def test_end():
    """A feed has ended when its last row is applied; time goes on."""
    pump = pump_of([trade(10, 1), trade(20, 2)])
    pump.move_to(START + 19)
    assert not pump.ended
    pump.move_to(START + 20)
    assert pump.ended
    pump.move_to(START + 99)
    assert (pump.ended, pump.rows_applied, pump.now()) == (True, 2, START + 99)


def test_lazy():
    """An endless feed is read no further than needed."""

    def endless():
        number = 0
        while True:
            number += 1
            yield trade(number * 10, number)

    pump = pump_of(endless())
    pump.move_to(START + 35)
    assert ids(pump) == [1, 2, 3]
    assert not pump.ended


def test_unusable_row():
    """A row that cannot be applied is an error once, not for ever."""
    pump = pump_of([trade(10, 1), trade(20, 9, "ETHUSDT"), trade(30, 2)])
    with pytest.raises((KeyError, RequestRejected), match="ETHUSDT"):
        pump.move_to(START + 50)
    pump.move_to(START + 50)
    assert ids(pump) == [1, 2]


@given(
    st.lists(st.integers(0, 300), max_size=60).map(sorted),
    st.lists(st.integers(0, 120), min_size=1, max_size=20),
    st.sampled_from([0.5, 1.0, 7.0]),
)
def test_polls(times, waits, factor):
    """However the polls fall, every row is applied once, in order, and none before its time."""
    clock = Clock()
    pump = pump_of([trade(later, number) for number, later in enumerate(times, 1)], factor, clock)
    for wait in waits:
        clock.now += wait
        pump.catch_up()
        due = [number for number, later in enumerate(times, 1) if START + later <= pump.now()]
        assert ids(pump) == due
    assert pump.rows_applied == len(ids(pump))


@given(st.lists(st.integers(-50, 200), max_size=20))
def test_any_moments(moments):
    """Moments may come in any order; the clock only goes forwards."""
    pump = pump_of([trade(later, later) for later in range(1, 100, 7)])
    seen = [pump.now()]
    for later in moments:
        pump.move_to(START + later)
        seen.append(pump.now())
    assert all(before <= after for before, after in pairwise(seen))


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_pushed(factor):
    """What is pushed happens at the next look, at whatever time it says."""
    clock = Clock()
    feed = PushFeed([BTC], START)
    venue = Venue([BTC], now=START)
    pump = Pump(venue, feed, factor, START, clock)
    feed.push(trade(5, 1), (QUOTE, START, "BTCUSDT", 99 * SCALE, SCALE, 101 * SCALE, SCALE))
    assert ids(pump) == []
    clock.now += 10
    pump.catch_up()
    assert ids(pump) == [1]
    assert venue.markets["BTCUSDT"].ask == 101 * SCALE
    assert len(feed) == 0
    pump.catch_up()
    assert (pump.rows_applied, pump.ended) == (2, False)
    assert venue.now == START + (10 if factor else 5)


@pytest.mark.parametrize("listened", [False, True])
def test_pushed_at_its_time(listened):
    """A pushed row happens at its own time although it is looked at later, and the clock goes on to now."""
    clock = Clock()
    feed = PushFeed([BTC], START)
    venue = Venue([BTC], now=START)
    pump = Pump(venue, feed, 1.0, START, clock)
    if listened:
        pump.streams = Gateway(venue).streams
        pump.streams.open([].append, names=["btcusdt@trade"])
    times = []
    venue.listeners.append(lambda event: times.append(event.time))
    account = venue.open_account("a", {"USDT": 1000 * SCALE})
    venue.place(account, "BTCUSDT", True, "LIMIT", SCALE, 100 * SCALE)
    times.clear()
    clock.now += 50
    feed.push((TRADE, START + 20, "BTCUSDT", 99 * SCALE, SCALE, True, 1, START + 10))
    pump.catch_up()
    assert set(times) == {START + 20}
    assert venue.now == START + 50
