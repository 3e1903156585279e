"""Finding an order by whatever its owner knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.orders import GENERATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.core.ledger import Desk
    from exec_plugin.core.orders import LiveOrder

#: More digits than any id has.
_LONG = 18


def wanted(symbol: str | None, order_id: str | int | None, client_order_id: str | None) -> tuple[str | None, str]:
    """
    Symbol and id, of ``(order_id)``, ``(symbol, order_id)`` or a client id.

    Raises:
        ConfigError: without any id.
    """
    if order_id is None and client_order_id is None:
        symbol, order_id = None, symbol
    found = client_order_id if order_id is None else order_id
    if found is None:
        msg = "an order is named by order_id or client_order_id; neither was given"
        raise ConfigError(msg)
    return symbol, str(found)


def find_order(desks: Iterable[Desk], order_id: str) -> LiveOrder | None:
    """The order of an id, with or without its prefix, or of a client id."""
    digits = order_id.removeprefix(GENERATED)
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _LONG else 0
    found = None
    for desk in desks:
        order = (desk.open.get(number) or desk.find(number)) if number else None
        if order is not None:
            return order
        found = found or desk.find(client_id=order_id)
    return found
