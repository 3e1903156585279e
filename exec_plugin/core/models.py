"""The values that the package hands to its users: frozen, with Decimal amounts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import asdict, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ZERO = Decimal(0)
_TWO = Decimal(2)
_HUNDRED = Decimal(100)


def _plain(value: Any) -> Any:
    # str() of a small Decimal has an exponent, which clients do not expect
    return format(value, "f") if isinstance(value, Decimal) else value


class Record:
    """What the records share: a plain dict of themselves."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values: Decimals become plain texts."""
        return asdict(
            self,  # type: ignore[arg-type]  # subclasses are attrs classes
            filter=lambda attribute, _: attribute.name != "info",
            value_serializer=lambda _, __, value: _plain(value),
        )


@frozen(slots=True, init=False)
class MarketData(Record):
    """
    The market of one symbol at one moment; prices in quote, volume in base, ``timestamp`` in ms.

    ``price`` is another name for ``last_price``; without either it is half way between bid and ask.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    last_price: Decimal
    volume: Decimal
    timestamp: int

    def __init__(
        self,
        symbol: str,
        bid: Decimal,
        ask: Decimal,
        last_price: Decimal | None = None,
        volume: Decimal = _ZERO,
        timestamp: int = 0,
        *,
        price: Decimal | None = None,
    ) -> None:
        last = price if last_price is None else last_price
        self.__attrs_init__(symbol, bid, ask, (bid + ask) / _TWO if last is None else last, volume, timestamp)

    @property
    def price(self) -> Decimal:
        """The last price, under the name of the seed's table."""
        return self.last_price

    @property
    def mid_price(self) -> Decimal:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / _TWO

    @property
    def spread(self) -> Decimal:
        """Ask minus bid, in quote."""
        return self.ask - self.bid

    @property
    def spread_pct(self) -> Decimal:
        """The spread as a percentage of the mid price; 0 for an empty book."""
        mid = self.mid_price
        return self.spread / mid * _HUNDRED if mid else _ZERO


@frozen(slots=True)
class OrderBookLevel(Record):
    """One price level: price in quote, quantity in base."""

    price: Decimal
    quantity: Decimal


def _levels(levels: Iterable[OrderBookLevel | tuple[Decimal, Decimal]]) -> tuple[OrderBookLevel, ...]:
    return tuple(level if isinstance(level, OrderBookLevel) else OrderBookLevel(*level) for level in levels)


@frozen(slots=True)
class OrderBook(Record):
    """Price levels of both sides, in any order, as levels or ``(price, quantity)``; the best are found by price."""

    symbol: str
    bids: Sequence[OrderBookLevel] = field(default=(), converter=_levels)
    asks: Sequence[OrderBookLevel] = field(default=(), converter=_levels)
    timestamp: int = 0

    def get_best_bid(self) -> Decimal | None:
        """The highest bid price, None for an empty side."""
        return max((level.price for level in self.bids), default=None)

    def get_best_ask(self) -> Decimal | None:
        """The lowest ask price, None for an empty side."""
        return min((level.price for level in self.asks), default=None)

    def get_mid_price(self) -> Decimal | None:
        """Half way between the best prices, None while a side is empty."""
        bid, ask = self.get_best_bid(), self.get_best_ask()
        return None if bid is None or ask is None else (bid + ask) / _TWO


@frozen(slots=True)
class Order(Record):
    """
    An order as it stood when it was handed out.

    Amounts are Decimals (price in quote, quantities in base), times are ms, ``info`` is the raw reply of the exchange.
    """

    id: str
    symbol: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None = None
    status: str = "NEW"
    time_in_force: str = "GTC"
    filled_quantity: Decimal = Decimal(0)
    filled_quote: Decimal = Decimal(0)
    average_price: Decimal | None = None
    stop_price: Decimal | None = None
    client_order_id: str = ""
    created_at: int = 0
    updated_at: int = 0
    info: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def order_type(self) -> str:
        """The type, under the name of the argument that set it."""
        return self.type

    @property
    def remaining_quantity(self) -> Decimal:
        """What is still to be filled, in base."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in ("NEW", "PARTIALLY_FILLED")


@frozen(slots=True)
class Fill(Record):
    """One execution of one order: price in quote, quantity in base, ``time`` in ms."""

    id: str
    order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time: int


@frozen(slots=True)
class Position(Record):
    """
    What trading has built up of one symbol's base asset, at average cost in quote per base, fees included.

    ``quantity`` is negative when more was sold than bought.
    """

    symbol: str
    quantity: Decimal
    average_price: Decimal
    realized_pnl: Decimal = Decimal(0)
    unrealized_pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)


@frozen(slots=True)
class KlineData(Record):
    """
    One candle: prices in quote, ``volume`` in base, ``quote_volume`` in quote, times in ms.

    ``close_time`` is the last ms that belongs to it; ``info`` is the raw row.
    """

    open_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_time: int
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    symbol: str = ""
    interval: str = ""
    info: Sequence[Any] = field(default=(), repr=False, eq=False)


@frozen(slots=True)
class SymbolInfo(Record):
    """
    The trading rules of one symbol.

    Prices, quantities and values are Decimals, None where there is no such rule; ``filters`` are the exchange's own by
    their type, ``info`` is the raw entry.
    """

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_precision: int
    quote_precision: int
    tick_size: Decimal | None
    step_size: Decimal | None
    min_price: Decimal | None
    max_price: Decimal | None
    min_quantity: Decimal | None
    max_quantity: Decimal | None
    min_notional: Decimal | None
    order_types: tuple[str, ...]
    filters: Mapping[str, Mapping[str, Any]] = field(repr=False)
    info: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen(slots=True)
class ExchangeInfo(Record):
    """What can be traded and by which rules: symbols by name, the limits of requests, the server's time in ms."""

    symbols: Mapping[str, SymbolInfo]
    rate_limits: tuple[Mapping[str, Any], ...] = ()
    timezone: str = "UTC"
    server_time: int = 0
    info: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    def __getitem__(self, symbol: str) -> SymbolInfo:
        return self.symbols[symbol]
