"""Orders and order lists as the venue holds them: mutable, in units, alive from their acceptance on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exec_plugin.core.symbols import Symbol

# Order status (enums.md, Order status)
NEW = "NEW"
PENDING_NEW = "PENDING_NEW"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
FILLED = "FILLED"
CANCELED = "CANCELED"
EXPIRED = "EXPIRED"
EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

#: The states of an order that can still trade.
OPEN = (NEW, PARTIALLY_FILLED, PENDING_NEW)

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

# Contingency types of order lists (enums.md, ContingencyType)
OCO = "OCO"
OTO = "OTO"
# Order list status (enums.md, Order List Status and Order List Order Status)
EXEC_STARTED, UPDATED, ALL_DONE = "EXEC_STARTED", "UPDATED", "ALL_DONE"
EXECUTING = "EXECUTING"

#: The best price on the order's own side, or on the other one (faqs/pegged_orders.md).
PRIMARY_PEG, MARKET_PEG = "PRIMARY_PEG", "MARKET_PEG"

# Why an order expired (enums.md, Expiry Reasons)
NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
OCO_TRIGGER = "OCO_TRIGGER"
PHASE_ONE_EXPIRED = "OTO_PHASE_ONE_EXPIRED"
REJECTED = "REJECTED"

#: How the client ids begin that the venue gives to orders and lists without one.
GENERATED = "paper_"
GENERATED_LIST = "paper_list_"
#: One basis point is this part of a price.
BASIS = 10_000
#: ``ahead`` of an order whose price no book has shown yet.
UNSEEN = -1


class Trail:
    """
    What makes a stop order a trailing one (faqs/trailing-stop-faq.md).

    ``since`` is -1 until the order tracks the market; ``extreme`` is the best price for the order since then: the
    highest for a sell, the lowest for a buy, 0 while there was none. ``bound`` is the highest price that a buy can
    trigger at: from where it begins to follow, its trigger only falls.
    """

    __slots__ = ("bound", "delta", "extreme", "since")

    def __init__(self, delta: int) -> None:
        self.delta = delta
        self.since = -1
        self.extreme = 0
        self.bound = 0

    def trigger(self, is_buy: bool) -> int:
        """The price at which the order starts to work: rounded so that it is never reached too early."""
        return self.above(self.extreme) if is_buy else self.extreme * (BASIS - self.delta) // BASIS

    def above(self, price: int) -> int:
        """A price raised by the delta, rounded up."""
        return -(-price * (BASIS + self.delta) // BASIS)


class Peg:
    """
    Where a pegged order takes its price from (faqs/pegged_orders.md).

    ``given`` is the price that was sent, ``price`` the one it was pegged at; both are 0 where there is none.
    """

    __slots__ = ("given", "kind", "offset", "price")

    def __init__(self, kind: str, offset: int | None = None) -> None:
        self.kind = kind
        self.offset = offset
        self.given = 0
        self.price = 0


class OrderList:
    """
    Orders that depend on each other: an OCO pair, or a working order with what it triggers.

    ``legs`` are all orders in the order of their ids, ``pair`` the two that cancel each other, ``pending`` those that
    wait for ``working`` to be filled. ``pays`` is whether what the working order received is what the pending sell.
    ``winner`` is the one of the pair that trades; ``closing`` is set while all of them are being closed.
    """

    __slots__ = (
        "closing", "desk", "given_id", "id", "kind", "legs", "pair", "pays", "pending", "status", "time", "winner",
        "working",
    )  # fmt: skip

    def __init__(self, id: int, given_id: str, legs: list[LiveOrder], working: LiveOrder | None, pays: bool) -> None:  # noqa: A002
        self.id = id
        self.given_id = given_id
        self.legs = legs
        self.working = working
        self.pays = pays
        self.desk = legs[0].desk
        others = [leg for leg in legs if leg is not working]
        self.pair = others if len(others) == PAIR else []
        self.pending = others if working is not None else []
        self.kind = OCO if working is None else OTO
        self.status = EXEC_STARTED
        self.time = legs[0].time
        self.winner: LiveOrder | None = None
        self.closing = False

    @property
    def client_id(self) -> str:
        """The caller's id, or the generated one."""
        return self.given_id or f"{GENERATED_LIST}{self.id}"

    @property
    def is_open(self) -> bool:
        """Whether any of the orders can still trade."""
        return self.status != ALL_DONE

    def sibling(self, order: LiveOrder) -> LiveOrder | None:
        """The other order of the pair that an order belongs to."""
        pair = self.pair
        return (pair[1] if pair[0] is order else pair[0] if pair[1] is order else None) if pair else None


#: How many orders cancel each other.
PAIR = 2


class LiveOrder:
    """
    One paper order.

    ``locked`` is what the order still keeps from being spent. ``level`` is set while the order rests on the book,
    ``armed`` while it waits for its stop price. ``ahead`` is its queue position. ``iceberg`` is the most that the book
    shows of it, None where everything shows. ``group`` is its order list. ``prevented`` is the quantity that
    self-trade prevention took, the last time in the prevented match of the id ``prevented_match``. ``amendments`` are
    the changes that kept its priority, oldest first. ``named`` counts the client ids that its account has given up to
    its own, 0 for a generated one.
    """

    __slots__ = (
        "ahead", "amendments", "armed", "desk", "extra", "filled", "given_id", "group", "iceberg", "id", "is_buy",
        "kind", "level", "locked", "named", "peg", "prevented", "prevented_match", "price", "qty", "quote_filled", "quote_qty", "reason",
        "status", "stop", "stp", "symbol", "tif", "time", "trail", "updated", "working_since",
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
        self.iceberg: int | None = None
        self.trail: Trail | None = None
        self.peg: Peg | None = None
        self.group: OrderList | None = None
        self.amendments: tuple[Any, ...] = ()
        self.named = 0

    @property
    def client_id(self) -> str:
        """The caller's id, or the generated one."""
        return self.given_id or f"{GENERATED}{self.id}"

    @property
    def remaining(self) -> int:
        """What can still be filled, in base units."""
        return self.qty - self.filled - self.prevented

    @property
    def visible(self) -> int:
        """What the book shows of it: all that is left, of an iceberg the rest of the slice that it has come to."""
        left, slice_ = self.remaining, self.iceberg
        return min(slice_ - self.filled % slice_, left) if slice_ else left

    @property
    def lock_price(self) -> int:
        """What a buyer sets aside for each unit: its limit, else its stop price, else the farthest it may trail to."""
        return self.price or (self.trail.bound if self.trail is not None else self.stop)

    @property
    def is_algo(self) -> bool:
        """Whether it still waits for a price, itself or after the order that it depends on."""
        return self.working_since < 0 and self.kind in STOP_KINDS

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in OPEN

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen to it any more, nor to the others of its list."""
        return self.status not in OPEN and (self.group is None or not self.group.is_open)

    def __repr__(self) -> str:
        side = "BUY" if self.is_buy else "SELL"
        return f"<LiveOrder {self.id} {self.symbol.name} {side} {self.kind} {self.status} {self.filled}/{self.qty}>"
