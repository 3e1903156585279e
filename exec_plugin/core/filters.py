"""
The trading rules of filters.md: each check returns nothing or raises FilterFailure with what would pass.

The order of the checks is Binance's: price first, then size, then value, then the number of orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import FilterFailure
from exec_plugin.core.units import FAR, SCALE, short_text

if TYPE_CHECKING:
    from exec_plugin.core.symbols import LotRule, Symbol


def check_price(symbol: Symbol, price: int) -> None:
    """PRICE_FILTER on a price or stop price."""
    rule = symbol.price
    if price % rule.step or not rule.minimum <= price <= rule.maximum:
        raise FilterFailure("PRICE_FILTER", _lot_hint("price", price, rule, "tick size"))


def check_lot(symbol: Symbol, qty: int) -> None:
    """LOT_SIZE on a quantity."""
    rule = symbol.lot
    if qty % rule.step or not rule.minimum <= qty <= rule.maximum:
        raise FilterFailure("LOT_SIZE", _lot_hint("quantity", qty, rule, "step size"))


def check_market_lot(symbol: Symbol, qty: int) -> None:
    """MARKET_LOT_SIZE on the quantity of a MARKET order."""
    rule = symbol.market_lot
    if qty % rule.step or not rule.minimum <= qty <= rule.maximum:
        raise FilterFailure("MARKET_LOT_SIZE", _lot_hint("quantity", qty, rule, "step size"))


def check_percent(symbol: Symbol, is_buy: bool, price: int, average: int) -> None:
    """PERCENT_PRICE(_BY_SIDE): the price against the average, which is 0 while nothing has traded."""
    rule = symbol.percent
    if rule is None or not average:
        return
    up, down = (rule.bid_up, rule.bid_down) if is_buy else (rule.ask_up, rule.ask_down)
    # both sides are multiplied by SCALE: the bounds need no rounding
    if not average * down <= price * SCALE <= average * up:
        low, high = -(-average * down // SCALE), average * up // SCALE
        step = symbol.price.step
        nearest = -(-low // step) * step if price < low else high // step * step
        raise FilterFailure(
            rule.name,
            f"price {short_text(price)} is outside {short_text(low)} to {short_text(high)} around the average "
            f"{short_text(average)}; the nearest legal price is {short_text(nearest)}",
        )


def check_notional(symbol: Symbol, price: int, qty: int) -> None:
    """NOTIONAL or MIN_NOTIONAL of an order with a price."""
    rule = symbol.notional
    value = price * qty
    if not rule.minimum * SCALE <= value <= rule.maximum * SCALE:
        raise _notional_failure(symbol, price, qty)


def check_market_notional(symbol: Symbol, average: int, qty: int) -> None:
    """NOTIONAL or MIN_NOTIONAL of a MARKET order, valued at the average price (0 while nothing has traded)."""
    rule = symbol.notional
    value = average * qty
    too_small = rule.minimum_for_market and value < rule.minimum * SCALE
    if average and (too_small or (rule.maximum_for_market and value > rule.maximum * SCALE)):
        raise _notional_failure(symbol, average, qty)


def check_iceberg(symbol: Symbol, iceberg: int, qty: int) -> None:
    """LOT_SIZE on the visible part of an iceberg, and ICEBERG_PARTS on the number of its parts."""
    check_lot(symbol, iceberg)
    parts = -(-qty // iceberg)
    if parts > symbol.iceberg_parts:
        least = -(-qty // symbol.iceberg_parts)
        step = symbol.lot.step
        raise FilterFailure(
            "ICEBERG_PARTS",
            f"{short_text(qty)} would show in {parts} parts of {short_text(iceberg)} and the limit is "
            f"{symbol.iceberg_parts}; the smallest legal part is {short_text(-(-least // step) * step)}",
        )


def check_trailing(symbol: Symbol, above: bool, delta: int) -> None:
    """TRAILING_DELTA, whose bounds depend on where the stop price lies."""
    rule = symbol.trailing
    low, high = (rule.least_above, rule.most_above) if above else (rule.least_below, rule.most_below)
    if not low <= delta <= high:
        raise FilterFailure(
            "TRAILING_DELTA",
            f"{delta} basis points are outside {low} to {high}; the nearest is {_nearest(delta, low, high)}",
        )


def _nearest(value: int, low: int, high: int) -> int:
    return low if value < low else high


def check_position(symbol: Symbol, position: int, qty: int) -> None:
    """MAX_POSITION: what is held, is being bought and would be bought of the base asset."""
    if position + qty > symbol.max_position:
        room = max(symbol.max_position - position, 0)
        raise FilterFailure(
            "MAX_POSITION",
            f"the position is {short_text(position)} {symbol.base} and the limit {short_text(symbol.max_position)}; "
            f"{short_text(room)} can be bought",
        )


def check_asset(asset: str, amount: int, limit: int) -> None:
    """MAX_ASSET: the most of an asset that one order may move."""
    if amount > limit:
        raise FilterFailure("MAX_ASSET", f"{short_text(amount)} {asset} is above the limit {short_text(limit)}")


def check_count(name: str, count: int, limit: int, new: int = 1) -> None:
    """MAX_NUM_ORDERS and its kin: so many more open orders than ``count``."""
    if count + new > limit:
        some = "one first" if new == 1 else f"some first: {new} would be added"
        raise FilterFailure(name, f"{count} are open and the limit is {limit}; cancel {some}")


def _notional_failure(symbol: Symbol, price: int, qty: int) -> FilterFailure:
    rule, value, step = symbol.notional, price * qty // SCALE, symbol.lot.step
    name = "NOTIONAL" if "MIN_NOTIONAL" not in symbol.filters else "MIN_NOTIONAL"
    if value < rule.minimum:
        enough = -(-rule.minimum * SCALE // price)
        nearest, bound = -(-enough // step) * step, f"below the minimum {short_text(rule.minimum)}"
    else:
        nearest, bound = rule.maximum * SCALE // price // step * step, f"above the maximum {short_text(rule.maximum)}"
    return FilterFailure(
        name,
        f"{short_text(price)} x {short_text(qty)} = {short_text(value)} {symbol.quote} is {bound}; "
        f"the nearest legal quantity at this price is {short_text(nearest)}",
    )


def _lot_hint(what: str, value: int, rule: LotRule, step_name: str) -> str:
    nearest = f"the nearest legal {what} is {short_text(rule.nearest(value))}"
    if value < rule.minimum:
        return f"{what} {short_text(value)} is below the minimum {short_text(rule.minimum)}; {nearest}"
    if value > rule.maximum and rule.maximum != FAR:
        return f"{what} {short_text(value)} is above the maximum {short_text(rule.maximum)}; {nearest}"
    return f"{what} {short_text(value)} is no multiple of the {step_name} {short_text(rule.step)}; {nearest}"
