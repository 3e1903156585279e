from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.tape import Tape


def _add(tape, time, price=100, qty=1):
    number = tape.trimmed + len(tape.records) + 1
    tape.records.append((number, time, price, qty, price * qty, False))
    if len(tape.records) >= tape.most:
        tape.trim()


def test_empty():
    """A tape without trades has no average."""
    tape = Tape()
    assert tape.trades() == []
    assert tape.average(5, 0) == 0


def test_weighted():
    """The average weighs prices by volume."""
    tape = Tape()
    _add(tape, 0, price=100, qty=3)
    _add(tape, 0, price=200, qty=1)
    assert tape.average(5, 0) == 125


def test_window():
    """A trade counts until its minutes are over."""
    tape = Tape()
    _add(tape, 1000, price=100)
    _add(tape, 2000, price=300)
    assert tape.average(1, MINUTE + 999) == 200
    assert tape.average(1, MINUTE + 1000) == 300
    assert tape.average(1, MINUTE + 2000) == 0


def test_other_window():
    """Asking for another window starts over."""
    tape = Tape()
    _add(tape, 0, price=100)
    _add(tape, 3 * MINUTE, price=300)
    assert tape.average(1, 3 * MINUTE) == 300
    assert tape.average(5, 3 * MINUTE) == 200
    assert tape.average(1, 3 * MINUTE) == 300


def test_slices():
    """Trades are handed out as values, by position among those kept."""
    tape = Tape()
    for time in range(5):
        _add(tape, time)
    assert [trade.time for trade in tape.trades(1, 3)] == [1, 2]
    assert tape.trades(-1)[0].id == 5


def test_trim():
    """A full tape tells who asked before it lets the oldest go, a few at a time."""
    tape, heard = Tape(limit=24, most=27), []
    tape.on_trim = lambda: heard.extend(tape.trades(0, 3))
    for time in range(35):
        _add(tape, time)
        assert len(tape.records) < 27
    assert tape.trimmed == 9
    assert [trade.id for trade in heard] == list(range(1, 10))
    assert [trade.id for trade in tape.trades()] == list(range(10, 36))


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 9), st.integers(1, 9), st.booleans()), max_size=60))
def test_brute_force(moves):
    """The moving average is that of all kept trades in the window, however often it is asked."""
    tape, now = Tape(limit=8, most=16), 0
    for step, price, qty, asked in moves:
        now += step
        _add(tape, now, price, qty)
        if asked:
            kept = [trade for trade in tape.trades() if trade.time > now - MINUTE]
            volume = sum(trade.qty for trade in kept)
            assert tape.average(1, now) == sum(trade.quote for trade in kept) // volume
