"""
Symbols and their filters, as ``GET /api/v3/exchangeInfo`` lists them (rest-api.md, Exchange information).

A filter that is absent or switched off by a zero becomes a bound that everything meets, so that a check is one
comparison and never asks whether the filter exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.units import DECIMALS, FAR, SCALE, parse_units, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Quote assets by which a bare name such as ``BTCUSDT`` is split, longest match first.
QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD1", "BIDR", "DOGE",
    "BTC", "ETH", "BNB", "TRX", "XRP", "EUR", "TRY", "BRL", "GBP", "AUD", "JPY", "DAI", "PAX", "USD",
)  # fmt: skip

ORDER_TYPES = (
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip

#: Self-trade prevention modes (enums.md, STP Modes).
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")

_NAME = re.compile(r"[A-Z0-9_.-]{2,20}")

_DEFAULTS: dict[str, Any] = {
    "status": "TRADING",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "baseCommissionPrecision": 8,
    "quoteCommissionPrecision": 8,
    "orderTypes": list(ORDER_TYPES),
    "icebergAllowed": True,
    "ocoAllowed": True,
    "otoAllowed": True,
    "opoAllowed": True,
    "quoteOrderQtyMarketAllowed": True,
    "allowTrailingStop": True,
    "cancelReplaceAllowed": True,
    "amendAllowed": True,
    "pegInstructionsAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [],
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "defaultSelfTradePreventionMode": "NONE",
    "allowedSelfTradePreventionModes": list(STP_MODES),
}


def split_symbol(name: str) -> tuple[str, str]:
    """
    Base and quote of a Binance name, by the well-known quote assets.

    Raises:
        ConfigError: when no known quote asset ends the name.
    """
    for quote in QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return name[: -len(quote)], quote
    msg = f"cannot tell base and quote of {name!r}: it ends with none of {', '.join(QUOTES)}"
    raise ConfigError(msg)


@frozen(slots=True)
class LotRule:
    """Smallest, largest and step of a quantity (LOT_SIZE, MARKET_LOT_SIZE) or price (PRICE_FILTER), in units."""

    minimum: int = 0
    maximum: int = FAR
    step: int = 1

    def allows(self, value: int) -> bool:
        """Whether a value meets all three parts."""
        return self.minimum <= value <= self.maximum and not value % self.step

    def nearest(self, value: int) -> int:
        """The legal value nearest to a refused one."""
        step = self.step
        low = -(-self.minimum // step) * step
        high = self.maximum // step * step
        return min(max((value + step // 2) // step * step, low), high)


@frozen(slots=True)
class NotionalRule:
    """Bounds of price times quantity (NOTIONAL, MIN_NOTIONAL), in quote units."""

    minimum: int = 0
    maximum: int = FAR
    minimum_for_market: bool = False
    maximum_for_market: bool = False
    avg_minutes: int = 5


@frozen(slots=True)
class PercentRule:
    """Multipliers on the average price (PERCENT_PRICE, PERCENT_PRICE_BY_SIDE), in units of 1e-8."""

    bid_up: int
    bid_down: int
    ask_up: int
    ask_down: int
    avg_minutes: int
    name: str = "PERCENT_PRICE_BY_SIDE"


@frozen(slots=True)
class TrailingRule:
    """Bounds of ``trailingDelta`` in basis points, by where the stop price lies (TRAILING_DELTA)."""

    least_above: int = 1
    most_above: int = FAR
    least_below: int = 1
    most_below: int = FAR


@frozen(slots=True)
class ExchangeRules:
    """
    What an account may have open on the whole exchange, and move of an asset in one order (filters.md).

    ``filters`` are the entries of ``exchangeInfo.exchangeFilters``, ``assets`` the MAX_ASSET limits in units.
    """

    filters: Sequence[Mapping[str, Any]] = ()
    assets: Mapping[str, int] = field(factory=dict)
    max_orders: int = FAR
    max_algo_orders: int = FAR
    max_icebergs: int = FAR
    max_lists: int = FAR

    @classmethod
    def read(
        cls, exchange_filters: Iterable[Mapping[str, Any]] = (), asset_filters: Iterable[Mapping[str, Any]] = ()
    ) -> ExchangeRules:
        """
        Read entries of ``exchangeFilters``, and of the ``assetFilters`` that ``myFilters`` shows.

        Raises:
            ConfigError: for an entry that is none of filters.md, or lacks its number.
        """
        filters = [dict(entry) for entry in exchange_filters]
        try:
            counts = {_EXCHANGE_FILTERS[item["filterType"]][0]: int(item[_key(item)]) for item in filters}
            assets = {str(item["asset"]): parse_units(str(item["limit"])) for item in asset_filters}
        except (KeyError, TypeError, ValueError) as error:
            msg = f"unreadable exchange or asset filter: {error!r}; known are {', '.join(_EXCHANGE_FILTERS)}, MAX_ASSET"
            raise ConfigError(msg) from error
        return cls(filters, assets, **counts)


_EXCHANGE_FILTERS = {
    "EXCHANGE_MAX_NUM_ORDERS": ("max_orders", "maxNumOrders"),
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": ("max_algo_orders", "maxNumAlgoOrders"),
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": ("max_icebergs", "maxNumIcebergOrders"),
    "EXCHANGE_MAX_NUM_ORDER_LISTS": ("max_lists", "maxNumOrderLists"),
}


def _key(item: Mapping[str, Any]) -> str:
    return _EXCHANGE_FILTERS[item["filterType"]][1]


@frozen(slots=True, eq=False)
class Symbol:
    """
    One tradable pair: names, status, order features and filters in units.

    ``info`` is the full exchangeInfo entry from which the rest was read.
    """

    name: str
    base: str
    quote: str
    info: Mapping[str, Any] = field(repr=False)
    status: str = "TRADING"
    order_types: frozenset[str] = frozenset(ORDER_TYPES)
    price: LotRule = LotRule()
    lot: LotRule = LotRule()
    market_lot: LotRule = LotRule()
    notional: NotionalRule = NotionalRule()
    percent: PercentRule | None = None
    max_orders: int = FAR
    max_algo_orders: int = FAR
    max_amends: int = FAR
    max_icebergs: int = FAR
    max_lists: int = FAR
    max_position: int = FAR
    iceberg_parts: int = FAR
    trailing: TrailingRule = TrailingRule()
    filters: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)

    @classmethod
    def from_exchange_info(cls, entry: Mapping[str, Any]) -> Symbol:
        """
        Read an ``exchangeInfo.symbols`` entry; what it leaves out takes Binance's usual values.

        Raises:
            ConfigError: when a name is missing or malformed, or a filter has a value that is no number.
        """
        name = str(entry.get("symbol", ""))
        if not _NAME.fullmatch(name):
            msg = f"{name!r} is not a symbol; expected upper-case letters and digits such as 'BTCUSDT'"
            raise ConfigError(msg)
        if "baseAsset" in entry and "quoteAsset" in entry:
            base, quote = str(entry["baseAsset"]), str(entry["quoteAsset"])
        else:
            base, quote = split_symbol(name)
        info = {"symbol": name, **_DEFAULTS, "baseAsset": base, "quoteAsset": quote, **entry}
        _check_types(info)
        filters = {str(item["filterType"]): item for item in info["filters"]}
        try:
            rules = _rules(filters)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{name}: unreadable filter: {error}"
            raise ConfigError(msg) from error
        return cls(name, base, quote, info, info["status"], frozenset(info["orderTypes"]), filters=filters, **rules)

    def to_exchange_info(self) -> dict[str, Any]:
        """The entry of ``exchangeInfo.symbols``."""
        return dict(self.info)


def _check_types(info: Mapping[str, Any]) -> None:
    """Refuse an entry that is typed otherwise than Binance's: whoever reads it later counts on that."""
    for key, usual in {**_DEFAULTS, "baseAsset": "", "quoteAsset": ""}.items():
        value = info[key]
        good = type(value) is type(usual)
        if good and isinstance(value, list):
            inner = {"filters": Mapping, "permissionSets": list}.get(key, str)
            good = all(isinstance(item, inner) for item in value)
        elif good and isinstance(value, int):
            good = value <= DECIMALS and value >= 0
        if not good:
            msg = f"{info['symbol']}: {key}={value!r} is not what exchangeInfo has there, such as {usual!r}"
            raise ConfigError(msg)


_COUNTS = {
    "MAX_NUM_ORDERS": ("max_orders", "maxNumOrders"),
    "MAX_NUM_ALGO_ORDERS": ("max_algo_orders", "maxNumAlgoOrders"),
    "MAX_NUM_ORDER_AMENDS": ("max_amends", "maxNumOrderAmends"),
    "MAX_NUM_ICEBERG_ORDERS": ("max_icebergs", "maxNumIcebergOrders"),
    "MAX_NUM_ORDER_LISTS": ("max_lists", "maxNumOrderLists"),
    "ICEBERG_PARTS": ("iceberg_parts", "limit"),
}
_TRAILING = ("minTrailingAboveDelta", "maxTrailingAboveDelta", "minTrailingBelowDelta", "maxTrailingBelowDelta")


def _rules(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "price": _lot(filters.get("PRICE_FILTER"), "minPrice", "maxPrice", "tickSize"),
        "lot": _lot(filters.get("LOT_SIZE"), "minQty", "maxQty", "stepSize", least=1),
        "market_lot": _lot(filters.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        "notional": _notional(filters),
        "percent": _percent(filters),
    }
    for name, (rule, key) in _COUNTS.items():
        if name in filters:
            rules[rule] = int(filters[name][key])
    if (item := filters.get("MAX_POSITION")) is not None:
        rules["max_position"] = parse_units(str(item["maxPosition"])) or FAR
    if (item := filters.get("TRAILING_DELTA")) is not None:
        rules["trailing"] = TrailingRule(*(int(item[key]) for key in _TRAILING))
    return rules


def _lot(item: Mapping[str, Any] | None, low: str, high: str, step: str, least: int = 0) -> LotRule:
    if item is None:
        return LotRule(least)
    minimum, maximum, by = (parse_units(str(item[key])) for key in (low, high, step))
    return LotRule(max(minimum, least), maximum or FAR, by or 1)


def _notional(filters: Mapping[str, Mapping[str, Any]]) -> NotionalRule:
    if (item := filters.get("NOTIONAL")) is not None:
        return NotionalRule(
            parse_units(str(item["minNotional"])),
            parse_units(str(item.get("maxNotional", "0"))) or FAR,
            bool(item.get("applyMinToMarket", False)),
            bool(item.get("applyMaxToMarket", False)),
            int(item.get("avgPriceMins", 5)),
        )
    if (item := filters.get("MIN_NOTIONAL")) is not None:
        to_market = bool(item.get("applyToMarket", False))
        return NotionalRule(
            parse_units(str(item["minNotional"])), FAR, to_market, False, int(item.get("avgPriceMins", 5))
        )
    return NotionalRule()


def _percent(filters: Mapping[str, Mapping[str, Any]]) -> PercentRule | None:
    if (item := filters.get("PERCENT_PRICE_BY_SIDE")) is not None:
        keys = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
        bid_up, bid_down, ask_up, ask_down = (parse_units(str(item[key])) for key in keys)
        return PercentRule(bid_up, bid_down, ask_up, ask_down, int(item.get("avgPriceMins", 5)))
    if (item := filters.get("PERCENT_PRICE")) is not None:
        up, down = parse_units(str(item["multiplierUp"])), parse_units(str(item["multiplierDown"]))
        return PercentRule(up, down, up, down, int(item.get("avgPriceMins", 5)), "PERCENT_PRICE")
    return None


#: The smallest order value by quote asset, as recorded from Binance in 2020; 5 in those that are worth about a dollar.
LEAST_VALUES = {"BTC": "0.001", "ETH": "0.01", "BNB": "0.1"}


def default_symbol(
    name: str, base: str = "", quote: str = "", *, tick: str = "0.01", step: str = "0.00001", min_notional: str = ""
) -> Symbol:
    """A symbol with Binance's usual filters around a tick size and a lot step."""
    if not base or not quote:
        base, quote = split_symbol(name)
    tick, step = to_text(parse_units(tick)), to_text(parse_units(step))
    min_notional = min_notional or LEAST_VALUES.get(quote, "5")
    big = to_text(1_000_000 * SCALE)
    filters: list[dict[str, Any]] = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": big, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": to_text(9_000_000 * SCALE), "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": big, "stepSize": "0.00000000"},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": to_text(parse_units(min_notional)), "applyMinToMarket": True,
            "maxNotional": to_text(9_000_000 * SCALE), "applyMaxToMarket": False, "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]  # fmt: skip
    return Symbol.from_exchange_info({"symbol": name, "baseAsset": base, "quoteAsset": quote, "filters": filters})
