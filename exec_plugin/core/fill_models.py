"""
How a simulated execution costs and queues: small models that a venue binds when it is built.

Fees follow faqs/commission_faq.md, "How is the commission calculated?". A model is one or two methods; subclass it
to bring your own. Everything here is in units of 1e-8 except the seed's ``calculate_slippage``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.models import MarketData, Order
from exec_plugin.core.units import FAR, SCALE, to_decimal, to_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from exec_plugin.core.symbols import Symbol


class Paying(Protocol):
    """The part of a ledger's desk that a fee model reads."""

    account: Any
    symbol: Symbol
    base: Any
    quote: Any


class Rates:
    """
    One set of commission rates, summed for the four roles that an execution can have.

    Args:
        maker, taker, buyer, seller: rates as texts or Decimals; ``"0.001"`` is 0.1 %.
    """

    __slots__ = ("buyer", "maker", "of", "seller", "taker")

    def __init__(
        self,
        maker: Decimal | str = "0.001",
        taker: Decimal | str = "0.001",
        buyer: Decimal | str = "0",
        seller: Decimal | str = "0",
    ) -> None:
        parts = {"maker": maker, "taker": taker, "buyer": buyer, "seller": seller}
        for name, value in parts.items():
            units = to_units(value)
            if not 0 <= units < SCALE:
                msg = f"commission rate {name}={value} must lie in 0 <= rate < 1; 0.001 means 0.1 %"
                raise ConfigError(msg)
            setattr(self, name, units)
        sides = (self.seller, self.buyer)
        #: ``of[is_maker][is_buyer]``
        self.of = tuple(tuple(role + side for side in sides) for role in (self.taker, self.maker))

    maker: int
    taker: int
    buyer: int
    seller: int


class FeeModel(Protocol):
    """What an execution costs."""

    def commission(self, desk: Paying, received: int, is_maker: bool, is_buyer: bool) -> tuple[int, Any]:
        """The commission in units and the balance that pays it."""


class BinanceFees:
    """
    Standard, special and tax commission, paid from what is received or, discounted, in another asset.

    Args:
        standard, special, tax: the three sets of rates.
        discount: share of the standard commission that is due when it is paid in ``discount_asset``.
        discount_asset: usually BNB.
        enabled_for_account, enabled_for_symbol: the discount is used where both say so.

    ``convert`` values units of one asset in another, None when no market tells; the venue sets it.

    Raises:
        ConfigError: when the discount is no share.
    """

    def __init__(
        self,
        standard: Rates | None = None,
        special: Rates | None = None,
        tax: Rates | None = None,
        *,
        discount: Decimal | str = "0.75",
        discount_asset: str = "BNB",
        enabled_for_account: bool = False,
        enabled_for_symbol: bool = True,
    ) -> None:
        self.standard = standard or Rates()
        self.special = special or Rates("0", "0")
        self.tax = tax or Rates("0", "0")
        self.discount = to_units(discount)
        if not 0 <= self.discount <= SCALE or not isinstance(discount_asset, str):
            msg = f"discount {discount} in {discount_asset!r}: it is a share of 0 to 1 of the commission, in an asset"
            raise ConfigError(msg)
        self.discount_asset = discount_asset
        self.enabled_for_account = enabled_for_account
        self.enabled_for_symbol = enabled_for_symbol
        self.convert: Callable[[int, str, str], int | None] = lambda *_: None
        self._total = _sum(self.standard, self.special, self.tax)
        self._extra = _sum(self.special, self.tax)
        self._discounted = enabled_for_account and enabled_for_symbol

    def commission(self, desk: Paying, received: int, is_maker: bool, is_buyer: bool) -> tuple[int, Any]:
        """The commission in units, rounded down, and the balance that pays it."""
        if self._discounted:
            paid = self._in_discount_asset(desk, received, is_maker, is_buyer)
            if paid is not None:
                return paid
        return received * self._total[is_maker][is_buyer] // SCALE, desk.base if is_buyer else desk.quote

    def _in_discount_asset(self, desk: Paying, received: int, is_maker: bool, is_buyer: bool) -> tuple[int, Any] | None:
        symbol = desk.symbol
        standard = received * self.standard.of[is_maker][is_buyer] * self.discount // SCALE
        # in units of 1e-16 until the end: what is rounded in a dear asset is a lot in a cheap one
        due = standard + received * self._extra[is_maker][is_buyer]
        asset = symbol.base if is_buyer else symbol.quote
        value = self.convert(due, asset, self.discount_asset)
        balance = desk.account.balance(self.discount_asset)
        if value is None or balance.free < value // SCALE:
            return None
        return value // SCALE, balance


def _sum(*sets: Rates) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sum(rates.of[maker][buyer] for rates in sets) for buyer in (0, 1)) for maker in (0, 1))


class SlippageModel(ABC):
    """
    How much worse than the touch a taker trades where the book shows no quantities.

    Subclasses give ``calculate_slippage``; the venue asks ``units``, which may be overridden for speed.
    """

    @abstractmethod
    def calculate_slippage(self, order: Order, market_data: MarketData) -> Decimal:
        """The slippage in quote per unit of base, never negative; the side decides its direction."""

    def units(self, symbol: str, is_buy: bool, qty: int, bid: int, ask: int, last: int, volume: int) -> int:
        """The same in units."""
        prices = (to_decimal(bid), to_decimal(min(ask, FAR - 1)), to_decimal(last))
        market_data = MarketData(symbol, *prices, to_decimal(volume))
        side = "BUY" if is_buy else "SELL"
        slippage = self.calculate_slippage(Order("", symbol, side, "MARKET", to_decimal(qty)), market_data)
        return max(int(slippage * SCALE), 0)


class NoSlippage(SlippageModel):
    """Takers trade at the touch."""

    def calculate_slippage(self, order: Order, market_data: MarketData) -> Decimal:  # noqa: ARG002
        """Nothing."""
        return Decimal(0)

    def units(self, symbol: str, is_buy: bool, qty: int, bid: int, ask: int, last: int, volume: int) -> int:  # noqa: ARG002
        """Nothing."""
        return 0


class LinearSlippageModel(SlippageModel):
    """
    ``mid x (base_slippage + size_impact x quantity / volume)`` per unit of base.

    Args:
        base_slippage: share of the mid price that every taker loses; 0.0001 is one basis point.
        size_impact: additional share for an order as large as the market's volume; ignored while volume is unknown.
    """

    def __init__(
        self, base_slippage: Decimal | str = Decimal("0.0001"), size_impact: Decimal | str = Decimal("0.001")
    ) -> None:
        self.base_slippage = Decimal(base_slippage)
        self.size_impact = Decimal(size_impact)
        for name in ("base_slippage", "size_impact"):
            value = getattr(self, name)
            if not value.is_finite() or value < 0:
                msg = f"{name}={value} must be a finite share of the price, 0 or more"
                raise ConfigError(msg)
        self._base = int(self.base_slippage * SCALE)
        self._impact = int(self.size_impact * SCALE)

    def calculate_slippage(self, order: Order, market_data: MarketData) -> Decimal:
        """The slippage in quote per unit of base."""
        share = self.base_slippage
        if market_data.volume > 0:
            share += self.size_impact * order.quantity / market_data.volume
        return market_data.mid_price * share

    def units(self, symbol: str, is_buy: bool, qty: int, bid: int, ask: int, last: int, volume: int) -> int:  # noqa: ARG002
        """The same in units, rounded down."""
        mid = (bid + ask) // 2 if bid and ask < FAR else last
        share = self._base + (self._impact * qty // volume if volume > 0 else 0)
        return mid * share // SCALE


class LatencyModel(Protocol):
    """How long one leg between bot and venue takes."""

    def leg(self, rng: Random) -> int:
        """Milliseconds for one way."""


@frozen
class UniformLatency:
    """Every leg takes between ``min_ms`` and ``max_ms``, all equally likely."""

    min_ms: int = 0
    max_ms: int = 0

    def __attrs_post_init__(self) -> None:
        for name, value in (("min_ms", self.min_ms), ("max_ms", self.max_ms)):
            if isinstance(value, bool) or not isinstance(value, int):
                msg = f"{name}={value!r} must be a whole number of milliseconds"
                raise ConfigError(msg)
        if not 0 <= self.min_ms <= self.max_ms:
            msg = f"latency needs 0 <= min_ms <= max_ms, not min_ms={self.min_ms}, max_ms={self.max_ms}"
            raise ConfigError(msg)

    def leg(self, rng: Random) -> int:
        """Milliseconds for one way."""
        return rng.randint(self.min_ms, self.max_ms)


class QueueModel(Protocol):
    """What cancellations at a price do to those who queue there."""

    def shrink(self, ahead: int, before: int, after: int) -> int:
        """What is still ahead when the displayed quantity fell from ``before`` to ``after`` without trades."""


class ProportionalQueue:
    """Cancellations come from ahead and behind in proportion to what stands there."""

    def shrink(self, ahead: int, before: int, after: int) -> int:
        """Rounded up: never better than the proportion."""
        return -(-ahead * after // before) if before else 0


class PatientQueue:
    """Cancellations always come from behind, as far as that is possible."""

    def shrink(self, ahead: int, before: int, after: int) -> int:  # noqa: ARG002
        """Only what is no longer displayed at all has left."""
        return min(ahead, after)


#: The queue models that can be named in a setting.
QUEUES: Mapping[str, type[ProportionalQueue | PatientQueue]] = {
    "proportional": ProportionalQueue,
    "patient": PatientQueue,
}
#: What makes a resting order fill: see docs/fills.md.
FILL_MODELS = ("queue", "touch", "through")
