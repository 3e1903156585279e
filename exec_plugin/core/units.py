"""
Money as integers: one unit is 1e-8 of an asset or of a price.

Binance prints every amount with at most eight decimals, so a unit represents all of them exactly, also prices
that lie off a symbol's tick. Text becomes units directly and units become text directly; floats are never seen.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation

DECIMALS = 8
SCALE: int = 10**DECIMALS
#: A price above every price: the ask of an empty book, the trigger of no stop.
FAR = 1 << 62

_PLAIN = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]+)?")
#: Wide enough for every product with SCALE that is worth having; what would be rounded is refused.
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


def parse_units(text: str) -> int:
    """
    Units in a plain decimal text such as ``"61837.63"``.

    Raises:
        ValueError: for anything but digits with at most one point, and for a ninth significant decimal.
    """
    if not _PLAIN.fullmatch(text):
        msg = f"{text!r} is not a plain decimal number"
        raise ValueError(msg)
    whole, _, fraction = text.partition(".")
    if len(fraction) > DECIMALS:
        if fraction[DECIMALS:].strip("0"):
            msg = f"{text!r} has more than {DECIMALS} decimals"
            raise ValueError(msg)
        fraction = fraction[:DECIMALS]
    return int(whole + fraction.ljust(DECIMALS, "0"))


def to_units(value: Decimal | int | str) -> int:
    """
    Units in a Decimal, an int or a decimal text.

    Raises:
        TypeError: for a float, whose noise has no place in money.
        ValueError: for NaN, infinities and more than eight decimals.
    """
    if isinstance(value, str):
        return parse_units(value)
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        msg = f"{value!r} is a {type(value).__name__}; pass a Decimal, an int or a str such as '0.1'"
        raise TypeError(msg)
    try:
        scaled = _EXACT.multiply(Decimal(value), SCALE)
        units = int(scaled)
    except Inexact:
        msg = f"{value} has more than {DECIMALS} decimals"
        raise ValueError(msg) from None
    except (InvalidOperation, OverflowError, ValueError):
        msg = f"{value!r} is not a finite number"
        raise ValueError(msg) from None
    if units != scaled:
        msg = f"{value} has more than {DECIMALS} decimals"
        raise ValueError(msg)
    return units


def to_decimal(units: int) -> Decimal:
    """Units as a Decimal without trailing zeros and without an exponent."""
    return Decimal(short_text(units))


def to_text(units: int) -> str:
    """Units as Binance prints them: eight decimals, ``"61837.63000000"``."""
    if units < 0:
        return "-" + to_text(-units)
    digits = f"{units:09d}"
    return f"{digits[:-DECIMALS]}.{digits[-DECIMALS:]}"


def short_text(units: int) -> str:
    """Units as people write them: no trailing zeros."""
    text = to_text(units)
    return text.rstrip("0").rstrip(".")


def notional(price: int, quantity: int) -> int:
    """Price times quantity in quote units, rounded down to a unit as Binance does."""
    return price * quantity // SCALE
