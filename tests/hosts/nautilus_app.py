"""What a bot on NautilusTrader does: its live node hears quotes, buys, and is told of its fills."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceInstrumentProviderConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

url = os.environ["BINANCE_BASE_URL"]
ws = url.replace("http", "ws", 1)
private_pem = Path("private.pem").read_text()
provider = BinanceInstrumentProviderConfig(load_ids=frozenset([InstrumentId.from_str("BTCUSDT.BINANCE")]))
told = []


class Once(Strategy):
    """Buys once."""

    def on_start(self):
        """Listen."""
        self.instrument = self.cache.instrument(InstrumentId.from_str("BTCUSDT.BINANCE"))
        self.ordered = False
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick):
        """Buy at the first."""
        if not self.ordered:
            self.ordered = True
            told.append(["quote", str(tick.bid_price), str(tick.ask_price)])
            quantity = self.instrument.make_qty(Decimal("0.002"))
            self.submit_order(self.order_factory.market(self.instrument.id, OrderSide.BUY, quantity))

    def on_order_filled(self, event):
        """Write down what came, and end when all of it has."""
        told.append(["fill", str(event.last_qty), str(event.last_px), str(event.commission)])
        if self.cache.order(event.client_order_id).is_closed:
            Path("told.json").write_text(json.dumps(told))
            node.stop()


node = TradingNode(
    TradingNodeConfig(
        trader_id="TESTER-001",
        logging=LoggingConfig(log_level="INFO"),
        data_clients={
            BINANCE: BinanceDataClientConfig(
                base_url_http=url,
                base_url_ws=ws,
                api_key="nautilus",
                api_secret=private_pem,
                instrument_provider=provider,
            )
        },
        exec_clients={
            BINANCE: BinanceExecClientConfig(
                base_url_http=url,
                base_url_ws=f"{ws}/ws-api/v3",
                base_url_ws_stream=ws,
                api_key="nautilus",
                api_secret=private_pem,
                instrument_provider=provider,
            )
        },
    )
)
node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
node.trader.add_strategy(Once())
node.build()
try:
    node.run()
finally:
    node.dispose()
