"""Typed usages of the public API: never run, only type-checked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, assert_type

import exec_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.models import Order

assert_type(exec_plugin.__version__, str)
exec_plugin.instal()  # type: ignore[attr-defined]

install: Callable[[], None] = exec_plugin.install


async def broker() -> None:
    """The seed's calls take Decimals and give orders."""
    paper = exec_plugin.PaperBroker(initial_balances={"USDC": Decimal(10_000)})
    paper.update_market_data("BTCUSDC", Decimal(49_990), Decimal(50_010), Decimal(50_000), Decimal(100))
    order = await paper.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(49_000))
    assert_type(order, Order)
    await paper.cancel_order("BTCUSDC", order.id)
    await paper.cancel_order(order.id)
    assert_type(await paper.get_open_orders(), list[Order])
    assert_type(await paper.get_order_history("BTCUSDC", limit=50), list[Order])
