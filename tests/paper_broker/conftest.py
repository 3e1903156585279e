"""A broker with round numbers, in virtual time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from stand import VirtualTime, tick

from exec_plugin.paper_broker import LinearSlippageModel, PaperBroker

FREE = {"maker": "0", "taker": "0"}
NO_SLIPPAGE = LinearSlippageModel("0", "0")


@pytest.fixture
def virtual():
    """Time that stands still until a test moves it."""
    return VirtualTime()


@pytest.fixture
def make(virtual):
    """Make a broker with 10,000 USDC and 1 BTC, without fees and slippage unless told."""

    def make(balances=None, exchange_info=None, fee_config=FREE, **settings):
        defaults = {"slippage_model": NO_SLIPPAGE, "clock": virtual.clock, "sleep": virtual.sleep}
        balances = {"USDC": Decimal(10_000), "BTC": Decimal(1)} if balances is None else balances
        return PaperBroker(balances, exchange_info, fee_config, **(defaults | settings))

    return make


@pytest.fixture
def broker(make):
    """That broker with a market of 49,990 to 50,010."""
    broker = make()
    tick(broker)
    return broker
