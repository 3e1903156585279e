"""The gate: order and cancellation, one timer, and several loops and threads at one line."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.rate_limit import RateLimitConfig, RateLimiter, RateLimitError
from exec_plugin.rate_limit.waiting import LoopWaiter
from rate_limit.virtual import Clock, VirtualLoop, make, noting, run

#: Seconds for what takes a moment, on a machine that is busy with other things.
PATIENCE = 60
#: (seconds before it asks, weight, seconds until it is cancelled or None)
CALLERS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 60), st.none() | st.integers(0, 90)), min_size=1, max_size=25
)


def test_one_timer(clock):
    """A thousand tasks wait with one timer: one for each that is served, and no look at the others."""

    class Counting(RateLimiter):
        looks = 0

        def _take(self, permit):
            self.looks += 1
            return super()._take(permit)

    async def main():
        limiter = Counting(RateLimitConfig(weight_per_minute=60, max_wait=None), clock=clock)
        limiter.acquire(60)
        loop, done = asyncio.get_running_loop(), []
        await asyncio.gather(*(noting(limiter, str(n), 1, done) for n in range(1000)))
        assert done == [(str(n), n + 1) for n in range(1000)]
        return loop.timers, limiter.looks

    timers, looks = run(main(), clock)
    assert timers <= 1001
    # asked, joined, served, and the next one found to be short
    assert looks <= 4 * 1000 + 2


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60)), min_size=1, max_size=25))
def test_fifo(callers):
    """Callers are served in the order they came, each at the first moment that exact arithmetic allows."""
    clock = Clock()
    limiter = make(clock, max_wait=None)
    served = []

    async def main():
        tasks = []
        for number, (pause, weight) in enumerate(callers):
            await asyncio.sleep(pause)
            tasks.append(asyncio.ensure_future(noting(limiter, str(number), weight, served)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    run(main(), clock)
    assert [name for name, _ in served] == [str(number) for number in range(len(callers))]
    for (_, at), expected in zip(served, _fifo(callers), strict=True):
        assert at == pytest.approx(expected, abs=1e-5)


def _fifo(callers):
    """When each caller is served from a bucket of 60 that refills 1 a second."""
    now = asked = 0
    level = 60
    for pause, weight in callers:
        asked += pause
        start = max(now, asked)
        level = min(level + start - now, 60)
        now = start + max(weight - level, 0)
        level = max(level, weight) - weight
        yield now


@given(CALLERS)
def test_cancellations(callers):
    """Whoever is cancelled takes nothing and holds up nobody; the others are served in order, within the rate."""
    clock = Clock()
    limiter = make(clock, max_wait=None)
    served = []

    async def main():
        loop, tasks = asyncio.get_running_loop(), []
        for number, (pause, weight, patience) in enumerate(callers):
            await asyncio.sleep(pause)
            tasks.append(asyncio.ensure_future(noting(limiter, str(number), weight, served)))
            if patience is not None:
                loop.call_later(patience, tasks[-1].cancel)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        return [task.cancelled() for task in tasks]

    cancelled = run(main(), clock)
    assert [int(name) for name, _ in served] == [n for n, gone in enumerate(cancelled) if not gone]
    weights = [callers[int(name)][1] for name, _ in served]
    assert limiter.get_stats()["weight_used"] == sum(weights)
    assert all(patience is not None for (_, _, patience), gone in zip(callers, cancelled, strict=True) if gone)
    for first, (_, start) in enumerate(served):
        for last in range(first, len(served)):
            assert sum(weights[first : last + 1]) <= 60 + served[last][1] - start + 1e-5
    assert (len(limiter._gate.line), limiter._gate._alarms) == (0, {})


def test_closed_loop(limiter, clock):
    """Tasks of a loop that was closed while they waited are forgotten in their turn, and take nothing."""
    loop = VirtualLoop(clock)

    async def main():
        limiter.acquire(60)
        return asyncio.ensure_future(limiter.wait_if_needed("x", 5))

    task = loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert run(_second(limiter, clock), clock) == 6
    assert (len(limiter._gate.line), limiter._gate._alarms) == (0, {})
    # what asyncio would say of such a task when it is thrown away
    task._log_destroy_pending = False
    del task
    gc.collect()


def test_stopped_loop(limiter, clock):
    """A loop that no longer runs keeps its place, and holds up nobody beyond that."""
    loop = VirtualLoop(clock)

    async def main():
        limiter.acquire(60)
        return asyncio.ensure_future(limiter.wait_if_needed("x", 5))

    task = loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0))
    assert run(_second(limiter, clock), clock) == 11
    loop.run_until_complete(task)
    loop.close()


async def _second(limiter, clock):
    await limiter.wait_if_needed("y", 6)
    return clock.now


def test_thread_behind_stopped_loop(limiter, clock):
    """A thread waits behind a loop that no longer runs, for as long as it must and no longer."""
    loop = VirtualLoop(clock)

    async def main():
        limiter.acquire(60)
        return asyncio.ensure_future(limiter.wait_if_needed("x", 5))

    task = loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0))
    limiter.wait_for_capacity(6)
    assert clock.now == 11
    loop.run_until_complete(task)
    loop.close()


@pytest.fixture
def fast():
    """On the real clock: 10 tokens, 200 more each second."""
    return RateLimiter(RateLimitConfig(requests_per_minute=10**6, weight_per_minute=12_000))


@pytest.fixture
def still(clock):
    """Time stands still, while threads really wait."""
    limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock)
    limiter.acquire(60)
    return limiter


def until(condition):
    """Look until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end


def test_threads(still, clock):
    """Threads wait in line for real, each once."""
    served, threads = [], []

    def work(number):
        still.wait_for_capacity(4, 100)
        served.append(number)

    for number in range(8):
        threads.append(threading.Thread(target=work, args=(number,), daemon=True))
        threads[-1].start()
        until(lambda number=number: len(still._gate.line) > number)
    for number, thread in enumerate(threads):
        assert served == list(range(number))
        clock.now += 4
        still._changed()
        thread.join(PATIENCE)
    assert served == list(range(8))
    assert still.get_stats()["weight_used"] == 60 + 32
    assert len(still._gate._threads) == 0


def test_threads_and_loops(fast):
    """Two loops and two threads share one budget; nobody is left waiting."""
    fast.acquire(12_000)
    served = []

    def block():
        for _ in range(10):
            with fast.acquire(1):
                served.append("thread")

    async def main():
        async def one():
            async with fast.acquire(1):
                served.append("task")

        await asyncio.gather(*(one() for _ in range(10)))

    jobs = [threading.Thread(target=job, daemon=True) for job in (block, block, lambda: asyncio.run(main()))]
    for job in jobs:
        job.start()
    asyncio.run(main())
    for job in jobs:
        job.join(PATIENCE)
    assert sorted(served) == ["task"] * 20 + ["thread"] * 20
    assert (len(fast._gate.line), fast._gate._alarms, len(fast._gate._threads)) == (0, {}, 0)


def test_woken_too_soon(still, clock, monkeypatch):
    """A task that runs on as soon as a thread wakes it does not take for refused what the thread is granting it."""
    ran_on, wake = threading.Event(), LoopWaiter.wake

    def wake_first(waiter):
        done = wake(waiter)
        # it waits for the thread that is here, or runs on without it
        ran_on.wait(0.3)
        return done

    async def main():
        task = asyncio.ensure_future(still.wait_if_needed("x", 20))
        task.add_done_callback(lambda _: ran_on.set())
        await asyncio.sleep(0)
        clock.now = 20
        await asyncio.gather(task, asyncio.to_thread(still._changed))

    monkeypatch.setattr(LoopWaiter, "wake", wake_first)
    asyncio.run(main())
    assert still.get_stats()["weight_used"] == 80


def test_thread_woken(fast):
    """A thread that waits for long is woken when the buckets are filled, or when who is before it has gone."""
    fast.acquire(12_000)
    thread = threading.Thread(target=fast.wait_for_capacity, args=(12_000,), daemon=True)
    thread.start()
    until(lambda: len(fast._gate.line))
    fast.reset_buckets()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def waits(limiter, *whens):
    """Wait until threads wait, and until these moments."""

    def are():
        with limiter._lock:
            return [waiter.when for waiter in limiter._gate._threads] == list(whens)

    until(are)


def test_one_thread_looks(still, clock):
    """Of the threads that wait the first looks by itself; the next does so when the first has gone."""
    threads = []
    for whens in ((20,), (20, 100)):
        threads.append(threading.Thread(target=still.wait_for_capacity, args=(20, 100), daemon=True))
        threads[-1].start()
        waits(still, *whens)
    clock.now = 20
    still._changed()
    waits(still, 40)
    clock.now = 40
    still._changed()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_thread_sooner(still, clock):
    """A thread looks sooner when who was before it has gone."""
    thread = threading.Thread(target=still.wait_for_capacity, args=(20,), daemon=True)

    async def main():
        task = asyncio.ensure_future(still.wait_if_needed("x", 60))
        await asyncio.sleep(0)
        thread.start()
        waits(still, 60)
        task.cancel()

    asyncio.run(main())
    waits(still, 20)
    clock.now = 20
    still._changed()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_thread_late(still, clock):
    """A thread whose time is over is told when to come back."""
    late, told = still.acquire(2), []

    def work():
        with pytest.raises(RateLimitError) as caught:
            late.wait(max_wait=1)
        told.append(caught.value.retry_after)

    threads = []
    for target, whens in ((partial(still.wait_for_capacity, 6), (6,)), (work, (6, 1))):
        threads.append(threading.Thread(target=target, daemon=True))
        threads[-1].start()
        waits(still, *whens)
    clock.now = 1
    threads[1].join(PATIENCE)
    assert told == [5]
    clock.now = 8
    still._changed()
    threads[0].join(PATIENCE)
    assert late.wait(max_wait=0)
