"""The names of the streams: which stream a name means (web-socket-streams.md, Detailed Stream information)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exec_plugin.core.clock import HOUR, SECOND
from exec_plugin.protocol.periods import WIDTHS
from exec_plugin.protocol.streams import tickers
from exec_plugin.protocol.streams.depth import BookTickers, DepthDiffs, PartialDepth
from exec_plugin.protocol.streams.klines import Klines
from exec_plugin.protocol.streams.tickers import AllTickers, Ticker
from exec_plugin.protocol.streams.trades import AggregateTrades, Trades

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.matching import Market
    from exec_plugin.protocol.streams.hub import StreamHub
    from exec_plugin.protocol.streams.topics import Topic

_FAST = 100
_WINDOWS = ("1h", "4h", "1d")
_KLINE = re.compile(rf"kline_({'|'.join(WIDTHS)})(@\+08:00)?")
_DEPTH = re.compile(r"depth(5|10|20)?(@100ms|@1000ms)?")

_TICKERS: Mapping[str, tickers.Show] = {
    "miniTicker": tickers.mini,
    "ticker": tickers.daily,
    **{f"ticker_{size}": tickers.rolling(size) for size in _WINDOWS},
}
_PLAIN: Mapping[str, Callable[[StreamHub, str, Market], Topic]] = {
    "trade": Trades,
    "aggTrade": AggregateTrades,
    "bookTicker": lambda hub, name, market: BookTickers(hub, name, [market]),
    "avgPrice": lambda hub, name, market: Ticker(hub, name, market, tickers.average),
    "referencePrice": lambda hub, name, market: Ticker(hub, name, market, tickers.reference),
}
#: Streams of all symbols; the first two are no longer in the documents and still asked for by clients.
_ALL: Mapping[str, Callable[[StreamHub, str], Topic]] = {
    "!bookTicker": lambda hub, name: BookTickers(hub, name, hub.venue.markets.values()),
    **{
        f"!{kind}@arr": lambda hub, name, show=show: AllTickers(hub, name, hub.venue.markets.values(), show)  # type: ignore[misc]
        for kind, show in _TICKERS.items()
    },
}


#: What python-binance calls the mini tickers of all symbols; Binance's own pages name their speed like this, too.
_SLOWLY = "!miniTicker@arr@1000ms"


def make_topic(hub: StreamHub, name: str) -> Topic | None:
    """The stream of a name; None for a name that means nothing, or nothing that ever happens here."""
    if name in _ALL or name == _SLOWLY:
        return _ALL[name.removesuffix("@1000ms")](hub, name)
    lowered, _, kind = name.partition("@")
    market = hub.listed.get(lowered)
    if market is None:
        return None
    if kind in _PLAIN:
        return _PLAIN[kind](hub, name, market)
    if kind in _TICKERS:
        return Ticker(hub, name, market, _TICKERS[kind])
    if match := _KLINE.fullmatch(kind):
        return Klines(hub, name, market, match[1], 8 * HOUR if match[2] else 0)
    if match := _DEPTH.fullmatch(kind):
        speed = _FAST if match[2] == "@100ms" else SECOND
        if match[1]:
            return PartialDepth(hub, name, speed, market, int(match[1]))
        return DepthDiffs(hub, name, speed, market)
    return None
