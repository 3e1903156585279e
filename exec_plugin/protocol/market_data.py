"""
Public requests: general information and market data (rest-api.md, General endpoints and Market Data endpoints).

Each handler takes a context and typed parameters and answers what becomes the JSON. ``HANDLERS`` has them by their
names in the WebSocket API.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.core.clock import DAY, MINUTE
from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.units import FAR, to_text
from exec_plugin.protocol.periods import Period, parse_size, parse_zone
from exec_plugin.protocol.statistics import Statistics, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from exec_plugin.core.matching import Market
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.aggregates import Aggregate
    from exec_plugin.protocol.candles import CandleStore

    Params = Mapping[str, Any]

STATUSES = ("TRADING", "HALT", "BREAK")
#: Minutes of the average price.
AVERAGE = 5

_DEFAULT_PERMISSIONS = ("SPOT", "MARGIN", "LEVERAGED")
_PERMISSION = re.compile(r"SPOT|MARGIN|LEVERAGED|TRD_GRP_\d{3}")


class Context(Protocol):
    """What a handler may use."""

    @property
    def venue(self) -> Venue:
        """The exchange."""

    @property
    def now(self) -> int:
        """The time of the request in ms."""

    @property
    def rate_limits(self) -> Sequence[Mapping[str, Any]]:
        """The ``rateLimits`` of exchangeInfo."""

    @property
    def exchange_filters(self) -> Sequence[Mapping[str, Any]]:
        """The ``exchangeFilters`` of exchangeInfo."""

    def candles(self, name: str, /) -> CandleStore:
        """The candles of a symbol that is listed."""

    def book_id(self, name: str, /) -> int:
        """The id of the book of a symbol that is listed, for showing it."""


# ---------------------------------------------------------------------- general


def ping(_context: Context, _params: Params) -> dict[str, Any]:
    """Whether the exchange answers."""
    return {}


def time(context: Context, _params: Params) -> dict[str, Any]:
    """The exchange's clock."""
    return {"serverTime": context.now}


def exchange_info(context: Context, params: Params) -> dict[str, Any]:
    """Rules and symbols."""
    named = "symbol" in params or "symbols" in params
    if named and ("permissions" in params or "symbolStatus" in params):
        raise _bad_combination("permissions and symbolStatus list symbols by what they are, not by name")
    symbols = [market.symbol for market in _named(context, params)] if named else _listed(context, params)
    hidden: dict[str, Any] = {} if params.get("showPermissionSets", True) else {"permissionSets": []}
    return {
        "timezone": "UTC",
        "serverTime": context.now,
        "rateLimits": list(context.rate_limits),
        "exchangeFilters": list(context.exchange_filters),
        "symbols": [{**symbol.to_exchange_info(), **hidden} for symbol in symbols],
    }


def _listed(context: Context, params: Params) -> list[Symbol]:
    status = _status(params)
    wanted = set(params.get("permissions", _DEFAULT_PERMISSIONS))
    for permission in wanted:
        if not _PERMISSION.fullmatch(permission):
            raise _invalid("permissions", f"{permission!r} is no permission; there are SPOT, MARGIN, LEVERAGED ...")
    symbols = (market.symbol for market in context.venue.markets.values())
    return [
        symbol
        for symbol in symbols
        if status in (None, symbol.status) and _is_permitted(symbol, wanted, needs="permissions" in params)
    ]


def _is_permitted(symbol: Symbol, wanted: set[str], *, needs: bool) -> bool:
    has = {permission for group in symbol.info["permissionSets"] for permission in group}
    # a symbol from a listing without permission sets says nothing about them
    return bool(has & wanted) or not (has or needs)


# ---------------------------------------------------------------------- book and trades


def depth(context: Context, params: Params) -> dict[str, Any]:
    """The order book."""
    market = _one(context, params)
    bids, asks = market.depth_view(_limit(params, 100, 5000))
    return {
        "lastUpdateId": context.book_id(market.symbol.name),
        "bids": shown_levels(market, bids),
        "asks": shown_levels(market, asks),
    }


def shown_levels(market: Market, levels: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Levels of the book as pairs of texts."""
    return [[to_text(price), shown_qty(market, qty)] for price, qty in levels]


def shown_qty(market: Market, qty: int) -> str:
    """
    A quantity in the book; where the feed tells none, the smallest order.

    That much is certainly there, a level without a quantity would be dropped by clients, and no bot is promised more.
    """
    if qty < FAR:
        return to_text(qty)
    lot = market.symbol.lot
    return to_text(max(lot.minimum, lot.step))


def trades_recent(context: Context, params: Params) -> list[dict[str, Any]]:
    """The newest public trades."""
    tape = _one(context, params).tape
    return [_trade(record) for record in tape[-_limit(params, 500, 1000) :]]


def trades_historical(context: Context, params: Params) -> list[dict[str, Any]]:
    """Public trades from an id on, as far back as the tape."""
    if "fromId" not in params:
        return trades_recent(context, params)
    tape = _one(context, params).tape
    first = bisect_left(tape, params["fromId"], key=itemgetter(0))
    return [_trade(record) for record in tape[first : first + _limit(params, 500, 1000)]]


def _trade(record: tuple[Any, ...]) -> dict[str, Any]:
    trade_id, moment, price, qty, quote, taker_is_seller = record[:6]
    return {
        "id": trade_id,
        "price": to_text(price),
        "qty": to_text(qty),
        "quoteQty": to_text(quote),
        "time": moment,
        "isBuyerMaker": taker_is_seller,
        "isBestMatch": True,
    }


def trades_aggregate(context: Context, params: Params) -> list[dict[str, Any]]:
    """The public trades, those of one taker at one price as one."""
    market = _one(context, params)
    start, end, limit = params.get("startTime"), params.get("endTime"), _limit(params, 500, 1000)
    aggregates = context.candles(market.symbol.name).aggregates
    if "fromId" in params:
        if start is not None or end is not None:
            raise _bad_combination("fromId stands alone or with limit")
        rows = aggregates.from_id(params["fromId"], limit)
    else:
        rows = aggregates.within(start, end, limit)
    return [aggregate_row(row) for row in rows]


def aggregate_row(row: Aggregate) -> dict[str, Any]:
    """An aggregate trade as it is listed and streamed."""
    return {
        "a": row.id,
        "p": to_text(row.price),
        "q": to_text(row.qty),
        "f": row.first_id,
        "l": row.last_id,
        "T": row.time,
        "m": row.taker_is_seller,
        "M": True,
    }


# ---------------------------------------------------------------------- candles and averages


def klines(context: Context, params: Params) -> list[list[Any]]:
    """Candles; those that are over are rendered once and shared, so the answer is not to be edited."""
    name = _one(context, params).symbol.name
    period = Period.of(params["interval"], parse_zone(params.get("timeZone", "0")))
    limit = _limit(params, 500, 1000)
    return context.candles(name).klines(period, context.now, params.get("startTime"), params.get("endTime"), limit)


def average_price(context: Context, params: Params) -> dict[str, Any]:
    """The volume-weighted price of the last minutes, the last price when nothing traded in them."""
    market = _one(context, params)
    tape = market.tape
    price = market.last
    volume, amount = tape.window(AVERAGE, context.now)
    if volume:
        # filters take the average rounded down, Binance shows it rounded to the nearest
        price = rounded(amount, volume)
    return {
        "mins": AVERAGE,
        "price": to_text(price),
        "closeTime": tape[-1][1] if tape else 0,
    }


# ---------------------------------------------------------------------- tickers


def ticker_24hr(context: Context, params: Params) -> Any:
    """Statistics of the last 24 hours, to the millisecond."""
    start, is_mini = context.now - DAY, _is_mini(params)

    def show(market: Market) -> dict[str, Any]:
        name, store = market.symbol.name, context.candles(market.symbol.name)
        statistics = Statistics.since(store, start, context.now)
        if is_mini:
            return statistics.mini(name)
        return statistics.daily(
            name,
            previous=store.previous_close(start),
            last_qty=market.tape[-1][3] if statistics.count else 0,
            touch=_touch(market),
        )

    return _tickers(context, params, show)


def ticker_trading_day(context: Context, params: Params) -> Any:
    """Statistics of the calendar day in a time zone."""
    period = Period(DAY, parse_zone(params.get("timeZone", "0")) % DAY)
    start = period.start(context.now)
    return _windows(context, params, start, period.following(start) - 1)


def ticker_window(context: Context, params: Params) -> Any:
    """Statistics of a window that opens on a minute and closes now."""
    start = context.now - parse_size(params.get("windowSize", "1d"))
    return _windows(context, params, start - start % MINUTE, context.now)


def _windows(context: Context, params: Params, start: int, end: int) -> Any:
    is_mini = _is_mini(params)
    if "symbol" not in params and "symbols" not in params:
        message = "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"
        raise RequestRejected(-1102, message)
    if len(params.get("symbols", ())) > 100:  # noqa: PLR2004
        count = len(params["symbols"])
        raise RequestRejected(-1101, f"Too many parameters; expected '100' and received '{count}'.")

    def show(market: Market) -> dict[str, Any]:
        name = market.symbol.name
        statistics = Statistics.since(context.candles(name), start, end)
        return statistics.mini(name) if is_mini else statistics.full(name)

    return _tickers(context, params, show)


def ticker_price(context: Context, params: Params) -> Any:
    """The last price."""
    return _tickers(context, params, lambda market: {"symbol": market.symbol.name, "price": to_text(market.last)})


def ticker_book(context: Context, params: Params) -> Any:
    """The best bid and ask."""
    return _tickers(context, params, lambda market: {"symbol": market.symbol.name, **_touch(market)})


def _touch(market: Market) -> dict[str, str]:
    (bid, bid_qty), (ask, ask_qty) = market.top()
    return {
        "bidPrice": to_text(bid),
        "bidQty": shown_qty(market, bid_qty),
        "askPrice": to_text(ask),
        "askQty": shown_qty(market, ask_qty),
    }


def _tickers(context: Context, params: Params, show: Callable[[Market], dict[str, Any]]) -> Any:
    """One ticker for ``symbol``, a list for ``symbols`` and for neither."""
    if "symbol" in params and "symbols" not in params:
        return show(_one(context, params))
    status = _status(params)
    markets = _named(context, params) if "symbols" in params else context.venue.markets.values()
    return [show(market) for market in markets if status in (None, market.symbol.status)]


def _is_mini(params: Params) -> bool:
    kind = params.get("type", "FULL")
    if kind not in ("FULL", "MINI"):
        raise RequestRejected(-1139, "Invalid ticker type.", f"{kind!r} is neither FULL nor MINI")
    return bool(kind == "MINI")


# ---------------------------------------------------------------------- reference prices and rules


def reference_price(context: Context, params: Params) -> dict[str, Any]:
    """The reference price, which no symbol here has."""
    _one(context, params)
    raise RequestRejected(-2043, "This symbol doesn't have a reference price.")


def block_trades(context: Context, params: Params) -> list[dict[str, Any]]:
    """Block trades, which nobody makes here."""
    _one(context, params)
    return []


def execution_rules(context: Context, params: Params) -> dict[str, Any]:
    """Price ranges of executions, which no symbol here has."""
    if sum(name in params for name in ("symbol", "symbols", "symbolStatus")) > 1:
        raise _bad_combination("symbol, symbols and symbolStatus exclude one another")
    _status(params)
    if "symbol" in params or "symbols" in params:
        _named(context, params)
    return {"symbolRules": []}


# ---------------------------------------------------------------------- which symbols


def _one(context: Context, params: Params) -> Market:
    market = context.venue.market(params["symbol"])
    status = _status(params)
    if status not in (None, market.symbol.status):
        message = "The symbol's status does not match the requested symbolStatus."
        raise RequestRejected(-1220, message, f"{market.symbol.name} is {market.symbol.status}")
    return market


def _named(context: Context, params: Params) -> list[Market]:
    """The markets of ``symbol`` or ``symbols``, in the order asked for."""
    if "symbols" not in params:
        return [context.venue.market(params["symbol"])]
    if "symbol" in params:
        raise _bad_combination("send symbol or symbols")
    names = params["symbols"]
    if not names:
        message = "Mandatory parameter 'symbols' was not sent, was empty/null, or malformed."
        raise RequestRejected(-1102, message)
    if len(set(names)) < len(names):
        raise RequestRejected(-1151, "Symbol is present multiple times in the list.")
    return [context.venue.market(name) for name in names]


def _status(params: Params) -> str | None:
    status: str | None = params.get("symbolStatus")
    if status is not None and status not in STATUSES:
        raise RequestRejected(-1122, "Invalid symbolStatus.", f"{status!r} is none of {', '.join(STATUSES)}")
    return status


def _limit(params: Params, default: int, most: int) -> int:
    """The number of items; more than the maximum is cut to it, as Binance does."""
    limit: int = params.get("limit", default)
    if limit < 1:
        raise _invalid("limit", f"{limit} is below 1; at most {most} come at once")
    return min(limit, most)


def _bad_combination(hint: str) -> RequestRejected:
    return RequestRejected(-1128, "Combination of optional parameters invalid.", hint)


def _invalid(name: str, hint: str) -> RequestRejected:
    return RequestRejected(-1130, f"Data sent for parameter '{name}' is not valid.", hint)


HANDLERS: dict[str, Callable[[Any, Any], Any]] = {
    "ping": ping,
    "time": time,
    "exchangeInfo": exchange_info,
    "executionRules": execution_rules,
    "depth": depth,
    "trades.recent": trades_recent,
    "trades.historical": trades_historical,
    "blockTrades.historical": block_trades,
    "trades.aggregate": trades_aggregate,
    "klines": klines,
    "uiKlines": klines,
    "avgPrice": average_price,
    "ticker.24hr": ticker_24hr,
    "ticker.tradingDay": ticker_trading_day,
    "ticker": ticker_window,
    "ticker.price": ticker_price,
    "ticker.book": ticker_book,
    "referencePrice": reference_price,
    "referencePrice.calculation": reference_price,
}
