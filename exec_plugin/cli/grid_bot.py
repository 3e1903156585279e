"""
A grid bot: buy orders below the price, sell orders above, and each one that fills is answered one step further on.

It calls ccxt's public methods and nothing else, so it runs on any spot exchange of ccxt, on paper or live.
"""

import asyncio
import contextlib
from typing import Any

import ccxt.async_support as ccxt


class Grid:
    """An order on every level but one; level n stands n steps above the price at the start, -n below."""

    def __init__(self, exchange: Any, symbol: str, middle: float, spacing: float, amount: float) -> None:
        self.exchange, self.symbol, self.amount = exchange, symbol, amount
        self.middle, self.spacing = middle, spacing
        self.sides: dict[int, str] = {}  # what every level should hold: "buy" or "sell"
        self.orders: dict[int, str] = {}  # what it does hold: an order's id

    async def tend(self) -> None:
        """Answer the orders that filled since the last look, and place what is missing."""
        still_open = {order["id"] for order in await self.exchange.fetch_open_orders(self.symbol)}
        gone = {level: order_id for level, order_id in self.orders.items() if order_id not in still_open}
        orders = {level: await self.exchange.fetch_order(gone[level], self.symbol) for level in gone}
        self.orders = {level: order_id for level, order_id in self.orders.items() if level not in gone}
        # what was cancelled rather than filled is placed again below
        filled = {level: self.sides.pop(level) for level, order in orders.items() if order["status"] == "closed"}
        for level, side in filled.items():
            print(side, orders[level]["amount"], "at", orders[level]["average"])
            self.sides[level + 1 if side == "buy" else level - 1] = "sell" if side == "buy" else "buy"
        for level in [level for level in self.sides if level not in self.orders]:
            # too little money, or a price the exchange refuses for now: try again at the next look
            with contextlib.suppress(ccxt.InsufficientFunds, ccxt.InvalidOrder):
                self.orders[level] = await self.place(level)

    async def place(self, level: int) -> Any:
        """A limit order, in the steps that the exchange trades in; its id."""
        price = self.middle * (1 + self.spacing) ** level
        amount = self.exchange.amount_to_precision(self.symbol, self.amount)
        limit = self.exchange.price_to_precision(self.symbol, price)
        order = await self.exchange.create_order(self.symbol, "limit", self.sides[level], amount, limit)
        return order["id"]


async def run(exchange: Any, symbol: str, levels: int = 5, spacing: float = 0.0025, share: float = 0.95) -> None:
    """Trade with a share of the balance until cancelled, then take the orders back; ``spacing`` 0.0025 is 0.25 %."""
    market = (await exchange.load_markets())[symbol]
    ticker, free = await exchange.fetch_ticker(symbol), (await exchange.fetch_balance())["free"]
    price, base, quote = (ticker["bid"] + ticker["ask"]) / 2, free.get(market["base"], 0), free.get(market["quote"], 0)
    grid = Grid(exchange, symbol, price, spacing, share * (base + quote / price) / levels / 2)
    grid.sides = {level: "buy" if level < 0 else "sell" for level in range(-levels, levels + 1) if level}
    missing = grid.amount * levels - base  # what the sell orders need and the account does not hold
    if missing * price > 2 * market["limits"]["cost"]["min"]:
        await exchange.create_order(symbol, "market", "buy", exchange.amount_to_precision(symbol, missing))
    try:
        while True:
            with contextlib.suppress(ccxt.NetworkError):  # the exchange is busy or out of reach: look again later
                await grid.tend()
            await exchange.sleep(5000)  # ccxt's own pause; on a replayed market this is what lets time pass
    finally:
        with contextlib.suppress(ccxt.OrderNotFound):
            await exchange.cancel_all_orders(symbol)


async def main() -> None:
    """Trade until Ctrl-C; live: ``ccxt.binance({"apiKey": "...", "secret": "...", "enableRateLimit": True})``."""
    async with ccxt.binancepaper() as exchange:
        await run(exchange, "BTC/USDT")


if __name__ == "__main__":
    import exec_plugin

    exec_plugin.install()
    asyncio.run(main())
