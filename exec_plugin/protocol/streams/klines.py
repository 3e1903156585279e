"""The streams of candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import SECOND
from exec_plugin.protocol.periods import Period
from exec_plugin.protocol.streams.topics import Welcoming

if TYPE_CHECKING:
    from exec_plugin.core.matching import Market
    from exec_plugin.protocol.streams.hub import StreamHub

#: Candles that are over at most told of at once, where the clock has jumped over them.
_MOST = 1000
#: A candle as REST lists it, and whether it is over.
_Told = tuple[list[Any], bool]


class Klines(Welcoming):
    """
    ``<symbol>@kline_<interval>``, also in UTC+8 (Kline/Candlestick Streams): the current candle, and each one's end.

    They are the candles of ``GET /api/v3/klines``. A trade that comes late changes the candle before the current one,
    which is then told again.
    """

    def __init__(self, hub: StreamHub, name: str, market: Market, interval: str, zone: int) -> None:
        super().__init__(hub, name, SECOND if interval == "1s" else 2 * SECOND)
        self._symbol = market.symbol.name
        self._interval = interval
        self._period = Period.of(interval, zone)
        self._candles = hub.gateway.candles(self._symbol)
        # by opening, the latest two: what was told of them, or for the first what there was before
        self._told: dict[int, _Told] = {}
        for row in self._rows(self._period.start(hub.venue.now)):
            self._told[row[0]] = (row, False)

    def _rows(self, start: int) -> list[list[Any]]:
        return self._candles.klines(self._period, self.hub.venue.now, start, None, _MOST)

    def say(self) -> None:
        """Send the candles that changed or ended, and to newcomers the current one."""
        now = self.hub.venue.now
        rows = self._rows(min(self._told, default=0))
        told: dict[int, _Told] = {}
        for row in rows:
            is_over = now > row[6]
            known = self._told.get(row[0])
            told[row[0]] = (row, is_over)
            # an empty candle is told of when it is over
            if known != (row, is_over) and (row[8] or is_over):
                self.send(self._payload(row, is_over))
            elif row is rows[-1] and self._newcomers:
                self.send(self._payload(row, is_over), self._newcomers)
        self._newcomers.clear()
        self._told = dict(list(told.items())[-2:])

    def _payload(self, row: list[Any], is_over: bool) -> dict[str, Any]:  # noqa: FBT001  a candle and its state
        start, opened, high, low, close, volume, end, quote, count, bought, spent, _ = row
        found = self._candles.series(self._period).between(start, start)
        first_id, last_id = (found[0].first_id, found[0].last_id) if found else (-1, -1)
        return {
            "e": "kline",
            "E": self.hub.venue.now,
            "s": self._symbol,
            "k": {
                "t": start,
                "T": end,
                "s": self._symbol,
                "i": self._interval,
                "f": first_id,
                "L": last_id,
                "o": opened,
                "c": close,
                "h": high,
                "l": low,
                "v": volume,
                "n": count,
                "x": is_over,
                "q": quote,
                "V": bought,
                "Q": spent,
                "B": "0",
            },
        }
