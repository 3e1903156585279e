"""A paper exchange on loopback in real time, and a client of it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager

from binance_client.faulty import KEY, RICH, SECRET, SYMBOLS

from exec_plugin.binance import BinanceClient, BinanceConfig
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import PaperServer, ServerSettings


def wall_clock():
    """Now in ms."""
    return time.time_ns() // 1_000_000


def scripted():
    """A deep market in real time."""
    exchange = ScriptedExchange(
        {"symbols": SYMBOLS, "balances": RICH, "rateLimits": [], "apiKey": KEY, "secretKey": SECRET}, wall_clock
    )
    deep = {"bids": [("99.00", "500000")], "asks": [("101.00", "500000")]}
    exchange.market([{"type": "book", "symbol": "BTCUSDT", **deep}])
    return exchange


@asynccontextmanager
async def serving():
    """A running server, and the exchange behind it."""
    exchange = scripted()
    server = PaperServer(exchange, ServerSettings(port=0))
    await server.start()
    try:
        yield server, exchange
    finally:
        await server.stop()


class Unlimited:
    """A budget that never holds anything up, and counts what was reserved, answered and lost."""

    def __init__(self):
        self.open = self.reserved = 0

    async def reserve(self, weight=1, orders=0, *, endpoint="", kind=None, max_wait=None):
        self.reserved += 1
        self.open += 1
        return endpoint

    def settle(self, *_):
        self.open -= 1

    def lost(self, _):
        self.open -= 1

    def withdraw(self, _):
        self.open -= 1

    def use_limits(self, limits):
        pass


def client_of(url, **settings):
    """The documented client of a server."""
    settings = {"api_key": KEY, "api_secret": SECRET, "base_url": url} | settings
    client = BinanceClient(BinanceConfig(**settings), Unlimited())
    # closing has nothing to wait for
    client.exchange.timeout_on_exit = 0
    return client
