"""The payloads of user-data-stream.md, made of what a venue's chronicle has noted: live and told again alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import PreventedMatch
from exec_plugin.core.orders import ALL_DONE, EXECUTING
from exec_plugin.core.units import SCALE, to_text
from exec_plugin.core.venue.chronicle import BALANCES, REPORT, packed, unpacked
from exec_plugin.protocol.render import NO_TRADE_GROUP

if TYPE_CHECKING:
    from exec_plugin.core.events import Event
    from exec_plugin.core.venue.chronicle import Record

_ZERO = to_text(0)
#: What an order remembers of its request, and under which names reports show it.
_REMEMBERED = (("strategyId", "j"), ("strategyType", "J"), ("workingFloor", "k"), ("usedSor", "uS"))
#: What reports without any of it say: reason, id of the cancel, former id, prevented quantity and match.
_PLAIN = ("", "", "", 0, None)
#: What was not executed: as a `Fill`.
_NO_FILL = (-1, 0, "", 0, 0, 0, 0, 0, None, False, False)
#: What orders without any of it are: iceberg, quote quantity, self-trade prevention, list, extra, trail, peg.
_SIMPLE = (0, 0, "NONE", None, None, None, None)


def payload(event: Event) -> dict[str, Any]:
    """The JSON of one event."""
    return rendered(unpacked(packed((event,)))[0])


def rendered(record: Record) -> dict[str, Any]:
    """The JSON of a record."""
    kind = record[0]
    if kind == REPORT:
        return _execution_report(record)
    return _account_position(record) if kind == BALANCES else _list_status(record)


def _execution_report(record: Record) -> dict[str, Any]:
    """An order update."""
    _, seq, time, kind, status, filled, quote_filled, working, fill, since, rest, order = record
    number, client_id, symbol, is_buy, order_kind, tif, qty, price, stop, placed, more = order
    reason, cancel_id, former_id, prevented, match = rest or _PLAIN
    iceberg, quote_qty, stp, list_id, extra, trail, peg = more or _SIMPLE
    trade_id, _, _, _, fill_price, fill_qty, fill_quote, commission, asset, _, is_maker = fill or _NO_FILL
    report: dict[str, Any] = {
        "e": "executionReport",
        "E": time,
        "s": symbol,
        "c": cancel_id or client_id,
        "S": "BUY" if is_buy else "SELL",
        "o": order_kind,
        "f": tif,
        "q": to_text(qty),
        "p": to_text(price if peg is None else peg[_GIVEN]),
        "P": to_text(stop),
        "F": to_text(iceberg or 0),
        "g": -1 if list_id is None else list_id,
        "C": former_id,
        "x": kind,
        "X": status,
        "r": "NONE",
        "i": number,
        "l": to_text(fill_qty),
        "z": to_text(filled),
        "L": to_text(fill_price),
        "n": to_text(commission) if fill else "0",
        "N": asset,
        "T": time,
        "t": trade_id,
        "I": seq,
        "w": bool(working),
        "m": bool(is_maker),
        "M": bool(fill),
        "O": placed,
        "Z": to_text(quote_filled),
        "Y": to_text(fill_quote),
        "Q": to_text(quote_qty),
    }
    if since >= 0:
        report["W"] = since
    report["V"] = stp
    for name, key in _REMEMBERED:
        if extra and name in extra:
            report[key] = extra[name]
    if trail is not None:
        report["d"], report["D"] = trail
    if peg is not None:
        report.update(_pegged(*peg))
    if prevented:
        report.update(_prevention(number, prevented, match))
    if reason:
        report["eR"] = reason
    return report


#: Where a peg's record has the price that was sent.
_GIVEN = 2


def _pegged(kind: str, offset: int | None, _given: int, price: int) -> dict[str, Any]:
    """The fields of a pegged order (user-data-stream.md, Conditional Fields in Execution Report)."""
    found: dict[str, Any] = {"gP": kind}
    if offset is not None:
        found |= {"gOT": "PRICE_LEVEL", "gOV": offset}
    if price:
        found["gp"] = to_text(price)
    return found


def _list_status(record: Record) -> dict[str, Any]:
    """An order list that was placed, changed or is done."""
    _, time, name, number, kind, status, client_id, legs = record
    return {
        "e": "listStatus",
        "E": time,
        "s": name,
        "g": number,
        "c": kind,
        "l": status,
        "L": ALL_DONE if status == ALL_DONE else EXECUTING,
        "r": "NONE",
        "C": client_id,
        "T": time,
        "O": [{"s": name, "i": order_id, "c": leg_client_id} for order_id, leg_client_id in legs],
    }


def _prevention(number: int, prevented: int, record: Record | None) -> dict[str, Any]:
    """What self-trade prevention has taken from an order and, where it is reported, the match that it kept from it."""
    fields: dict[str, Any] = {"A": to_text(prevented)}
    if record is not None:
        match = PreventedMatch(*record)
        is_taker = number == match.taker_id
        fields |= {
            "v": match.id,
            "B": to_text(match.taker_qty if is_taker else match.maker_qty),
            "u": NO_TRADE_GROUP,
            "U": match.maker_id if is_taker else match.taker_id,
            "Cs": match.symbol,
            "pl": to_text(match.qty),
            "pL": to_text(match.price),
            "pY": to_text(match.price * match.qty // SCALE),
        }
    return fields


def _account_position(record: Record) -> dict[str, Any]:
    """The balances that a command or a market event may have changed."""
    _, time, *held = record
    return {
        "e": "outboundAccountPosition",
        "E": time,
        "u": time,
        "B": [
            {"a": asset, "f": to_text(free), "l": to_text(locked)}
            for asset, free, locked in zip(held[::3], held[1::3], held[2::3], strict=True)
        ],
    }


#: The fields that hold moments in events and in what is said about a session.
_MOMENTS = frozenset(("E", "T", "O", "W", "D", "u", "serverTime", "authorizedSince", "connectedSince", "retryAfter"))


def in_micros(event: Any) -> Any:
    """An event with its moments in microseconds."""
    if not isinstance(event, dict):
        return event
    return {
        name: value * 1000 if name in _MOMENTS and isinstance(value, int) and value > 0 else value
        for name, value in event.items()
    }
