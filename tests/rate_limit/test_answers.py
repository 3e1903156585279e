"""What is read from an answer, however strange it is."""

import json
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.endpoints import Priority
from exec_plugin.rate_limit.answers import LONGEST, AnswerReader
from exec_plugin.rate_limit.queue import Reservation
from rate_limit.test_ledger import ask, make, trip

READER = AnswerReader("1M", ("10S", "1D"))
NAMES = ("X-MBX-USED-WEIGHT-1M", "X-MBX-ORDER-COUNT-10S", "Retry-After", "Date")
ODD = st.sampled_from(["nan", "inf", "-1", "1e400", "9" * 400, "٣", "²", "", "Wed, 21 Oct 2026 07:28:00 GMT", "12"])
BODIES = st.sampled_from(["NaN", "Infinity", '"x"', "null", "[]", "9" * 400, '"418"', "1790003160000"])


@given(
    status=st.sampled_from([200, 400, 418, 429, 503]),
    headers=st.dictionaries(st.sampled_from(NAMES), ODD),
    value=BODIES,
    key=st.sampled_from(["code", "msg", "serverTime"]),
)
def test_odd(status, headers, value, key):
    """Whatever stands in an answer, only numbers that can be enter the state, and the next request finds it whole."""
    body = json.loads(f'{{"{key}": {value}}}')
    answer = READER.read(Reservation(None, "GET /api/v3/time", 1, Priority.ORDER, 1), status, headers, body)
    assert all(map(isfinite, (answer.used, *answer.orders, answer.exact, answer.retry_after, answer.until)))
    assert answer.retry_after <= LONGEST
    limiter, _ = make()
    reservation = limiter.reserve_blocking(1, 1, endpoint="GET /api/v3/time")
    limiter.settle(reservation, status, headers, body)
    assert all(map(isfinite, limiter.store.update(list)))


@pytest.mark.parametrize("seconds", [20, 500])
def test_end_in_text(seconds):
    """Where a ban's end stands only in its text, it ends then, be it earlier than the shortest that is documented."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    end = int((server.now + seconds) * 1_000)
    limiter.settle(ask(limiter), 418, {}, {"code": -1003, "msg": f"IP banned until {end}. Please use WebSocket"})
    assert seconds <= limiter.get_status()["blocked_for"] < seconds + 1.5


def test_nothing_said():
    """A ban that says nothing of its end lasts for the shortest, a refusal until the window ends."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    limiter.settle(ask(limiter), 429, {}, "<html>")
    assert 40 <= limiter.get_status()["blocked_for"] < 41.5
    server.clock.now += 42
    limiter.settle(ask(limiter), 418, {}, None)
    assert limiter.get_status()["blocked_for"] == 120
