"""What the broker hands out: orders, fills and confirmations as frozen Decimal values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exec_plugin.core import values
from exec_plugin.core.orders import GENERATED

if TYPE_CHECKING:
    from exec_plugin.core import events
    from exec_plugin.core.models import Fill, Order
    from exec_plugin.core.orders import LiveOrder


def order_value(order: LiveOrder) -> Order:
    """An order as it stands now."""
    number = f"{GENERATED}{order.id}"
    return values.order_value(order, number, order.given_id or number)


def event_order(event: events.Execution) -> Order:
    """An order as it stood when the event happened."""
    number = f"{GENERATED}{event.order.id}"
    return values.event_order(event, number, event.order.given_id or number)


def fill_value(fill: events.Fill) -> Fill:
    """One execution."""
    return values.fill_value(fill, f"{GENERATED}{fill.order_id}")


class Cancellation(Mapping[str, Any]):
    """
    The answer to a cancel: true when the order was cancelled, and a mapping with the exchange's fields.

    ``order`` is the order as it now stands (None when there is no such order), ``reason`` says why it could not be
    cancelled, ``requested_at`` and ``confirmed_at`` are when the cancel was sent and answered, in ms.
    """

    __slots__ = ("_reply", "confirmed_at", "order", "reason", "requested_at")

    def __init__(self, order: Order | None, reason: str, requested_at: int, confirmed_at: int) -> None:
        self.order = order
        self.reason = reason
        self.requested_at = requested_at
        self.confirmed_at = confirmed_at
        self._reply: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        return not self.reason

    @property
    def latency_ms(self) -> int:
        """How long the cancel was on its way."""
        return self.confirmed_at - self.requested_at

    def __getitem__(self, key: str) -> Any:
        return self._fields()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())

    def __repr__(self) -> str:
        what = self.order.id if self.order is not None else "unknown order"
        return f"<Cancellation of {what}: {self.reason or 'done'}, {self.latency_ms} ms>"

    def _fields(self) -> dict[str, Any]:
        if self._reply is None:
            # most callers only ask whether it is true
            self._reply = _cancel_reply(self.order, self.confirmed_at) if self.order is not None else {}
        return self._reply


def _cancel_reply(order: Order, now: int) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": f"cancel_{order.id}",
        "transactTime": now,
        "price": f"{order.price or 0:.8f}",
        "origQty": f"{order.quantity:.8f}",
        "executedQty": f"{order.filled_quantity:.8f}",
        "cummulativeQuoteQty": f"{order.filled_quote:.8f}",
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }
