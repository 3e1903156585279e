"""Another machine's clock, through looks that take time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.limit_store.shared_clock import DRIFT, GUESS, SharedClock

EPOCH = 1_700_000_000.0


class Clock:
    """A monotonic clock that goes on when it is told to."""

    def __init__(self):
        self.time = 50.0

    def __call__(self):
        return self.time


@pytest.fixture
def mono():
    """This machine's clock."""
    return Clock()


@pytest.fixture
def clock(mono):
    """The other's clock, a second ahead of what this machine believes."""
    return SharedClock(mono, lambda: EPOCH - 1.0)


def test_guess(mono, clock):
    """Before any look it is this machine's own time, which may be wrong."""
    assert clock.now() == EPOCH - 1
    assert clock.error == GUESS


def test_look(mono, clock):
    """After a look it is wrong by half of what the look took at most."""
    mono.time += 0.02
    clock.look(50.0, 50.02, EPOCH + 0.003)
    assert clock.now() == pytest.approx(EPOCH + 0.013)
    assert clock.error == pytest.approx(0.01)


def test_narrows(mono, clock):
    """A quick look is not forgotten for a slow one."""
    clock.look(50.0, 50.001, EPOCH)
    mono.time = 51.0
    clock.look(50.5, 51.0, EPOCH + 0.7)
    assert clock.error < 0.001


def test_drift(mono, clock):
    """What is known grows old."""
    clock.look(50.0, 50.0, EPOCH)
    mono.time += 100
    assert clock.error == pytest.approx(100 * DRIFT)


@pytest.mark.parametrize("step", [-3600.0, -1.0, 1.0, 3600.0])
def test_set(mono, clock, step):
    """A clock that was set is followed at once, also back."""
    clock.look(50.0, 50.001, EPOCH)
    clock.now()
    clock.look(50.0, 50.001, EPOCH + step)
    assert clock.now() == pytest.approx(EPOCH + step, abs=0.001)


@given(looks=st.lists(st.tuples(*[st.floats(0, 0.5)] * 3), max_size=20), drift=st.floats(-DRIFT / 2, DRIFT / 2))
def test_bounded(looks, drift):
    """However looks are delayed, it never goes back and never is further off than it says."""
    mono = Clock()
    clock = SharedClock(mono, lambda: EPOCH + 7)
    clock.look(50.0, 50.1, EPOCH + 50.05 * (1 + drift))
    last = clock.now()

    def there():
        return EPOCH + mono.time * (1 + drift)

    for pause, out, back in looks:
        mono.time += pause
        asked = mono.time
        mono.time += out
        seen = there()
        mono.time += back
        clock.look(asked, mono.time, seen)
        assert clock.now() >= last
        last = clock.now()
        # what a correction takes back is over after as long as it was
        mono.time += 1
        assert abs(clock.now() - there()) <= clock.error + 1e-6
        last = clock.now()
