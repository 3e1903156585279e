"""
Who owns what: balances, orders and fills of the paper accounts.

Nothing is created or lost: what the accounts hold, plus the commissions they paid (``Balance.fees``), less what their
desks traded (``Desk.net_base``, ``Desk.net_quote``) is what was deposited.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, OrderRejected
from exec_plugin.core.events import Fill
from exec_plugin.core.orders import GENERATED, GENERATED_LIST, PENDING_NEW
from exec_plugin.core.units import SCALE, short_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.events import Amendment, PreventedMatch
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
    order lists by id. ``net_base`` and ``net_quote`` are what trading brought in or cost, before commissions.
    """

    __slots__ = (
        "account", "algo_open", "amendments", "base", "by_client_id", "lists", "net_base", "net_quote", "open", "orders",
        "prevented_matches", "quote", "records", "symbol",
    )  # fmt: skip

    def __init__(self, account: Account, symbol: Symbol) -> None:
        self.account = account
        self.symbol = symbol
        self.base = account.balance(symbol.base)
        self.quote = account.balance(symbol.quote)
        self.orders: list[LiveOrder] = []
        self.open: dict[int, LiveOrder] = {}
        self.lists: dict[int, OrderList] = {}
        #: the fields of the fills; plain tuples of numbers are cheap to keep by the million
        self.records: list[tuple[Any, ...]] = []
        self.by_client_id: dict[str, LiveOrder] = {}
        self.amendments: dict[int, list[Amendment]] = {}
        self.prevented_matches: list[PreventedMatch] = []
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
            self.by_client_id[order.given_id] = order

    def keep_open(self, order: LiveOrder) -> None:
        """Count an order among those that can still trade."""
        self.open[order.id] = order

    def rename(self, order: LiveOrder, client_id: str) -> None:
        """Let an order go by another client id."""
        if self.by_client_id.get(order.given_id) is order:
            del self.by_client_id[order.given_id]
        order.given_id = client_id
        self.by_client_id[client_id] = order

    def find(self, order_id: int = 0, client_id: str = "") -> LiveOrder | None:
        """The order of an id or, without one, of a client id."""
        if not order_id:
            if (named := self.by_client_id.get(client_id)) is not None:
                return named
            # generated client ids are not kept: they tell the id
            text = client_id.removeprefix(GENERATED)
            if text == client_id or not text.isascii() or not text.isdigit():
                return None
            order_id = int(text)
            found = self._by_id(order_id)
            return found if found is not None and found.client_id == client_id else None
        return self._by_id(order_id)

    def _by_id(self, order_id: int) -> LiveOrder | None:
        position = bisect_left(self.orders, order_id, key=_id)
        found = self.orders[position] if position < len(self.orders) else None
        return found if found is not None and found.id == order_id else None

    def is_used(self, client_id: str) -> bool:
        """Whether an open order goes by that client id."""
        order = self.find(client_id=client_id)
        return order is not None and order.id in self.open

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


class Account:
    """
    One paper account.

    ``desks`` hold its orders per symbol, ``lists`` all its order lists, oldest first; ``touched`` collects the balances
    that changed since the last balance event. ``first_takes`` and ``first_makes`` count the orders whose first fill was
    as taker or as maker.
    """

    __slots__ = (
        "balances", "desks", "first_makes", "first_takes", "lists", "lists_by_client_id", "name", "touched", "updated",
    )  # fmt: skip

    def __init__(self, name: str, balances: Mapping[str, int] | None = None) -> None:
        self.name = name
        self.balances: dict[str, Balance] = {}
        self.desks: dict[str, Desk] = {}
        self.lists: list[OrderList] = []
        self.lists_by_client_id: dict[str, OrderList] = {}
        self.touched: dict[str, Balance] = {}
        self.updated = 0
        self.first_takes = self.first_makes = 0
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
        if list_id is None:
            if (named := self.lists_by_client_id.get(client_id)) is not None:
                return named
            text = client_id.removeprefix(GENERATED_LIST)
            if text == client_id or not text.isascii() or not text.isdigit():
                return None
            found = self.find_list(int(text))
            return found if found is not None and found.client_id == client_id else None
        position = bisect_left(self.lists, list_id, key=_id)
        found = self.lists[position] if position < len(self.lists) else None
        return found if found is not None and found.id == list_id else None

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
