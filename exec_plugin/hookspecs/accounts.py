"""What a check of orders sees of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.values import order_value, quick_decimal

if TYPE_CHECKING:
    from decimal import Decimal

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.models import Order


class AccountView:
    """A paper account as a check of orders sees it: to read, not to keep."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def name(self) -> str:
        """Its name."""
        return self._account.name

    def free(self, asset: str) -> Decimal:
        """What of an asset can be spent."""
        held = self._account.balances.get(asset)
        return quick_decimal(held.free if held else 0)

    def locked(self, asset: str) -> Decimal:
        """What of an asset open orders keep."""
        held = self._account.balances.get(asset)
        return quick_decimal(held.locked if held else 0)

    @property
    def open_orders(self) -> list[Order]:
        """Its open orders, oldest first."""
        return [order_value(order, str(order.id), order.client_id) for order in self._account.open_orders]

    def __repr__(self) -> str:
        return f"<AccountView {self.name!r}>"
