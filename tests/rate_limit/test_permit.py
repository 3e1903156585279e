"""A permit can be asked, awaited or entered, and takes its capacity once."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.rate_limit import RateLimitConfig, RateLimiter, RateLimitError
from rate_limit.virtual import Clock, VirtualLoop, run

#: (seconds before it asks, weight, seconds until it is cancelled or None)
CALLERS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 60), st.none() | st.integers(0, 90)), min_size=1, max_size=25
)


@pytest.fixture
def clock():
    """Seconds, for the limiter, its threads and its loop."""
    return Clock()


@pytest.fixture
def limiter(clock):
    """60 of weight, one more each second."""
    return make(clock)


def make(clock, **limits):
    """A limiter of 60 of weight a minute, and of all else plenty."""
    limits = {"weight_per_minute": 60, "orders_per_second": 1000, "orders_per_10_seconds": 1000} | limits
    return RateLimiter(RateLimitConfig(**limits), clock=clock, sleep=clock.sleep)


def weight_left(limiter):
    """What could be had now."""
    return limiter.buckets["weight"].tokens


def test_at_once(limiter):
    """A permit that was granted at once is true, one that was not is false."""
    assert bool(limiter.acquire(60)) is True
    assert bool(limiter.acquire(1)) is False


def test_stays(limiter, clock):
    """An answer does not change with time: who wants to wait says so."""
    limiter.acquire(60)
    permit = limiter.acquire(1)
    clock.now += 60
    assert not permit
    assert permit.wait()
    assert permit


def test_once(limiter, clock):
    """However a permit is used, its capacity is taken once."""

    async def main():
        permit = limiter.acquire(10)
        assert permit
        assert await permit is True
        async with permit:
            pass
        return weight_left(limiter)

    assert run(main(), clock) == 50


def test_with(limiter, clock):
    """A thread enters a permit in its turn."""
    with limiter.acquire(60) as permit:
        assert permit
    with limiter.acquire(5):
        assert clock.now == 5


def test_with_in_loop(limiter, clock):
    """What is granted may be entered in a loop; to wait there is an error that says what to write."""

    async def main():
        with limiter.acquire(60):
            pass
        with pytest.raises(RuntimeError, match="async with"), limiter.acquire(1):
            pass
        with pytest.raises(RuntimeError, match="async with"):
            limiter.wait_for_capacity(1)

    run(main(), clock)
    assert len(limiter._gate.line) == 0


def test_await_without_loop(limiter):
    """Driving a permit by hand, without a loop, is an error."""
    limiter.acquire(60)
    with pytest.raises(RuntimeError, match="wait"):
        next(limiter.acquire(1).__await__())


def test_finished(clock):
    """Leaving the body tells the limiter, also when the body failed."""
    finished = []

    class Watching(RateLimiter):
        def _finished(self, permit):
            finished.append(permit)

    limiter = Watching(clock=clock)
    with limiter.acquire() as first:
        pass

    async def main():
        async with limiter.acquire() as permit:
            finished.append("body")
            raise KeyError(permit)

    with pytest.raises(KeyError) as caught:
        run(main(), clock)
    assert finished == [first, "body", caught.value.args[0]]


def test_late(clock):
    """Who waits past the maximum is told how long it would still have been, and leaves the line."""
    limiter = make(clock, max_wait=30)

    async def main():
        limiter.acquire(60)
        ahead = asyncio.ensure_future(limiter.wait_if_needed("x", 25))
        await asyncio.sleep(0)
        with pytest.raises(RateLimitError, match="weight used up") as caught:
            await limiter.acquire("y", 8)
        assert clock.now == 30
        assert caught.value.retry_after == 3
        assert len(limiter._gate.line) == 0
        await ahead

    run(main(), clock)


def test_late_behind(clock):
    """Also who never came to the front is told when to look again."""
    limiter = make(clock, max_wait=None)

    async def main():
        limiter.acquire(60)
        ahead = asyncio.ensure_future(limiter.wait_if_needed("x", 40))
        await asyncio.sleep(0)
        with pytest.raises(RateLimitError, match="others are first") as caught:
            await limiter._gate.turn(limiter.acquire(1), 10)
        assert (clock.now, caught.value.retry_after) == (10, 30)
        await ahead

    run(main(), clock)


def test_late_together(clock):
    """Several whose time is over at the same moment all leave."""
    limiter = make(clock, max_wait=10)

    async def main():
        limiter.acquire(60)
        tasks = [limiter.wait_if_needed("x", 8) for _ in range(4)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [type(None)] + [RateLimitError] * 3
        assert limiter._gate._alarms == {}
        return clock.now

    assert run(main(), clock) == 10


def test_cancelled(limiter, clock):
    """A cancelled task frees its place: who is behind it goes on at once, and nothing is taken for it."""

    async def main():
        limiter.acquire(60)
        first = asyncio.ensure_future(limiter.wait_if_needed("x", 50))
        second = asyncio.ensure_future(limiter.wait_if_needed("x", 3))
        await asyncio.sleep(5)
        first.cancel()
        await second
        assert first.cancelled()
        return clock.now, weight_left(limiter)

    assert run(main(), clock) == (5, 2)


def test_cancelled_when_granted(limiter, clock):
    """What was granted to a task in the moment it was cancelled is given back."""

    async def main():
        limiter.acquire(60)
        task = asyncio.ensure_future(limiter.wait_if_needed("x", 60))
        await asyncio.sleep(0)
        limiter.reset_buckets()
        assert weight_left(limiter) == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return weight_left(limiter), limiter.get_stats()["weight_used"]

    assert run(main(), clock) == (60, 60)


def test_two_tasks(limiter, clock):
    """Two tasks that wait for one permit take its capacity once, and one may be cancelled."""

    async def main():
        limiter.acquire(60)
        permit = limiter.acquire(5)
        tasks = [asyncio.ensure_future(permit.__aenter__()) for _ in range(3)]
        await asyncio.sleep(1)
        assert not permit
        tasks[0].cancel()
        assert await asyncio.gather(*tasks[1:]) == [permit, permit]
        return clock.now, weight_left(limiter)

    assert run(main(), clock) == (5, 0)


def test_again(limiter, clock):
    """A permit that was given up can be waited for again, at the end of the line."""

    async def main():
        limiter.acquire(60)
        permit = limiter.acquire(5)
        task = asyncio.ensure_future(permit.__aenter__())
        await asyncio.sleep(1)
        task.cancel()
        other = asyncio.ensure_future(limiter.wait_if_needed("x", 4))
        await asyncio.sleep(0)
        await permit
        assert other.done()
        return clock.now

    assert run(main(), clock) == 9


def test_no_overtaking(limiter, clock):
    """Who asks while others wait does not get what they wait for."""

    async def main():
        limiter.acquire(60)
        waiting = asyncio.ensure_future(limiter.wait_if_needed("x", 30))
        await asyncio.sleep(20)
        assert weight_left(limiter) == 20
        assert not limiter.acquire(1)
        assert len(limiter._gate.line) == 1
        await waiting
        return clock.now

    assert run(main(), clock) == 30


def test_ask_waiting(limiter, clock):
    """Asking for a permit that somebody waits for leaves it in its place."""

    async def main():
        limiter.acquire(60)
        permit = limiter.acquire(5)
        task = asyncio.ensure_future(permit.__aenter__())
        await asyncio.sleep(0)
        assert not limiter._gate.ask(permit)
        await task
        return clock.now

    assert run(main(), clock) == 5


def test_second_task(limiter, clock):
    """A second task that waits for a permit does not move it back."""

    async def main():
        limiter.acquire(60)
        permit, done = limiter.acquire(5), []
        first = asyncio.ensure_future(permit.__aenter__())
        await asyncio.sleep(0)
        order = asyncio.ensure_future(_noting(limiter, "order", 5, done))
        await asyncio.sleep(0)
        await asyncio.gather(first, permit.__aenter__())
        assert done == []
        await order
        return done

    assert run(main(), clock) == [("order", 10)]


def test_orders_wait_alone(clock):
    """An order that is short of orders does not hold up market data, and comes first when there are orders again."""
    limiter = make(clock, orders_per_second=1)

    async def main():
        assert limiter.acquire_order(0)
        order = asyncio.ensure_future(limiter.wait_if_needed("order"))
        await asyncio.sleep(0)
        assert limiter.acquire("market_data", 2)
        assert not limiter.acquire("order")
        await limiter.wait_if_needed("market_data", 3)
        assert clock.now == 0
        await order
        return clock.now

    assert run(main(), clock) == 1


def test_orders_block(clock):
    """An order that is short of weight is not overtaken by market data that came later."""
    limiter = make(clock)

    async def main():
        limiter.acquire(60)
        done = []
        await asyncio.gather(*(_noting(limiter, name, 5, done) for name in ("a", "order", "b")))
        return done

    assert run(main(), clock) == [("a", 5), ("order", 10), ("b", 15)]


async def _noting(limiter, name, weight, done):
    await limiter.wait_if_needed(name, weight)
    done.append((name, limiter._clock()))


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
        await asyncio.gather(*(_noting(limiter, str(n), 1, done) for n in range(1000)))
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
            tasks.append(asyncio.ensure_future(_noting(limiter, str(number), weight, served)))
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
            tasks.append(asyncio.ensure_future(_noting(limiter, str(number), weight, served)))
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


def until(condition):
    """Look until a condition holds, for at most ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end


def test_threads(fast):
    """Threads wait in line for real, each once."""
    fast.acquire(12_000)
    served, threads = [], []

    def work(number):
        fast.wait_for_capacity(4)
        served.append(number)

    for number in range(8):
        threads.append(threading.Thread(target=work, args=(number,), daemon=True))
        threads[-1].start()
        until(lambda number=number: len(fast._gate.line) + len(served) > number)
    for thread in threads:
        thread.join(10)
    assert served == list(range(8))
    assert fast.get_stats()["weight_used"] == 12_032
    assert len(fast._gate._threads) == 0


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
        job.join(10)
    assert sorted(served) == ["task"] * 20 + ["thread"] * 20
    assert (len(fast._gate.line), fast._gate._alarms, len(fast._gate._threads)) == (0, {}, 0)


def test_thread_woken(fast):
    """A thread that waits for long is woken when the buckets are filled, or when who is before it has gone."""
    fast.acquire(12_000)
    thread = threading.Thread(target=fast.wait_for_capacity, args=(12_000,), daemon=True)
    thread.start()
    until(lambda: len(fast._gate.line))
    fast.reset_buckets()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def still(clock):
    """Time stands still, while threads really wait."""
    limiter = RateLimiter(RateLimitConfig(weight_per_minute=60), clock=clock)
    limiter.acquire(60)
    return limiter


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
        thread.join(10)
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
    thread.join(10)
    assert not thread.is_alive()


def test_thread_late(fast):
    """A thread whose time is over is told when to come back."""
    fast.acquire(12_000)
    permit = fast.acquire(2)
    ahead = threading.Thread(target=fast.wait_for_capacity, args=(6,), daemon=True)
    ahead.start()
    until(lambda: len(fast._gate.line))
    with pytest.raises(RateLimitError) as caught:
        permit.wait(max_wait=0.01)
    assert 0 <= caught.value.retry_after < 0.03
    ahead.join(10)
    assert permit.wait()


@pytest.mark.parametrize(("use", "state"), [(60, "granted"), (61, "refused")])
def test_repr(limiter, use, state):
    """The repr shows what became of the permit."""
    assert repr(limiter.acquire("x", use)) == f"<Permit 'x' weight={use} {state}>"
