"""Profit and loss by average cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand import tick

from exec_plugin.core.fill_models import BinanceFees
from exec_plugin.paper_broker.positions import CostBasis


async def trade(broker, side, quantity, price, symbol="BTCUSDC"):
    """Trade at exactly a price, which the last price then is."""
    tick(broker, price, price, price, symbol=symbol)
    return await broker.place_order(symbol, side, "MARKET", Decimal(quantity))


def pnl(broker, *names):
    """Some of the figures of calculate_pnl."""
    return tuple(broker.calculate_pnl("BTCUSDC")[name] for name in names)


async def test_average(make):
    """Purchases average, partial sales realise their share, and the rest is valued at the last price."""
    broker = make({"USDC": Decimal(10_000)})
    await trade(broker, "BUY", 10, 100)
    await trade(broker, "BUY", 30, 120)
    await trade(broker, "SELL", 20, 130)
    tick(broker, 139, 141, 140)
    position = broker.get_position("BTCUSDC")
    assert (position.quantity, position.average_price) == (20, 115)
    assert (position.realized_pnl, position.unrealized_pnl) == (300, 500)
    assert pnl(broker, "total_pnl", "fees") == (800, 0)


async def test_fees_base(make):
    """A commission in base makes what is left dearer."""
    broker = make({"USDC": Decimal(10_000)}, fee_config={"maker": "0", "taker": "0.01"})
    await trade(broker, "BUY", 10, 99)
    position = broker.get_position("BTCUSDC")
    assert (position.quantity, position.average_price, position.fees) == (Decimal("9.9"), 100, Decimal("9.9"))
    assert position.unrealized_pnl == Decimal("-9.9")


async def test_fees_quote(make):
    """A commission in quote lowers what a sale brings."""
    broker = make({"USDC": Decimal(10_000)}, fee_config={"maker": "0", "taker": "0.01"})
    await trade(broker, "BUY", 100, 99)
    await trade(broker, "SELL", 99, 200)
    assert broker.get_position("BTCUSDC") is None
    assert pnl(broker, "realized_pnl", "fees") == (99 * 198 - 9_900, 99 + 198)


async def test_fees_third(make):
    """A commission in a third asset counts at its value when it was paid."""
    balances = {"USDC": Decimal(10_000), "BNB": Decimal(1)}
    fees = BinanceFees(enabled_for_account=True, discount="1")
    broker = make(balances, fee_config=fees)
    tick(broker, 100, 100, 100, symbol="BNBUSDC")
    tick(broker, 1, 1, 1, symbol="BNBBTC")
    await trade(broker, "BUY", 10, 100)
    tick(broker, 500, 500, 500, symbol="BNBUSDC")
    assert pnl(broker, "quantity", "fees", "unrealized_pnl") == (10, 1, -1)


async def test_fees_unpriced(make):
    """A commission that no market values is left out of the profit and kept apart."""

    class Points:
        def commission(self, desk, received, is_maker, is_buyer):
            return 3, desk.account.balance("POINTS")

    broker = make({"USDC": Decimal(10_000), "POINTS": Decimal(1)}, fee_config=Points())
    await trade(broker, "BUY", 10, 100)
    assert pnl(broker, "fees", "total_pnl") == (0, 0)
    assert broker._ticker("BTCUSDC").position.unpriced == {"POINTS": 3}


async def test_flip(make):
    """Selling more than was bought opens a short position at the price of what went beyond."""
    broker = make({"USDC": Decimal(10_000), "BTC": Decimal(100)})
    await trade(broker, "BUY", 10, 100)
    await trade(broker, "SELL", 30, 110)
    position = broker.get_position("BTCUSDC")
    assert (position.quantity, position.average_price, position.realized_pnl) == (-20, 110, 100)
    tick(broker, 100, 100, 100)
    assert pnl(broker, "unrealized_pnl") == (200,)
    await trade(broker, "BUY", 50, 90)
    position = broker.get_position("BTCUSDC")
    assert (position.quantity, position.average_price, position.realized_pnl) == (30, 90, 500)


async def test_flat(broker):
    """What the account held at the start is no position."""
    assert broker.get_position("BTCUSDC") is None
    assert set(broker.calculate_pnl("BTCUSDC").values()) == {Decimal(0)}


async def test_mark_without_last(make):
    """While no last price was given the position is valued half way between bid and ask."""
    broker = make({"USDC": Decimal(10_000)})
    broker.update_market_data("BTCUSDC", Decimal(100), Decimal(100))
    await broker.place_order("BTCUSDC", "BUY", "MARKET", 1)
    broker.update_market_data("BTCUSDC", Decimal(100), Decimal(108))
    assert pnl(broker, "unrealized_pnl") == (4,)


AMOUNTS = st.integers(1, 10**6)


@given(st.lists(st.tuples(st.booleans(), AMOUNTS, AMOUNTS), max_size=30), AMOUNTS)
def test_conserved(fills, mark):
    """Realised and unrealised together are the cash flow plus the position's value, to the unit."""
    basis = CostBasis()
    for is_buy, base, cash in fills:
        basis.add(base if is_buy else -base, -cash if is_buy else cash)
    flow = sum(-cash if is_buy else cash for is_buy, _, cash in fills)
    held = sum(base if is_buy else -base for is_buy, base, _ in fills)
    assert basis.quantity == held
    assert basis.realized + basis.unrealized(mark) == flow + held * mark // 10**8
    assert held or not basis.cost


@pytest.mark.parametrize("first", [1, -1])
def test_closed(first):
    """A position that is closed has realised exactly what came in less what went out."""
    basis = CostBasis()
    basis.add(3 * first, -100 * first)
    basis.add(-1 * first, 30 * first)
    basis.add(-2 * first, 77 * first)
    assert (basis.quantity, basis.cost, basis.realized) == (0, 0, 7 * first)
