from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.limit_store import CELLS
from exec_plugin.rate_limit import server_clock
from exec_plugin.rate_limit.server_clock import DateReader

AHEAD = 1_790_000_000.25


def begun(wall_error=0.0):
    """Cells that know only the machine's own clock."""
    cells = [0.0] * CELLS
    server_clock.guess(cells, 1_000.0, 1_000.0 + AHEAD + wall_error)
    return cells


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.001, 0.6), st.floats(0.001, 0.6)), min_size=1, max_size=40))
def test_interval(trips):
    """The true difference of the clocks is in the interval, whatever the latencies."""
    cells, now = begun(2.5), 1_000.0
    for pause, up, down in trips:
        sent = now = now + pause
        server_clock.learn(cells, sent, sent + up + down, float(int(sent + up + AHEAD)))
        now += up + down
        assert server_clock.low(cells, now) <= AHEAD <= server_clock.high(cells, now)


def test_narrows():
    """A second's boundary seen from both sides gives the difference to within a round trip."""
    cells = begun()
    for number in range(200):
        sent = 1_001 + number * 0.011
        server_clock.learn(cells, sent, sent + 0.05, float(int(sent + 0.025 + AHEAD)))
    assert server_clock.high(cells, 1_004.0) - server_clock.low(cells, 1_004.0) < 0.08


def test_milliseconds():
    """``serverTime`` needs one answer for what ``Date`` needs many."""
    cells = begun()
    server_clock.learn(cells, 1_000.0, 1_000.05, 1_000.025 + AHEAD, 0.001)
    assert server_clock.high(cells, 1_000.1) - server_clock.low(cells, 1_000.1) < 0.052


def test_drift():
    """What nobody confirms becomes less certain with time."""
    cells = begun()
    assert server_clock.high(cells, 4_600.0) - server_clock.low(cells, 4_600.0) == pytest.approx(30 + 0.72)


def test_set_clock():
    """A clock that was set is believed anew."""
    cells = begun()
    server_clock.learn(cells, 1_000.0, 1_000.1, 1_000.05 + AHEAD, 0.001)
    server_clock.learn(cells, 1_001.0, 1_001.1, 1_001.05 + AHEAD + 60, 0.001)
    assert server_clock.low(cells, 1_001.1) <= AHEAD + 60 <= server_clock.high(cells, 1_001.1)


def test_opens():
    """A window is open when the low edge says so."""
    cells = begun()
    moment = 1_100.0 + AHEAD
    assert server_clock.opens(cells, 1_000.0, moment) > 1_100.0
    assert server_clock.opens(cells, 1_000.0, moment) + server_clock.low(cells, 1_115.02) >= moment


@pytest.mark.parametrize("text", [None, "", "yesterday", "Sun, 99 Foo", "1 Jan 20250 0:0", "1 Jan 20000000000 0:0"])
def test_no_date(text):
    """What is no date says nothing."""
    assert DateReader().read(text) == 0.0


def test_date():
    """A date is read to its second, every time."""
    reader = DateReader()
    assert [reader.read(formatdate(second, usegmt=True)) for second in (60, 60, 61)] == [60.0, 60.0, 61.0]
