"""What a basana bot does: it listens to trades, buys when one comes, and looks its order and balances up."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from decimal import Decimal

import basana as bs
from basana.external.binance import exchange as binance

URL = os.environ["BINANCE_BASE_URL"]
WS = URL.replace("http", "ws", 1)
OVERRIDES = {"api": {"http": {"base_url": f"{URL}/"}, "ws_stream": {"base_url": WS}, "ws_api": {"base_url": WS}}}
PAIR = bs.Pair("BTC", "USDT")


async def main() -> None:
    """Trade once on what the stream tells."""
    dispatcher = bs.realtime_dispatcher()
    keys = os.environ["BINANCE_API_KEY"], os.environ["BINANCE_API_SECRET"]
    exchange = binance.Exchange(dispatcher, *keys, config_overrides=OVERRIDES)
    told = {}

    async def on_trade(event):
        if told:
            return
        told["heard"] = str(event.trade.price)
        order = await exchange.spot_account.create_market_order(bs.OrderOperation.BUY, PAIR, amount=Decimal("0.002"))
        info = await exchange.spot_account.get_order_info(PAIR, order_id=order.id)
        told["order"] = [
            order.id,
            info.is_open,
            str(info.amount_filled),
            str(info.fill_price),
            {k: str(v) for k, v in info.fees.items()},
        ]
        balances = await exchange.spot_account.get_balances()
        told["BTC"] = str(balances["BTC"].available)
        dispatcher.stop()

    exchange.subscribe_to_trade_events(PAIR, on_trade)
    await dispatcher.run()
    sys.stdout.write(json.dumps(told) + "\n")


asyncio.run(main())
