"""Market data, read and checked: what is wrong with it is said before anything has changed."""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.models import MarketData
from exec_plugin.paper_broker.amounts import FARTHEST, ZERO, floor_units, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exec_plugin.core.models import OrderBook, OrderBookLevel
    from exec_plugin.paper_broker.amounts import Amount
    from exec_plugin.paper_broker.ticker import Ticker

Tick = tuple[Decimal, Decimal, Decimal, Decimal]


def read_tick(  # noqa: PLR0917  # the arguments of update_market_data, as they came
    symbol: str | MarketData,
    ticker: Ticker,
    bid: Amount | None,
    ask: Amount | None,
    last: Amount | None,
    volume: Amount | None,
    price: Amount | None,
) -> Tick:
    """Bid, ask, last price and volume of a tick in any of its forms; what is not given stays as it was."""
    if isinstance(symbol, MarketData):
        bid, ask, last, volume = symbol.bid, symbol.ask, symbol.last_price, symbol.volume
    if price is not None:
        if last is not None and last != price:
            msg = f"last_price={last} and price={price} are two names for one thing; give one of them"
            raise ConfigError(msg)
        last = price
    if bid is None and ask is None:
        bid = ask = last
    return (
        ticker.bid if bid is None else plain("bid", bid),
        ticker.ask if ask is None else plain("ask", ask),
        ticker.last if last is None else plain("last_price", last),
        ticker.volume if volume is None else plain("volume", volume),
    )


def check_tick(symbol: str, bid: Decimal, ask: Decimal, last: Decimal, volume: Decimal) -> None:
    """
    Refuse a tick that cannot be: an empty side is 0 (bid) or FARTHEST (ask).

    Raises:
        ConfigError: with the value and what it should be.
    """
    for name, value, limit in (("bid", bid, FARTHEST), ("ask", ask, None), ("last_price", last, FARTHEST)):
        if value.is_nan() or value < 0 or (limit is not None and value >= limit) or value > FARTHEST:
            msg = f"{symbol}: {name}={value} must be 0 or more and below {FARTHEST}"
            raise ConfigError(msg)
    if not volume.is_finite() or volume < 0:
        msg = f"{symbol}: volume={volume} must be 0 or more"
        raise ConfigError(msg)
    if bid > ask:
        msg = f"{symbol}: the market is crossed, bid={bid} is above ask={ask}"
        raise ConfigError(msg)


def read_book(book: OrderBook) -> tuple[dict[int, int], dict[int, int]]:
    """
    Both sides of a book as ``{price: quantity}`` in units.

    Raises:
        ConfigError: for levels that are negative, given twice, crossed or no numbers.
    """
    bids, asks = _read_side(book.symbol, "bid", book.bids), _read_side(book.symbol, "ask", book.asks)
    if bids and asks and max(bids) > min(asks):
        msg = f"{book.symbol}: the book is crossed, bid={book.get_best_bid()} is above ask={book.get_best_ask()}"
        raise ConfigError(msg)
    return bids, asks


def _read_side(symbol: str, name: str, levels: Sequence[OrderBookLevel]) -> dict[int, int]:
    found: dict[int, int] = {}
    for level in levels:
        price, qty = plain(f"{name} price", level.price), plain(f"{name} quantity", level.quantity)
        try:
            usable = ZERO < price < FARTHEST and ZERO <= qty < FARTHEST
        except DecimalException:
            usable = False
        at = floor_units(price) if usable else 0
        if not at or at in found:
            msg = f"{symbol}: {name} level price={price} quantity={qty} must be above 0, and its price given once"
            raise ConfigError(msg)
        found[at] = floor_units(qty)
    return {price: qty for price, qty in found.items() if qty}
