from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.symbols import (
    QUOTES,
    ExchangeRules,
    LotRule,
    Symbol,
    TrailingRule,
    default_symbol,
    split_symbol,
)
from exec_plugin.core.units import FAR, parse_units


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("ETHBTC", ("ETH", "BTC")),
        ("USDTTRY", ("USDT", "TRY")),
        ("FDUSDUSDT", ("FDUSD", "USDT")),
        ("BTCFDUSD", ("BTC", "FDUSD")),
        ("1000SATSUSDT", ("1000SATS", "USDT")),
    ],
)
def test_split(name, parts):
    """A bare name splits before the longest quote asset that it ends with."""
    assert split_symbol(name) == parts


@pytest.mark.parametrize("name", ["", "USDT", "BTCXYZ", "btcusdt"])
def test_unsplittable(name):
    """A name without a known quote asset is refused with the ones that are known."""
    with pytest.raises(ConfigError, match=QUOTES[0]):
        split_symbol(name)


def test_partial_entry():
    """What an entry leaves out takes Binance's usual values, and no filter refuses anything but nothing."""
    symbol = Symbol.from_exchange_info({"symbol": "BTCUSDT"})
    assert (symbol.name, symbol.base, symbol.quote, symbol.status) == ("BTCUSDT", "BTC", "USDT", "TRADING")
    assert symbol.price == LotRule()
    assert symbol.lot == LotRule(1)
    assert symbol.max_orders == symbol.max_algo_orders == FAR
    assert symbol.percent is None
    assert symbol.to_exchange_info()["baseAssetPrecision"] == 8


def test_entry_survives():
    """The entry that was read is the entry that is listed, extra fields included."""
    entry = {**default_symbol("BTCUSDT").to_exchange_info(), "status": "HALT", "novelty": 1}
    assert Symbol.from_exchange_info(entry).to_exchange_info() == entry


def test_own_assets():
    """Named assets overrule what the name looks like."""
    symbol = Symbol.from_exchange_info({"symbol": "FOOBAR", "baseAsset": "FOO", "quoteAsset": "BAR"})
    assert (symbol.base, symbol.quote) == ("FOO", "BAR")


def test_zero_is_off():
    """Zeros switch the parts of a filter off."""
    off = {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0"}
    symbol = Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [off]})
    assert symbol.price == LotRule(0, FAR, 1)


def test_both_notionals():
    """NOTIONAL wins over the older MIN_NOTIONAL; alone, the older one counts."""
    new = {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "avgPriceMins": 1}
    old = {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": True}
    both = Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [new, old]}).notional
    alone = Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [old]}).notional
    assert (both.minimum, both.maximum, both.avg_minutes) == (parse_units("5"), FAR, 1)
    assert (alone.minimum, alone.minimum_for_market, alone.avg_minutes) == (parse_units("10"), True, 5)


def test_both_percents():
    """PERCENT_PRICE holds for both sides alike; the filter by side wins."""
    one = {"filterType": "PERCENT_PRICE", "multiplierUp": "2", "multiplierDown": "0.5", "avgPriceMins": 0}
    keys = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
    two = {"filterType": "PERCENT_PRICE_BY_SIDE", **dict.fromkeys(keys, "1"), "avgPriceMins": 5}
    alone = Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [one]}).percent
    both = Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [one, two]}).percent
    assert (alone.name, alone.bid_up, alone.ask_up, alone.avg_minutes) == ("PERCENT_PRICE", 2 * 10**8, 2 * 10**8, 0)
    assert both.name == "PERCENT_PRICE_BY_SIDE"


@pytest.mark.parametrize("name", [None, "", "BTC/USDT", "btcusdt", "B", "X" * 21, "BTCUSDT\n"])
def test_bad_name(name):
    """A malformed name is refused."""
    with pytest.raises(ConfigError):
        Symbol.from_exchange_info({"symbol": name, "baseAsset": "A", "quoteAsset": "B"})


@pytest.mark.parametrize(
    "broken",
    [
        {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "1"},
        {"filterType": "LOT_SIZE", "minQty": "NaN", "maxQty": "1", "stepSize": "1"},
        {"filterType": "LOT_SIZE", "minQty": 1e-9, "maxQty": "1", "stepSize": "1"},
        {"filterType": "MAX_NUM_ORDERS"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": "many"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": None},
    ],
)
def test_bad_filter(broken):
    """A filter without its values, or with values that are no numbers, is refused by name of the symbol."""
    with pytest.raises(ConfigError, match="BTCUSDT: unreadable filter"):
        Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [broken]})


def test_default():
    """The default symbol has Binance's usual filters around the tick and step it was given."""
    symbol = default_symbol("BTCUSDT", tick="0.1", step="0.001", min_notional="10")
    assert symbol.price == LotRule(parse_units("0.1"), parse_units("1000000"), parse_units("0.1"))
    assert symbol.lot.step == parse_units("0.001")
    assert symbol.notional.minimum == parse_units("10")
    assert (symbol.max_orders, symbol.max_algo_orders) == (200, 5)
    assert {"ICEBERG_PARTS", "TRAILING_DELTA", "MAX_NUM_ORDER_LISTS"} <= set(symbol.filters)


@pytest.mark.parametrize(
    ("item", "field", "value"),
    [
        ({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 3}, "max_orders", 3),
        ({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": "3"}, "max_algo_orders", 3),
        ({"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3}, "max_icebergs", 3),
        ({"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 3}, "max_amends", 3),
        ({"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 3}, "max_lists", 3),
        ({"filterType": "ICEBERG_PARTS", "limit": 3}, "iceberg_parts", 3),
        ({"filterType": "MAX_POSITION", "maxPosition": "3.5"}, "max_position", parse_units("3.5")),
        ({"filterType": "MAX_POSITION", "maxPosition": "0"}, "max_position", FAR),
    ],
)
def test_counts(item, field, value):
    """The filters that count are read each into its own bound; without one there is none."""
    assert getattr(Symbol.from_exchange_info({"symbol": "BTCUSDT"}), field) == FAR
    assert getattr(Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [item]}), field) == value


def test_trailing():
    """TRAILING_DELTA is read as two ranges; without it anything follows but nothing."""
    item = {
        "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 1, "maxTrailingAboveDelta": 2,
        "minTrailingBelowDelta": "3", "maxTrailingBelowDelta": 4,
    }  # fmt: skip
    assert Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": [item]}).trailing == TrailingRule(1, 2, 3, 4)
    assert Symbol.from_exchange_info({"symbol": "BTCUSDT"}).trailing == TrailingRule(1, FAR, 1, FAR)


# ---------------------------------------------------------------------- the exchange


def test_exchange_rules():
    """The filters of the exchange are read each into its own bound, and listed as they were given."""
    items = [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": "2"},
        {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3},
        {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 4},
    ]
    rules = ExchangeRules.read(items, [{"filterType": "MAX_ASSET", "asset": "JPY", "limit": "1000000.5"}])
    assert (rules.max_orders, rules.max_algo_orders, rules.max_icebergs, rules.max_lists) == (1, 2, 3, 4)
    assert rules.assets == {"JPY": parse_units("1000000.5")}
    assert rules.filters == items


def test_no_exchange_rules():
    """Without filters of the exchange nothing is bounded."""
    rules = ExchangeRules.read()
    assert (rules.max_orders, rules.max_algo_orders, rules.max_icebergs, rules.max_lists) == (FAR,) * 4


@pytest.mark.parametrize(
    ("exchange", "assets"),
    [
        ([{"filterType": "EXCHANGE_MAX_NUM_ORDERS"}], []),
        ([{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": "many"}], []),
        ([{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1}], []),
        ([{"maxNumOrders": 1}], []),
        ([], [{"filterType": "MAX_ASSET", "limit": "1"}]),
        ([], [{"filterType": "MAX_ASSET", "asset": "JPY", "limit": "much"}]),
    ],
)
def test_bad_exchange_rules(exchange, assets):
    """A filter of the exchange or of an asset that cannot be read is refused with those that are known."""
    with pytest.raises(ConfigError, match="EXCHANGE_MAX_NUM_ORDER_LISTS, MAX_ASSET"):
        ExchangeRules.read(exchange, assets)


rules = st.builds(
    lambda low, steps, step: LotRule(low * step, (low + steps) * step, step),
    st.integers(0, 20),
    st.integers(0, 50),
    st.integers(1, 30),
)


@given(rules, st.integers(-100, 3000))
def test_nearest(rule, value):
    """The nearest legal value is legal, and no legal value is nearer."""
    nearest = rule.nearest(value)
    legal = [candidate for candidate in range(rule.minimum, rule.maximum + 1) if rule.allows(candidate)]
    assert rule.allows(nearest)
    assert abs(nearest - value) == min(abs(candidate - value) for candidate in legal)
