"""Orders over a bad line: none twice, none lost, and what is told is the exchange's truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import pytest
from binance_client.faulty import FATES, FaultyBinance, Line
from binance_client.loopback import client_of, serving
from binance_client.proxy import Proxy
from binance_client.writers import Tally, client_writer, run_client, run_naive
from rate_limit.virtual import run

from exec_plugin.binance import BinanceClient, BinanceConfig, BinanceError, BinanceOrderError, BinanceUnknownOrderState

SURE = ("lost_answer", "timeout_answered", "503_done", "504_done", "-1007_done", "-1006_done", "cut_body", "cut_json",
        "empty", "505_done", "repeated")  # fmt: skip


def over_a_line(play, *, script=(), skew=0.0, **settings):
    """Run what is played with a client whose requests about orders fare as scripted."""

    async def main():
        line = Line(skew=skew)
        config = BinanceConfig(**{"retry_budget": 60.0, **settings})
        client = BinanceClient(config, exchange=FaultyBinance(line), clock=line.loop.time, rng=Random(1))
        async with client:
            # what is repeated needs something that came before
            await client.place_order("BTCUSDT", "BUY", "MARKET", 1, client_order_id="first")
            line.asked.clear()
            line.script = list(script)
            result = await play(client, line)
            await line.settle()
        return result, line

    return run(main())


async def one(client, line):
    """One order of each of which only one may exist."""
    return await client.place_order("BTCUSDT", "BUY", "MARKET", 1, client_order_id="the-one")


def placed(line):
    """How often the exchange has taken it."""
    return line.accepted[None] - 1


@pytest.mark.parametrize("skew", [0.0, -2.5, 3.1])
@pytest.mark.parametrize("seed", range(2))
def test_many(seed, skew):
    """Hundreds of orders of four writers with three of ten answers faulty: no contradiction to the exchange's books."""
    tally, line = run(run_client(250, seed=seed, skew=skew))
    assert tally.wrong == []
    assert line.happened["fine"] < 0.8 * sum(line.happened.values())
    assert max(line.accepted.values()) == 1
    assert tally.outcomes["placed"] > 100


def test_naive():
    """The same line is one on which plain retries do trade twice and lose orders."""
    tally, _ = run(run_naive(250))
    assert tally.outcomes["duplicates"] > 5
    assert tally.outcomes["lost"] > 5


@pytest.mark.parametrize("fate", FATES)
def test_each(fate):
    """After each kind of fault there is exactly one order, and it is the one that is told."""
    order, line = over_a_line(one, script=[fate])
    assert placed(line) == 1
    assert order.client_order_id == "the-one"
    assert order.status == "FILLED"


@pytest.mark.parametrize("fate", SURE)
def test_no_waiting(fate):
    """What was executed is found by the first look, not after the window."""
    _, line = over_a_line(one, script=[fate])
    assert line.asked == [("POST", "/api/v3/order"), ("GET", "/api/v3/order")]


@pytest.mark.parametrize("fate", ["lost", "late", "504_late", "503"])
def test_again(fate):
    """An order is sent again only where the first can no longer come; both looks at it agree by then."""
    _, line = over_a_line(one, script=[fate])
    posts = sum(method == "POST" for method, _ in line.asked)
    assert posts in (1, 2)
    assert line.loop.time() - line.begun > (5 if posts == 2 else 0)
    assert placed(line) == 1


@pytest.mark.parametrize("kind", [("LIMIT", "101.00", "IOC"), ("LIMIT", "95.00", "IOC"), ("LIMIT", "90.00", "GTC")])
def test_states(kind):
    """Orders that are found filled, expired or open are told as they are."""
    order_type, price, force = kind

    async def play(client, line):
        return await client.place_order("BTCUSDT", "BUY", order_type, 1, price, force)

    order, line = over_a_line(play, script=["lost_answer"])
    status = {"101.00": "FILLED", "95.00": "EXPIRED", "90.00": "NEW"}[price]
    assert order.status == status
    assert placed(line) == 1


def test_refused():
    """A refusal whose answer got lost is told when the order is sent again."""

    async def play(client, line):
        with pytest.raises(BinanceError, match="-2010"):
            await client.place_order("BTCUSDT", "BUY", "LIMIT_MAKER", 1, 150)

    _, line = over_a_line(play, script=["lost_answer"])
    assert placed(line) == 0


def test_unknown():
    """A line that stays dead leaves the state unknown; later it can be resolved by the id, which the error carries."""

    async def play(client, line):
        line.script = ["lost_answer", *["lost"] * 1000]
        with pytest.raises(BinanceUnknownOrderState) as caught:
            await one(client, line)
        assert line.loop.time() - line.begun < 15
        line.script = []
        error = caught.value
        return await client.resolve_order(error.symbol, error.client_order_id)

    order, line = over_a_line(play, retry_budget=8.0)
    assert order.status == "FILLED"
    assert placed(line) == 1


def test_resolve_nothing():
    """An order that was never placed is resolved as none, when it can no longer come."""
    found, line = over_a_line(lambda client, _: client.resolve_order("BTCUSDT", "never"))
    assert found is None
    assert line.loop.time() - line.begun > 5


def test_restart():
    """Another process that knows the id finds the order of one that died, and no older one of that id."""

    async def play(client, line):
        await one(client, line)
        other = BinanceClient(exchange=FaultyBinance(line), clock=line.loop.time)
        await asyncio.sleep(1)
        since = line.now()
        async with other:
            return await other.resolve_order("BTCUSDT", "the-one"), await other.resolve_order(
                "BTCUSDT", "the-one", since=since
            )

    (found, later), _ = over_a_line(play)
    assert found.status == "FILLED"
    assert later is None


@pytest.mark.parametrize("fate", [*SURE, "lost", "late", "503"])
def test_cancel(fate):
    """A cancel whose answer got lost is told as done, once the order is."""

    async def play(client, line):
        order = await client.place_order("BTCUSDT", "BUY", "LIMIT", 1, 90)
        line.script = [fate]
        reply = await client.cancel_order("BTCUSDT", order.id)
        assert reply["status"] == "CANCELED"
        return await client.get_order("BTCUSDT", order.id)

    order, _ = over_a_line(play)
    assert order.status == "CANCELED"


def test_cancel_of_what_is_filled():
    """A cancel that got lost and came too late tells what the order is."""

    async def play(client, line):
        order = await client.place_order("BTCUSDT", "BUY", "MARKET", 1)
        line.script = ["lost"]
        with pytest.raises(BinanceOrderError, match="FILLED"):
            await client.cancel_order("BTCUSDT", order.id)

    over_a_line(play)


def test_ccxts_own_retries():
    """ccxt's own retries, which would send the same market order again, stay out of it."""

    async def play(client, line):
        client.exchange.options["maxRetriesOnFailure"] = 3
        return await one(client, line)

    _, line = over_a_line(play, script=["503_done"])
    assert placed(line) == 1
    assert line.asked[0][0] == "POST"
    assert line.asked[1][0] == "GET"


def test_closed_meanwhile():
    """A client that is closed while an order is on its way tells the id, not that there is no order."""

    async def play(client, line):
        line.script = ["timeout_answered"]
        task = asyncio.create_task(one(client, line))
        await asyncio.sleep(0.5)
        await client.close_session()
        with pytest.raises(BinanceUnknownOrderState) as caught:
            await task
        assert caught.value.client_order_id == "the-one"

    _, line = over_a_line(play)
    assert placed(line) == 1


def test_cancelled_meanwhile(caplog):
    """A task that is cancelled while it places an order leaves the generated id in the log."""

    async def play(client, line):
        line.script = ["timeout_answered"]
        task = asyncio.create_task(client.place_order("BTCUSDT", "BUY", "MARKET", 1))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    over_a_line(play)
    (record,) = [each for each in caplog.records if each.name.startswith("exec_plugin.binance")]
    assert "resolve_order" in record.getMessage()


def test_clock_set():
    """A local clock that is set while an order is looked for does not make it seem too late to come."""

    async def play(client, line):
        line.script = ["reset_then_late"]
        line.rng = Random(3)
        task = asyncio.create_task(one(client, line))
        await asyncio.sleep(0.2)
        line.skew = 3600.0
        return await task

    order, line = over_a_line(play)
    assert order.status == "FILLED"
    assert placed(line) == 1


async def test_over_http():
    """The same over real HTTP: cut connections, broken bodies, late and repeated answers; nothing leaks."""
    patient = {"timeout": 0.3, "recv_window": 300, "retry_budget": 20.0, "retry_delay": 0.01, "max_retries": 8}
    async with serving() as (server, exchange), Proxy(server.url, 0.3, seed=2) as proxy:
        client = client_of(proxy.url, **patient)
        async with client:
            parts = await asyncio.gather(
                *[client_writer(client, None, range(at, 48, 4), Random(at), Tally()) for at in range(4)]
            )
        accepted = Counter()
        for _, event in exchange.events()[0]:
            if event["e"] == "executionReport" and event["x"] == "NEW":
                accepted[event["c"]] += 1
    told = {name: what for part in parts for name, (what, _) in part.items()}
    assert len(told) == 48
    assert sum(proxy.happened.values()) > proxy.happened["fine"]
    for name, what in told.items():
        assert accepted[name] <= 1
        if what != "unknown":
            assert bool(accepted[name]) == (what != "not placed"), name
    assert client.rate_limiter.open == 0
