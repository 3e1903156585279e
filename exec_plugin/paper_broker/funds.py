"""The account's money: what an order needs, whether it is there, and setting it aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, ConfigError, OrderRejected
from exec_plugin.core.units import SCALE, short_text
from exec_plugin.paper_broker.amounts import units
from exec_plugin.paper_broker.requests import read_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.ledger import Account, Balance
    from exec_plugin.paper_broker.amounts import Amount
    from exec_plugin.paper_broker.requests import Name


class Funds:
    """
    Reservations in an account.

    What orders on the book lock belongs to them; ``reserved`` is what was set aside beside it, in units per asset.
    """

    def __init__(self, account: Account, split: Callable[[str], tuple[str, str]]) -> None:
        self._account = account
        self._split = split
        self.reserved: dict[str, int] = {}

    def need(self, symbol: str, side: Name, quantity: Amount, price: Amount) -> tuple[Balance, int]:
        """What an order locks: a balance, and how many units of it."""
        base, quote = self._split(symbol)
        qty, at = units("quantity", quantity), units("price", price)
        if read_side(side):
            return self._account.balance(quote), at * qty // SCALE
        return self._account.balance(base), qty

    def reserve(self, balance: Balance, amount: int) -> None:
        """
        Move units from free to locked.

        Raises:
            OrderRejected: when they are not free.
        """
        if balance.free < amount:
            hint = f"{short_text(amount)} {balance.asset} needed, {short_text(balance.free)} free"
            raise OrderRejected(INSUFFICIENT_BALANCE, hint)
        self._move(balance, amount)

    def release(self, balance: Balance, amount: int) -> None:
        """
        Move reserved units back to free.

        Raises:
            ConfigError: when fewer are reserved.
        """
        reserved = self.reserved.get(balance.asset, 0)
        if reserved < amount:
            msg = f"{short_text(amount)} {balance.asset} cannot be released, {short_text(reserved)} is reserved"
            raise ConfigError(msg)
        self._move(balance, -amount)

    def _move(self, balance: Balance, amount: int) -> None:
        balance.free -= amount
        balance.locked += amount
        self.reserved[balance.asset] = self.reserved.get(balance.asset, 0) + amount
