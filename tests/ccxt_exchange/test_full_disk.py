"""Bots whose accounts cannot be written down: the market goes on, and nothing is told of the accounts."""

from __future__ import annotations

import asyncio

import ccxt
import pytest
from journal.desk import Clock, Failing

from exec_plugin.account import HOUSE
from exec_plugin.account import open_account as _open
from exec_plugin.ccxt_exchange import aio, pro, sync
from exec_plugin.ccxt_exchange.transport import PaperTransport
from exec_plugin.journal.books import RETRY_AFTER

BTC = "BTC/USDT"
ORDER = (BTC, "limit", "buy", 0.01, 30_000)
#: What tells of no account.
PUBLIC = [
    ("fetch_time",), ("fetch_ticker", BTC), ("fetch_tickers",), ("fetch_bids_asks", [BTC]), ("fetch_order_book", BTC),
    ("fetch_trades", BTC), ("fetch_ohlcv", BTC, "1m"), ("load_markets", True),
]  # fmt: skip
PRIVATE = [
    ("create_order", *ORDER), ("fetch_balance",), ("fetch_open_orders", BTC), ("fetch_my_trades", BTC),
    ("fetch_order", "1", BTC), ("cancel_order", "1", BTC), ("fetch_trading_fee", BTC),
]  # fmt: skip
WATCHED = [
    ("watch_ticker", BTC), ("watch_order_book", BTC), ("watch_trades", BTC), ("watch_ohlcv", BTC, "1m"),
    ("fetch_ohlcv_ws", BTC, "1m"),
]  # fmt: skip
PATIENCE = 60


@pytest.fixture(autouse=True)
def house(bank, monkeypatch):
    """Real accounts on exchanges of this test alone."""
    monkeypatch.setattr(PaperTransport, "_open_account", staticmethod(_open))
    HOUSE.clear()
    yield HOUSE
    HOUSE.clear()


class Disk:
    """The disk under an instance's account; it has one order, and no room for another."""

    def __init__(self, exchange):
        self.market = exchange._paper().exchange
        self.journal = self.market.journal
        self.journal._clock = self.clock = Clock()
        self.backend = self.journal.store.backend = Failing(self.journal.store.backend)

    def fill(self, *, is_full=True):
        """Nothing can be written from now on, or everything."""
        self.backend.is_full = is_full
        if not is_full:
            self.clock.now += RETRY_AFTER
            assert self.market.settle()


@pytest.fixture
def options(tmp_path):
    """Settings of a kept account on a market that each request moves on."""
    paper = {"db_url": f"sqlite:///{tmp_path}/a.sqlite", "speed": "max", "symbols": ["BTCUSDT"]}
    return {"options": {"paper": paper}, "enableRateLimit": False}


def test_blocking(options):
    """The blocking class goes on with market data, and refuses all that is about the account until there is room."""
    exchange = sync.binancepaper(options)
    disk = Disk(exchange)
    assert exchange.create_order(*ORDER)["id"] == "1"
    disk.fill()
    for _ in range(2):
        for name, *arguments in PRIVATE:
            with pytest.raises(ccxt.OperationFailed, match="-1001"):
                getattr(exchange, name)(*arguments)
        for name, *arguments in PUBLIC:
            assert getattr(exchange, name)(*arguments)
    assert disk.journal.failure
    disk.fill(is_full=False)
    assert [order["id"] for order in exchange.fetch_open_orders(BTC)] == ["1"]


@pytest.mark.parametrize("face", [aio.binancepaper, pro.binancepaper], ids=["async_support", "pro"])
async def test_asyncio(options, face):
    """So do the classes for asyncio, with requests of both kinds on their way at once."""
    async with face(options) as exchange:
        disk = Disk(exchange)
        assert (await exchange.create_order(*ORDER))["id"] == "1"
        disk.fill()
        for _ in range(2):
            asked = [call for pair in zip(PRIVATE, PUBLIC, strict=False) for call in pair] + PUBLIC[-1:]
            told = await asyncio.gather(
                *(getattr(exchange, name)(*arguments) for name, *arguments in asked), return_exceptions=True
            )
            for call, one in zip(asked, told, strict=True):
                if call in PUBLIC:
                    assert one, call
                    assert not isinstance(one, Exception), (call, one)
                else:
                    assert isinstance(one, ccxt.OperationFailed), (call, one)
                    assert "-1001" in str(one)
        assert disk.journal.failure
        disk.fill(is_full=False)
        assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == ["1"]


async def test_streams(options):
    """Public streams and questions over the WebSocket API go on; those about the account do not."""
    async with pro.binancepaper(options) as exchange:
        disk = Disk(exchange)
        await exchange.create_order(*ORDER)
        await exchange.watch_ticker(BTC)
        disk.fill()
        with pytest.raises(ccxt.OperationFailed, match="-1001"):
            await exchange.create_order_ws(*ORDER)
        for _ in range(3):
            for name, *arguments in WATCHED:
                assert await asyncio.wait_for(getattr(exchange, name)(*arguments), PATIENCE)
            with pytest.raises(ccxt.OperationFailed, match="-1001"):
                await exchange.fetch_open_orders_ws(BTC)
        disk.fill(is_full=False)
        assert [order["id"] for order in await exchange.fetch_open_orders_ws(BTC)] == ["1"]
