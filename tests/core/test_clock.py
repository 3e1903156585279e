from __future__ import annotations

import pytest

from exec_plugin.core.clock import DAY, HOUR, ManualClock


def test_moves_when_told():
    """A manual clock stands still, jumps and advances."""
    clock = ManualClock(5)
    assert clock.now() == 5
    assert clock.advance(HOUR) == clock.now() == 5 + HOUR
    assert clock.set(DAY) == clock.now() == DAY


def test_never_back():
    """Going back is an error, and the clock stays where it was."""
    clock = ManualClock(5)
    with pytest.raises(ValueError, match="stands at 5 and cannot go back to 4"):
        clock.set(4)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    assert clock.now() == 5
