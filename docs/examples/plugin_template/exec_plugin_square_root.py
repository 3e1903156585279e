"""A plugin for exec_plugin: slippage that grows with the square root of an order's size, and a log of fills."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exec_plugin import hookimpl
from exec_plugin.core.fill_models import SlippageModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.models import Fill, MarketData, Order

log = logging.getLogger(__name__)


class SquareRoot(SlippageModel):
    """``mid x impact x sqrt(quantity / volume)`` per unit of base."""

    def __init__(self, impact: str = "0.01", volume: str = "1000") -> None:
        self.impact = Decimal(impact)
        self.volume = Decimal(volume)

    def calculate_slippage(self, order: Order, market_data: MarketData) -> Decimal:
        """In quote, never negative; the order's side decides the direction."""
        volume = market_data.volume or self.volume
        return market_data.mid_price * self.impact * (order.quantity / volume).sqrt()


@hookimpl
def exec_make_model(kind: str, name: str, params: Mapping[str, Any]) -> SquareRoot | None:
    """``slippage = {model = "square_root", impact = "0.02"}`` in the settings of a paper account."""
    return SquareRoot(**params) if (kind, name) == ("slippage", "square_root") else None


@hookimpl
def exec_fill(fill: Fill, account: str) -> None:
    """Log every execution."""
    log.warning("%s: %s %s %s at %s", account, fill.side, fill.quantity, fill.symbol, fill.price)
