"""Price statistics of a time window, as the tickers show them (rest-api.md, 24hr ticker and its siblings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from exec_plugin.core.units import SCALE, to_text

if TYPE_CHECKING:
    from exec_plugin.protocol.candles import CandleStore


@frozen
class Statistics:
    """What happened from ``start`` to ``end``, in units; without a trade all is 0 and the ids are -1."""

    start: int
    end: int
    open: int = 0
    high: int = 0
    low: int = 0
    last: int = 0
    volume: int = 0
    quote: int = 0
    count: int = 0
    first_id: int = -1
    last_id: int = -1

    @classmethod
    def since(cls, store: CandleStore, start: int, end: int) -> Statistics:
        """The trades from ``start`` on; ``end`` is what the window is said to end at."""
        parts = store.since(start)
        if not parts:
            return cls(start, end)
        return cls(
            start,
            end,
            open=parts[0].open,
            high=max([part.high for part in parts]),
            low=min([part.low for part in parts]),
            last=parts[-1].close,
            volume=sum([part.volume for part in parts]),
            quote=sum([part.quote for part in parts]),
            count=sum([part.count for part in parts]),
            first_id=parts[0].first_id,
            last_id=parts[-1].last_id,
        )

    def mini(self, symbol: str) -> dict[str, Any]:
        """The MINI ticker."""
        return {"symbol": symbol, **self._prices(), **self._totals()}

    def full(self, symbol: str) -> dict[str, Any]:
        """The FULL ticker of a rolling window or a trading day."""
        return {"symbol": symbol, **self._change(), **self._prices(), **self._totals()}

    def daily(self, symbol: str, *, previous: int, last_qty: int, touch: dict[str, str]) -> dict[str, Any]:
        """The FULL ticker of 24 hours, which also shows the touch and what was traded before and last."""
        prices = self._prices()
        return {
            "symbol": symbol,
            **self._change(),
            "prevClosePrice": to_text(previous),
            "lastPrice": prices.pop("lastPrice"),
            "lastQty": to_text(last_qty),
            **touch,
            **prices,
            **self._totals(),
        }

    def _change(self) -> dict[str, str]:
        change = self.last - self.open
        return {
            "priceChange": to_text(change),
            "priceChangePercent": _percent(change, self.open),
            "weightedAvgPrice": to_text(rounded(self.quote * SCALE, self.volume)),
        }

    def _prices(self) -> dict[str, str]:
        return {
            "openPrice": to_text(self.open),
            "highPrice": to_text(self.high),
            "lowPrice": to_text(self.low),
            "lastPrice": to_text(self.last),
        }

    def _totals(self) -> dict[str, Any]:
        return {
            "volume": to_text(self.volume),
            "quoteVolume": to_text(self.quote),
            "openTime": self.start,
            "closeTime": self.end,
            "firstId": self.first_id,
            "lastId": self.last_id,
            "count": self.count,
        }


def rounded(dividend: int, divisor: int) -> int:
    """The nearest whole quotient, halves away from zero; 0 where nothing is divided by."""
    if not divisor:
        return 0
    nearest = (2 * abs(dividend) + divisor) // (2 * divisor)
    return nearest if dividend >= 0 else -nearest


def _percent(change: int, base: int) -> str:
    thousandths = rounded(change * 100_000, base)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{abs(thousandths) // 1000}.{abs(thousandths) % 1000:03d}"
