from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import Stage

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import (
    QUEUES,
    BinanceFees,
    LinearSlippageModel,
    NoSlippage,
    PatientQueue,
    ProportionalQueue,
    Rates,
    SlippageModel,
    UniformLatency,
)
from exec_plugin.core.models import MarketData, Order
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import FAR, SCALE, to_decimal, to_units


def test_rates():
    """The four roles of an execution each sum their two rates."""
    rates = Rates(maker="0.001", taker="0.002", buyer="0.0001", seller="0.0003")
    assert rates.of == ((230_000, 210_000), (130_000, 110_000))


@pytest.mark.parametrize("rate", ["1", "-0.001", "100"])
def test_bad_rate(rate):
    """A rate outside 0 to 1 is refused with an example."""
    with pytest.raises(ConfigError, match="means 0"):
        Rates(maker=rate)


def test_three_sets():
    """Standard, special and tax commission add up, and are paid from what is received, rounded down."""
    fees = BinanceFees(Rates(taker="0.001"), Rates(taker="0.0002", maker="0"), Rates("0", "0.0003"))
    stage = Stage(fees=fees)
    stage.quote("99", "9", "100", "9")
    order = stage.buy("0.333", "100")
    assert [fill.commission for fill in order.desk.fills] == [to_units("0.333") * 15 // 10_000]
    assert order.desk.fills[0].commission_asset == "BTC"


def test_seller_pays_quote():
    """A seller's commission is in the quote asset, and the maker's has the maker's rate."""
    stage = Stage(fees=BinanceFees(Rates(maker="0.002", taker="0.01")))
    order = stage.sell("1", "100")
    stage.sold("101", "1")
    stage.bought("101", "1")
    (fill,) = order.desk.fills
    assert (fill.is_maker, fill.commission, fill.commission_asset) == (True, to_units("0.2"), "USDT")


def _bnb_stage(balances, **options):
    symbol = default_symbol("BNBUSDT", step="0.001", min_notional="0")
    fees = BinanceFees(Rates("0.001", "0.001"), Rates("0", "0"), Rates("0.002", "0.002"), enabled_for_account=True)
    stage = Stage(symbol, balances, fees=fees, **options)
    stage.quote("500", "9", "500.5", "9")
    stage.sold("500", "1")
    return stage


def test_bnb_discount():
    """With BNB at hand the standard commission is discounted and all of it is paid in BNB at the last price."""
    stage = _bnb_stage({"USDT": "1000", "BNB": "5"})
    order = stage.place("SELL", "MARKET", "1")
    (fill,) = order.desk.fills
    # 500 USDT x (0.1 % x 0.75 + 0.2 % tax), in BNB of 500 USDT each
    assert (fill.commission, fill.commission_asset) == (to_units("0.00275"), "BNB")
    assert stage.purse(stage.alice) == {"USDT": "1500", "BNB": "3.99725"}


def test_bnb_rounded_once():
    """A commission that is less than a unit of a dear asset is still many units of BNB."""
    symbol = default_symbol("ETHBTC", step="0.0001", min_notional="0")
    fees = BinanceFees(Rates("0.001", "0.001"), enabled_for_account=True)
    stage = Stage(symbol, {"ETH": "1", "BNB": "1"}, fees=fees)
    stage.venue.list_symbol(default_symbol("BNBBTC"))
    stage.venue.trade("BNBBTC", SCALE // 100, SCALE, taker_is_seller=True)
    stage.quote("0.02", "9", "0.03", "9")
    order = stage.place("SELL", "MARKET", "0.001")
    # 0.00002 BTC x 0.1 % x 0.75 = 0.000000015 BTC, a hundred times that in BNB
    assert order.desk.fills[0].commission == to_units("0.0000015")


@pytest.mark.parametrize(("held", "asset"), [("0.00275", "BNB"), ("0.00274999", "USDT")])
def test_bnb_enough(held, asset):
    """BNB pays when there is exactly enough of it, and not with a unit less."""
    symbol = default_symbol("BTCUSDT", step="0.001", min_notional="0")
    fees = BinanceFees(Rates("0.001", "0.001"), Rates("0", "0"), Rates("0.002", "0.002"), enabled_for_account=True)
    stage = Stage(symbol, {"BTC": "1", "BNB": held}, fees=fees)
    stage.venue.list_symbol(default_symbol("BNBUSDT"))
    stage.venue.trade("BNBUSDT", 500 * SCALE, SCALE, taker_is_seller=True)
    stage.quote("500", "9", "501", "9")
    order = stage.place("SELL", "MARKET", "1")
    assert order.desk.fills[0].commission_asset == asset


def test_bnb_spent():
    """Who sells all his BNB has none to pay with: the full commission comes from what he receives."""
    stage = _bnb_stage({"USDT": "0", "BNB": "5"})
    stage.place("SELL", "MARKET", "5")
    assert stage.purse(stage.alice) == {"USDT": "2492.5", "BNB": "0"}


def test_bnb_spent_in_parts():
    """BNB that a taker needs for the rest of his order does not pay for its first part."""
    symbol = default_symbol("ETHBNB", "ETH", "BNB", step="0.001", min_notional="0")
    stage = Stage(symbol, {"BNB": "21"}, fees=BinanceFees(enabled_for_account=True))
    stage.book({}, {"10": "1", "11": "1"})
    stage.bought("10", "1")
    stage.place("BUY", "MARKET", "2")
    assert stage.purse(stage.alice) == {"BNB": "0", "ETH": "1.998"}


def test_bnb_needed_to_rest():
    """Nor does BNB that the rest of a limit order will lock."""
    symbol = default_symbol("ETHBNB", "ETH", "BNB", step="0.001", min_notional="0")
    stage = Stage(symbol, {"BNB": "20"}, fees=BinanceFees(enabled_for_account=True))
    stage.book({}, {"10": "1"})
    stage.bought("10", "1")
    stage.buy("2", "10")
    assert stage.purse(stage.alice) == {"BNB": "0+10", "ETH": "0.999"}


def test_bnb_without_market():
    """Where no market values the asset in BNB, the received asset pays."""
    stage = Stage(fees=BinanceFees(enabled_for_account=True), balances={"USDT": "1000", "BNB": "1"})
    stage.quote("99", "9", "100", "9")
    assert stage.buy("1", "100").desk.fills[0].commission_asset == "BTC"


def test_linear_slippage():
    """The seed's formula, in Decimals and in units."""
    model = LinearSlippageModel(base_slippage="0.001", size_impact="0.5")
    order = Order("", "BTCUSDT", "BUY", "MARKET", Decimal(2))
    data = MarketData("BTCUSDT", Decimal(99), Decimal(101), Decimal(100), Decimal(50))
    assert model.calculate_slippage(order, data) == Decimal("2.1")
    assert model.units("BTCUSDT", True, 2 * SCALE, 99 * SCALE, 101 * SCALE, 100 * SCALE, 50 * SCALE) == to_units("2.1")


def test_no_volume():
    """Without a known volume only the base counts."""
    model = LinearSlippageModel("0.001", "0.5")
    data = MarketData("BTCUSDT", Decimal(99), Decimal(101), Decimal(100))
    assert model.calculate_slippage(Order("", "", "BUY", "MARKET", Decimal(2)), data) == Decimal("0.1")
    assert model.units("BTCUSDT", True, 2 * SCALE, 99 * SCALE, 101 * SCALE, 100 * SCALE, 0) == to_units("0.1")


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 9))
def test_units_agree(qty, bid, spread, times):
    """The fast way and the Decimal way differ by rounding only."""
    fast = LinearSlippageModel("0.0003", "0.002")

    class Slow(SlippageModel):
        calculate_slippage = fast.calculate_slippage

    asked = ("BTCUSDT", True, qty, bid, bid + spread, bid, times * qty)
    slow = Slow().units(*asked)
    assert 0 <= slow - fast.units(*asked) <= 2 + (bid + spread) // SCALE


@pytest.mark.parametrize("value", ["-0.1", "NaN", "Infinity"])
def test_bad_slippage(value):
    """A slippage that is negative or no number is refused."""
    with pytest.raises(ConfigError, match="base_slippage"):
        LinearSlippageModel(base_slippage=value)
    with pytest.raises(ConfigError, match="size_impact"):
        LinearSlippageModel(size_impact=value)


def test_no_slippage():
    """The default adds nothing."""
    order = Order("", "BTCUSDT", "BUY", "MARKET", Decimal(1))
    assert NoSlippage().calculate_slippage(order, MarketData("BTCUSDT", *[Decimal(1)] * 3)) == 0
    assert NoSlippage().units("BTCUSDT", True, 1, 0, FAR, 0, 0) == 0


def test_negative_model():
    """A model of one's own that answers a gain is taken as none."""

    class Generous(SlippageModel):
        def calculate_slippage(self, order, market_data):
            return Decimal(-1)

    assert Generous().units("BTCUSDT", True, SCALE, SCALE, FAR, SCALE, 0) == 0


def test_latency():
    """Every leg lies between the bounds, and the same generator gives the same legs."""
    model = UniformLatency(5, 9)
    legs = [model.leg(Random(seed)) for seed in range(100)]
    assert set(legs) == {5, 6, 7, 8, 9}
    assert legs == [model.leg(Random(seed)) for seed in range(100)]


@pytest.mark.parametrize("bounds", [(-1, 5), (6, 5), (1.5, 2), (True, 2), ("1", 2), (0, None)])
def test_bad_latency(bounds):
    """Bounds that are negative, crossed or no whole numbers are refused by name."""
    with pytest.raises(ConfigError, match=r"min_ms|max_ms"):
        UniformLatency(*bounds)


quantities = st.integers(0, 10**12)


@given(quantities, quantities, quantities)
def test_shrink(ahead, before, after):
    """No model moves an order back, or behind more than is displayed; patience never beats proportion."""
    before, after = max(before, after), min(before, after)
    ahead = min(ahead, before)
    proportional = ProportionalQueue().shrink(ahead, before, after)
    patient = PatientQueue().shrink(ahead, before, after)
    assert 0 <= proportional <= patient <= min(ahead, after)
    if before:
        assert proportional >= Decimal(ahead) * after / before - 1


def test_shrink_by_half():
    """Half of the level leaves: half of those ahead did, or none of them."""
    assert ProportionalQueue().shrink(3, 10, 5) == 2
    assert PatientQueue().shrink(3, 10, 5) == 3
    assert set(QUEUES) == {"proportional", "patient"}


def test_to_decimal_of_slippage():
    """What a model sees in Decimals is what the venue holds in units."""
    seen = []

    class Curious(SlippageModel):
        def calculate_slippage(self, order, market_data):
            seen.append((order.quantity, market_data.bid, market_data.ask, market_data.last_price, market_data.volume))
            return Decimal(0)

    Curious().units("BTCUSDT", True, 1, 2, 3, 4, 5)
    assert seen == [tuple(to_decimal(value) for value in (1, 2, 3, 4, 5))]
