"""The filters that depend on what the account has, and on what else it has open."""

from __future__ import annotations

import pytest
from stage import Stage

from exec_plugin.core.errors import FilterFailure
from exec_plugin.core.symbols import ExchangeRules, Symbol, default_symbol
from exec_plugin.core.units import parse_units

LIMIT, STOP, ICEBERG = (
    ("BUY", "LIMIT", "1", "95", {}),
    ("SELL", "STOP_LOSS", "1", "0", {"stop": "95"}),
    ("BUY", "LIMIT", "1", "95", {"iceberg": "0.5"}),
)


def build(*rules, exchange=(), assets=(), **options):
    """An exchange with other filters, where the last price is 100."""
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    names = {rule["filterType"] for rule in rules}
    kept = [item for item in entry["filters"] if item["filterType"] not in names]
    symbol = Symbol.from_exchange_info({**entry, "filters": [*kept, *rules]})
    stage = Stage(symbol, rules=ExchangeRules.read(exchange, assets), **options)
    stage.venue.list_symbol(default_symbol("ETHUSDT", step="0.001", min_notional="0"))
    stage.alice.balance("ETH").free = parse_units("100")
    stage.book({"99": "50"}, {"101": "50"})
    stage.prints("100")
    return stage


def place(stage, order, symbol="BTCUSDT"):
    """Place one of the orders above, on either symbol."""
    side, kind, qty, price, options = order
    stage.name = symbol
    return stage.place(side, kind, qty, price, **options)


def refused(stage, name, order, **more):
    """The order is refused by that filter, and nothing is open that was not before."""
    before = list(stage.alice.open_orders)
    with pytest.raises(FilterFailure) as caught:
        place(stage, order, **more)
    assert caught.value.name == name
    assert stage.alice.open_orders == before


@pytest.mark.parametrize(
    ("name", "key", "order", "others"),
    [
        ("MAX_NUM_ORDERS", "maxNumOrders", LIMIT, []),
        ("MAX_NUM_ORDERS", "maxNumOrders", STOP, []),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", STOP, [LIMIT, ICEBERG]),
        ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", ICEBERG, [LIMIT, STOP]),
    ],
)
def test_per_symbol(name, key, order, others):
    """A filter of a symbol counts what it names there and nothing else, until it is no longer open."""
    stage = build({"filterType": name, key: 2})
    first = place(stage, order)
    place(stage, order)
    refused(stage, name, order)
    for other in others:
        place(stage, other)
    place(stage, order, symbol="ETHUSDT")
    stage.venue.cancel(first)
    place(stage, order)
    refused(stage, name, order)


@pytest.mark.parametrize(
    ("name", "key", "order", "others"),
    [
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", LIMIT, []),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", STOP, [LIMIT, ICEBERG]),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", ICEBERG, [LIMIT, STOP]),
    ],
)
def test_over_all_symbols(name, key, order, others):
    """A filter of the exchange counts over all symbols, for each account on its own."""
    stage = build(exchange=[{"filterType": name, key: 2}])
    first = place(stage, order)
    place(stage, order, symbol="ETHUSDT")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        refused(stage, name, order, symbol=symbol)
    for other in others:
        place(stage, other)
    side, kind, qty, price, options = order
    stage.place(side, kind, qty, price, by=stage.bob, **options)
    stage.venue.cancel(first)
    place(stage, order)
    refused(stage, name, order)


def test_triggered():
    """A stop that works is no algo order any more."""
    stage = build({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1})
    stop = stage.place("SELL", "STOP_LOSS_LIMIT", "1", "98", stop="95")
    refused(stage, "MAX_NUM_ALGO_ORDERS", STOP)
    stage.book({"90": "1"}, {"97": "1"})
    stage.prints("95")
    assert stage.told(stop) == "NEW 0/1"
    stage.place("SELL", "STOP_LOSS", "1", stop="94")


@pytest.mark.parametrize(
    ("held", "resting", "waiting", "most"),
    [
        ("4", None, None, "6"),
        ("4", ("BUY", "LIMIT", "2", "95"), None, "4"),
        ("4", ("SELL", "LIMIT", "4", "105"), None, "6"),
        ("4", None, ("BUY", "STOP_LOSS", "1"), "5"),
        ("10", None, None, "0"),
        ("11", None, None, "0"),
    ],
)
def test_position(held, resting, waiting, most):
    """MAX_POSITION adds up what is free, what is locked and what open orders would buy."""
    rule = {"filterType": "MAX_POSITION", "maxPosition": "10"}
    stage = build(rule, balances={"BTC": held, "USDT": "10000"})
    if resting:
        stage.place(*resting)
    if waiting:
        stage.place(*waiting, stop="105")
    above = parse_units(most) + parse_units("0.001")
    with pytest.raises(FilterFailure, match="MAX_POSITION") as caught:
        stage.venue.place(stage.alice, "BTCUSDT", True, "LIMIT", above, parse_units("95"))
    assert f"{most} can be bought" in caught.value.hint
    with pytest.raises(FilterFailure, match="MAX_POSITION"):
        stage.venue.place(stage.alice, "BTCUSDT", True, "MARKET", above)
    with pytest.raises(FilterFailure, match="MAX_POSITION"):
        stage.place("BUY", "MARKET", quote_qty="9000")
    if most != "0":
        stage.venue.place(stage.alice, "BTCUSDT", True, "LIMIT", parse_units(most), parse_units("95"))


def test_position_of_a_seller():
    """Who sells is not asked."""
    stage = build({"filterType": "MAX_POSITION", "maxPosition": "1"}, balances={"BTC": "5", "USDT": "1"})
    assert stage.told(stage.place("SELL", "MARKET", "1")) == "FILLED 1/1"


@pytest.mark.parametrize(
    ("asset", "limit", "order", "legal"),
    [
        ("BTC", "2", ("BUY", "LIMIT", "2", "95"), True),
        ("BTC", "2", ("BUY", "LIMIT", "2.001", "95"), False),
        ("BTC", "2", ("SELL", "MARKET", "2"), True),
        ("BTC", "2", ("SELL", "MARKET", "2.001"), False),
        ("USDT", "190", ("BUY", "LIMIT", "2", "95"), True),
        ("USDT", "190", ("SELL", "LIMIT", "1.9", "100.01"), False),
        ("USDT", "200", ("BUY", "MARKET", "2"), True),
        ("USDT", "200", ("BUY", "MARKET", "2.001"), False),
        ("ETH", "0.001", ("BUY", "LIMIT", "2", "95"), True),
    ],
)
def test_asset(asset, limit, order, legal):
    """MAX_ASSET bounds the quantity of a base asset and the value in a quote asset, of one order."""
    stage = build(assets=[{"filterType": "MAX_ASSET", "asset": asset, "limit": limit}])
    if legal:
        stage.place(*order)
    else:
        with pytest.raises(FilterFailure, match="MAX_ASSET"):
            stage.place(*order)


def test_asset_of_each():
    """What other orders move of an asset does not count."""
    stage = build(assets=[{"filterType": "MAX_ASSET", "asset": "BTC", "limit": "2"}])
    for _ in range(3):
        stage.buy("2", "95")


@pytest.mark.parametrize(("amount", "legal"), [("200", True), ("200.01", False)])
def test_asset_by_value(amount, legal):
    """An order by value is asked by that value."""
    stage = build(assets=[{"filterType": "MAX_ASSET", "asset": "USDT", "limit": "200"}])
    if legal:
        stage.place("BUY", "MARKET", quote_qty=amount)
    else:
        refused(stage, "MAX_ASSET", ("BUY", "MARKET", "0", "0", {"quote_qty": amount}))
