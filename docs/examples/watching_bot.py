"""Buys when the price has fallen a little, sells each coin a little higher, and asks for nothing it is told anyway."""

from __future__ import annotations

import asyncio

import exec_plugin

exec_plugin.install()

import ccxt.pro as ccxt  # noqa: E402  after install, as a host would

SYMBOL = "BTC/USDT"
AMOUNT, STEP = 0.01, 0.0001


async def trade(exchange: ccxt.Exchange, trips: int) -> None:
    """Make so many trips down and up again."""
    while trips:
        ticker = await exchange.watch_ticker(SYMBOL)
        low = float(exchange.price_to_precision(SYMBOL, ticker["last"] * (1 - STEP)))
        high = float(exchange.price_to_precision(SYMBOL, ticker["last"] * (1 + STEP)))
        await exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, low)
        await filled(exchange, "buy")
        # the commission was taken from the coins
        amount = (await exchange.fetch_balance())["BTC"]["free"]
        await exchange.create_order(SYMBOL, "limit", "sell", amount, high)
        await filled(exchange, "sell")
        trips -= 1


async def filled(exchange: ccxt.Exchange, side: str) -> None:
    """Wait until the exchange tells that an order is done."""
    while True:
        for order in await exchange.watch_orders(SYMBOL):
            if order["side"] == side and order["status"] == "closed":
                print(f"{order['datetime']} {side} {order['filled']} at {order['average']}")
                return


async def main() -> None:
    """Two trips on a made-up market, as fast as the machine goes."""
    exchange = ccxt.binancepaper({"options": {"paper": {"speed": "max", "seed": 1}}})
    try:
        # events are told from here on, so none of an order that fills at once is missed
        await exchange.authenticate()
        await trade(exchange, trips=2)
        print((await exchange.fetch_balance())["total"])
    finally:
        await exchange.close()


if __name__ == "__main__":
    asyncio.run(main())
