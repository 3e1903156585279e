"""What self-trade prevention does when an order would meet one of its own account (faqs/stp_faq.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.events import PreventedMatch

if TYPE_CHECKING:
    from exec_plugin.core.orders import LiveOrder

#: Modes by which the taker, and by which the maker, loses all that is left of it.
_ENDS_TAKER = frozenset(("EXPIRE_TAKER", "EXPIRE_BOTH"))
_ENDS_MAKER = frozenset(("EXPIRE_MAKER", "EXPIRE_BOTH"))


class Prevention(NamedTuple):
    """
    One match that will not take place.

    ``position`` is how many offers of the plan trade before it, ``qty`` what would have traded; ``taker_qty`` and
    ``maker_qty`` are what each order loses, 0 for one that is left alone.
    """

    position: int
    price: int
    maker: LiveOrder
    mode: str
    qty: int
    taker_qty: int
    maker_qty: int

    def recorded(self, id: int, taker: LiveOrder, now: int) -> PreventedMatch:  # noqa: A002
        """The record that is kept of it."""
        name, maker = taker.symbol.name, self.maker.id
        return PreventedMatch(
            id, name, now, taker.id, maker, self.mode, self.price, self.qty, self.taker_qty, self.maker_qty
        )


def prevents(stp: str, maker: LiveOrder, account: object) -> bool:
    """Whether a taker of that mode and account may not trade with a resting order."""
    return stp != "NONE" and maker.desk.account is account


def prevention(stp: str, position: int, price: int, maker: LiveOrder, left: int) -> Prevention:
    """
    What happens instead of a match, by the taker's mode.

    TRANSFER needs the mode on both sides. Within one account there is nothing to transfer, so it and DECREMENT do the
    same: what would have traded is taken from both.
    """
    mode = "DECREMENT" if stp == "TRANSFER" and maker.stp != "TRANSFER" else stp
    theirs = maker.remaining
    qty = min(left, theirs)
    if mode in ("DECREMENT", "TRANSFER"):
        return Prevention(position, price, maker, mode, qty, qty, qty)
    return Prevention(
        position, price, maker, mode, qty, left if mode in _ENDS_TAKER else 0, theirs if mode in _ENDS_MAKER else 0
    )
