"""Callbacks: when they are called, with what, and that they cannot break the broker."""

from __future__ import annotations

from decimal import Decimal

import pytest
from stand import START, settle, tick

from exec_plugin.core.models import Fill


def buy(broker, price=50_010, quantity="0.1"):
    """A coroutine that places a limit order; the default trades at once."""
    return broker.place_order("BTCUSDC", "BUY", "LIMIT", Decimal(quantity), Decimal(price))


def finish(coroutine):
    """Run a coroutine that never waits, without an event loop."""
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return done.value.value


async def test_fill(make):
    """A fill callback gets each execution with its commission."""
    broker, fills = make(fee_config={"taker": "0.001"}), []
    broker.register_fill_callback(fills.append)
    tick(broker)
    await buy(broker)
    amounts = (Decimal(50_010), Decimal("0.1"), Decimal(5_001), Decimal("0.0001"))
    assert fills == [Fill("1", "paper_1", "BTCUSDC", "BUY", *amounts, "BTC", is_maker=False, time=START)]
    assert fills[0].to_dict()["commission"] == "0.0001"


async def test_order(broker):
    """An order callback gets the order after each change, as it stood then."""
    seen = []
    broker.register_order_callback(lambda order: seen.append((order.status, order.filled_quantity)))
    await buy(broker)
    order = await buy(broker, 49_000)
    await broker.cancel_order(order.id)
    assert seen == [("NEW", 0), ("FILLED", Decimal("0.1")), ("NEW", 0), ("CANCELED", 0)]


def test_not_callable(broker):
    """What cannot be called is refused when it is registered."""
    with pytest.raises(TypeError, match="callback=5"):
        broker.register_fill_callback(5)


async def test_both(broker):
    """Several callbacks are called in the order of their registration."""
    seen = []
    broker.register_order_callback(lambda order: seen.append(("first", order.status)))
    broker.register_order_callback(lambda order: seen.append(("second", order.status)))
    await buy(broker, 49_000)
    assert seen == [("first", "NEW"), ("second", "NEW")]


async def test_raises(broker, caplog):
    """A callback that raises is logged; the order, the next callback and the broker go on."""
    fills = []
    broker.register_fill_callback(lambda _: 1 / 0)
    broker.register_fill_callback(fills.append)
    assert (await buy(broker)).status == "FILLED"
    assert len(fills) == 1
    assert "ZeroDivisionError" in caplog.text


async def test_coroutine(broker):
    """A coroutine function runs as a task, and may place and cancel orders."""

    async def reply(fill):
        if fill.side == "BUY":
            order = await broker.place_order(fill.symbol, "SELL", "LIMIT", fill.quantity, fill.price + 1000)
            await broker.cancel_order(order.id)
            await broker.place_order(fill.symbol, "SELL", "MARKET", fill.quantity)

    broker.register_fill_callback(reply)
    await buy(broker)
    await settle()
    statuses = [(order.side, order.status) for order in await broker.get_order_history("BTCUSDC")]
    assert statuses == [("BUY", "FILLED"), ("SELL", "CANCELED"), ("SELL", "FILLED")]


async def test_coroutine_raises(broker, caplog):
    """A coroutine that raises is logged too."""

    async def fail(_):
        raise LookupError("nothing here")

    broker.register_order_callback(fail)
    await buy(broker)
    await settle()
    assert "LookupError: nothing here" in caplog.text


def test_no_loop(broker):
    """Where no event loop runs, a coroutine callback has finished when the call returns, and those it caused too."""
    seen = []

    async def reply(fill):
        seen.append(fill.side)
        if fill.side == "BUY":
            await broker.place_order(fill.symbol, "SELL", "MARKET", fill.quantity)

    broker.register_fill_callback(reply)
    finish(buy(broker, 49_000))
    tick(broker, 48_990, 49_000, 49_000)
    assert seen == ["BUY", "SELL"]


def test_market_in_callback(broker):
    """A callback may push market data; what that fills is told after what was being told."""
    finish(buy(broker, 49_000))
    finish(buy(broker, 48_000))
    seen = []

    def push(fill):
        seen.append(fill.price)
        if fill.price == 49_000:
            tick(broker, 47_000, 48_000, 48_500)

    broker.register_fill_callback(push)
    tick(broker, 48_900, 49_000, 49_000)
    assert seen == [49_000, 48_000]
    assert finish(broker.get_open_orders()) == []


def test_place_in_callback(broker):
    """A plain callback may place an order by driving it, and a grid that refills itself does not loop for ever."""
    fills = []

    def refill(fill):
        fills.append(fill.price)
        finish(buy(broker, 49_000, "0.01"))

    finish(buy(broker, 49_000, "0.01"))
    broker.register_fill_callback(refill)
    tick(broker, 49_000, 49_001, 48_990)
    assert fills == [49_000]
