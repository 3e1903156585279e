"""A strategy that trades whenever it may: it buys at once, and sells ten seconds later."""

from __future__ import annotations

import atexit
import json
from pathlib import Path

import ccxt
from freqtrade.strategy import IStrategy

HELD = 10


class Often(IStrategy):
    """Trades often, to no profit."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 1
    process_only_new_candles = False
    minimal_roi = {"0": 100}  # noqa: RUF012  how freqtrade's strategies say it
    stoploss = -0.5

    def bot_start(self, **kwargs):
        """When all is over, write down the account's trades as another exchange object of this process sees them."""
        exchange = self.config["exchange"]
        # freqtrade has taken the keys out of its configuration by now
        key = self.dp._exchange._api.apiKey
        atexit.register(write_fills, exchange["name"], exchange["ccxt_config"], exchange["pair_whitelist"], key)

    def populate_indicators(self, dataframe, metadata):
        """None are needed."""
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        """Every candle is a reason."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        """See custom_exit."""
        dataframe["exit_long"] = 0
        return dataframe

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        """Time is up."""
        return "held" if (current_time - trade.open_date_utc).total_seconds() >= HELD else None


def write_fills(name, config, pairs, key):
    """Everything that the paper account has traded, as Binance would tell it, and what it has."""
    exchange = getattr(ccxt, name)({**config, "apiKey": key, "secret": "any"})
    fills = [trade["info"] for pair in pairs for trade in exchange.fetch_my_trades(pair, None, 1000)]
    held = {entry["asset"]: entry["free"] for entry in exchange.fetch_balance()["info"]["balances"]}
    Path("account.json").write_text(json.dumps({"fills": fills, "held": held}))
