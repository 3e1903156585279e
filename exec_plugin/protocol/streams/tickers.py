"""The streams of statistics: what the ticker requests answer, under the short names of the streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import SECOND
from exec_plugin.protocol import market_data
from exec_plugin.protocol.context import Context
from exec_plugin.protocol.streams.topics import Periodic, Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exec_plugin.core.matching import Market
    from exec_plugin.protocol.streams.hub import StreamHub

    #: Shows a symbol's payload.
    Show = Callable[[StreamHub, str], dict[str, Any]]

_RANGE = {"o": "openPrice", "h": "highPrice", "l": "lowPrice"}
_LAST = {"c": "lastPrice"}
_TOTALS = {"v": "volume", "q": "quoteVolume"}
_CHANGE = {"p": "priceChange", "P": "priceChangePercent"}
_AVERAGE = {"w": "weightedAvgPrice"}
_WINDOW = {"O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
_DAILY = {
    **_CHANGE,
    **_AVERAGE,
    "x": "prevClosePrice",
    **_LAST,
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    **_RANGE,
    **_TOTALS,
    **_WINDOW,
}
_ROLLING = {**_CHANGE, **_RANGE, **_LAST, **_AVERAGE, **_TOTALS, **_WINDOW}
_MINI = {**_LAST, **_RANGE, **_TOTALS}


def _shown(hub: StreamHub, event: str, names: dict[str, str], reply: dict[str, Any]) -> dict[str, Any]:
    values = {short: reply[name] for short, name in names.items()}
    return {"e": event, "E": hub.venue.now, "s": reply["symbol"], **values}


def daily(hub: StreamHub, symbol: str) -> dict[str, Any]:
    """``ticker`` (Individual Symbol Ticker Streams)."""
    reply = market_data.ticker_24hr(Context(hub.gateway, None), {"symbol": symbol})
    return _shown(hub, "24hrTicker", _DAILY, reply)


def mini(hub: StreamHub, symbol: str) -> dict[str, Any]:
    """``miniTicker`` (Individual Symbol Mini Ticker Stream)."""
    reply = market_data.ticker_24hr(Context(hub.gateway, None), {"symbol": symbol, "type": "MINI"})
    return _shown(hub, "24hrMiniTicker", _MINI, reply)


def rolling(size: str) -> Show:
    """``ticker_<window_size>`` (Individual Symbol Rolling Window Statistics Streams)."""

    def show(hub: StreamHub, symbol: str) -> dict[str, Any]:
        reply = market_data.ticker_window(Context(hub.gateway, None), {"symbol": symbol, "windowSize": size})
        return _shown(hub, f"{size}Ticker", _ROLLING, reply)

    return show


def average(hub: StreamHub, symbol: str) -> dict[str, Any]:
    """``avgPrice`` (Average Price)."""
    reply = market_data.average_price(Context(hub.gateway, None), {"symbol": symbol})
    return {
        "e": "avgPrice",
        "E": hub.venue.now,
        "s": symbol,
        "i": f"{reply['mins']}m",
        "w": reply["price"],
        "T": reply["closeTime"],
    }


def reference(hub: StreamHub, symbol: str) -> dict[str, Any]:
    """``referencePrice`` (Reference Price Streams): there is none, which is said once."""
    return {"e": "referencePrice", "s": symbol, "r": None, "t": hub.venue.now}


class Ticker(Snapshots):
    """One symbol's statistics."""

    def __init__(self, hub: StreamHub, name: str, market: Market, show: Show) -> None:
        super().__init__(hub, name, SECOND)
        self._symbol = market.symbol.name
        self._show = show

    def show(self) -> dict[str, Any]:
        """The statistics now."""
        return self._show(self.hub, self._symbol)

    def state(self, payload: dict[str, Any]) -> Any:
        """Everything but when it is said."""
        unheard = ("t",) if payload["e"] == "referencePrice" else ()
        return {name: value for name, value in super().state(payload).items() if name not in unheard}


class AllTickers(Periodic):
    """All symbols' statistics as an array of those that changed (All Market ... Streams)."""

    def __init__(self, hub: StreamHub, name: str, markets: Iterable[Market], show: Show) -> None:
        super().__init__(hub, name, SECOND)
        self._show = show
        self._told = {market.symbol.name: self._state(show(hub, market.symbol.name)) for market in markets}

    @staticmethod
    def _state(payload: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in payload.items() if name not in ("E", "O", "C")}

    def say(self) -> None:
        """Send those that are different from the last time."""
        changed = []
        for symbol, told in self._told.items():
            payload = self._show(self.hub, symbol)
            state = self._state(payload)
            if state != told:
                self._told[symbol] = state
                changed.append(payload)
        if changed:
            self.send(changed)
