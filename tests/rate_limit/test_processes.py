"""Three real processes spend one budget against a real server that enforces it, and one of them is killed."""

from __future__ import annotations

import asyncio

import pytest
from limit_store.redis_server import redis_server

from rate_limit.enforcing import WEIGHT, Exchange, Processes

pytestmark = pytest.mark.slow

STORES = ("file", "redis")
#: Two of three spend more than this of a window only where the third's part is theirs as well. How near to all of it they
#: come is for a clock that no other program can hold up: see test_members.
NEARLY = 0.8
#: How many windows a busy machine may need until it comes to use one.
PATIENCE = 20


async def full(exchange, window):
    """The first window from one on that is used but for a little, else the last that was waited for."""
    for found in range(window, window + PATIENCE):
        await exchange.until(found + 1, 0.02)
        if exchange.accepted[found] > NEARLY * WEIGHT:
            break
    return found


async def run(store):
    """What happened, in which windows the budget was used before and after one was killed, and by whom."""
    exchange = Exchange()
    await exchange.start()
    processes = Processes(exchange.port, store)
    try:
        await asyncio.wait_for(processes.ready(), 60)
        before = await full(exchange, exchange.window() + 1)
        await exchange.until(exchange.window(), 0.5)
        processes.kill(0)
        # what it has sent may still be on its way
        after = await full(exchange, exchange.window() + 2)
    finally:
        processes.close()
        await exchange.stop()
    return exchange, before, after, processes.names


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
    exchange, *_ = outcome[store]
    assert exchange.refused == {}


@pytest.mark.parametrize("store", STORES)
def test_used(outcome, store):
    """Together they use a window's budget, also that of one who was killed."""
    exchange, before, after, _ = outcome[store]
    assert min(exchange.accepted[before], exchange.accepted[after]) > NEARLY * WEIGHT, exchange.accepted


@pytest.mark.parametrize("store", STORES)
def test_killed(outcome, store):
    """Before the kill all three had a part, and after it the others go on."""
    exchange, before, after, (killed, *others) = outcome[store]
    assert {name for window, name in exchange.spent if window <= before} == {killed, *others}
    assert exchange.spent[after, killed] == 0
    assert all(exchange.spent[after, name] > 0 for name in others)
