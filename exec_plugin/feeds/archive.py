"""
Trades of Binance's public archive (data.binance.vision): ``BTCUSDT-trades-...`` and ``BTCUSDT-aggTrades-...``.

Files are CSV or zip, with a header or without; times are in milliseconds, since 2025 in microseconds. The archive has
no book, so each print at another price is preceded by a quote one tick to either side of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.events import TRADE

from .base import milliseconds, price_units, whole_number
from .tables import TableFeed, quote_around

if TYPE_CHECKING:
    from exec_plugin.core.events import Row

    from .tables import Record

_SIDES = {"true": True, "false": False}


class TradesFeed(TableFeed):
    """Single trades: id, price, quantity, quote quantity, time, is the buyer the maker, is it the best match."""

    kind = "trade"
    columns = 7
    id_column = 0
    time_column = 4
    side_column = 5

    def _reset(self) -> None:
        super()._reset()
        self._now = 0
        self._price = 0

    def _time(self, record: Record) -> int:
        return milliseconds(whole_number(record[self.time_column], "time"))

    def _numbers(self, record: Record) -> tuple[tuple[int, ...], int]:
        if len(record) != self.columns:
            msg = f"{len(record)} columns; expected {self.columns}"
            raise ValueError(msg)
        return (price_units(record[1]),), price_units(record[2])

    def _rows(self, record: Record) -> list[Row]:
        (price,), quantity = self._numbers(record)
        maker, symbol = record[self.side_column].lower(), self.symbols[0]
        if maker not in _SIDES:
            msg = f"'is buyer maker' was {maker!r}; expected true or false"
            raise ValueError(msg)
        traded = self._time(record)
        trade_id = whole_number(record[self.id_column], "id")
        self._now = time = max(self._now, traded)
        rows: list[Row] = [] if price == self._price else [quote_around(symbol, time, price)]
        self._price = price
        rows.append((TRADE, time, symbol.name, price, quantity, _SIDES[maker], trade_id, traded))
        return rows


class AggTradesFeed(TradesFeed):
    """Aggregate trades: id, price, quantity, first and last trade's id, time, is the buyer the maker, best match."""

    kind = "aggTrade"
    columns = 8
    # Known by its last trade, as in captures.
    id_column = 4
    time_column = 5
    side_column = 6
