"""What the framework does with an order, by its own executor and provider: each call makes an exchange of its own."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from investing_algorithm_framework import MarketCredential, Order
from investing_algorithm_framework.infrastructure import CCXTOrderExecutor, CCXTPortfolioProvider

market = sys.argv[1]
credential = MarketCredential(market=market, api_key="my-bot", secret_key="any")
portfolio = SimpleNamespace(market=market, id=1)
executor, provider = CCXTOrderExecutor(), CCXTPortfolioProvider()
told = {"before": provider.get_position(portfolio, "USDT", credential).amount}
for number, (side, kind, amount, price) in enumerate(
    [("BUY", "MARKET", 0.002, None), ("SELL", "MARKET", 0.001, None), ("BUY", "LIMIT", 0.001, 50_000)], 1
):
    asked = {"target_symbol": "BTC", "trading_symbol": "USDT", "amount": amount, "price": price, "status": "CREATED"}
    order = Order.from_dict({"id": number, **asked, "order_side": side, "order_type": kind})
    order.external_id = executor.execute_order(portfolio, order, credential).external_id
    known = provider.get_order(portfolio, order, credential)
    told[number] = [known.get_status(), known.get_filled(), known.get_price()]
order.external_id = str(order.external_id)
executor.cancel_order(portfolio, order, credential)
told["cancelled"] = provider.get_order(portfolio, order, credential).get_status()
told["BTC"] = provider.get_position(portfolio, "BTC", credential).amount
told["USDT"] = provider.get_position(portfolio, "USDT", credential).amount
sys.stdout.write(json.dumps(told) + "\n")
