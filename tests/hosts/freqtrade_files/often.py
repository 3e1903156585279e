"""A strategy that trades whenever it may: it buys at once, and sells ten seconds later."""

from __future__ import annotations

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
