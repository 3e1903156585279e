"""The line, and the timer of a loop."""

from __future__ import annotations

import asyncio

from exec_plugin.rate_limit import Permit
from exec_plugin.rate_limit.waiting import Alarm, Fifo, LoopWaiter, running_loop
from rate_limit.virtual import Clock, VirtualLoop, run


def line_of(*orders):
    """A line, and permits in it that place so many orders each."""
    line, permits = Fifo(), [Permit(None, str(n), orders=count) for n, count in enumerate(orders)]
    for permit in permits:
        line.add(permit)
    return line, permits


def test_serve():
    """Those are served for whom there is enough, in order, and the delay is that of the first who must wait."""
    line, permits = line_of(0, 0, 1, 0)
    served, delay = line.serve(lambda permit: {} if permit.number < 3 else {"weight": 2.0, "requests": 1.0})
    assert (served, delay, len(line)) == (permits[:2], 2.0, 2)


def test_orders_only():
    """Short of orders only, an order lets others by; the delay is the shorter of the two."""
    line, permits = line_of(1, 0, 1, 0)
    short = {0: {"orders_1s": 1.0, "orders_1d": 9.0}, 3: {"weight": 4.0}}
    served, delay = line.serve(lambda permit: short.get(permits.index(permit), {}))
    assert (served, delay) == ([permits[1]], 4.0)


def test_all():
    """When all are served there is no next."""
    line, permits = line_of(1, 0)
    assert line.serve(lambda _: {}) == (permits, None)
    assert len(line) == 0


def test_remove():
    """Who leaves is not served."""
    line, permits = line_of(0, 1)
    line.remove(permits[0])
    assert line.serve(lambda _: {}) == ([permits[1]], None)


def test_no_loop():
    """Outside of a loop there is none."""
    assert running_loop() is None


def test_alarm():
    """An alarm rings once, at the earliest moment it was set to or the first deadline of who still waits."""
    rings = []

    async def main():
        loop = asyncio.get_running_loop()
        alarm = Alarm(loop, loop.time, lambda _: rings.append(loop.time()))
        first, second = LoopWaiter(3.0, loop), LoopWaiter(5.0, loop)
        for waiter in (second, first):
            alarm.add(waiter)
        alarm.set(4.0)
        alarm.set(9.0)
        await asyncio.sleep(4)
        assert alarm.late() == [first]
        alarm.rung()
        alarm.set(9.0)
        await asyncio.sleep(6)
        alarm.rung()
        alarm.discard(second)
        alarm.set(12.0)
        alarm.stop()
        await asyncio.sleep(9)

    run(main())
    assert rings == [3.0, 5.0]


def test_alarm_forgets():
    """Deadlines of tasks that came and went do not pile up."""
    loop = VirtualLoop(Clock())
    alarm = Alarm(loop, loop.time, lambda _: None)
    for number in range(1000):
        waiter = LoopWaiter(float(number), loop)
        alarm.add(waiter)
        alarm.discard(waiter)
    assert len(alarm._deadlines) < 100
    loop.close()
