"""A permit can be asked, awaited or entered, and takes its capacity once."""

from __future__ import annotations

import asyncio

import pytest

from exec_plugin.rate_limit import RateLimiter, RateLimitError
from rate_limit.virtual import make, noting, run


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
        order = asyncio.ensure_future(noting(limiter, "order", 5, done))
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
        await asyncio.gather(*(noting(limiter, name, 5, done) for name in ("a", "order", "b")))
        return done

    assert run(main(), clock) == [("a", 5), ("order", 10), ("b", 15)]


@pytest.mark.parametrize(("use", "state"), [(60, "granted"), (61, "refused")])
def test_repr(limiter, use, state):
    """The repr shows what became of the permit."""
    assert repr(limiter.acquire("x", use)) == f"<Permit 'x' weight={use} {state}>"
