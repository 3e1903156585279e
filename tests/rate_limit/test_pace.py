"""An even pace, in any time."""

from __future__ import annotations

import asyncio

import pytest

from exec_plugin.core.errors import RateLimitError
from exec_plugin.rate_limit.pace import Pace
from rate_limit.virtual import Clock


class Stand:
    """A pace of 100 ms whose time only passes where somebody sleeps."""

    def __init__(self):
        self.clock = Clock(5_000.0)
        self.pace = Pace(100, self.clock, self.clock.sleep)
        self.slept = self.clock.slept

    def go(self, *costs):
        """Send one after another."""
        return [self.pace.reserve_blocking(cost) for cost in costs]

    def asleep(self):
        """The same, for tasks that wait side by side until the test says so."""
        waiting = []

        def sleep(milliseconds):
            future = asyncio.get_running_loop().create_future()
            waiting.append((milliseconds, future))
            return future

        return Pace(100, self.clock, sleep), waiting


@pytest.fixture
def stand():
    """A fresh one."""
    return Stand()


def test_distance(stand):
    """Each request leaves when the cost of those before it has run off."""
    stand.go(1, 2, 0.5, 1)
    assert stand.slept == [100, 200, 50]


def test_idle(stand):
    """After a while of silence a request leaves at once, and only one."""
    stand.go(3)
    stand.clock.now += 60_000
    stand.go(1, 1)
    assert stand.slept == [100]


def test_patience(stand):
    """Who cannot wait so long is told how long it would be, and takes no place."""
    stand.go(50)
    with pytest.raises(RateLimitError, match=r"GET /x has to wait 5\.000 s") as caught:
        stand.pace.reserve_blocking(1, endpoint="GET /x", max_wait=4.9)
    assert caught.value.retry_after == 5
    stand.pace.reserve_blocking(1, max_wait=5)
    assert stand.slept == [5_000]


@pytest.mark.parametrize("status", [418, 429])
def test_refusal(stand, status):
    """After a refusal nothing leaves before Retry-After, and then at the same pace as ever."""
    place, *_ = stand.go(1)
    stand.pace.settle(place, status, {"Retry-After": "30"})
    stand.go(1, 1)
    assert stand.slept == [30_000, 100]


@pytest.mark.parametrize(("status", "after"), [(200, "30"), (429, "soon"), (429, "-1"), (429, "")])
def test_no_refusal(stand, status, after):
    """Only a refusal that says for how long holds anybody up."""
    stand.pace.settle(None, status, {"Retry-After": after})
    stand.pace.use_limits([])
    stand.go(1)
    assert stand.slept == []


def test_refused_while_waiting(stand):
    """Who was waiting when a refusal came waits until it is over, and takes a new place then."""
    stand.go(1)

    def sleep(milliseconds):
        if not stand.slept:
            stand.pace.settle(None, 429, {"Retry-After": "10"})
        stand.clock.sleep(milliseconds)

    stand.pace._sleep = sleep
    stand.go(1)
    assert stand.slept == [100, 9_900]


def test_withdrawn(stand):
    """A place that was not used is free again, unless somebody has come after."""
    first, second = stand.go(1, 1)
    stand.pace.withdraw(first)
    stand.pace.withdraw(second)
    stand.pace.lost(second)
    stand.go(1)
    assert stand.slept == [100]


def test_clock_set_back(stand):
    """A clock that goes back an hour makes nobody wait an hour."""
    stand.go(2)
    stand.clock.now -= 3_600_000
    stand.go(1)
    assert stand.slept == [200]


async def test_tasks(stand):
    """Tasks leave in the order in which they came."""
    pace, waiting = stand.asleep()
    tasks = [asyncio.create_task(pace.reserve(1)) for _ in range(3)]
    await asyncio.sleep(0)
    assert [milliseconds for milliseconds, _ in waiting] == [100, 200]
    for _, future in waiting:
        future.set_result(None)
    await asyncio.gather(*tasks)


async def test_cancelled(stand):
    """A task that stops waiting frees its place."""
    pace, waiting = stand.asleep()
    await pace.reserve(1)
    task = asyncio.create_task(pace.reserve(1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    asyncio.create_task(pace.reserve(1)).add_done_callback(lambda _: None)
    await asyncio.sleep(0)
    assert [milliseconds for milliseconds, _ in waiting] == [100, 100]
    waiting[-1][1].set_result(None)
    await asyncio.sleep(0)


@pytest.mark.parametrize("body", [{"code": -1003, "msg": "IP banned until 1790003220000."}, None, "<html>"])
def test_ban_in_text(body):
    """A ban whose end stands only in its text is kept to."""
    clock = Clock(1_790_003_160_000.0)
    pace = Pace(100, clock, clock.sleep)
    pace.settle(pace.reserve_blocking(), 418, {}, body)
    clock.now += 1_000
    pace.reserve_blocking()
    assert sum(clock.slept) == (59_000 if isinstance(body, dict) else 0)
