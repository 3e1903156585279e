from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core import filters
from exec_plugin.core.errors import FilterFailure
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import FAR, SCALE, parse_units

PAIR = default_symbol("BTCUSDT", tick="0.01", step="0.001", min_notional="10")


def _with(*items):
    return Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": list(items)})


def _refusal(check, *arguments):
    with pytest.raises(FilterFailure) as caught:
        check(*arguments)
    assert caught.value.code == -1013
    assert caught.value.msg == f"Filter failure: {caught.value.name}"
    return caught.value


@pytest.mark.parametrize(
    ("price", "hint"),
    [
        ("100.005", "price 100.005 is no multiple of the tick size 0.01; the nearest legal price is 100.01"),
        ("0.001", "price 0.001 is below the minimum 0.01; the nearest legal price is 0.01"),
        ("-1", "price -1 is below the minimum 0.01; the nearest legal price is 0.01"),
        ("1000000.01", "price 1000000.01 is above the maximum 1000000; the nearest legal price is 1000000"),
        ("99999999999999999999", "above the maximum 1000000; the nearest legal price is 1000000"),
    ],
)
def test_price(price, hint):
    """PRICE_FILTER refuses what is off the tick or out of bounds, and tells the nearest legal price."""
    refusal = _refusal(filters.check_price, PAIR, parse_units(price))
    assert refusal.name == "PRICE_FILTER"
    assert hint in refusal.hint
    assert hint in str(refusal)


@pytest.mark.parametrize(
    ("qty", "hint"),
    [
        ("0", "quantity 0 is below the minimum 0.001; the nearest legal quantity is 0.001"),
        ("-1", "quantity -1 is below the minimum 0.001; the nearest legal quantity is 0.001"),
        ("0.30000001", "quantity 0.30000001 is no multiple of the step size 0.001; the nearest legal quantity is 0.3"),
        ("9000000.001", "quantity 9000000.001 is above the maximum 9000000; the nearest legal quantity is 9000000"),
    ],
)
def test_lot(qty, hint):
    """LOT_SIZE refuses zero, negative, uneven and huge quantities, and tells the nearest legal one."""
    refusal = _refusal(filters.check_lot, PAIR, parse_units(qty))
    assert (refusal.name, refusal.hint) == ("LOT_SIZE", hint)


def test_no_lot():
    """Without LOT_SIZE any quantity passes but none."""
    filters.check_lot(_with(), 1)
    filters.check_lot(_with(), FAR)
    for qty in (0, -1):
        assert "the nearest legal quantity is 0.00000001" in _refusal(filters.check_lot, _with(), qty).hint


def test_market_lot():
    """MARKET_LOT_SIZE has its own bounds."""
    rule = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.5", "maxQty": "20", "stepSize": "0.25"}
    refusal = _refusal(filters.check_market_lot, _with(rule), parse_units("20.25"))
    assert refusal.name == "MARKET_LOT_SIZE"
    assert refusal.hint == "quantity 20.25 is above the maximum 20; the nearest legal quantity is 20"
    filters.check_market_lot(_with(rule), parse_units("0.75"))


@pytest.mark.parametrize(
    ("is_buy", "price", "nearest"),
    [(True, "120.01", "120"), (True, "79.99", "80"), (False, "200.01", "200"), (False, "49.99", "50")],
)
def test_percent(is_buy, price, nearest):
    """PERCENT_PRICE_BY_SIDE has bounds per side, and the nearest legal price lies within them."""
    rule = {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": "1.2",
        "bidMultiplierDown": "0.8",
        "askMultiplierUp": "2",
        "askMultiplierDown": "0.5",
        "avgPriceMins": 1,
    }
    average = 100 * SCALE
    refusal = _refusal(filters.check_percent, _with(rule), is_buy, parse_units(price), average)
    assert refusal.name == "PERCENT_PRICE_BY_SIDE"
    assert refusal.hint.endswith(f"the nearest legal price is {nearest}")
    filters.check_percent(_with(rule), is_buy, parse_units(nearest), average)


def test_percent_without_average():
    """While nothing has traded there is nothing to compare with."""
    filters.check_percent(PAIR, True, FAR, 0)


@pytest.mark.parametrize(
    ("price", "qty", "nearest"), [("100", "0.099", "0.1"), ("33.33", "0.3", "0.301"), ("100", "90000.001", "90000")]
)
def test_notional(price, qty, nearest):
    """NOTIONAL refuses orders that are worth too little or too much, and tells the nearest quantity."""
    refusal = _refusal(filters.check_notional, PAIR, parse_units(price), parse_units(qty))
    assert refusal.name == "NOTIONAL"
    assert refusal.hint.endswith(f"the nearest legal quantity at this price is {nearest}")
    filters.check_notional(PAIR, parse_units(price), parse_units(nearest))


def test_old_notional():
    """MIN_NOTIONAL keeps its own name."""
    rule = {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": True, "avgPriceMins": 0}
    assert _refusal(filters.check_notional, _with(rule), SCALE, SCALE).name == "MIN_NOTIONAL"
    assert _refusal(filters.check_market_notional, _with(rule), SCALE, SCALE).name == "MIN_NOTIONAL"


def test_market_notional():
    """A MARKET order is valued at the average price, once there is one."""
    filters.check_market_notional(PAIR, 0, 1)
    filters.check_market_notional(PAIR, 100 * SCALE, parse_units("0.1"))
    filters.check_market_notional(PAIR, 100 * SCALE, parse_units("1000000"))
    _refusal(filters.check_market_notional, PAIR, 100 * SCALE, parse_units("0.099"))


def test_count():
    """One order too many is refused by the filter's name."""
    filters.check_count("MAX_NUM_ORDERS", 4, 5)
    refusal = _refusal(filters.check_count, "MAX_NUM_ORDERS", 5, 5)
    assert refusal.hint == "5 are open and the limit is 5; cancel one first"


@pytest.mark.parametrize(
    ("qty", "iceberg", "least"),
    [("10", "2", None), ("10", "2.001", None), ("10", "1.999", "2"), ("10.001", "2", "2.001"), ("9.999", "2", None)],
)
def test_iceberg(qty, iceberg, least):
    """ICEBERG_PARTS counts CEIL(quantity / part), and tells the smallest part that is legal."""
    pair = _with(
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "100", "stepSize": "0.001"},
        {"filterType": "ICEBERG_PARTS", "limit": 5},
    )
    amounts = parse_units(iceberg), parse_units(qty)
    if least is None:
        filters.check_iceberg(pair, *amounts)
        return
    refusal = _refusal(filters.check_iceberg, pair, *amounts)
    assert (refusal.name, refusal.hint.endswith(f"the smallest legal part is {least}")) == ("ICEBERG_PARTS", True)
    filters.check_iceberg(pair, parse_units(least), amounts[1])


def test_iceberg_lot():
    """LOT_SIZE comes before the number of parts."""
    assert _refusal(filters.check_iceberg, PAIR, 1, parse_units("9")).name == "LOT_SIZE"


@pytest.mark.parametrize(("above", "low", "high"), [(True, 50, 500), (False, 100, 1000)])
def test_trailing(above, low, high):
    """TRAILING_DELTA has a range for each direction, bounds included, and tells the nearest legal delta."""
    rule = {
        "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 50, "maxTrailingAboveDelta": 500,
        "minTrailingBelowDelta": 100, "maxTrailingBelowDelta": 1000,
    }  # fmt: skip
    for delta in (low, low + 1, high - 1, high):
        filters.check_trailing(_with(rule), above, delta)
    for delta, nearest in ((0, low), (low - 1, low), (high + 1, high)):
        refusal = _refusal(filters.check_trailing, _with(rule), above, delta)
        assert refusal.name == "TRAILING_DELTA"
        assert refusal.hint.endswith(f"the nearest is {nearest}")


@pytest.mark.parametrize(
    ("position", "qty", "room"), [("4", "1", None), ("4", "1.001", "1"), ("5", "0.001", "0"), ("6", "1", "0")]
)
def test_position(position, qty, room):
    """MAX_POSITION holds for what is held together with what is asked for, and tells what can be bought."""
    pair = _with({"filterType": "MAX_POSITION", "maxPosition": "5"})
    amounts = parse_units(position), parse_units(qty)
    if room is None:
        filters.check_position(pair, *amounts)
        return
    refusal = _refusal(filters.check_position, pair, *amounts)
    assert (refusal.name, refusal.hint.endswith(f"{room} can be bought")) == ("MAX_POSITION", True)


@pytest.mark.parametrize(("amount", "legal"), [("41.99", True), ("42", True), ("42.00000001", False)])
def test_asset(amount, legal):
    """MAX_ASSET allows its limit and no more."""
    if legal:
        filters.check_asset("USDC", parse_units(amount), parse_units("42"))
        return
    refusal = _refusal(filters.check_asset, "USDC", parse_units(amount), parse_units("42"))
    assert (refusal.name, refusal.hint) == ("MAX_ASSET", "42.00000001 USDC is above the limit 42")


@pytest.mark.parametrize(("count", "new", "legal"), [(3, 2, True), (4, 1, True), (4, 2, False), (5, 0, True)])
def test_count_of_several(count, new, legal):
    """Several orders at once are counted together."""
    if legal:
        filters.check_count("MAX_NUM_ORDERS", count, 5, new)
        return
    refusal = _refusal(filters.check_count, "MAX_NUM_ORDERS", count, 5, new)
    assert refusal.hint == "4 are open and the limit is 5; cancel some first: 2 would be added"


@given(st.integers(-(10**12), 10**18))
def test_nearest_is_legal(value):
    """The value that a refusal names is accepted."""
    for check in (filters.check_price, filters.check_lot, filters.check_market_lot):
        try:
            check(PAIR, value)
        except FilterFailure as refusal:
            check(PAIR, parse_units(refusal.hint.rpartition(" ")[2]))
