"""An account out of the tables: its numbers and what is open; its past stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.venue.state import LIST_LEGS, LIST_SYMBOL, ORDER_ID, SYMBOL, revive_list, revive_order
from exec_plugin.journal.entries import unseal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.venue import Venue
    from exec_plugin.journal.store import Store

    #: An open order and the state that says where it stood.
    Standing = tuple[LiveOrder, Sequence[Any]]


class Revival:
    """
    Fills an account with what is kept of it.

    Args:
        account: of the venue; what it holds is forgotten, and what is not open stays in its past.
        venue: whose markets its orders come back to.
        store: where it is kept.
        row_id: under which number.
    """

    def __init__(self, account: Account, venue: Venue, store: Store, row_id: int) -> None:
        self._account = account
        self._venue = venue
        self._store = store
        self._row_id = row_id

    def fill(self, numbers: Mapping[str, Any]) -> list[Standing]:
        """
        Put numbers, open orders and open lists into the account; answer the open orders.

        Raises:
            ConfigError: when it has open orders on a symbol that is not traded here.
            JournalError: when something is missing.
        """
        states = {row[0]: unseal(row[1]) for row in self._store.open_lines("orders", self._row_id)}
        missing = sorted({state[SYMBOL] for state in states.values()}.difference(self._venue.markets))
        if missing:
            told = ", ".join(missing)
            raise ConfigError(f"account {self._account.name!r} has open orders on {told}: add them to symbols")
        self._numbers(numbers)
        self._desks(numbers)
        orders = self._orders(states)
        self._check()
        return [(orders[number], state) for number, state in states.items()]

    def _numbers(self, numbers: Mapping[str, Any]) -> None:
        account, venue = self._account, self._venue
        for balance in account.balances.values():
            balance.free = balance.locked = balance.fees = 0
        for asset, (free, locked, fees) in numbers["balances"].items():
            balance = account.balance(asset)
            balance.free, balance.locked, balance.fees = free, locked, fees
        account.updated, account.first_takes, account.first_makes = numbers["account"]
        account.touched.clear()
        order_id, list_id, seq = numbers["ids"]
        # an older account does not tell: its names were given in the order of its orders
        account.names = numbers.get("names", order_id)
        venue.order_id = max(venue.order_id, order_id)
        venue.lists.last_id = max(venue.lists.last_id, list_id)
        venue.outbox.seq = max(venue.outbox.seq, seq)
        for symbol, (trade_id, match_id) in numbers.get("trades", {}).items():
            if (market := venue.markets.get(symbol)) is not None:
                market.trade_id = max(market.trade_id, trade_id)
                market.match_id = max(market.match_id, match_id)

    def _desks(self, numbers: Mapping[str, Any]) -> None:
        account, venue, store = self._account, self._venue, self._store
        for desk in account.desks.values():
            desk.begin()
        for symbol, (net_base, net_quote) in numbers.get("desks", {}).items():
            # a symbol that is not traded today: its past is there again when it is
            if symbol in venue.markets:
                desk = account.desk(venue.markets[symbol].symbol)
                desk.begin(*(store.length(table, self._row_id, symbol) for table in ("orders", "fills", "prevented")))
                desk.net_base, desk.net_quote = net_base, net_quote

    def _orders(self, open_ones: Mapping[int, Sequence[Any]]) -> dict[int, LiveOrder]:
        """The open orders, and those of open lists that are over, by their ids."""
        account, markets = self._account, self._venue.markets
        lists = [unseal(row[1]) for row in self._store.open_lines("lists", self._row_id)]
        lists = [state for state in lists if state[LIST_SYMBOL] in markets]
        legs = {leg for state in lists for leg in state[LIST_LEGS]}.difference(open_ones)
        over = [unseal(text) for _, text in self._store.lines_of("orders", self._row_id, legs)]
        states = sorted([*open_ones.values(), *over], key=_id)
        orders = {state[ORDER_ID]: revive_order(state, account.desk(markets[state[SYMBOL]].symbol)) for state in states}
        account.lists, account.lists_by_client_id = [], {}
        for state in lists:
            group = revive_list(state, [orders[leg] for leg in state[LIST_LEGS]])
            account.lists.append(group)
            group.desk.lists[group.id] = group
            if group.given_id:
                account.lists_by_client_id[group.given_id] = group
        for order in orders.values():
            order.desk.hold((order,))
        return orders

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
        for asset, need in needs.items():
            if self._account.balances[asset].locked != need:
                raise JournalError(
                    f"account {self._account.name!r} is damaged: its open orders do not hold the {asset} that is "
                    "locked; it is left as it is. See exec-plugin account verify"
                )


def _id(state: Sequence[Any]) -> int:
    number: int = state[ORDER_ID]
    return number
