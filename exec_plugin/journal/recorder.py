"""Notes what a venue changes of the accounts that are written down, and puts it into words when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.events import BalanceChange, Execution
from exec_plugin.core.venue.state import list_state, order_state, place, turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.events import Event
    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.venue import Venue


class Changes:
    """What has changed of one account since it was last written down, and how far its records were."""

    __slots__ = ("account", "assets", "fills", "groups", "is_any", "orders", "places", "prevented", "turns")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.orders: dict[int, LiveOrder] = {}
        self.groups: dict[int, OrderList] = {}
        self.assets: set[str] = set()
        self.turns: dict[int, Sequence[int]] = {}
        #: where open orders stood when they were last written down
        self.places: dict[int, tuple[int | None, int, int]] = {}
        self.is_any = False
        self.fills = {symbol: len(desk.records) for symbol, desk in account.desks.items()}
        self.prevented = {symbol: len(desk.prevented_matches) for symbol, desk in account.desks.items()}

    def add(self, order: LiveOrder) -> None:
        """An order has changed, and with it all of its list: what one locks another may give back."""
        self.is_any = True
        self.orders[order.id] = order
        if order.group is not None:
            self.groups[order.group.id] = order.group
        if order.iceberg and order.level is not None:
            self._note_turns(order)

    def _note_turns(self, order: LiveOrder) -> None:
        for each in order.level:
            if each.desk.account is self.account:
                self.orders[each.id] = each
        self.turns.update(turns(order))

    def sweep(self) -> None:
        """Look for open orders that have come forward in their queues, or follow the market, without an event."""
        places = self.places
        for desk in self.account.desks.values():
            for order in desk.open.values():
                if places.get(order.id) != place(order):
                    self.is_any = True
                    self.orders[order.id] = order

    def take(self, venue: Venue) -> dict[str, Any]:
        """All of it as the body of an entry; nothing has changed from then on."""
        account = self.account
        for group in self.groups.values():
            self.orders.update((leg.id, leg) for leg in group.legs)
        desks = {order.symbol.name: order.desk for order in self.orders.values()}
        body = self._numbers(venue, desks)
        self._note_places()
        if self.orders:
            body["orders"] = [order_state(order, self.turns.get(order.id)) for order in self.orders.values()]
        if self.groups:
            body["lists"] = [list_state(group) for group in self.groups.values()]
        if fills := _fresh(self.fills, {symbol: desk.records for symbol, desk in desks.items()}):
            body["fills"] = fills
        if prevented := _fresh(self.prevented, {symbol: desk.prevented_matches for symbol, desk in desks.items()}):
            body["prevented"] = prevented
        body["account"] = [account.updated, account.first_takes, account.first_makes]
        self.orders, self.groups, self.assets, self.is_any = {}, {}, set(), False
        return body

    def _note_places(self) -> None:
        for order in self.orders.values():
            if order.is_open:
                self.places[order.id] = place(order)
            else:
                self.places.pop(order.id, None)
                self.turns.pop(order.id, None)

    def _numbers(self, venue: Venue, desks: Mapping[str, Desk]) -> dict[str, Any]:
        balances = self.account.balances
        for desk in desks.values():
            self.assets.update((desk.base.asset, desk.quote.asset))
        held = {asset: balances[asset] for asset in self.assets}
        markets = {symbol: venue.markets[symbol] for symbol in desks}
        return {
            "now": venue.now,
            "balances": {asset: [each.free, each.locked, each.fees] for asset, each in held.items()},
            "desks": {symbol: [desk.net_base, desk.net_quote] for symbol, desk in desks.items()},
            "ids": [venue.order_id, venue.lists.last_id, venue.outbox.seq],
            "trades": {symbol: [market.trade_id, market.match_id] for symbol, market in markets.items()},
        }


def _fresh(known: dict[str, int], records: Mapping[str, Sequence[Any]]) -> dict[str, tuple[int, Sequence[Any]]]:
    """The records that are not known yet, by symbol, with the place of the first."""
    found: dict[str, tuple[int, Sequence[Any]]] = {}
    for symbol, items in records.items():
        mark = known.get(symbol, 0)
        if len(items) > mark:
            found[symbol] = (mark, items[mark:])
            known[symbol] = len(items)
    return found


class Recorder:
    """Listens to a venue for the accounts that it watches."""

    def __init__(self) -> None:
        self.watched: dict[str, Changes] = {}
        #: whether anything changed that is not written down
        self.is_dirty = False

    def __call__(self, event: Event) -> None:
        """Take one event of the venue."""
        kind = type(event)
        if kind is Execution:
            order = event.order  # type: ignore[union-attr]
            changes = self.watched.get(order.desk.account.name)
            if changes is not None:
                self.is_dirty = True
                changes.add(order)
        elif kind is BalanceChange:
            changes = self.watched.get(event.account.name)  # type: ignore[union-attr]
            if changes is not None:
                self.is_dirty = changes.is_any = True
                changes.assets.update(event.balances)  # type: ignore[union-attr]
        else:
            group = event.group  # type: ignore[union-attr]
            changes = self.watched.get(group.desk.account.name)
            if changes is not None:
                self.is_dirty = changes.is_any = True
                changes.groups[group.id] = group

    def sweep(self) -> None:
        """Note what has moved without an event."""
        for changes in self.watched.values():
            changes.sweep()
            self.is_dirty = self.is_dirty or changes.is_any
