"""Three real processes spend one budget against a real server that enforces it, and one of them is killed."""

from __future__ import annotations

import asyncio

import pytest
from limit_store.redis_server import redis_server

from rate_limit.enforcing import WEIGHT, Exchange, Processes

pytestmark = pytest.mark.slow

#: Whole windows that are looked at, and in the middle of which of them a process is killed.
WINDOWS, KILLED = 3, 1
#: Two of three spend more than this of a window only where the third's part is theirs as well. How near to all of it they
#: come is for a clock that no other program can hold up: see test_members.
NEARLY = 0.8
STORES = ("file", "redis")


async def run(store):
    """What happened in each of the windows, and who was killed."""
    exchange = Exchange()
    await exchange.start()
    processes = Processes(exchange.port, store)
    try:
        await asyncio.wait_for(processes.ready(), 60)
        first = exchange.window() + 1
        await exchange.until(first + KILLED, 0.5)
        processes.kill(0)
        await exchange.until(first + WINDOWS, 0.02)
    finally:
        processes.close()
        await exchange.stop()
    return exchange, first, processes.names


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The same story with each store, at the same time: they wait most of it."""
    with redis_server() as server:
        stores = (tmp_path_factory.mktemp("limits") / "budget", server.store)

        async def all_of_them():
            return await asyncio.gather(*map(run, stores))

        return dict(zip(STORES, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("store", STORES)
def test_no_refusal(outcome, store):
    """Nobody is ever refused."""
    exchange, _, _ = outcome[store]
    assert exchange.refused == {}


@pytest.mark.parametrize("store", STORES)
def test_used(outcome, store):
    """Together they use each window's budget, also that of one who was killed."""
    exchange, first, _ = outcome[store]
    used = [exchange.accepted[window] for window in range(first, first + WINDOWS)]
    assert min(used) > NEARLY * WEIGHT, used


@pytest.mark.parametrize("store", STORES)
def test_killed(outcome, store):
    """After the kill the others go on, and before it all three had a part."""
    exchange, first, names = outcome[store]
    after = [exchange.spent[first + KILLED + 1, name] for name in names]
    assert after[0] == 0
    assert min(after[1:]) > 0
    before = [window for window in exchange.accepted if window <= first + KILLED]
    assert min(sum(exchange.spent[window, name] for window in before) for name in names) > 0
