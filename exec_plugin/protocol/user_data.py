"""What the user-data stream tells: the payloads of user-data-stream.md, made of the venue's events."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import BalanceChange, Execution, ListChange
from exec_plugin.core.orders import ALL_DONE, EXECUTING
from exec_plugin.core.units import SCALE, to_text
from exec_plugin.protocol.render import NO_TRADE_GROUP, list_id, pegged

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Event
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.departures import Departures

_ZERO = to_text(0)
#: What an order remembers of its request, and under which names reports show it.
_REMEMBERED = (("strategyId", "j"), ("strategyType", "J"), ("workingFloor", "k"), ("usedSor", "uS"))
#: How many events are kept for those who read them later.
KEPT_EVENTS = 100_000


def payload(event: Event) -> dict[str, Any]:
    """The JSON of one event."""
    if isinstance(event, Execution):
        return execution_report(event)
    return list_status(event) if isinstance(event, ListChange) else account_position(event)


def execution_report(event: Execution) -> dict[str, Any]:
    """An order update."""
    order, fill = event.order, event.fill
    report: dict[str, Any] = {
        "e": "executionReport",
        "E": event.time,
        "s": order.symbol.name,
        "c": event.cancel_id or order.client_id,
        "S": "BUY" if order.is_buy else "SELL",
        "o": order.kind,
        "f": order.tif,
        "q": to_text(order.qty),
        "p": to_text(order.price if order.peg is None else order.peg.given),
        "P": to_text(order.stop),
        "F": to_text(order.iceberg or 0),
        "g": list_id(order),
        "C": event.former_id,
        "x": event.kind,
        "X": event.status,
        "r": "NONE",
        "i": order.id,
        "l": to_text(fill.qty) if fill else _ZERO,
        "z": to_text(event.filled),
        "L": to_text(fill.price) if fill else _ZERO,
        "n": to_text(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": event.time,
        "t": fill.id if fill else -1,
        "I": event.seq,
        "w": event.working,
        "m": fill.is_maker if fill else False,
        "M": bool(fill),
        "O": order.time,
        "Z": to_text(event.quote_filled),
        "Y": to_text(fill.quote) if fill else _ZERO,
        "Q": to_text(order.quote_qty),
    }
    if event.since >= 0:
        report["W"] = event.since
    report["V"] = order.stp
    for name, key in _REMEMBERED:
        if order.extra and name in order.extra:
            report[key] = order.extra[name]
    if order.trail is not None:
        report["d"], report["D"] = order.trail.delta, order.trail.since
    if order.peg is not None:
        report.update({_PEGGED[name]: value for name, value in pegged(order.peg).items()})
    if event.prevented:
        report.update(_prevention(event))
    if event.reason:
        report["eR"] = event.reason
    return report


#: The fields of a pegged order (user-data-stream.md, Conditional Fields in Execution Report).
_PEGGED = {"pegPriceType": "gP", "pegOffsetType": "gOT", "pegOffsetValue": "gOV", "peggedPrice": "gp"}


def list_status(event: ListChange) -> dict[str, Any]:
    """An order list that was placed, changed or is done."""
    group = event.group
    name = group.desk.symbol.name
    return {
        "e": "listStatus",
        "E": event.time,
        "s": name,
        "g": group.id,
        "c": group.kind,
        "l": event.status,
        "L": ALL_DONE if event.status == ALL_DONE else EXECUTING,
        "r": "NONE",
        "C": group.client_id,
        "T": event.time,
        "O": [{"s": name, "i": order_id, "c": client_id} for order_id, client_id in event.legs],
    }


def _prevention(event: Execution) -> dict[str, Any]:
    """What self-trade prevention has taken from an order and, where it is reported, the match that it kept from it."""
    match = event.match
    fields: dict[str, Any] = {"A": to_text(event.prevented)}
    if match is not None:
        is_taker = event.order.id == match.taker_id
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


def account_position(event: BalanceChange) -> dict[str, Any]:
    """The balances that a command or a market event may have changed."""
    return {
        "e": "outboundAccountPosition",
        "E": event.time,
        "u": event.time,
        "B": [
            {"a": asset, "f": to_text(free), "l": to_text(locked)} for asset, (free, locked) in event.balances.items()
        ],
    }


def account_of(event: Event) -> str:
    """Whose event it is."""
    if isinstance(event, BalanceChange):
        account = event.account
    else:
        account = (event.order if isinstance(event, Execution) else event.group).desk.account
    name: str = account.name
    return name


class UserDataHub:
    """Hands a venue's events to those who listen to their account; costs nothing while nobody does."""

    def __init__(self, venue: Venue, departures: Departures) -> None:
        self._venue = venue
        self._departures = departures
        self._sinks: dict[str, list[Callable[[dict[str, Any]], None]]] = {}
        #: how often an event is told by its name, where faults are rehearsed
        self.copies: Callable[[str], int] | None = None

    def subscribe(self, account: str, sink: Callable[[dict[str, Any]], None]) -> None:
        """Send an account's payloads to ``sink`` from now on."""
        if not self._sinks:
            self._venue.listeners.append(self._on_event)
        self._sinks.setdefault(account, []).append(sink)

    def unsubscribe(self, account: str, sink: Callable[[dict[str, Any]], None]) -> None:
        """Send nothing to ``sink`` any more; may be called again."""
        sinks = self._sinks.get(account, [])
        if sink not in sinks:
            return
        sinks.remove(sink)
        if not sinks:
            del self._sinks[account]
        if not self._sinks:
            self._venue.listeners.remove(self._on_event)

    @property
    def subscriptions(self) -> int:
        """How many listen."""
        return sum(map(len, self._sinks.values()))

    def _on_event(self, event: Event) -> None:
        sinks = self._sinks.get(account_of(event))
        if sinks:
            told = payload(event)
            copies = self.copies(told["e"]) if self.copies is not None else 1
            # a sink may end its own subscription
            for sink in tuple(sinks) * copies:
                self._departures.leave(partial(sink, told))


class UserDataLog:
    """Listens to a venue and keeps each account's latest payloads, numbered from 1."""

    def __init__(self) -> None:
        self._events: dict[str, deque[tuple[int, dict[str, Any]]]] = {}
        self._last: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        """Take one event of the venue."""
        name = account_of(event)
        number = self._last[name] = self._last.get(name, 0) + 1
        self._events.setdefault(name, deque(maxlen=KEPT_EVENTS)).append((number, payload(event)))

    def after(self, account: str, number: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """The kept events of an account with a higher number, oldest first, and the newest number there is."""
        # from the newest back: who polls wants the last few of many
        wanted = takewhile(lambda entry: entry[0] > number, reversed(self._events.get(account, ())))
        return list(wanted)[::-1], self._last.get(account, 0)
