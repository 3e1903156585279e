"""The figures of a run, as frozen values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_HUNDRED = Decimal(100)


class Point(NamedTuple):
    """The account's worth in quote and the market's price at one moment, in ms."""

    time: int
    equity: Decimal
    price: Decimal


class Deal(NamedTuple):
    """One execution of one of the account's orders; ``time`` in ms, ``value`` in quote."""

    time: int
    order_id: int
    is_buyer: bool
    is_maker: bool
    price: Decimal
    quantity: Decimal
    value: Decimal
    commission: Decimal
    commission_asset: str


@frozen(kw_only=True)
class Result:
    """
    What one account did on one symbol, and what came of it.

    Times are ms, money is in quote unless named otherwise. ``orders`` counts by status. Profit and loss go by average
    cost, commissions included; what was held at the start counts as bought at ``price_start``.
    """

    symbol: str
    base: str
    quote: str
    start: int
    end: int
    orders: Mapping[str, int]
    deals: tuple[Deal, ...]
    fees: Mapping[str, Decimal]
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    price_start: Decimal
    price_end: Decimal
    equity_start: Decimal
    equity_end: Decimal
    equity_held: Decimal
    curve: tuple[Point, ...]

    @property
    def placed(self) -> int:
        """How many orders the exchange accepted."""
        return sum(self.orders.values())

    @property
    def equity_change(self) -> Decimal:
        """What the account's worth changed by, in percent."""
        return _change(self.equity_start, self.equity_end)

    @property
    def price_change(self) -> Decimal:
        """What buying at the start and holding would have brought, in percent: the change of the price."""
        return _change(self.price_start, self.price_end)

    @property
    def held_change(self) -> Decimal:
        """What doing nothing would have brought, in percent: the start's balances at the end's prices."""
        return _change(self.equity_start, self.equity_held)

    def total(self, *, is_buyer: bool) -> Decimal:
        """What was bought, or sold, in base."""
        return sum((deal.quantity for deal in self.deals if deal.is_buyer is is_buyer), Decimal(0))


def _change(start: Decimal, end: Decimal) -> Decimal:
    return (end - start) / start * _HUNDRED if start else Decimal(0)
