"""Puts into words what a venue has changed of the accounts that are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.orders import STOP_KINDS
from exec_plugin.core.venue.state import list_state, order_state, place, turns
from exec_plugin.journal.entries import Step, list_line, order_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.venue import Venue


class Changes:
    """What has changed of one account since it was last written down, and how far its records were."""

    __slots__ = ("_fills", "_prevented", "_turns", "account", "groups", "orders", "places")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.orders: dict[int, LiveOrder] = {}
        self.groups: dict[int, OrderList] = {}
        #: where open orders stood when they were last written down
        self.places: dict[int, tuple[int | None, int, int]] = {}
        self._turns: dict[int, Sequence[int]] = {}
        self._fills = {symbol: len(desk.records) for symbol, desk in account.desks.items()}
        self._prevented = {symbol: len(desk.prevented_matches) for symbol, desk in account.desks.items()}

    @property
    def is_any(self) -> bool:
        """Whether there is something to write."""
        return bool(self.orders or self.groups)

    def add(self, order: LiveOrder) -> None:
        """An order has changed, and with it all of its list: what one locks another may give back."""
        self.orders[order.id] = order
        if order.group is not None:
            self.groups[order.group.id] = order.group
        is_late = order.iceberg or order.group is not None or order.kind in STOP_KINDS
        if is_late and order.level is not None:
            # its next slice, or all of it once it was triggered, may stand behind orders that came later
            self.orders.update((each.id, each) for each in order.level if each.desk.account is self.account)
            self._turns.update(turns(order))

    def sweep(self) -> None:
        """Look for open orders that have come forward in their queues, or follow the market, without an event."""
        places = self.places
        for desk in self.account.desks.values():
            for order in desk.open.values():
                if places.get(order.id) != place(order):
                    self.orders[order.id] = order

    def take(self, venue: Venue) -> Step:
        """All of it as one step; nothing has changed from then on."""
        for group in self.groups.values():
            self.orders.update((leg.id, leg) for leg in group.legs)
        desks = {order.symbol.name: order.desk for order in self.orders.values()}
        step = Step()
        assets = self._add_records(step, desks)
        step.numbers = self._numbers(venue, desks, assets)
        step.add(
            "orders", [order_line(order_state(order, self._turns.get(order.id))) for order in self.orders.values()]
        )
        if self.groups:
            step.add("lists", [list_line(list_state(group)) for group in self.groups.values()])
        self._note_places()
        self.orders, self.groups = {}, {}
        return step

    def _add_records(self, step: Step, desks: Mapping[str, Desk]) -> set[str]:
        """Add the fills and prevented matches that are new; answers whose balances they moved."""
        assets: set[str] = set()
        for symbol, desk in desks.items():
            assets.update((desk.base.asset, desk.quote.asset))
            known = self._fills.get(symbol, 0)
            if len(desk.records) > known:
                fresh = desk.records[known:]
                # a commission may be paid in a third asset
                assets.update(record[8] for record in fresh)
                step.add_records("fills", symbol, known, fresh)
                self._fills[symbol] = len(desk.records)
            known = self._prevented.get(symbol, 0)
            if len(desk.prevented_matches) > known:
                step.add_records("prevented", symbol, known, desk.prevented_matches[known:])
                self._prevented[symbol] = len(desk.prevented_matches)
        return assets

    def _note_places(self) -> None:
        for order in self.orders.values():
            if order.is_open:
                self.places[order.id] = place(order)
            else:
                self.places.pop(order.id, None)
                self._turns.pop(order.id, None)

    def _numbers(self, venue: Venue, desks: Mapping[str, Desk], assets: set[str]) -> dict[str, Any]:
        account = self.account
        held = {asset: account.balances[asset] for asset in assets}
        markets = {symbol: venue.markets[symbol] for symbol in desks}
        return {
            "now": venue.now,
            "balances": {asset: [each.free, each.locked, each.fees] for asset, each in held.items()},
            "assets": {symbol: [desk.symbol.base, desk.symbol.quote] for symbol, desk in desks.items()},
            "desks": {symbol: [desk.net_base, desk.net_quote] for symbol, desk in desks.items()},
            "ids": [venue.order_id, venue.lists.last_id, venue.outbox.seq],
            "account": [account.updated, account.first_takes, account.first_makes],
            "names": account.names,
            "trades": {symbol: [market.trade_id, market.match_id] for symbol, market in markets.items()},
        }


class Recorder:
    """Has a venue collect what changes, and sorts it by the accounts that are watched."""

    def __init__(self, venue: Venue) -> None:
        self._outbox = venue.outbox
        self._outbox.changed = {}
        self.watched: dict[str, Changes] = {}

    @property
    def is_dirty(self) -> bool:
        """Whether anything changed that is not written down."""
        return bool(self._outbox.changed or self._outbox.changed_lists)

    def collect(self) -> None:
        """Hand what the venue has collected to the accounts that it belongs to."""
        outbox = self._outbox
        changed, lists = outbox.changed or {}, outbox.changed_lists
        outbox.changed, outbox.changed_lists = {}, {}
        for order in changed.values():
            if (changes := self.watched.get(order.desk.account.name)) is not None:
                changes.add(order)
        for group in lists.values():
            if (changes := self.watched.get(group.desk.account.name)) is not None:
                changes.groups[group.id] = group

    def sweep(self) -> None:
        """Note what has moved without an event."""
        for changes in self.watched.values():
            changes.sweep()

    def forget(self) -> None:
        """Watch nobody any more; what has changed is not written down."""
        self.watched.clear()
        self.collect()

    def close(self) -> None:
        """Collect nothing any more."""
        self._outbox.changed = None
        self._outbox.changed_lists.clear()
