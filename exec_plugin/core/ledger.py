"""
Who owns what: balances, orders and fills of the paper accounts.

Money moves only through the methods here. ``Street`` is the other side of every trade with the external market and
the receiver of commissions, so that the sum over all accounts, fees and the street never changes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, OrderRejected
from exec_plugin.core.units import SCALE, short_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.events import Fill
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.symbols import Symbol


class Balance:
    """Free and locked units of one asset in one account."""

    __slots__ = ("asset", "free", "locked")

    def __init__(self, asset: str, free: int = 0) -> None:
        self.asset = asset
        self.free = free
        self.locked = 0

    def __repr__(self) -> str:
        return f"<Balance {self.asset} free={short_text(self.free)} locked={short_text(self.locked)}>"


class Street:
    """Everybody else: what the accounts traded away or received, and the commissions they paid, per asset."""

    __slots__ = ("fees", "flows")

    def __init__(self) -> None:
        self.flows: defaultdict[str, int] = defaultdict(int)
        self.fees: defaultdict[str, int] = defaultdict(int)


class Desk:
    """One account's orders and fills on one symbol, with the two balances they move."""

    __slots__ = ("account", "algo_open", "base", "fills", "open", "orders", "quote", "symbol")

    def __init__(self, account: Account, symbol: Symbol) -> None:
        self.account = account
        self.symbol = symbol
        self.base = account.balance(symbol.base)
        self.quote = account.balance(symbol.quote)
        self.orders: list[LiveOrder] = []
        self.open: dict[int, LiveOrder] = {}
        self.fills: list[Fill] = []
        self.algo_open = 0

    def pays_with(self, is_buy: bool) -> Balance:
        """The balance an order of this side spends."""
        return self.quote if is_buy else self.base

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
        need = self.need(order)
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
        """What an open order locks: its unfilled base, or that at its limit (or stop) price in quote, rounded down."""
        remaining = order.qty - order.filled
        return (order.price or order.stop) * remaining // SCALE if order.is_buy else remaining


class Account:
    """
    One paper account.

    ``desks`` hold its orders per symbol; ``by_id`` and ``by_client_id`` find them; ``touched`` collects the balances
    that changed since the last balance event.
    """

    __slots__ = ("balances", "by_client_id", "by_id", "desks", "name", "open_client_ids", "touched", "updated")

    def __init__(self, name: str, balances: Mapping[str, int] | None = None) -> None:
        self.name = name
        self.balances: dict[str, Balance] = {}
        self.desks: dict[str, Desk] = {}
        self.by_id: dict[int, LiveOrder] = {}
        self.by_client_id: dict[tuple[str, str], LiveOrder] = {}
        self.open_client_ids: set[tuple[str, str]] = set()
        self.touched: dict[str, Balance] = {}
        self.updated = 0
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

    @property
    def open_orders(self) -> list[LiveOrder]:
        """All open orders, oldest first."""
        found = [order for desk in self.desks.values() for order in desk.open.values()]
        return sorted(found, key=lambda order: order.id)

    def __repr__(self) -> str:
        return f"<Account {self.name!r} {list(self.balances.values())}>"
