"""Orders that take their price from the book (faqs/pegged_orders.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import OrderRejected
from exec_plugin.core.orders import PRIMARY_PEG

if TYPE_CHECKING:
    from exec_plugin.core.matching import Market
    from exec_plugin.core.orders import LiveOrder, Peg


def peg_to_book(market: Market, order: LiveOrder, peg: Peg) -> None:
    """
    Give a pegged order the price that its level of the book has now.

    Raises:
        OrderRejected: when the book has no such level.
    """
    level = peg.offset or 0
    bids, asks = market.depth_view(level + 1)
    side = bids if order.is_buy is (peg.kind == PRIMARY_PEG) else asks
    if len(side) <= level:
        raise OrderRejected(
            "Order book liquidity is too low for this pegged order.",
            f"level {level + 1} is asked for, the book shows {len(side)}",
        )
    order.price = peg.price = side[level][0]
