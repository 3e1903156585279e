"""
What happens, as values that are never edited: the market's rows and the venue's own events.

A market row is a plain tuple whose first element is its kind, because millions of them pass through a replay:

``(QUOTE, time, symbol, bid, bid_qty, ask, ask_qty)``
    The best bid and ask. An empty side has price 0 (bid) or ``FAR`` (ask). A quantity of ``FAR`` means unknown.
``(TRADE, time, symbol, price, qty, taker_is_seller, trade_id, trade_time)``
    A public trade. ``trade_id`` is the exchange's, or 0 for the venue to number it; ``trade_time`` is the exchange's.
``(DEPTH, time, symbol, bids, asks, last_update_id)``
    Changed levels of the book as ``{price: quantity}`` mappings; a quantity of 0 removes the level.
``(BOOK, time, symbol, bids, asks, last_update_id)``
    The whole book anew as ``{price: quantity}``.

Times are milliseconds since the epoch, prices and quantities are units of 1e-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUOTE, TRADE, DEPTH, BOOK = range(4)

#: A market row as described above.
Row = tuple[Any, ...]


class LateLevels(Mapping[int, int]):
    """
    ``{price: quantity}`` of a text that is known to be sound, read when somebody looks.

    Most changes to a book are never looked at: nobody rests there and nobody walks so deep before the next one.
    """

    __slots__ = ("_levels", "_read", "_text")

    def __init__(self, text: str, read: Callable[[str], dict[int, int]]) -> None:
        self._text = text
        self._read = read
        self._levels: dict[int, int] | None = None

    def plain(self) -> dict[int, int]:
        """The levels as a dict; not to be edited."""
        if self._levels is None:
            self._levels = self._read(self._text)
            self._text = ""
        return self._levels

    def __getitem__(self, price: int) -> int:
        return self.plain()[price]

    def __iter__(self) -> Iterator[int]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __repr__(self) -> str:
        return repr(self.plain())


def plain_levels(levels: Mapping[int, int]) -> Mapping[int, int]:
    """Levels in the form that merges fastest."""
    return levels.plain() if isinstance(levels, LateLevels) else levels


class PublicTrade(NamedTuple):
    """A trade as everybody sees it."""

    id: int
    time: int
    price: int
    qty: int
    quote: int
    taker_is_seller: bool


class Fill(NamedTuple):
    """One execution of one paper order."""

    id: int
    order_id: int
    symbol: str
    time: int
    price: int
    qty: int
    quote: int
    commission: int
    commission_asset: str
    is_buyer: bool
    is_maker: bool


class PreventedMatch(NamedTuple):
    """Two orders that self-trade prevention kept from trading; a quantity is 0 for an order that lost nothing."""

    id: int
    symbol: str
    time: int
    taker_id: int
    maker_id: int
    mode: str
    price: int
    qty: int
    taker_qty: int
    maker_qty: int


class Execution(NamedTuple):
    """
    Something happened to an order: an execution report.

    ``order`` is the live order; what may change later stands in the event itself: ``since`` is when it began to work (-1:
    not yet), ``former_id`` the client id that a cancel or an amendment named. ``prevented`` is all that self-trade
    prevention has taken from it, ``match`` the prevented match that is reported; ``qty`` and ``given_id`` are the order's
    own, ``follows`` what one that follows the market had from it: its price, delta and begin of a trailing one, and how
    it is pegged.
    """

    seq: int
    time: int
    kind: str
    order: Any
    status: str
    filled: int
    quote_filled: int
    working: bool
    fill: Fill | None
    reason: str
    cancel_id: str
    since: int
    former_id: str
    prevented: int = 0
    match: PreventedMatch | None = None
    qty: int = 0
    given_id: str = ""
    follows: tuple[int, tuple[int, int] | None, tuple[Any, ...] | None] | None = None


class Amendment(NamedTuple):
    """A change of an order's quantity that kept its priority."""

    execution_id: int
    time: int
    old_client_id: str
    client_id: str
    old_qty: int
    qty: int


class BalanceChange(NamedTuple):
    """The balances that a command or a market event changed, as ``{asset: (free, locked)}`` after it."""

    seq: int
    time: int
    account: Any
    balances: Mapping[str, tuple[int, int]]


class ListChange(NamedTuple):
    """An order list was placed, changed or is done; ``legs`` are its orders as ``(order id, client id)``."""

    seq: int
    time: int
    group: Any
    status: str
    legs: tuple[tuple[int, str], ...]


#: What an outbox holds.
Event = Execution | BalanceChange | ListChange
