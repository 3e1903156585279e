"""Accounts of a process that are kept, traded from several threads: who waits for the disk holds up nobody else."""

from __future__ import annotations

import asyncio
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from account.stuck_desk import LOST, ORDER, Interruption, asked, entries, told
from exec_plugin.core.errors import JournalError
from exec_plugin.journal import books as books_module


@pytest.fixture
def others(account):
    """Another thread is asking all the time."""
    with ThreadPoolExecutor(1) as thread, ExitStack() as until:
        thread.submit(until.enter_context, account.exchange.turns.asking()).result()
        yield


def ask(account, *what, **params):
    """What a thread is told."""

    def work():
        return told(account.request(*asked(account, *what, **params)))

    return asyncio.ensure_future(asyncio.to_thread(work))


def place(account):
    """Place the order in a thread of its own."""
    return ask(account, "POST", "/api/v3/order", **ORDER)


def place_within(account):
    """The same of a thread that has the exchange."""

    def work():
        with account.exchange.lock:
            return told(account.request(*asked(account, "POST", "/api/v3/order", **ORDER)))

    return asyncio.ensure_future(asyncio.to_thread(work))


async def answers(account, count):
    """Wait until so many answers wait until they may leave."""
    async with asyncio.timeout(10):
        while len(account.exchange.gateway.departures) < count:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0)


async def orders(account, count):
    """Wait until so many orders are open, written down or not."""
    async with asyncio.timeout(10):
        while len(account.account.open_orders) < count:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0)


async def test_together(account, disk, others):
    """Orders that come while a thread waits for the disk are written down by the next commit, all together."""
    first = place(account)
    await disk.is_reached()
    more = [place(account) for _ in range(3)]
    await orders(account, 4)
    disk.goes_on(times=2)
    assert sorted(await asyncio.gather(first, *more)) == [(200, number) for number in range(1, 5)]
    assert [len(json.loads(entry.body)["orders"]) for entry in entries(account)] == [1, 3]


async def test_alone(account, disk):
    """A thread that is alone writes with the fewest statements: an order is one, without a transaction."""
    ran, run = [], account.exchange.journal.store.backend.run
    account.exchange.journal.store.backend.run = lambda sql, *params: (ran.append(sql), run(sql, *params))[1]
    assert await place(account) == (200, 1)
    assert [sql.partition(" ")[0] for sql in ran] == ["INSERT"]


async def test_fails(account, disk, others):
    """Where a commit fails, neither what it was to write has happened nor what came meanwhile."""
    first = place(account)
    await disk.is_reached()
    second = place(account)
    await orders(account, 2)
    disk.goes_on(JournalError("disk full"), times=2)
    assert await asyncio.gather(first, second) == [LOST, LOST]
    assert await ask(account) == LOST
    assert entries(account) == []


async def test_market_data(account, disk, others):
    """Market data that was asked while the commit waited, or is while it has failed, is told all the same."""

    def look():
        return account.request("GET", "/api/v3/depth?symbol=BTCUSDT", {}, None).status

    order = place(account)
    await disk.is_reached()
    public = asyncio.ensure_future(asyncio.to_thread(look))
    await answers(account, 2)
    disk.goes_on(JournalError("disk full"), times=2)
    assert await asyncio.gather(order, public) == [LOST, 200]
    assert (await asyncio.to_thread(look), await ask(account)) == (200, LOST)


async def test_tried_again(account, disk, others, later):
    """An account that could not be written down is tried again although nobody is ever alone with it."""
    first = place(account)
    await disk.is_reached()
    disk.goes_on(JournalError("disk full"))
    assert await first == LOST
    later()
    assert await ask(account) == LOST
    assert await ask(account) == (200, 0)


async def test_interrupted(account, disk, others):
    """What Ctrl-C interrupts at the disk has not happened, nor what came meanwhile; the account goes on at once."""
    first = place(account)
    await disk.is_reached()
    second = place(account)
    await orders(account, 2)
    disk.goes_on(Interruption())
    found = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(found[0], Interruption)
    assert found[1] == LOST
    assert entries(account) == []
    assert await ask(account) == (200, 0)
    disk.goes_on()
    assert (await place(account))[0] == 200


async def test_interrupted_late(account, disk, others):
    """Where Ctrl-C comes when the disk is done, which is when Python lets it, who shares the commit is told that it has happened."""
    first = place(account)
    await disk.is_reached()
    more = [place(account) for _ in range(2)]
    await orders(account, 3)
    disk.goes_on()
    await disk.is_reached()
    late = place(account)
    await orders(account, 4)
    disk.goes_on(Interruption(), late=True)
    assert await first == (200, 1)
    found = await asyncio.gather(*more, return_exceptions=True)
    (answer,) = (each for each in found if not isinstance(each, Interruption))
    assert answer in {(200, 2), (200, 3)}
    # what came meanwhile was not written
    assert await late == LOST
    assert await ask(account) == (200, 3)


async def test_fork(account, disk, others, monkeypatch):
    """A child process is refused, and does not wait for a thread that only its parent has."""
    order = place(account)
    await disk.is_reached()
    with monkeypatch.context() as patch:
        patch.setattr(books_module.os, "getpid", lambda: 0)
        async with asyncio.timeout(10):
            assert await place(account) == LOST
    disk.goes_on()
    await order


async def test_question(account, disk, others):
    """A question is answered at once, but not while it may tell of what is not written."""
    assert await ask(account) == (200, 0)
    order = place(account)
    await disk.is_reached()
    question = ask(account)
    await answers(account, 2)
    assert not question.done()
    disk.goes_on()
    assert await asyncio.gather(order, question) == [(200, 1), (200, 1)]


async def test_within(account, disk, others):
    """Who asks while it has the exchange, as a plugin that is told something, waits for nobody who waits for it."""
    order = place(account)
    await disk.is_reached()
    within = place_within(account)
    await orders(account, 2)
    disk.goes_on(times=2)
    assert await asyncio.gather(order, within) == [(200, 1), (200, 2)]


async def test_within_lost(account, disk, others):
    """Who asks while it has the exchange is told so where the commit that it waits for takes its order with it."""
    order = place(account)
    await disk.is_reached()
    within = place_within(account)
    await orders(account, 2)
    disk.goes_on(Interruption())
    assert await within == LOST
    assert isinstance((await asyncio.gather(order, return_exceptions=True))[0], Interruption)
    assert await ask(account) == (200, 0)


def test_signal(account, others, monkeypatch):
    """A signal handler that trades while the main thread writes something down does not wait for what it has interrupted."""
    backend, answers = account.exchange.journal.store.backend, []
    run, commit = backend.run, backend.commit

    def trade():
        return told(account.request(*asked(account, "POST", "/api/v3/order", **ORDER)))

    def signalled(sql, *params):
        found = run(sql, *params)
        if sql.startswith("INSERT INTO entries") and not answers:
            answers.append("signalled")
            signal.raise_signal(signal.SIGUSR1)
        return found

    monkeypatch.setattr(backend, "run", signalled)
    monkeypatch.setattr(backend, "commit", lambda: (commit(), pytest.fail("it waits without the exchange")))
    former = signal.signal(signal.SIGUSR1, lambda *_: answers.append(trade()))
    try:
        answers.append(trade())
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert answers == ["signalled", (200, 2), (200, 1)]
    assert len(entries(account)) == 2
