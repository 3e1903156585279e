"""Faults in process: what ccxt makes of them, and what the account has seen."""

from __future__ import annotations

import asyncio

import ccxt
import pytest

from exec_plugin.account import HOUSE
from exec_plugin.ccxt_exchange import aio, sync

ORDER = ("BTC/USDT", "limit", "buy", 0.001, 50_000)


@pytest.fixture(autouse=True)
def house():
    """Forget the exchanges of a test."""
    yield
    HOUSE.clear()


def options(*rules):
    """A market that stands still until somebody waits, where these things go wrong."""
    return {"options": {"paper": {"speed": "max", "faults": {"rules": list(rules)}}}}


@pytest.mark.parametrize(
    ("rule", "error", "placed"),
    [
        ({"fault": "drop"}, ccxt.NetworkError, 0),
        ({"fault": "drop", "executed": True}, ccxt.NetworkError, 1),
        ({"fault": "timeout", "executed": True}, ccxt.BaseError, 1),
        ({"fault": "too_many"}, ccxt.DDoSProtection, 0),
        ({"fault": "clock"}, ccxt.InvalidNonce, 0),
    ],
)
def test_blocking(rule, error, placed):
    """The bot sees ccxt's own error, and finds afterwards what was carried out."""
    exchange = sync.binancepaper(options({"method": "POST", "count": 1, **rule}))
    with pytest.raises(error):
        exchange.create_order(*ORDER)
    assert len(exchange.fetch_open_orders("BTC/USDT")) == placed


def test_async():
    """The same for asyncio."""

    async def play():
        exchange = aio.binancepaper(options({"fault": "drop", "method": "POST", "count": 1, "executed": True}))
        with pytest.raises(ccxt.NetworkError, match=r"POST .*/order the connection broke"):
            await exchange.create_order(*ORDER)
        found = await exchange.fetch_open_orders("BTC/USDT")
        await exchange.close()
        return len(found)

    assert asyncio.run(play()) == 1


def test_latency():
    """A late request reaches a market that has gone on."""
    exchange = sync.binancepaper(options({"fault": "latency", "ms": 5000, "path": "time"}))
    exchange.load_markets()
    before = exchange.milliseconds()
    assert exchange.fetch_time() - before >= 5000


def test_refused():
    """Rules that cannot work are told at the first request."""
    with pytest.raises(ccxt.ExchangeError, match="timeuot"):
        sync.binancepaper(options({"fault": "timeuot"})).fetch_time()
