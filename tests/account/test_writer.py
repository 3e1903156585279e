"""Accounts of a process that are kept, traded from an event loop: it goes on while the disk is waited for."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref

import pytest

from account.stuck_desk import LOST, ORDER, Interruption, asked, entries, told
from exec_plugin.account import writer as writer_module
from exec_plugin.account.writer import Writer
from exec_plugin.core.errors import JournalError


async def ask(account, *what, **params):
    """What an answer tells."""
    async with asyncio.timeout(10):
        return told(await account.request_soon(*asked(account, *what, **params)))


def place(account):
    """Place the order, beside whatever else the loop does."""
    return asyncio.ensure_future(ask(account, "POST", "/api/v3/order", **ORDER))


async def test_together(account, disk):
    """Orders that come while a commit waits for the disk are written down by the next one, all together."""
    first = place(account)
    await disk.is_reached()
    others = [place(account) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(account.account.open_orders) == 6
    assert not first.done()
    disk.goes_on(times=2)
    assert await asyncio.gather(first, *others) == [(200, number) for number in range(1, 7)]
    assert [len(json.loads(entry.body)["orders"]) for entry in entries(account)] == [1, 5]


async def test_questions(account, disk):
    """A question is answered at once, but not while it may tell of what is not written."""
    assert await ask(account) == (200, 0)
    order = place(account)
    await disk.is_reached()
    question = asyncio.ensure_future(ask(account))
    await asyncio.sleep(0)
    assert not question.done()
    disk.goes_on()
    assert await asyncio.gather(order, question) == [(200, 1), (200, 1)]


async def test_fails(account, disk):
    """Where a commit fails, neither what it was to write has happened nor what came meanwhile."""
    first = place(account)
    await disk.is_reached()
    second = place(account)
    await asyncio.sleep(0)
    disk.goes_on(JournalError("disk full"))
    assert await asyncio.gather(first, second) == [LOST, LOST]
    assert await ask(account) == LOST
    assert entries(account) == []


async def test_market_data(account, disk):
    """Market data that was asked while the commit waited, or is while it has failed, is told all the same, in its turn."""
    told = []

    async def look():
        reply = await account.request_soon("GET", "/api/v3/depth?symbol=BTCUSDT", {}, None)
        told.append(reply.status)

    order = place(account)
    await disk.is_reached()
    public, private = asyncio.ensure_future(look()), asyncio.ensure_future(ask(account))
    await asyncio.sleep(0)
    assert told == []
    disk.goes_on(JournalError("disk full"))
    assert await asyncio.gather(order, public, private) == [LOST, None, LOST]
    await look()
    assert (told, await ask(account)) == ([200, 200], LOST)


async def test_tried_again(account, disk, later):
    """A loop that is alone with an account that could not be written down tries it again, and trades on."""
    first = place(account)
    await disk.is_reached()
    disk.goes_on(JournalError("disk full"))
    assert await first == LOST
    assert await ask(account) == LOST
    later()
    disk.goes_on()
    # who comes first is refused, and has the next one find it mended
    assert await ask(account) == LOST
    await asyncio.sleep(0)
    assert await ask(account) == (200, 0)
    assert (await place(account))[0] == 200


async def test_tried_again_by_frames(account, disk, later):
    """So does one that speaks the WebSocket API only."""
    frames = []
    link = account.connect("wss://x/ws-api/v3", frames.append)
    first = place(account)
    await disk.is_reached()
    disk.goes_on(JournalError("disk full"))
    assert await first == LOST
    later()
    params = {"timestamp": account.milliseconds(), "apiKey": "x", "signature": "x"}
    for number in (1, 2):
        link.send(json.dumps({"id": number, "method": "openOrders.status", "params": params}))
        await asyncio.sleep(0)
    assert [json.loads(frame)["status"] for frame in frames] == [503, 200]
    link.close()


async def test_no_thread(account, disk):
    """Where there can be no other thread, as in a bot whose main thread has ended, the loop waits for the disk itself."""
    Writer.of(account.exchange)._thread.shutdown()
    disk.goes_on(times=2)
    assert await place(account) == (200, 1)
    assert await place(account) == (200, 2)
    assert len(entries(account)) == 2


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("at", ["start", "hand_over", "finish"])
async def test_interrupted(account, disk, monkeypatch, caplog, at, late):
    """Where Ctrl-C comes beside the commit, who waits for it is told what became of it, and the account goes on at once."""
    where = writer_module if at == "hand_over" else account.exchange.journal
    work, calls = getattr(where, at), []

    def interrupted(*what):
        calls.append(what)
        # at first there is nothing to finish
        is_it = len(calls) == (2 if at == "finish" else 1)
        if is_it and not late:
            raise Interruption
        found = work(*what)
        if is_it:
            raise Interruption
        return found

    monkeypatch.setattr(where, at, interrupted)
    disk.goes_on(times=2)
    is_there = late or at != "start"
    assert await place(account) == ((200, 1) if is_there else LOST)
    assert (await place(account))[0] == 200
    assert len(account.account.open_orders) == 1 + is_there
    assert "Interruption" in caplog.text


async def test_interrupted_thread(account, monkeypatch):
    """Where Ctrl-C interrupts a thread that writes down what a loop waits for as well, the loop is told what became of it."""
    order = place(account)
    await asyncio.sleep(0)
    backend = account.exchange.journal.store.backend
    run = backend.run

    def interrupted(sql, *params):
        # as Python does: a statement that is under way comes to its end
        found = run(sql, *params)
        if sql.startswith("INSERT INTO entries"):
            raise Interruption
        return found

    with monkeypatch.context() as patch:
        patch.setattr(backend, "run", interrupted)
        with pytest.raises(Interruption):
            account.request(*asked(account, "POST", "/api/v3/order", **ORDER))
    assert await order == (200, 1)
    assert await ask(account) == (200, 2)


async def test_slow(account, disk, monkeypatch):
    """While the disk takes too long nothing more happens, and who asks is told so at once."""
    first = place(account)
    await disk.is_reached()
    monkeypatch.setattr(writer_module, "PATIENCE", -1.0)
    assert await place(account) == LOST
    disk.goes_on()
    assert await first == (200, 1)
    assert await ask(account) == (200, 1)


async def test_cancelled(account, disk):
    """Who gives up waiting leaves an order behind, as on an exchange that is far away."""
    order = place(account)
    await disk.is_reached()
    order.cancel()
    disk.goes_on()
    assert await ask(account) == (200, 1)
    assert order.cancelled()


async def test_beside_a_thread(account, disk):
    """A thread that asks meanwhile waits for the same commit, and whoever ends it has the loop told."""
    order = place(account)
    await disk.is_reached()
    disk.goes_on(times=2)
    reply = await asyncio.to_thread(account.request, *asked(account, "POST", "/api/v3/order", **ORDER))
    assert json.loads(reply.text)["orderId"] == 2
    assert await order == (200, 1)


def test_loop_ends(account, disk, caplog):
    """What a loop that has ended has not waited for has happened none the less; the next loop finds it, and no mistake is told."""

    async def leave():
        place(account)
        await disk.is_reached()

    async def look():
        return await ask(account)

    asyncio.run(leave())
    disk.goes_on()
    assert asyncio.run(look()) == (200, 1)
    assert caplog.records == []


def test_loop_gone(account):
    """Nothing of a loop is held once it is gone."""

    async def trade():
        await place(account)
        return weakref.ref(asyncio.get_running_loop()), weakref.ref(Writer.of(account.exchange))

    loop, writer = asyncio.run(trade())
    gc.collect()
    assert (loop(), writer()) == (None, None)


def test_loop_gone_before(account, disk):
    """Nor of one that has ended while the disk was waited for."""

    async def leave():
        place(account)
        await disk.is_reached()
        return weakref.ref(asyncio.get_running_loop()), Writer.of(account.exchange)

    loop, writer = asyncio.run(leave())
    disk.goes_on()
    assert asyncio.run(ask(account)) == (200, 1)
    # its thread is through
    writer._thread.shutdown()
    writer = weakref.ref(writer)
    # what the loop's own end lets go of is found by the next look
    gc.collect()
    gc.collect()
    assert (loop(), writer()) == (None, None)


async def test_websocket(account, disk):
    """An order of the WebSocket API in process is answered once it is written, and the loop goes on."""
    frames = []
    link = account.connect("wss://x/ws-api/v3", frames.append)
    params = {**ORDER, "timestamp": account.milliseconds(), "apiKey": "x", "signature": "x"}
    link.send(json.dumps({"id": 1, "method": "order.place", "params": params}))
    await disk.is_reached()
    assert frames == []
    disk.goes_on()
    while not frames:  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(0)
    assert json.loads(frames[0])["result"]["orderId"] == 1
    assert len(entries(account)) == 1
    link.close()
