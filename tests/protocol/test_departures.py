"""Answers and events on their way out: at once, or held until somebody says."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from exec_plugin.protocol.departures import Departures


def test_at_once():
    """Without anybody who holds them they leave at once."""
    departures, told = Departures(), []
    departures.leave(partial(told.append, 1), partial(told.append, -1))
    assert told == [1]
    departures.is_held = lambda: False
    departures.leave(partial(told.append, 2))
    assert told == [1, 2]


def test_released():
    """What is held leaves in its order; what comes after something that waits, waits as well."""
    departures, told, held = Departures(), [], [True]
    departures.is_held = lambda: held[0]
    departures.leave(partial(told.append, 1))
    held[0] = False
    departures.leave(partial(told.append, 2))
    assert told == []
    departures.release()
    assert told == [1, 2]
    departures.release()
    assert told == [1, 2]


def test_turned_back():
    """What has not happened is replaced, or not told at all."""
    departures, told = Departures(), []
    departures.is_held = lambda: True
    departures.leave(partial(told.append, 1), partial(told.append, -1))
    departures.leave(partial(told.append, 2))
    departures.turn_back()
    assert told == [-1]


def test_closed():
    """What comes while something is written down waits for the next time, and is turned back with it."""
    departures, told = Departures(), []
    departures.is_held = lambda: True
    departures.leave(partial(told.append, 1))
    departures.close()
    departures.leave(partial(told.append, 2), partial(told.append, -2))
    assert departures.is_closed
    departures.depart()
    assert told == [1]
    assert not departures.is_closed
    departures.turn_back()
    assert told == [1, -2]


def test_raises():
    """Who raises when he is told keeps nobody else from being told."""
    departures, told = Departures(), []
    departures.is_held = lambda: True
    # more of them than calls may be within each other
    for each in range(sys.getrecursionlimit()):
        departures.leave(partial(told.append, each))
        departures.leave(partial(sys.exit, each))
    with pytest.raises(SystemExit, match=r"^0$"):
        departures.release()
    assert told == [*range(sys.getrecursionlimit())]
