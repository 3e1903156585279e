"""
Who owns what: balances, orders and fills of the paper accounts.

Nothing is created or lost: what the accounts hold, plus the commissions they paid (``Balance.fees``), less what their
desks traded (``Desk.net_base``, ``Desk.net_quote``) is what was deposited.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, OrderRejected
from exec_plugin.core.events import Fill
from exec_plugin.core.history import NO_PAST, History
from exec_plugin.core.orders import GENERATED, GENERATED_LIST, PENDING_NEW
from exec_plugin.core.units import FAR, SCALE, short_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exec_plugin.core.events import PreventedMatch
    from exec_plugin.core.history import Past
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.symbols import Symbol


class Balance:
    """Free and locked units of one asset in one account, and the commissions paid in it."""

    __slots__ = ("asset", "fees", "free", "locked")

    def __init__(self, asset: str, free: int = 0) -> None:
        self.asset = asset
        self.free = free
        self.locked = 0
        self.fees = 0

    def __repr__(self) -> str:
        return f"<Balance {self.asset} free={short_text(self.free)} locked={short_text(self.locked)}>"


class Desk:
    """
    One account's orders and fills on one symbol, with the two balances they move.

    ``orders`` holds all of them, oldest first; ``open`` those that can still trade, by id. ``lists`` are the open
    order lists by id. ``held`` are orders in memory, by id, whose place in ``orders`` is in the past already.
    ``net_base`` and ``net_quote`` are what trading brought in or cost, before commissions.
    """

    __slots__ = (
        "_vacated", "account", "algo_open", "base", "by_client_id", "held", "lists", "net_base", "net_quote", "open",
        "orders", "prevented_matches", "quote", "records", "symbol",
    )  # fmt: skip

    def __init__(self, account: Account, symbol: Symbol) -> None:
        self.account = account
        self.symbol = symbol
        self.base = account.balance(symbol.base)
        self.quote = account.balance(symbol.quote)
        self.begin()

    def begin(self, orders: int = 0, fills: int = 0, prevented: int = 0) -> None:
        """Start without anything but a past of so many orders, executions and prevented matches."""
        past = self.account.past
        self.orders: History[LiveOrder] = History(partial(past.orders, self), orders)
        self.open: dict[int, LiveOrder] = {}
        self.held: dict[int, LiveOrder] = {}
        self.lists: dict[int, OrderList] = {}
        #: the fields of the fills; plain tuples of numbers are cheap to keep by the million
        self.records: History[tuple[Any, ...]] = History(partial(past.fills, self), fills)
        #: orders in memory by the client ids that they were the last to be given
        self.by_client_id: dict[str, LiveOrder] = {}
        self._vacated: set[str] = set()
        self.prevented_matches: History[PreventedMatch] = History(partial(past.prevented, self), prevented)
        self.algo_open = 0
        self.net_base = 0
        self.net_quote = 0

    @property
    def fills(self) -> list[Fill]:
        """All executions, oldest first."""
        return self.fills_since(0)

    def fills_since(self, position: int) -> list[Fill]:
        """The executions from the one at ``position`` on, oldest first."""
        return [Fill(*record) for record in self.records[position:]]

    def remember(self, order: LiveOrder) -> None:
        """Keep a new order for good; the latest one of a client id answers to it."""
        self.orders.append(order)
        if order.given_id:
            self.name(order)

    def name(self, order: LiveOrder) -> None:
        """An order is given its client id."""
        account = self.account
        account.names = order.named = account.names + 1
        self.by_client_id[order.given_id] = order

    def keep_open(self, order: LiveOrder) -> None:
        """Count an order among those that can still trade."""
        self.open[order.id] = order

    def rename(self, order: LiveOrder, client_id: str) -> None:
        """Let an order go by another client id; who had its former one before answers to that again."""
        if self.by_client_id.get(order.given_id) is order:
            del self.by_client_id[order.given_id]
            self._vacated.add(order.given_id)
        order.given_id = client_id
        self.name(order)

    def find(self, order_id: int = 0, client_id: str = "") -> LiveOrder | None:
        """The order of an id or, without one, of a client id."""
        if order_id:
            return self._by_id(order_id)
        if (named := self._named(client_id)) is not None:
            return named
        order_id = _told(client_id, GENERATED)
        found = self._by_id(order_id) if order_id else None
        return found if found is not None and found.client_id == client_id else None

    def _named(self, client_id: str) -> LiveOrder | None:
        found = self.by_client_id.get(client_id)
        if found is not None or not client_id:
            return found
        if client_id in self._vacated:
            bearers = (order for order in self.in_memory() if order.given_id == client_id)
            found = max(bearers, key=_naming, default=None)
        past = self.account.past.named(self, client_id) if self.orders.gone else None
        return found if past is None or (found is not None and found.named > past.named) else past

    def _by_id(self, order_id: int) -> LiveOrder | None:
        here = self.orders.here
        if here and order_id >= here[0].id:
            position = bisect_left(here, order_id, key=_id)
            found = here[position] if position < len(here) else None
            return found if found is not None and found.id == order_id else None
        if (held := self.held.get(order_id)) is not None or not self.orders.gone:
            return held
        return next(iter(self.account.past.find(self, (order_id,))), None)

    def find_all(self, order_ids: Iterable[int]) -> dict[int, LiveOrder]:
        """The orders of some ids, by their ids."""
        here = self.orders.here
        first = here[0].id if here else FAR
        wanted = set(order_ids)
        gone = [number for number in wanted if number < first and number not in self.held] if self.orders.gone else []
        found = {order.id: order for order in (self.account.past.find(self, gone) if gone else ())}
        for number in wanted.difference(gone):
            if (order := self._by_id(number)) is not None:
                found[number] = order
        return found

    def is_used(self, client_id: str) -> bool:
        """Whether an open order goes by that client id; those are all in memory, and know their ids' latest bearers."""
        named = self.by_client_id.get(client_id)
        if named is not None:
            return named.id in self.open
        order = self.open.get(_told(client_id, GENERATED))
        return order is not None and order.client_id == client_id

    def hold(self, orders: Iterable[LiveOrder]) -> None:
        """Have orders of the past in memory, because they are open or of an open list."""
        for order in orders:
            self.held[order.id] = order
            if order.is_open:
                self.open[order.id] = order
                self.algo_open += order.is_algo
            if order.given_id and order.is_open:
                self.by_client_id[order.given_id] = order
            elif order.given_id:
                # whether a later one was given it, the past tells
                self._vacated.add(order.given_id)

    def in_memory(self) -> list[LiveOrder]:
        """The orders that are in memory."""
        return [*self.held.values(), *self.orders.here]

    def let_go(self, orders: int, fills: int, prevented: int) -> None:
        """Keep nothing from before these positions that is over, once all of it can be read from the past."""
        self.records.let_go(fills)
        self.prevented_matches.let_go(prevented)
        held = self.held
        held.update((order.id, order) for order in self.orders.let_go(orders))
        for order in [each for each in held.values() if each.is_over]:
            del held[order.id]
            if self.by_client_id.get(order.given_id) is order:
                del self.by_client_id[order.given_id]
        if self._vacated:
            self._vacated.intersection_update([each.given_id for each in self.in_memory()])

    def require(self, is_buy: bool, amount: int) -> Balance:
        """
        The balance that pays, if it holds at least ``amount`` free units.

        Raises:
            OrderRejected: when it does not.
        """
        balance = self.quote if is_buy else self.base
        if balance.free < amount:
            raise OrderRejected(
                INSUFFICIENT_BALANCE,
                f"{short_text(amount)} {balance.asset} needed, {short_text(balance.free)} free",
            )
        return balance

    def lock(self, order: LiveOrder) -> None:
        """Set aside what the order's unfilled part needs at its own price."""
        self._keep(order, self.need(order))

    def set_aside(self, order: LiveOrder, cost: int) -> None:
        """While it trades, keep what an order may still spend: ``cost`` if it buys without a limit, else its need."""
        self._keep(order, cost if order.is_buy and not order.price else self.need(order))

    def _keep(self, order: LiveOrder, need: int) -> None:
        balance = self.quote if order.is_buy else self.base
        balance.free -= need - order.locked
        balance.locked += need - order.locked
        order.locked = need

    def release(self, order: LiveOrder) -> None:
        """Give back all that an order still locks."""
        balance = self.quote if order.is_buy else self.base
        balance.free += order.locked
        balance.locked -= order.locked
        order.locked = 0

    @staticmethod
    def need(order: LiveOrder) -> int:
        """
        What an open order locks: its unfilled base, or that at its limit (or stop) price in quote, rounded down.

        An order that waits for another one needs nothing yet.
        """
        if order.status == PENDING_NEW:
            return 0
        remaining = order.remaining
        return order.lock_price * remaining // SCALE if order.is_buy else remaining

    @property
    def icebergs(self) -> int:
        """How many open orders hide a part of themselves."""
        return sum(1 for order in self.open.values() if order.iceberg)

    @property
    def position(self) -> int:
        """The base held and to be bought (filters.md, MAX_POSITION)."""
        bought = sum(order.remaining for order in self.open.values() if order.is_buy)
        return self.base.free + self.base.locked + bought


def _id(item: LiveOrder | OrderList) -> int:
    return item.id


def _naming(order: LiveOrder) -> int:
    return order.named


def _told(client_id: str, prefix: str) -> int:
    """The id that a generated client id tells; these are not kept. 0 for one that is not generated."""
    text = client_id.removeprefix(prefix)
    return int(text) if text != client_id and text.isascii() and text.isdigit() else 0


class Account:
    """
    One paper account.

    ``desks`` hold its orders per symbol, ``lists`` its order lists that are in memory, oldest first, ``past`` what is
    not; ``touched`` collects the balances that changed since the last balance event. ``first_takes`` and
    ``first_makes`` count the orders whose first fill was as taker or as maker, ``names`` how often an order was given a
    client id.
    """

    __slots__ = (
        "balances", "desks", "first_makes", "first_takes", "lists", "lists_by_client_id", "name", "names", "past",
        "touched", "updated",
    )  # fmt: skip

    def __init__(self, name: str, balances: Mapping[str, int] | None = None) -> None:
        self.name = name
        self.balances: dict[str, Balance] = {}
        self.desks: dict[str, Desk] = {}
        self.lists: list[OrderList] = []
        self.lists_by_client_id: dict[str, OrderList] = {}
        self.touched: dict[str, Balance] = {}
        self.updated = 0
        self.first_takes = self.first_makes = self.names = 0
        self.past: Past = NO_PAST
        for asset, units in (balances or {}).items():
            self.balance(asset).free = units

    def balance(self, asset: str) -> Balance:
        """The balance of an asset, opened at zero on first use."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance(asset)
        return found

    def desk(self, symbol: Symbol) -> Desk:
        """The desk for a symbol, opened on first use."""
        found = self.desks.get(symbol.name)
        if found is None:
            found = self.desks[symbol.name] = Desk(self, symbol)
        return found

    def find_list(self, list_id: int | None = None, client_id: str = "") -> OrderList | None:
        """The order list of an id or, without one, of a client id."""
        if list_id is not None:
            position = bisect_left(self.lists, list_id, key=_id)
            found = self.lists[position] if position < len(self.lists) else None
            if found is not None and found.id == list_id:
                return found
            past: OrderList | None = self.past.find_list(self, list_id)
            return past
        if (named := self.lists_by_client_id.get(client_id)) is None and client_id:
            named = self.past.named_list(self, client_id)
        if named is not None:
            return named
        told = _told(client_id, GENERATED_LIST)
        found = self.find_list(told) if told else None
        return found if found is not None and found.client_id == client_id else None

    def is_list_used(self, client_id: str) -> bool:
        """Whether an open order list goes by that client id."""
        return any(group.client_id == client_id for desk in self.desks.values() for group in desk.lists.values())

    def some_lists(
        self, limit: int, first: int = 0, start: int = 0, end: int = FAR, *, newest_first: bool = False
    ) -> list[OrderList]:
        """At most so many order lists from an id on whose latest change lies in a window of time, by their ids."""
        here = [group for group in self.lists if group.id >= first and start <= group.time <= end]
        there = self.past.lists(self, first, (start, end), newest_first=newest_first)
        if newest_first:
            here.reverse()
        return list(islice(merge(there, here, key=_id, reverse=newest_first), limit))

    def let_go_of_lists(self, upto: int) -> None:
        """Keep no order list up to an id that is over, once all of it can be read from the past."""
        for group in self.lists:
            if group.id <= upto and not group.is_open and self.lists_by_client_id.get(group.given_id) is group:
                del self.lists_by_client_id[group.given_id]
        self.lists = [group for group in self.lists if group.id > upto or group.is_open]

    @property
    def open_lists(self) -> list[OrderList]:
        """All open order lists, oldest first."""
        found = [group for desk in self.desks.values() for group in desk.lists.values()]
        return sorted(found, key=_id)

    @property
    def open_orders(self) -> list[LiveOrder]:
        """All open orders, oldest first."""
        found = [order for desk in self.desks.values() for order in desk.open.values()]
        return sorted(found, key=_id)

    def __repr__(self) -> str:
        return f"<Account {self.name!r} {list(self.balances.values())}>"
