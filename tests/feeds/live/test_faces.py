"""The faces of a paper account on a live market: ccxt in its three flavours, and the server."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from server.conftest import in_thread

from exec_plugin.account import HOUSE, Settings
from exec_plugin.ccxt_exchange import aio, pro, sync
from exec_plugin.core.units import SCALE
from exec_plugin.feeds.live import feed as module
from exec_plugin.server.config import AccountPlan, Plan

from .test_feed import NAMES, PATIENCE, house, upstream

__all__ = ["house", "upstream"]

BTC = "BTC/USDT"


@pytest.fixture
def options(upstream):
    """A paper account on the upstream's market."""
    paper = {"feed": "live", "live_url": upstream.url, "symbols": NAMES, "history": "90m"}
    return {"enableRateLimit": False, "options": {"paper": paper}}


def test_blocking(upstream, options):
    """The blocking class trades at the upstream's prices and by its filters."""
    exchange = sync.binancepaper(options)
    assert exchange.fetch_ticker(BTC)["last"] == 99
    assert exchange.load_markets()[BTC]["precision"] == {**exchange.market(BTC)["precision"], "price": 0.5}
    assert exchange.create_order(BTC, "market", "buy", 1)["average"] == 101
    order = exchange.create_order(BTC, "limit", "buy", 1, 100)
    upstream.print_trade("99", "3")
    for _ in range(1000):
        if exchange.fetch_order(order["id"], BTC)["status"] == "closed":
            break
        exchange.sleep(10)
    assert [trade["price"] for trade in exchange.fetch_my_trades(BTC)] == [101, 100]


def test_missed(upstream, options, tmp_path):
    """A kept account meets the trades that the market made while its process was gone."""
    options["options"]["paper"]["db_url"] = f"sqlite:///{tmp_path}/accounts.sqlite"
    exchange = sync.binancepaper(options)
    hit = exchange.create_order(BTC, "limit", "buy", 1, 98)["id"]
    spared = exchange.create_order(BTC, "limit", "buy", 1, 90)["id"]
    HOUSE.clear()
    upstream.print_trade("97", "3")
    upstream.print_trade("99", "1")
    again = sync.binancepaper(options)
    assert [order["id"] for order in again.fetch_open_orders(BTC)] == [spared]
    (fill,) = again.fetch_my_trades(BTC)
    assert (fill["order"], fill["price"], fill["amount"]) == (hit, 98, 1)


async def test_asyncio(options, monkeypatch):
    """The class for asyncio opens the market without holding up other tasks."""
    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(other())
    opened = module.LiveFeed.__init__

    def slowly(*args, **named):
        before = len(turns)
        opened(*args, **named)
        slowly.turns = len(turns) - before

    monkeypatch.setattr(module.LiveFeed, "__init__", slowly)
    async with aio.binancepaper(options) as exchange:
        assert (await exchange.fetch_order_book(BTC))["bids"][0][0] == 99
    task.cancel()
    assert slowly.turns > 0


async def test_streams(upstream, options):
    """ccxt.pro is woken by what the upstream does, and told of each trade once."""
    async with pro.binancepaper(options) as exchange:
        await exchange.load_markets()
        seen = []

        async def watch():
            while len(seen) < 3:
                seen.extend(trade["price"] for trade in await exchange.watch_trades(BTC))

        watching = asyncio.create_task(watch())
        order = await exchange.create_order(BTC, "limit", "buy", 1, 98)
        orders = asyncio.create_task(exchange.watch_orders(BTC))
        gateway = HOUSE.exchange(Settings.read(options["options"]["paper"])).gateway
        # both subscriptions are there: what happened before them is not streamed
        async with asyncio.timeout(PATIENCE):
            while not (gateway.streams.busy and gateway.user_data._sinks):  # noqa: ASYNC110  nobody tells of it
                await asyncio.sleep(0.005)
        for price in ("99.5", "100", "97"):
            await asyncio.to_thread(upstream.print_trade, price)
        await asyncio.wait_for(watching, PATIENCE)
        assert [(await asyncio.wait_for(orders, PATIENCE))[-1]["id"]] == [order["id"]]
        # the last print met the order, at the order's price
        assert seen == [99.5, 100, 98]


async def test_server(upstream):
    """A server follows a live market, and shows it to clients of its own."""
    paper = {"feed": "live", "live_url": upstream.url, "symbols": NAMES, "history": "0"}
    account = AccountPlan("default", {"USDT": "1000"}, "key", "secret")
    exchange = await asyncio.to_thread(Plan(market=paper, accounts=(account,)).checked().open)
    with in_thread(exchange) as server:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{server.url}/ws/btcusdt@trade") as socket,
        ):
            async with session.get(f"{server.url}/api/v3/depth?symbol=ETHBTC") as reply:
                assert (await reply.json())["asks"] == [["0.06000000", "5.00000000"]]
            await asyncio.to_thread(upstream.print_trade, "100.5", "0.75", "BUY")
            event = json.loads((await socket.receive(PATIENCE)).data)
            theirs = upstream.exchange.venue.market("BTCUSDT").tape[-1]
            assert (event["t"], event["p"], event["q"]) == (theirs[0], "100.50000000", "0.75000000")
            assert exchange.venue.market("BTCUSDT").last == 201 * SCALE // 2
            async with session.post(f"{server.url}/paper/reset", json={"symbols": [{"symbol": "BTCUSDT"}]}) as reply:
                assert reply.status == 200
        assert not exchange.feed.is_running
