from __future__ import annotations

import sys
from itertools import dropwhile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interruptions import everywhere

import exec_plugin.core.tape as tape_module
from exec_plugin.core.clock import MINUTE
from exec_plugin.core.tape import FRESH, Tape


def _add(tape, time, price=100, qty=1):
    tape.records.append((tape.end + 1, time, price, qty, price * qty, False))
    if len(tape.records) >= tape.room:
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


MOVES = st.tuples(
    st.integers(0, 50_000),
    st.integers(0, 100),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["", "ask", "pack"]),
)


@given(st.lists(MOVES, max_size=60))
def test_brute_force(moves):
    """The moving average is that of the kept trades from the first one in the window on, however often it is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape_module, "FRESH", 2)
        tape, now = Tape(limit=8, most=16), 0
        for step, late, price, qty, then in moves:
            now += step
            _add(tape, now - late, price, qty)
            if then == "pack":
                tape.pack()
            elif then:
                since = now - MINUTE
                kept = [*dropwhile(lambda trade, since=since: trade.time <= since, tape.trades())]
                volume = sum(trade.qty for trade in kept)
                assert tape.average(1, now) == sum(trade.quote for trade in kept) // volume


def test_packed():
    """A packed tape is the same sequence, whatever is asked of it, and trims as it did."""
    packed, plain = Tape(limit=3 * FRESH, most=4 * FRESH), Tape(limit=3 * FRESH, most=4 * FRESH)
    for tape in (packed, plain):
        for number in range(6 * FRESH + 7):
            price = 10**25 if number == 5 * FRESH else 100 + number % 7
            tape.records.append((tape.end + 1, number, price, 2, price * 2, number % 3 == 0))
            if len(tape.records) >= tape.room:
                tape.trim()
            if tape is packed and number % 1000 == 0:
                tape.pack()
    assert len(packed.records) < 2 * FRESH + 1000
    assert (len(packed), packed.trimmed, packed.end) == (len(plain), plain.trimmed, plain.end)
    assert packed[:] == plain[:] == plain.records
    edge = len(packed) - len(packed.records)
    for first, stop in ((0, 3), (edge - 2, edge + 2), (edge, edge + 1), (edge + 5, None), (-3, None), (7, 7), (9, 2)):
        assert packed[first:stop] == plain[first:stop]
    for place in (0, 1, edge - 1, edge, -1, -len(packed)):
        assert packed[place] == plain[place]
    assert {type(record[5]) for record in packed[:10]} == {bool}
    for place in (len(packed), -len(packed) - 1):
        with pytest.raises(IndexError):
            packed[place]


def test_packed_is_small():
    """A packed trade takes some 50 bytes."""
    tape = Tape()
    for number in range(50_000):
        tape.records.append((10**9 + number, 10**12 + number, 10**11 + number, 10**7 + number, 10**10 + number, False))
    tape.pack()
    packed = len(tape) - len(tape.records)
    assert len(tape.records) == FRESH
    assert sum(sys.getsizeof(column) for column in tape._packed.columns) / packed < 60


@pytest.mark.parametrize("what", ["pack", "trim", "window"])
def test_interrupted(what, monkeypatch):
    """What Ctrl-C interrupts, wherever, leaves the tape as it was or as it was to be, and goes on."""
    monkeypatch.setattr(tape_module, "FRESH", 4)
    for interruption in everywhere("core/tape.py", "core/packed.py"):
        tape, plain = Tape(limit=20, most=26), Tape(limit=20, most=26)
        for time in range(25):
            for each in (tape, plain):
                _add(each, time * 1000, price=100 + time)
                each.average(1, time * 1000)
            if time == 15:
                tape.pack()
        acts = {"pack": tape.pack, "trim": tape.trim, "window": lambda tape=tape: tape.average(2, 25_000)}
        is_cut = interruption.cuts(acts[what])
        if what == "trim":
            plain.trim()
            if not tape.trimmed:
                tape.trim()
        assert (tape[:], tape.trimmed, tape.end) == (plain[:], plain.trimmed, plain.end)
        for time in range(26, 60):
            for each in (tape, plain):
                _add(each, time * 1000, price=100 + time)
            tape.pack()
            assert tape[:] == plain[:]
            assert [tape.average(minutes, time * 1000) for minutes in (1, 2)] == [
                plain.average(minutes, time * 1000) for minutes in (1, 2)
            ]
        if not is_cut:
            break


def test_nothing_to_pack():
    """A short tape stays as it is."""
    tape = Tape()
    for time in range(FRESH):
        _add(tape, time)
    tape.pack()
    assert len(tape.records) == FRESH
