"""Average cost: what trading has built up on one symbol, at what price, and what it has earned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.units import SCALE
from exec_plugin.paper_broker.amounts import to_decimal

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from exec_plugin.core.ledger import Desk

    #: Values units of one asset in another; None when no market tells.
    Convert = Callable[[int, str, str], int | None]


class CostBasis:
    """
    A position in units, opened by fills in one direction and closed by fills in the other.

    ``quantity`` is what was bought less what was sold, negative when more was sold. ``cost`` is the cash that the open
    part took (negative: brought in), ``realized`` what the closed part earned. Commissions are part of both: in base
    they shrink what a purchase brings, in quote they shrink the cash, in a third asset they count at its value.
    Each closing takes a share of ``cost``, so nothing is lost to rounding: ``realized - cost`` is the cash flow.
    """

    __slots__ = ("cost", "fees", "quantity", "realized", "seen", "unpriced")

    def __init__(self) -> None:
        self.quantity = self.cost = self.realized = self.fees = 0
        #: commissions in assets that no market values, as {asset: units}
        self.unpriced: dict[str, int] = {}
        #: how many of the desk's fills are in here
        self.seen = 0

    def catch_up(self, desk: Desk, convert: Convert) -> None:
        """Add the fills since the last time."""
        for record in desk.records[self.seen :]:
            self._add_fill(desk, convert, record)
        self.seen = len(desk.records)

    def _add_fill(self, desk: Desk, convert: Convert, record: tuple[Any, ...]) -> None:
        _, _, _, _, price, qty, quote, fee, asset, is_buy, _ = record
        base, cash = (qty, -quote) if is_buy else (-qty, quote)
        if asset == desk.symbol.base:
            base -= fee
            self.fees += price * fee // SCALE
        else:
            value = convert(fee, asset, desk.symbol.quote)
            if value is None:
                self.unpriced[asset] = self.unpriced.get(asset, 0) + fee
                value = 0
            cash -= value
            self.fees += value
        self.add(base, cash)

    def add(self, base: int, cash: int) -> None:
        """Let base and cash come in (or, negative, go out)."""
        held = self.quantity
        closed = min(abs(base), abs(held)) if base * held < 0 else 0
        if closed:
            cost_part = self.cost * closed // abs(held)
            cash_part = cash * closed // abs(base)
            self.realized += cash_part - cost_part
            self.cost -= cost_part
            cash -= cash_part
        self.quantity = held + base
        self.cost -= cash

    @property
    def average_price(self) -> int:
        """The cost of one unit of the open part; 0 when there is none."""
        return abs(self.cost * SCALE // self.quantity) if self.quantity else 0

    def unrealized(self, mark: int) -> int:
        """What closing the open part at ``mark`` would add to ``realized``, before its own commission."""
        return self.quantity * mark // SCALE - self.cost

    def report(self, mark: int) -> dict[str, Decimal]:
        """The position and its profit and loss as Decimals."""
        unrealized = self.unrealized(mark)
        return {
            "realized_pnl": to_decimal(self.realized),
            "unrealized_pnl": to_decimal(unrealized),
            "total_pnl": to_decimal(self.realized + unrealized),
            "fees": to_decimal(self.fees),
            "quantity": to_decimal(self.quantity),
            "average_price": to_decimal(self.average_price),
        }
