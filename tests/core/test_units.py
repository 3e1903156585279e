from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.units import FAR, SCALE, notional, parse_units, short_text, to_decimal, to_text, to_units

amounts = st.integers(-(10**27), 10**27)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("1", SCALE),
        ("61837.63", 6_183_763_000_000),
        ("0.00000001", 1),
        ("-0.5", -SCALE // 2),
        ("-0.00000001", -1),
        ("007.10", 710_000_000),
        ("1.100000000000", 110_000_000),
        ("99999999999999999999", 99_999_999_999_999_999_999 * SCALE),
    ],
)
def test_parse(text, units):
    """A plain decimal text is its number of 1e-8 units."""
    assert parse_units(text) == units
    assert to_units(text) == units
    assert to_units(Decimal(text)) == units


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", ".5", "1.", "1e5", "1E-8", "NaN", "inf", "0x10", "1_000", "1,5", "--1", "9" * 21],
)
def test_unreadable(text):
    """Anything but ASCII digits with at most one point is refused."""
    with pytest.raises(ValueError, match="is not a plain decimal number"):
        parse_units(text)


@pytest.mark.parametrize("text", ["\u0661\u0662", "1.\u0665", "\u00b2"])
def test_foreign_digits(text):
    """Digits of other scripts are refused, although Python would read them."""
    with pytest.raises(ValueError, match="is not a plain decimal number"):
        parse_units(text)


@pytest.mark.parametrize("text", ["0.000000001", "1.123456789", "0.30000000000000004"])
def test_too_fine(text):
    """A ninth decimal is refused, in texts and in Decimals."""
    for value in (text, Decimal(text)):
        with pytest.raises(ValueError, match="more than 8 decimals"):
            to_units(value)


@pytest.mark.parametrize(
    "text", ["0.1000000000000000000000000000000001", "123456789012345678901.123456789", "1" + "0" * 30 + ".000000001"]
)
def test_long(text):
    """Digits beyond a Decimal context's precision are not rounded away."""
    with pytest.raises(ValueError, match="more than 8 decimals"):
        to_units(Decimal(text))


@pytest.mark.parametrize("value", [0.1, 0.1 + 0.2, 1.0, float("nan"), True, None, b"1"])
def test_wrong_type(value):
    """Floats and other strangers are a TypeError that says what to pass."""
    with pytest.raises(TypeError, match="pass a Decimal, an int or a str"):
        to_units(value)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_not_finite(text):
    """NaN and infinities are refused."""
    with pytest.raises(ValueError, match="is not a finite number"):
        to_units(Decimal(text))


def test_whole_numbers():
    """An int is so many whole coins."""
    assert to_units(3) == 3 * SCALE
    assert to_units(10**30) == 10**38


@given(amounts)
def test_round_trip(units):
    """Units survive every way through text and Decimal."""
    assert parse_units(to_text(units)) == units
    assert parse_units(short_text(units)) == units
    assert to_units(to_decimal(units)) == units


@given(amounts)
def test_text_shapes(units):
    """Binance's text has eight decimals, the short one no trailing zeros, and neither an exponent."""
    assert len(to_text(units).partition(".")[2]) == 8
    assert Decimal(short_text(units)) == Decimal(to_text(units))
    assert "." not in short_text(units) or short_text(units)[-1] not in "0."
    assert "E" not in str(to_decimal(units)).replace("E-7", "").replace("E-8", "")


def test_short_text_zero():
    """Zero and round tens keep their digits."""
    assert [short_text(units) for units in (0, 10 * SCALE, -SCALE, 1)] == ["0", "10", "-1", "0.00000001"]


def test_notional():
    """Price times quantity is rounded down to a unit."""
    assert notional(parse_units("0.1"), parse_units("0.00000019")) == 1
    assert notional(parse_units("61837.63"), parse_units("0.00001")) == 61_837_630


def test_far():
    """Nothing that can be written is as far as FAR."""
    assert parse_units("9" * 10) < FAR
