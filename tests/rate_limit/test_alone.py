"""A share of the budget, while the others who spend it are not seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import RateLimitError
from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter
from exec_plugin.rate_limit.alone import Alone
from rate_limit.counting import Server
from rate_limit.test_ledger import ask
from rate_limit.virtual import Clock

MACHINES = 3
ASKED = st.lists(
    st.tuples(st.integers(0, MACHINES - 1), st.integers(100, 900), st.booleans(), st.integers(0, 20)), max_size=60
)


def make(second=1.0):
    """Machines that have lost sight of each other, and the server that they ask from one IP."""
    clock = Clock(1_000.0)
    server = Server(clock, second)
    limiters = []
    for _ in range(MACHINES):
        store = MemoryStore(clock)
        store.share = 1 / MACHINES
        limiters.append(AdaptiveRateLimiter(clock=lambda: server.now, monotonic=clock, store=store))
    return limiters, server


@given(ASKED)
def test_never_too_much(asked):
    """Whoever asks for how much, and whoever sees its answers, all together never spend more than a window."""
    limiters, server = make()
    for limiter in limiters:
        limiter.settle(ask(limiter), *server.answer())
    for who, weight, heard, pause in asked:
        for _ in range(5):
            reservation = ask(limiters[who], weight)
            if reservation is None:
                break
            answer = server.answer(weight)
            if heard:
                limiters[who].settle(reservation, *answer)
        server.clock.now += pause
    assert max(server.weight.values()) <= 6_000


def test_fair():
    """Each has its share of a whole window, whether or not the others spend theirs."""
    limiters, server = make()
    for limiter in limiters:
        limiter.settle(ask(limiter), *server.answer())
    server.clock.now += 60
    for limiter in limiters:
        spent = 0
        while reservation := ask(limiter, 20):
            limiter.settle(reservation, *server.answer(20))
            spent += 20
        assert 0.97 * 2_000 <= spent <= 2_000
    with pytest.raises(RateLimitError) as error:
        limiters[0].reserve_blocking(20, max_wait=5, kind="order")
    assert 50 < error.value.retry_after < 62


def test_orders():
    """Orders are shared like weight; market data leaves a little for them."""
    limiters, server = make()
    limiter = limiters[0]
    limiter.settle(ask(limiter), *server.answer())
    server.clock.now += 60
    while reservation := ask(limiter, 20, kind="market"):
        limiter.settle(reservation, *server.answer(20))
    placed = 0
    while reservation := ask(limiter, 1, 1):
        limiter.settle(reservation, *server.answer(1, 1))
        placed += 1
    assert placed == 33


def test_seen_again():
    """When the others are seen again, all of the budget is there again."""
    limiters, server = make()
    limiter = limiters[0]
    limiter.settle(ask(limiter), *server.answer())
    server.clock.now += 60
    assert ask(limiter, 2_000)
    assert not ask(limiter, 2_000)
    limiter.store.share = 1.0
    assert ask(limiter, 2_000)
    assert limiter.get_status()["share"] == 1.0


def test_rest_of_window():
    """Of the window in which the others were lost each has a share of what was left."""
    alone = Alone()
    assert alone.room("weight", 7.0, 6_000, 0.5, used=5_000, mine=0) == 500
    alone.spend("weight", 100)
    assert alone.room("weight", 7.0, 6_000, 0.5, used=5_900, mine=0) == 400
    assert alone.room("weight", 8.0, 6_000, 0.5, used=10, mine=40) == 2_960
