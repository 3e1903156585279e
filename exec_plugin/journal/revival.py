"""An account out of the tables: numbers and open orders at once, its past when somebody looks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.events import PreventedMatch
from exec_plugin.core.venue.state import revive_list, revive_order
from exec_plugin.journal.entries import unseal
from exec_plugin.journal.late import Late, LateIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.venue import Venue
    from exec_plugin.journal.store import Store

    #: An open order and the state that says where it stood.
    Standing = tuple[LiveOrder, Sequence[Any]]


class Revival:
    """
    Fills an account with what is kept of it.

    Args:
        account: of the venue; what it holds is forgotten.
        venue: whose markets its orders come back to.
    """

    def __init__(self, account: Account, venue: Venue) -> None:
        self._account = account
        self._venue = venue
        #: by symbol, the texts of its orders, and where those with a client id stand
        self._texts: dict[str, list[str]] = {symbol: [] for symbol in venue.markets}
        self._names: dict[str, dict[str, int]] = {symbol: {} for symbol in venue.markets}
        self._grouped: dict[int, str] = {}
        self._list_texts: dict[int, str] = {}
        self._groups: dict[int, OrderList] = {}
        #: made together with another order of their list, before anybody looked at them
        self._legs: dict[int, LiveOrder] = {}

    def fill(self, store: Store, row_id: int, state: Mapping[str, Any]) -> list[Standing]:
        """
        Put numbers, orders, lists and fills into the account; answer the open orders.

        Raises:
            ConfigError: when it has open orders on a symbol that is not traded here.
        """
        standing = self._orders(store.table("orders", row_id))
        self._numbers(state)
        self._fill_desks()
        self._lists(store.table("lists", row_id))
        found = []
        for (symbol, place), text in standing:
            order = self._account.desks[symbol].orders[place]
            order.desk.open[order.id] = order
            found.append((order, unseal(text)))
        self._records(store, row_id)
        self._check()
        return found

    def _check(self) -> None:
        """
        Whether what open orders hold is what is locked.

        Raises:
            JournalError: when one is missing, or too much.
        """
        needs = dict.fromkeys(self._account.balances, 0)
        for order in self._account.open_orders:
            balance = order.desk.quote if order.is_buy else order.desk.base
            needs[balance.asset] += order.locked
            if not order.is_open:
                needs[balance.asset] = -1
        for asset, need in needs.items():
            if self._account.balances[asset].locked != need:
                raise JournalError(
                    f"account {self._account.name!r} is damaged: its open orders do not hold the {asset} that is "
                    "locked; it is left as it is. See exec-plugin account verify"
                )

    def _numbers(self, state: Mapping[str, Any]) -> None:
        account, venue = self._account, self._venue
        for balance in account.balances.values():
            balance.free = balance.locked = balance.fees = 0
        for asset, (free, locked, fees) in state["balances"].items():
            balance = account.balance(asset)
            balance.free, balance.locked, balance.fees = free, locked, fees
        account.updated, account.first_takes, account.first_makes = state["account"]
        account.touched.clear()
        for desk in account.desks.values():
            _clear(desk)
        for symbol, (net_base, net_quote) in state.get("desks", {}).items():
            if symbol in venue.markets:
                desk = account.desk(venue.markets[symbol].symbol)
                desk.net_base, desk.net_quote = net_base, net_quote
        order_id, list_id, seq = state["ids"]
        venue.order_id = max(venue.order_id, order_id)
        venue.lists.last_id = max(venue.lists.last_id, list_id)
        venue.outbox.seq = max(venue.outbox.seq, seq)
        for symbol, (trade_id, match_id) in state.get("trades", {}).items():
            if (market := venue.markets.get(symbol)) is not None:
                market.trade_id = max(market.trade_id, trade_id)
                market.match_id = max(market.match_id, match_id)

    def _orders(self, rows: Iterable[Sequence[Any]]) -> list[tuple[tuple[str, int], str]]:
        texts, names = self._texts, self._names
        standing = []
        missing = set()
        for symbol, order_id, client_id, list_id, is_open, text in rows:
            found = texts.get(symbol)
            if found is None:
                # a symbol that is not traded today: its past is there again when it is
                if is_open:
                    missing.add(symbol)
                continue
            if client_id:
                names[symbol][client_id] = len(found)
            if list_id is not None:
                self._grouped[order_id] = text
            if is_open:
                standing.append(((symbol, len(found)), text))
            found.append(text)
        if missing:
            told = ", ".join(sorted(missing))
            raise ConfigError(f"account {self._account.name!r} has open orders on {told}: add them to symbols")
        return standing

    def _fill_desks(self) -> None:
        for symbol, found in self._texts.items():
            if found:
                desk = self._account.desk(self._venue.markets[symbol].symbol)
                desk.orders = Late(found, partial(self._order, desk))
                desk.by_client_id = LateIndex(self._names[symbol], desk.orders)

    def _lists(self, rows: Iterable[Sequence[Any]]) -> None:
        account = self._account
        firsts: dict[str, int] = {}
        names: dict[str, int] = {}
        open_ones = []
        for place, (list_id, client_id, first, is_open, text) in enumerate(
            row for row in rows if row[2] in self._grouped
        ):
            firsts[text] = first
            self._list_texts[list_id] = text
            if client_id:
                names[client_id] = place
            if is_open:
                open_ones.append(place)
        account.lists = Late(firsts, lambda text: self._group(unseal(self._grouped[firsts[text]])))
        account.lists_by_client_id = LateIndex(names, account.lists)
        for place in open_ones:
            group = account.lists[place]
            group.desk.lists[group.id] = group

    def _records(self, store: Store, row_id: int) -> None:
        fills: dict[str, list[str]] = {}
        for symbol, _, text in store.table("fills", row_id):
            fills.setdefault(symbol, []).append(text)
        prevented: dict[str, list[str]] = {}
        for symbol, _, text in store.table("prevented", row_id):
            prevented.setdefault(symbol, []).append(text)
        for symbol, desk in self._account.desks.items():
            desk.records = Late(fills.get(symbol, ()), lambda text: tuple(unseal(text)))
            desk.prevented_matches = Late(
                prevented.get(symbol, ()), lambda text: PreventedMatch(*unseal(text))
            )  # fmt: skip
            desk.algo_open = sum(order.is_algo for order in desk.open.values())

    def _order(self, desk: Desk, text: str) -> LiveOrder:
        """An order of the past, which somebody looks at."""
        state = unseal(text)
        if state[25] is None:
            return revive_order(state, desk)
        self._group(state)
        return self._legs.pop(state[0])

    def _group(self, state: Sequence[Any]) -> OrderList:
        """The list of an order, with all orders of it."""
        list_id = state[25]
        group = self._groups.get(list_id)
        if group is None:
            kept = unseal(self._list_texts[list_id])
            desk = self._account.desk(self._venue.markets[state[2]].symbol)
            legs = [revive_order(unseal(self._grouped[leg]), desk) for leg in kept[3]]
            self._legs.update((leg.id, leg) for leg in legs)
            group = self._groups[list_id] = revive_list(kept, legs)
        return group


def _clear(desk: Desk) -> None:
    """Forget all of a desk."""
    desk.orders, desk.records, desk.prevented_matches = [], [], []
    desk.open, desk.lists, desk.by_client_id, desk.amendments = {}, {}, {}, {}
    desk.algo_open = desk.net_base = desk.net_quote = 0
