"""What is left to others, and when that has become little enough."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.endpoints import Priority
from exec_plugin.limit_store import CELLS, MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter
from exec_plugin.rate_limit.cells import BORN, REPORTED
from exec_plugin.rate_limit.curve import STEP
from exec_plugin.rate_limit.kept import RELEASE, Kept
from rate_limit.counting import Server
from rate_limit.virtual import Clock, run

SPENT = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 300)), max_size=12)


def make(urgent, strange, age):
    """Kept amounts of a budget that saw this, in quarters of a second and weight, and the time."""
    cells, kept, start = [0.0] * CELLS, Kept(60.0, 6_000.0), 1_000.0
    cells[BORN] = now = start
    for curve, spent in ((kept.urgent, urgent), (kept.strange, strange)):
        at = start
        for steps, weight in spent:
            at += steps * STEP
            curve.add(cells, at, weight)
        now = max(now, at)
    now += age
    cells[REPORTED] = now
    return cells, kept, now


@given(
    urgent=SPENT,
    strange=SPENT,
    age=st.floats(0.0, 90.0),
    left=st.floats(0.01, 60.0),
    free=st.integers(0, 3_000),
    rank=st.sampled_from([Priority.ACCOUNT, Priority.MARKET]),
)
def test_wait(urgent, strange, age, left, free, rank):
    """The computed moment is one at which little enough is kept, and at most a step after the first such one."""
    cells, kept, now = make(urgent, strange, age)
    if kept.amount(cells, rank, 0.0, left, now) <= free:
        return
    wait = kept.wait(cells, rank, free, left, now) + 1e-6
    assert 0 < wait <= left + 2e-6
    if wait < left:
        assert Kept(60.0, 6_000.0)._look(cells, rank, left - wait, now + wait) <= free + 1e-6
    before = wait - STEP - 1e-3
    # where something was seen, it may also be judged a little more kindly later
    if before > 0 and left - before > RELEASE and not strange and not urgent:
        assert Kept(60.0, 6_000.0)._look(cells, rank, left - before, now + before) > free


@given(
    seen=SPENT,
    new=st.lists(st.integers(1, 300), min_size=1, max_size=5),
    steps=st.integers(1, 240),
    smooth=st.booleans(),
)
def test_within_a_step(seen, new, steps, smooth):
    """What comes in the middle of a step counts for the most that it can mean, with all the rest when that is over."""
    cells, kept, now = make([], seen, 0.0)
    curve, seconds = kept.strange, steps * STEP
    curve.ahead(cells, now, seconds, smooth=smooth)
    for weight in new:
        curve.add(cells, now, weight)
        told, exact = (each.ahead(cells, now, seconds, smooth=smooth) for each in (curve, Kept(60.0, 6_000.0).strange))
        assert exact - 1e-6 <= told
    then = now + STEP
    fresh = Kept(60.0, 6_000.0).strange.ahead(cells, then, seconds, smooth=smooth)
    assert curve.ahead(cells, then, seconds, smooth=smooth) == fresh


def settled(spent):
    """A limiter that saw a stranger spend so much at once, in the second of a minute's first seconds."""
    clock = Clock(1_000.0)
    server = Server(clock, 1.0)
    limiter = AdaptiveRateLimiter(clock=lambda: server.now, monotonic=clock, store=MemoryStore(clock))
    for weight in (0, spent):
        server.spend(weight)
        limiter.settle(limiter.reserve_blocking(kind="order"), *server.answer())
        clock.now += 1.0
    return limiter, server


async def wait(limiter, weight, kind):
    """Wait for a turn, and count the timers that it took."""
    await limiter.reserve(weight, kind=kind)
    return asyncio.get_running_loop().timers


def test_few_looks():
    """Market data that is held back for orders is looked after a few times, not all the time."""
    limiter, server = settled(0)
    while limiter._at_once(taken := limiter._reservation(25, 0, "", "market")):
        limiter.settle(taken, *server.answer(25))
    full = server.now
    assert run(wait(limiter, 25, "market"), server.clock) <= 3
    assert full + 0.1 < server.now < full + 2


@pytest.mark.parametrize("spent", [500, 2_000])
@pytest.mark.parametrize("idle", [0.1, 30, 600])
def test_urgent_after_burst(spent, idle):
    """A cancel does not wait because a stranger once spent much and nobody has asked since."""
    limiter, server = settled(spent)
    server.clock.now += idle
    assert limiter._at_once(limiter._reservation(1, 0, "", "cancel"))


@pytest.mark.parametrize("kind", ["cancel", "order", "account", "market"])
@pytest.mark.parametrize("idle", [0, 65, 4_000])
def test_never_for_ever(kind, idle):
    """However much strangers were seen to spend, one request finds out in the next window at the latest."""
    limiter, server = settled(5_700)
    server.clock.now += idle
    asked = server.clock.now
    run(wait(limiter, 100, kind), server.clock)
    assert server.clock.now - asked <= 60


def test_one_finds_out():
    """Only one request finds out at a time."""
    limiter, server = settled(5_900)
    server.clock.now += 60 - server.now % 60 + 0.1
    first, second = (limiter._reservation(100, 0, "", "market") for _ in range(2))
    assert limiter._at_once(first)
    assert not limiter._at_once(second)
