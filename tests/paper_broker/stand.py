"""Time that only moves when told, and short ways to show a market and to read an account."""

from __future__ import annotations

import asyncio
import heapq
from decimal import Decimal

START = 1_700_000_000_000


class VirtualTime:
    """A clock and a sleep that share one time; `advance` wakes the sleepers in the order of their moments."""

    def __init__(self):
        self.now = START
        self._sleepers = []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + round(seconds * 1000), len(self._sleepers), woken))
        await woken

    async def advance(self, milliseconds):
        await settle()
        until = self.now + milliseconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self.now, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)
            await settle()
        self.now = until


async def settle():
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def tick(broker, bid=49_990, ask=50_010, last=50_000, volume=100, symbol="BTCUSDC"):
    """Show whole-number market data."""
    broker.update_market_data(symbol, Decimal(bid), Decimal(ask), Decimal(last), Decimal(volume))


async def holdings(broker):
    """The account's balances as {asset: (free, locked)} in Decimals."""
    account = await broker.get_account_info()
    return {held["asset"]: (Decimal(held["free"]), Decimal(held["locked"])) for held in account["balances"]}
