"""The edge between Decimals and units: exact whatever the caller's decimal context, and quick for repeated values."""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from functools import lru_cache
from typing import Any

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.units import DECIMALS, FAR, short_text
from exec_plugin.core.values import quick_decimal

#: What amounts may be given as; floats are refused, their noise has no place in money.
Amount = Decimal | int | str

#: Units as a Decimal; the way back is ``units``.
to_decimal = quick_decimal

ZERO = Decimal(0)
_PLACES = Decimal(DECIMALS)
_EXACT = Context(prec=60, traps=[InvalidOperation, Inexact])
_ROUNDING = Context(prec=60, traps=[InvalidOperation])
#: Whole digits beyond which no amount is worth converting.
_LONG = 30
_LEGAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


def units(name: str, value: Amount) -> int:
    """
    An order's amount in units, more than 0.

    Raises:
        RequestRejected: with Binance's code for what is wrong, and the nearest legal value.
        TypeError: for a float or what is no number at all.
    """
    if type(value) is not Decimal:
        value = plain(name, value)
    try:
        return _positive(value)
    except (DecimalException, TypeError, ValueError):  # a signalling NaN cannot be hashed
        raise _refusal(name, value) from None


@lru_cache(maxsize=1 << 14)
def _positive(value: Decimal) -> int:
    if not ZERO < value < FARTHEST:
        raise ValueError(value)
    return int(_EXACT.quantize(_EXACT.scaleb(value, _PLACES), _ONE))


_ONE = Decimal(1)
#: The first price that is too high to be one.
FARTHEST = to_decimal(FAR)


def floor_units(value: Decimal) -> int:
    """A market's amount, which is never negative, in units, rounded down."""
    return int(_ROUNDING.scaleb(value, _PLACES))


def ceil_units(value: Decimal) -> int:
    """A market's amount, which is never negative, in units, rounded up."""
    scaled = _ROUNDING.scaleb(value, _PLACES)
    amount = int(scaled)
    return amount if amount == scaled else amount + 1


def plain(name: str, value: Any) -> Decimal:
    """
    A Decimal from what else may be given as an amount.

    Raises:
        TypeError: for a float or what is no number at all.
        RequestRejected: -1100 for a text that is no number.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        msg = f"{name}={value!r} is a float, which is not exact; pass Decimal('{value!r}') if that is what you mean"
        raise TypeError(msg)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        msg = f"{name}={value!r} is a {type(value).__name__}; pass a Decimal"
        raise TypeError(msg)
    try:
        return Decimal(value)
    except DecimalException:
        raise _illegal(name, value) from None


def balance_units(asset: str, value: Amount) -> int:
    """
    A starting balance in units.

    Raises:
        ConfigError: when it is negative, not finite, too large or has more than eight decimals.
        TypeError: for a float or what is no number at all.
    """
    try:
        amount = plain(asset, value)
        if amount >= 0 and amount.adjusted() < _LONG:
            return int(_EXACT.quantize(_EXACT.scaleb(amount, _PLACES), _ONE))
    except (DecimalException, RequestRejected):
        pass
    msg = f"balance {asset}={value} must be a number, 0 or more, with at most {DECIMALS} decimals"
    raise ConfigError(msg)


def _illegal(name: str, value: object) -> RequestRejected:
    return RequestRejected(
        -1100,
        f"Illegal characters found in parameter '{name}'; legal range is '{_LEGAL}'.",
        f"{value} is no positive decimal number",
    )


def _refusal(name: str, value: Decimal) -> RequestRejected:
    if not value.is_finite() or value < 0:
        return _illegal(name, value)
    if not value:
        what = "price" if name == "price" else "quantity"
        return RequestRejected(-1013, f"Invalid {what}.", f"{name} must be more than 0; the least is {short_text(1)}")
    if value.adjusted() > _LONG or value >= FARTHEST:
        return RequestRejected(-1108, f"Parameter '{name}' overflowed.", f"{value} must be below {FARTHEST}")
    nearest = int(_ROUNDING.scaleb(value, _PLACES).to_integral_value()) or 1
    return RequestRejected(
        -1111,
        f"Parameter '{name}' has too much precision.",
        f"{value} has more than {DECIMALS} decimals; the nearest legal value is {short_text(nearest)}",
    )
