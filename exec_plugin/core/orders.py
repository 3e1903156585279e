"""An order as the venue holds it: mutable, in units, alive from its acceptance on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exec_plugin.core.symbols import Symbol

# Order status (enums.md, Order status)
NEW = "NEW"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
FILLED = "FILLED"
CANCELED = "CANCELED"
EXPIRED = "EXPIRED"
EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

# Order types
LIMIT = "LIMIT"
LIMIT_MAKER = "LIMIT_MAKER"
MARKET = "MARKET"
#: Kinds that wait for a trigger, and whether they wait for a falling price on the sell side.
STOP_KINDS = {"STOP_LOSS": True, "STOP_LOSS_LIMIT": True, "TAKE_PROFIT": False, "TAKE_PROFIT_LIMIT": False}
#: Kinds without a limit price.
PRICELESS = frozenset((MARKET, "STOP_LOSS", "TAKE_PROFIT"))

# Time in force
GTC = "GTC"
IOC = "IOC"
FOK = "FOK"

#: How the client ids begin that the venue gives to orders without one.
GENERATED = "paper_"
#: ``ahead`` of an order whose price no book has shown yet.
UNSEEN = -1


class LiveOrder:
    """
    One paper order.

    ``locked`` is what the order still keeps from being spent. ``level`` is set while the order rests on the book,
    ``armed`` while it waits for its stop price. ``ahead`` is its queue position. ``prevented`` is the quantity that
    self-trade prevention took, the last time in the prevented match of the id ``prevented_match``.
    """

    __slots__ = (
        "ahead", "armed", "desk", "extra", "filled", "given_id", "id", "is_buy", "kind", "level", "locked", "prevented",
        "prevented_match", "price", "qty", "quote_filled", "quote_qty", "reason", "status", "stop", "stp", "symbol", "tif", "time", "updated",
        "working_since",
    )  # fmt: skip

    def __init__(
        self, id: int, given_id: str, desk: Any, symbol: Symbol, is_buy: bool, kind: str, tif: str,  # noqa: A002
        qty: int, price: int, time: int,
    ) -> None:  # fmt: skip
        self.id = id
        self.given_id = given_id
        self.desk = desk
        self.symbol = symbol
        self.is_buy = is_buy
        self.kind = kind
        self.tif = tif
        self.qty = qty
        self.price = price
        self.time = time
        self.updated = time
        self.working_since = time
        self.filled = 0
        self.quote_filled = 0
        self.prevented = 0
        self.prevented_match = -1
        self.quote_qty = 0
        self.stop = 0
        self.stp = "NONE"
        self.locked = 0
        self.ahead = 0
        self.status = NEW
        self.reason = ""
        self.armed = False
        self.level: Any = None
        self.extra: dict[str, Any] | None = None

    @property
    def client_id(self) -> str:
        """The caller's id, or the generated one."""
        return self.given_id or f"{GENERATED}{self.id}"

    @property
    def remaining(self) -> int:
        """What can still be filled, in base units."""
        return self.qty - self.filled - self.prevented

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in (NEW, PARTIALLY_FILLED)

    def __repr__(self) -> str:
        side = "BUY" if self.is_buy else "SELL"
        return f"<LiveOrder {self.id} {self.symbol.name} {side} {self.kind} {self.status} {self.filled}/{self.qty}>"
