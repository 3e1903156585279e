"""Histories page by page: complete, in order, each row once, at a pace, to be gone on with."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from binance_client.faulty import START, FaultyBinance, Line
from rate_limit.virtual import run

from exec_plugin.binance import BinanceClient, BinanceRequestError, paging
from exec_plugin.core.clock import DAY, MINUTE


def with_client(play):
    """Run what is played with a client over a good line."""

    async def main():
        line = Line()
        async with BinanceClient(exchange=FaultyBinance(line), clock=line.loop.time) as client:
            line.asked.clear()
            return await play(client, line)

    return run(main())


async def traded(client, line, count, pause=0.0):
    """So many market orders, each a trade of its own in the market's tape as well."""
    for number in range(count):
        line.exchange.market(
            [
                {
                    "type": "trade",
                    "symbol": "BTCUSDT",
                    "price": "100",
                    "qty": "1",
                    "taker": "BUY" if number % 2 else "SELL",
                }
            ]
        )
        await client.place_order("BTCUSDT", "BUY", "MARKET", "0.1", validate=False)
        await asyncio.sleep(pause)
    line.asked.clear()


@pytest.fixture
def small_pages(monkeypatch):
    """Pages of four rows."""
    monkeypatch.setattr(paging, "PAGE", 4)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 11])
def test_orders(count):
    """All orders come once and in order, whatever fits into a page."""

    async def play(client, line):
        await traded(client, line, count)
        return [order async for order in client.iter_order_history("BTCUSDT")], len(line.asked)

    orders, asked = with_client(play)
    assert [int(order.id) for order in orders] == sorted({int(order.id) for order in orders})
    assert len(orders) == count
    assert asked == count // 4 + 1


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["iter_order_history", "iter_my_trades", "iter_trades"])
def test_span(name):
    """A start and an end bound what comes, to the ms, however many days are between."""

    async def play(client, line):
        await traded(client, line, 3)
        await asyncio.sleep(3 * DAY / 1000)
        start = line.now()
        await traded(client, line, 6, pause=0.5)
        end = line.now()
        await asyncio.sleep(1)
        await traded(client, line, 2)
        rows = await getattr(client, name)("BTCUSDT", start, end=end).rows()
        late = await getattr(client, name)("BTCUSDT", START - 2 * DAY, end=START - DAY).rows()
        return rows, late, start, end

    rows, late, start, end = with_client(play)
    times = [getattr(row, "time", None) or row.created_at for row in rows]
    assert times == sorted(times)
    # the market's tape has our own trades beside its own
    assert len(rows) == (12 if name == "iter_trades" else 6)
    assert start <= times[0]
    assert times[-1] <= end
    assert late == []


@pytest.mark.usefixtures("small_pages")
def test_go_on():
    """An iteration that was broken off is gone on with by its last progress."""

    async def play(client, line):
        await traded(client, line, 10)
        told = []
        seen = []
        async for fill in client.iter_my_trades("BTCUSDT", progress=told.append):
            seen.append(fill.id)
            if len(told) == 2:
                break
        rest = await client.iter_my_trades("BTCUSDT", from_id=told[-1].next_id).rows()
        whole = await client.iter_my_trades("BTCUSDT").rows()
        return seen, told, [fill.id for fill in rest], [fill.id for fill in whole]

    seen, told, rest, whole = with_client(play)
    assert [each.rows for each in told] == [4, 8]
    assert [each.weight for each in told] == [20, 40]
    assert seen[:8] + rest == whole
    assert len(whole) == 10


@pytest.mark.usefixtures("small_pages")
def test_klines():
    """Candles come without a hole up to the end, with the share of it that is done."""

    async def play(client, line):
        for _ in range(11):
            line.exchange.market(
                [{"type": "trade", "symbol": "BTCUSDT", "price": "100", "qty": "1", "taker": "BUY", "time": line.now()}]
            )
            await asyncio.sleep(60)
        told = []
        span = {"end": START + 9 * MINUTE, "progress": told.append}
        return await client.iter_klines("BTCUSDT", "1m", START, **span).rows(), told

    rows, told = with_client(play)
    assert [row.open_time for row in rows] == list(range(START, START + 10 * MINUTE, MINUTE))
    assert rows[0].close == Decimal(100)
    assert told[-1].share == 1.0
    assert [each.share for each in told] == sorted(each.share for each in told)


@pytest.mark.usefixtures("small_pages")
def test_pace():
    """Pages leave at the pace that their weight allows."""

    async def play(client, line):
        await traded(client, line, 20)
        begun = line.loop.time()
        await client.iter_order_history("BTCUSDT", weight_per_minute=120).rows()
        return line.loop.time() - begun

    # six pages of 20
    assert 50 <= with_client(play) < 52


@pytest.mark.parametrize(
    ("span", "told"), [({"end": START - 1}, "before start"), ({"weight_per_minute": 1}, "one page costs")]
)
def test_impossible(span, told):
    """A span that ends before it starts, and a pace at which nothing could leave, are refused."""

    async def play(client, _):
        with pytest.raises(BinanceRequestError, match=told):
            await client.iter_klines("BTCUSDT", "1m", START, **span).rows()

    with_client(play)


def test_trades():
    """The latest trades and own executions, as values."""

    async def play(client, line):
        await traded(client, line, 2)
        return await client.get_trades("BTCUSDT"), await client.get_my_trades("BTCUSDT")

    trades, fills = with_client(play)
    assert {trade.side for trade in trades} == {"BUY", "SELL"}
    assert (fills[0].price, fills[0].quantity, fills[0].side) == (Decimal(101), Decimal("0.1"), "BUY")
    assert not fills[0].is_maker
    assert trades[0].to_dict()["price"] == "100"
