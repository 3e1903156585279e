"""A scripted market in process: `exchange.paper`."""

from __future__ import annotations

import asyncio
import copy

import ccxt
import pytest

from exec_plugin.account import HOUSE
from exec_plugin.ccxt_exchange import aio, sync
from exec_plugin.core.errors import ConfigError

NOW = 1767614400000
SETUP = {
    "clock": NOW,
    "symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"}],
    "balances": {"USDT": "1000"},
}
BOOK = {"type": "book", "symbol": "BTCUSDT", "bids": [["99", "5"]], "asks": [["101", "5"]]}
ORDER = ("BTC/USDT", "limit", "buy", 1, 95)


@pytest.fixture(autouse=True)
def house():
    """Forget the exchanges of a test."""
    yield
    HOUSE.clear()


def test_script():
    """A bot trades on the market that its test scripts."""
    exchange = sync.binancepaper()
    exchange.paper.reset(**SETUP)
    exchange.paper.market([BOOK])
    assert exchange.fetch_time() == NOW
    number = exchange.create_order(*ORDER)["id"]
    exchange.paper.market([{"type": "trade", "symbol": "BTCUSDT", "price": "90", "qty": "5", "taker": "SELL"}])
    assert exchange.fetch_order(number, "BTC/USDT")["status"] == "closed"
    told = exchange.paper.events()
    kinds = [entry["event"]["X"] for entry in told["events"] if entry["event"]["e"] == "executionReport"]
    assert kinds == ["NEW", "FILLED"]
    assert exchange.paper.events(told["last"]) == {"events": [], "last": told["last"]}


def test_shared():
    """Whoever trades on the market is on the scripted one, also who had been on the other."""
    exchange, other = sync.binancepaper(), aio.binancepaper()
    assert exchange.fetch_time() > NOW
    exchange.paper.reset(**SETUP)
    assert exchange.fetch_time() == NOW
    exchange.create_order(*ORDER)

    async def look():
        found = await other.fetch_open_orders("BTC/USDT")
        await other.sleep(60_000)
        await other.close()
        return len(found)

    assert asyncio.run(look()) == 1
    assert exchange.fetch_time() == NOW + 60_000
    exchange.paper.reset(**SETUP)
    assert exchange.fetch_open_orders("BTC/USDT") == []


def test_clock():
    """The clock stands still, or is real time that can be put forward."""
    exchange = sync.binancepaper()
    exchange.paper.reset(**SETUP)
    assert exchange.paper.clock(advance=5) == NOW + 5
    exchange.paper.reset(**{**SETUP, "clock": None})
    ahead = exchange.paper.clock(advance=3_600_000)
    assert exchange.milliseconds() >= ahead
    exchange.sleep(1)


def test_bad_reset():
    """A setup that cannot be used changes nothing."""
    exchange = sync.binancepaper()
    with pytest.raises(ConfigError, match="symbols"):
        exchange.paper.reset()
    with pytest.raises(ConfigError, match="moves by itself"):
        exchange.paper.clock(advance=1)
    assert exchange.fetch_time() > NOW


def test_ccxt_leaves_it_alone():
    """Making, copying and configuring an exchange does not touch it; a host's own setting of that name wins."""
    exchange = copy.deepcopy(sync.binancepaper())
    assert "paper" not in vars(exchange)
    assert sync.binancepaper({"paper": True}).paper is True
    with pytest.raises(ccxt.ExchangeError):
        sync.binancepaper({"options": {"paper": {"sed": 1}}}).fetch_time()
