"""Plain ``ccxt.pro.binance``: asyncio requests, market streams, user data and orders over the WebSocket API."""

from __future__ import annotations

import asyncio

import ccxt.pro
import pytest
from ccxt_config import config

pytestmark = pytest.mark.slow

BTC = "BTC/USDT"


@pytest.fixture
async def exchange(paper):
    """ccxt's own class, at the scripted market."""
    exchange = ccxt.pro.binance(config(paper))
    await exchange.load_markets()
    yield exchange
    await exchange.close()


async def test_trade(exchange, paper):
    """The whole life of an order over asyncio."""
    order = await exchange.create_order(BTC, "limit", "buy", 0.5, 49950)
    paper.trade("49940", "100")
    assert (await exchange.fetch_order(order["id"], BTC))["status"] == "closed"
    sold = await exchange.create_order(BTC, "market", "sell", 0.5)
    assert (sold["status"], sold["average"]) == ("closed", 49990)
    assert [trade["side"] for trade in await exchange.fetch_my_trades(BTC)] == ["buy", "sell"]
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(order["id"], BTC)


async def test_watch_trades(exchange, paper, provoke):
    """Trades arrive as they happen."""
    trades = await provoke(exchange.watch_trades(BTC), paper.tick)
    assert trades[0]["price"] in (49995, 50005)


async def test_watch_ticker(exchange, paper, provoke):
    """A ticker comes a second after something happened."""
    ticker = await provoke(exchange.watch_ticker(BTC), paper.tick)
    assert (ticker["symbol"], ticker["last"]) == (BTC, 50005)
    assert BTC in await provoke(exchange.watch_tickers([BTC]), paper.tick)
    assert (await provoke(exchange.watch_bids_asks([BTC]), paper.tick))[BTC]["ask"] == 50010


async def test_watch_order_book(exchange, paper, provoke):
    """The book that ccxt keeps from a snapshot and the changes is the book of the market."""
    await provoke(exchange.watch_order_book(BTC), paper.tick)
    for number in range(3):
        paper.book([[str(49991 + number), "3"]], [["50007", "4"]])
        async with asyncio.timeout(10):
            while (book := await exchange.watch_order_book(BTC))["bids"][0] != [49991 + number, 3]:
                pass
    assert (book["bids"], book["asks"]) == ([[49993, 3]], [[50007, 4]])


async def test_watch_ohlcv(exchange, paper, provoke):
    """The candle that is under way is told."""
    candles = await provoke(exchange.watch_ohlcv(BTC, "1m"), paper.tick)
    assert candles[-1][4] in (49995, 50000, 50005)


async def test_watch_many(exchange, paper, provoke):
    """Several symbols come over one connection."""
    trades = await provoke(exchange.watch_trades_for_symbols([BTC, "ETH/USDT"]), paper.tick)
    assert trades[0]["symbol"] == BTC
    books = await provoke(exchange.watch_order_book_for_symbols([BTC, "ETH/USDT"]), paper.tick)
    assert books["symbol"] in (BTC, "ETH/USDT")


async def test_unwatch(exchange, paper, provoke):
    """A stream that nobody watches any more ends, and can be watched anew."""
    await provoke(exchange.watch_trades(BTC), paper.tick)
    async with asyncio.timeout(10):
        await exchange.un_watch_trades(BTC)
    assert await provoke(exchange.watch_trades(BTC), paper.tick)


async def test_user_data(exchange, paper):
    """Orders, fills and balances of the account are told as they change."""
    async with asyncio.timeout(20):
        await exchange.authenticate()
        balance = asyncio.ensure_future(exchange.watch_balance())
        orders = asyncio.ensure_future(exchange.watch_orders(BTC))
        trades = asyncio.ensure_future(exchange.watch_my_trades(BTC))
        order = await exchange.create_order(BTC, "limit", "buy", 0.5, 49950)
        told = (await orders)[-1]
        assert (told["id"], told["status"]) == (order["id"], "open")
        assert (await balance)["USDT"]["used"] == 24975
        closed = asyncio.ensure_future(exchange.watch_orders(BTC))
        await asyncio.sleep(0)
        paper.trade("49940", "100")
        assert (await trades)[-1]["order"] == order["id"]
        assert (await closed)[-1]["status"] == "closed"


async def test_orders_by_websocket(exchange, paper):
    """Orders are placed, changed, asked for and cancelled over the WebSocket API."""
    async with asyncio.timeout(20):
        order = await exchange.create_order_ws(BTC, "limit", "buy", 0.5, 49000)
        assert (await exchange.fetch_order_ws(order["id"], BTC))["status"] == "open"
        edited = await exchange.edit_order_ws(order["id"], BTC, "limit", "buy", 0.4, 48000)
        assert (edited["price"], edited["amount"]) == (48000, 0.4)
        assert [found["id"] for found in await exchange.fetch_open_orders_ws(BTC)] == [edited["id"]]
        assert (await exchange.cancel_order_ws(edited["id"], BTC))["status"] == "canceled"
        assert (await exchange.create_order_ws(BTC, "market", "buy", 0.1))["status"] == "closed"
        # ccxt 4.5.90 reads no balances out of it, wherever it comes from
        assert "balances" in (await exchange.fetch_balance_ws())["info"]
        assert len(await exchange.fetch_my_trades_ws(BTC)) == 1
        assert len(await exchange.fetch_orders_ws(BTC)) == 3
        assert (await exchange.fetch_ohlcv_ws(BTC, "1m"))[-1][4] == 50010
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order_ws(BTC, "limit", "buy", 99, 49000)
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order_ws("404", BTC)
