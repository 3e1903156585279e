"""Orders, executions and markets as the frozen Decimal values that are handed out."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from exec_plugin.core.models import Fill, Order
from exec_plugin.core.units import DECIMALS, SCALE

if TYPE_CHECKING:
    from exec_plugin.core import events
    from exec_plugin.core.orders import LiveOrder

_PLACES = Decimal(DECIMALS)
_ROUNDING = Context(prec=60, traps=[InvalidOperation])


@lru_cache(maxsize=1 << 14)
def quick_decimal(amount: int) -> Decimal:
    """Units as a Decimal without trailing zeros; the same few amounts are asked for again and again."""
    whole, rest = divmod(amount, SCALE)
    return _ROUNDING.normalize(_ROUNDING.scaleb(Decimal(amount), -_PLACES)) if rest else Decimal(whole)


def order_value(order: LiveOrder, number: str, client_id: str) -> Order:
    """An order as it stands now, under the names that its face gives it."""
    return _order(order, (order.status, order.filled, order.quote_filled, order.updated), number, client_id)


def event_order(event: events.Execution, number: str, client_id: str) -> Order:
    """An order as it stood when the event happened."""
    return _order(event.order, (event.status, event.filled, event.quote_filled, event.time), number, client_id)


def _order(order: LiveOrder, state: tuple[str, int, int, int], number: str, client_id: str) -> Order:
    status, filled, quote_filled, updated = state
    price, stop = order.price, order.stop
    return Order(
        number,
        order.symbol.name,
        "BUY" if order.is_buy else "SELL",
        order.kind,
        quick_decimal(order.qty),
        quick_decimal(price) if price else None,
        status,
        order.tif,
        quick_decimal(filled),
        quick_decimal(quote_filled),
        quick_decimal(quote_filled * SCALE // filled) if filled else None,
        quick_decimal(stop) if stop else None,
        client_id,
        order.time,
        updated,
    )


def fill_value(fill: events.Fill, order_id: str) -> Fill:
    """One execution."""
    return Fill(
        str(fill.id),
        order_id,
        fill.symbol,
        "BUY" if fill.is_buyer else "SELL",
        quick_decimal(fill.price),
        quick_decimal(fill.qty),
        quick_decimal(fill.quote),
        quick_decimal(fill.commission),
        fill.commission_asset,
        fill.is_maker,
        fill.time,
    )
