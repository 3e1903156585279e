"""Order arguments, read: any case, enums too, and Binance's refusal for what does not belong together."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.orders import FOK, GTC, IOC, LIMIT, LIMIT_MAKER, MARKET
from exec_plugin.paper_broker.amounts import units

if TYPE_CHECKING:
    from collections.abc import Collection

    from exec_plugin.paper_broker.amounts import Amount

#: What may name a side, a type or a time in force.
Name = str | Enum

_SIDES: dict[Name, bool] = {"BUY": True, "SELL": False}
_TIMES = frozenset((GTC, IOC, FOK))
#: type -> whether it has a limit price, a stop price, a time in force
_TYPES = {
    LIMIT: (True, False, True),
    MARKET: (False, False, False),
    LIMIT_MAKER: (True, False, False),
    "STOP_LOSS": (False, True, False),
    "STOP_LOSS_LIMIT": (True, True, True),
    "TAKE_PROFIT": (False, True, False),
    "TAKE_PROFIT_LIMIT": (True, True, True),
}
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_.:/]{1,36}")


class Request(NamedTuple):
    """An order in units, as the venue takes it; 0 stands for what it does not have."""

    is_buy: bool
    kind: str
    qty: int
    price: int
    tif: str
    stop: int
    quote_qty: int
    client_id: str


def read_order(  # noqa: PLR0917  # the arguments of place_order, as they came
    side: Name,
    order_type: Name,
    quantity: Amount | None,
    price: Amount | None,
    time_in_force: Name,
    stop_price: Amount | None,
    quote_quantity: Amount | None,
    client_id: str | None,
) -> Request:
    """
    The arguments of an order as the venue takes them.

    Raises:
        RequestRejected: with Binance's code for what is missing, superfluous or malformed.
        TypeError: for a float.
    """
    is_buy = read_side(side)
    kind = (
        order_type
        if type(order_type) is str and order_type in _TYPES
        else _one_of(_TYPES, order_type, -1116, "orderType")
    )
    tif = (
        time_in_force
        if type(time_in_force) is str and time_in_force in _TIMES
        else _one_of(_TIMES, time_in_force, -1115, "timeInForce")
    )
    has_price, has_stop, has_time = _TYPES[kind]
    if not has_time and tif != GTC:
        raise _superfluous("timeInForce", kind)
    return Request(
        is_buy,
        kind,
        _given("quantity", quantity, kind) if quote_quantity is None else 0,
        _given("price", price, kind) if has_price else _absent("price", price, kind),
        tif,
        _given("stopPrice", stop_price, kind) if has_stop else _absent("stopPrice", stop_price, kind),
        0 if quote_quantity is None else _by_value(kind, quantity, quote_quantity),
        "" if client_id is None else _read_client_id(client_id),
    )


def read_side(side: Name) -> bool:
    """
    Whether a side is the buyer's.

    Raises:
        RequestRejected: -1117 when it is no side.
    """
    found = _SIDES.get(side)
    return _SIDES[_one_of(("BUY", "SELL"), side, -1117, "side")] if found is None else found


def _one_of(legal: Collection[str], value: object, code: int, what: str) -> str:
    """The legal name that a text in any case, or an enum by its value or name, means."""
    names = (value.value, value.name) if isinstance(value, Enum) else (value,)
    for name in names:
        if str(name).upper() in legal:
            return str(name).upper()
    raise RequestRejected(code, f"Invalid {what}.", f"{value!r} is none of {', '.join(sorted(legal))}")


def _given(name: str, value: Amount | None, kind: str) -> int:
    if value is None:
        msg = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise RequestRejected(-1102, msg, f"{kind} orders need it")
    return units(name, value)


def _absent(name: str, value: object, kind: str) -> int:
    if value is not None:
        raise _superfluous(name, kind)
    return 0


def _by_value(kind: str, quantity: object, quote_quantity: Amount) -> int:
    if kind != MARKET:
        raise _superfluous("quoteOrderQty", kind)
    if quantity is not None:
        msg = "Combination of optional parameters invalid."
        raise RequestRejected(-1128, msg, "give quantity or quote_order_quantity, and None for the other")
    return units("quoteOrderQty", quote_quantity)


def _superfluous(name: str, kind: str) -> RequestRejected:
    return RequestRejected(-1106, f"Parameter '{name}' sent when not required.", f"{kind} orders have none")


def _read_client_id(text: str) -> str:
    if not isinstance(text, str) or not _CLIENT_ID.fullmatch(text):
        legal = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
        msg = f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{legal}'."
        raise RequestRejected(-1100, msg, f"{text!r} is not such a text")
    return text
