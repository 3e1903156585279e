"""Orders checked before they are sent, by the filters of their symbol (filters.md)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from exec_plugin.binance.errors import BinanceFilterError, BinanceRequestError
from exec_plugin.core import filters
from exec_plugin.core.errors import FilterFailure
from exec_plugin.core.units import short_text, to_units

if TYPE_CHECKING:
    from exec_plugin.core.symbols import Symbol

ROUNDINGS = (None, "down")


def amount(name: str, value: Decimal | int | str) -> int:
    """
    A quantity or price in units of 1e-8.

    Raises:
        BinanceRequestError: for a float, what is no number, and more decimals than Binance has.
    """
    try:
        units = to_units(value)
    except (TypeError, ValueError, InvalidOperation) as error:
        msg = f"{name}={value!r}: {error}"
        raise BinanceRequestError(msg) from None
    if units <= 0:
        msg = f"{name}={value} must be more than 0"
        raise BinanceRequestError(msg)
    return units


def rounded(symbol: Symbol, quantity: int, *, is_market: bool) -> int:
    """
    The most lots within a quantity.

    Raises:
        BinanceFilterError: not one.
    """
    step = symbol.lot.step
    if is_market:
        step = max(step, symbol.market_lot.step)
    return _down(quantity, step, "quantity", "LOT_SIZE")


def rounded_price(symbol: Symbol, price: int) -> int:
    """
    The nearest tick below.

    Raises:
        BinanceFilterError: there is none.
    """
    return _down(price, symbol.price.step, "price", "PRICE_FILTER")


def _down(value: int, step: int, name: str, rule: str) -> int:
    found = value // step * step
    if not found:
        msg = f"Filter failure: {rule}: {name}={plain(value)} is less than one step; the least is {plain(step)}"
        raise BinanceFilterError(msg, -1013)
    return found


def check(symbol: Symbol, order_type: str, quantity: int, price: int, stop: int) -> None:
    """
    Whether an order meets the rules that can be known without the market: steps, bounds and value.

    Quantity, price and stop price are in units, 0 for what the order has not.

    Raises:
        BinanceFilterError: with the value, the limit and the nearest legal value.
    """
    try:
        for each in (price, stop):
            if each:
                filters.check_price(symbol, each)
        if quantity:
            filters.check_lot(symbol, quantity)
            if order_type == "MARKET":
                filters.check_market_lot(symbol, quantity)
            elif price or stop:
                filters.check_notional(symbol, price or stop, quantity)
    except FilterFailure as failure:
        msg = f"{failure.msg}: {failure.hint}"
        raise BinanceFilterError(msg, failure.code) from failure


def plain(units: int) -> str:
    """An amount as it is sent: digits and a point, never an exponent."""
    return short_text(units)


def options(extra: dict[str, Any]) -> dict[str, Any]:
    """Further parameters of an order; amounts among them become plain texts, what is None is left out."""
    found: dict[str, Any] = {}
    for name, value in extra.items():
        if value is None:
            continue
        if isinstance(value, float):
            msg = f"{name}={value!r} is a float; pass a Decimal, an int or a str such as '0.1'"
            raise BinanceRequestError(msg)
        found[name] = format(value, "f") if isinstance(value, Decimal) else value
    return found
