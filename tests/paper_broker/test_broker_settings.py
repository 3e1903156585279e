"""What a broker can be built from."""

from __future__ import annotations

from decimal import Decimal

import pytest
from stand import holdings

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.symbols import default_symbol
from exec_plugin.paper_broker import PaperBroker

ENTRY = {"symbol": "BTCUSDC", "baseAsset": "BTC", "quoteAsset": "USDC", "filters": []}


class Info:
    """Exchange information as BinanceClient hands it out."""

    def __init__(self, info):
        self.info = info


class Record:
    """Exchange information that makes a dict of itself."""

    def to_dict(self):
        return {"symbols": [ENTRY]}


@pytest.mark.parametrize(
    "info",
    [{"symbols": [ENTRY]}, [ENTRY], (ENTRY,), ENTRY, Info({"symbols": [ENTRY]}), Record(), [default_symbol("BTCUSDC")]],
)
def test_exchange_info(make, info):
    """Exchange information comes in every form that callers have."""
    assert list(make(exchange_info=info)._venue.markets) == ["BTCUSDC"]


@pytest.mark.parametrize("info", [None, {}, [], {"symbols": []}])
async def test_no_exchange_info(make, info):
    """Without symbols every symbol can be traded, down to the eighth decimal."""
    broker = make(exchange_info=info)
    order = await broker.place_order("BTCUSDC", "BUY", "LIMIT", "0.00000001", "0.00000001")
    assert order.status == "NEW"


@pytest.mark.parametrize("info", [5, "BTCUSDC", ["BTCUSDC"], {"symbols": 5}, [{"symbol": "btc"}]])
def test_bad_exchange_info(make, info):
    """What is no exchange information is refused."""
    with pytest.raises(ConfigError):
        make(exchange_info=info)


@pytest.mark.parametrize(
    ("fees", "maker", "taker"),
    [
        (None, 100_000, 100_000),
        ({"maker": Decimal("0.0002"), "taker": "0.0004"}, 20_000, 40_000),
        ({"maker_fee": "0.0002", "taker_fee": "0.0004"}, 20_000, 40_000),
        ({"maker": 0}, 0, 100_000),
        (Rates("0.0002", "0.0004"), 20_000, 40_000),
        (BinanceFees(Rates("0.0002", "0.0004")), 20_000, 40_000),
    ],
)
def test_fees(make, fees, maker, taker):
    """Fees come as a dict under either name, as rates, or as a model."""
    standard = make(fee_config=fees)._venue.fees.standard
    assert (standard.maker, standard.taker) == (maker, taker)


@pytest.mark.parametrize(
    ("fees", "error", "text"),
    [
        ({"takr": "0.1"}, ConfigError, "did you mean 'taker'"),
        ({"taker": "1.5"}, ConfigError, "1.5"),
        ({"taker": 0.001}, TypeError, "float"),
        (5, ConfigError, "fee_config"),
    ],
)
def test_bad_fees(make, fees, error, text):
    """Fees that cannot be are refused with what was meant."""
    with pytest.raises(error, match=text):
        make(fee_config=fees)


async def test_balances(make):
    """Balances may be large, small, ints and texts."""
    broker = make({"SHIB": 10**15, "BTC": "0.00000001", "USDC": Decimal(0)})
    assert await holdings(broker) == {"SHIB": (10**15, 0), "BTC": (Decimal("1e-8"), 0), "USDC": (0, 0)}


@pytest.mark.parametrize("amount", ["-1", "NaN", "sNaN", "Infinity", "1e-9", "1e40", "x"])
def test_bad_balance(make, amount):
    """A balance that cannot be is refused with its asset."""
    with pytest.raises(ConfigError, match="BTC"):
        make({"BTC": amount})


def test_float_balance(make):
    """Floats are refused."""
    with pytest.raises(TypeError, match=r"USDC=0\.1"):
        make({"USDC": 0.1})


def test_bad_fill_model(make):
    """An unknown fill model is refused."""
    with pytest.raises(ConfigError, match="queue"):
        make(fill_model="magic")


def test_wall_clock():
    """Without a clock the broker's time is the wall's."""
    broker = PaperBroker({"USDC": 1})
    assert broker._venue.now > 1_700_000_000_000
