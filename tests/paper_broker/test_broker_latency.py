"""Latency, in virtual time: what happens while a command is on its way."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from stand import START, holdings, settle, tick

from exec_plugin.core.errors import ConfigError, OrderRejected


@pytest.fixture
def slow(broker):
    """A broker whose every command takes 50 ms."""
    broker.set_latency_simulation(50, 50)
    return broker


def start(coroutine):
    """Send a command without waiting for its answer."""
    return asyncio.ensure_future(coroutine)


async def test_order_arrives_later(slow, virtual):
    """An order trades in the market that it finds on arrival."""
    order = start(slow.place_order("BTCUSDC", "BUY", "MARKET", Decimal("0.1")))
    await virtual.advance(49)
    assert not order.done()
    tick(slow, 50_990, 51_010, 51_000)
    await virtual.advance(1)
    order = await order
    assert (order.average_price, order.created_at) == (51_010, START + 50)


async def test_cancel_loses(slow, virtual):
    """A cancel that arrives after the fill is answered with false."""
    order = start(slow.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.1"), Decimal(49_000)))
    await virtual.advance(50)
    cancel = start(slow.cancel_order((await order).id))
    await virtual.advance(20)
    tick(slow, 48_990, 49_000, 48_995)
    await virtual.advance(30)
    answer = await cancel
    assert not answer
    assert (answer["status"], answer.latency_ms) == ("FILLED", 50)


async def test_cancel_wins(slow, virtual):
    """A cancel that arrives before the market moves is in time, and tells how long it took."""
    order = start(slow.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.1"), Decimal(49_000)))
    await virtual.advance(50)
    cancel = start(slow.cancel_order((await order).id))
    await virtual.advance(50)
    tick(slow, 48_990, 49_000, 48_995)
    answer = await cancel
    assert answer
    assert (answer.requested_at, answer.confirmed_at) == (START + 50, START + 100)


async def test_reserved(slow, virtual):
    """Money of an order on its way is set aside, and the order's own on arrival."""
    order = start(slow.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.1"), Decimal(49_000)))
    await virtual.advance(10)
    assert (await holdings(slow))["USDC"] == (5_100, 4_900)
    assert await slow.get_open_orders() == []
    await virtual.advance(40)
    await order
    assert (await holdings(slow))["USDC"] == (5_100, 4_900)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("amount", [{"quantity": Decimal("0.1")}, {"quantity": None, "quote_order_quantity": 4_999}])
async def test_reserved_market(slow, virtual, side, amount):
    """A market order sets aside what it would cost now, also when it is given by value."""
    order = start(slow.place_order("BTCUSDC", side, "MARKET", **amount))
    await virtual.advance(10)
    locked = {asset: locked for asset, (_, locked) in (await holdings(slow)).items() if locked}
    await virtual.advance(40)
    assert (await order).status == "FILLED"
    asset, least = ("USDC", 4_998) if side == "BUY" else ("BTC", Decimal("0.0999"))
    assert list(locked) == [asset]
    assert least <= locked[asset] <= least * Decimal("1.01")
    assert all(locked == 0 for _, locked in (await holdings(slow)).values())


async def test_same_money_twice(slow, virtual):
    """Two orders on their way cannot spend the same money; the one sent first has it."""
    first, second = (
        start(slow.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.2"), Decimal(40_000))) for _ in range(2)
    )
    await virtual.advance(50)
    assert (await first).status == "NEW"
    with pytest.raises(OrderRejected, match="insufficient balance"):
        await second


async def test_given_up(slow, virtual):
    """A caller that stops waiting takes its reservation with it."""
    order = start(slow.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.1"), Decimal(49_000)))
    await virtual.advance(10)
    order.cancel()
    await settle()
    assert await holdings(slow) == {"USDC": (10_000, 0), "BTC": (1, 0)}


async def test_bad_arguments_at_once(slow):
    """What is wrong with an order whatever the market says is said before it leaves."""
    with pytest.raises(TypeError):
        await slow.place_order("BTCUSDC", "BUY", "LIMIT", 0.1, Decimal(1))


async def test_seed(make, virtual):
    """The same seed draws the same delays, within the bounds."""
    drawn = []
    for _ in range(2):
        broker = make(seed=7)
        broker.set_latency_simulation(10, 100)
        for _ in range(20):
            cancel = start(broker.cancel_order("1"))
            await virtual.advance(100)
            drawn.append((await cancel).latency_ms)
    assert drawn[:20] == drawn[20:]
    assert 10 <= min(drawn) < max(drawn) <= 100


async def test_off(slow):
    """0 and 0 end it."""
    slow.set_latency_simulation(0, 0)
    assert not await slow.cancel_order("1")


@pytest.mark.parametrize("bounds", [(-1, 5), (6, 5), (1.5, 5), (0, True), ("1", 5), (None, None)])
def test_bad_bounds(broker, bounds):
    """Bounds must be whole milliseconds in order, and refused ones leave the latency as it was."""
    broker.set_latency_simulation(1, 2)
    with pytest.raises(ConfigError):
        broker.set_latency_simulation(*bounds)
    assert broker._latency.max_ms == 2
