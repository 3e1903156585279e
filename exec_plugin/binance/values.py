"""From Binance's JSON to the values that the client hands out."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from exec_plugin.core.models import ExchangeInfo, Fill, KlineData, Order, Record, SymbolInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@frozen(slots=True)
class Trade(Record):
    """One trade of the market: price in quote, quantity in base, ``time`` in ms; ``side`` is the taker's."""

    id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    time: int
    info: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


def trade_of(raw: Mapping[str, Any], symbol: str) -> Trade:
    """A trade as ``trades`` and ``aggTrades`` of REST, and both streams show it."""
    name, price, quantity = raw.get("id", raw.get("a", raw.get("t"))), raw.get("price"), raw.get("qty")
    price, quantity = _amount(raw["p"] if price is None else price), _amount(raw["q"] if quantity is None else quantity)
    is_sale = raw.get("isBuyerMaker", raw.get("m"))
    return Trade(
        str(name), raw.get("s", symbol), "SELL" if is_sale else "BUY", price, quantity,
        _amount(raw.get("quoteQty") or price * quantity), int(raw.get("time", raw.get("T", 0))), raw,
    )  # fmt: skip


def fill_of(raw: Mapping[str, Any]) -> Fill:
    """One execution of an own order, as ``myTrades`` shows it."""
    return Fill(
        str(raw["id"]), str(raw["orderId"]), raw["symbol"], "BUY" if raw["isBuyer"] else "SELL",
        _amount(raw["price"]), _amount(raw["qty"]), _amount(raw["quoteQty"]),
        _amount(raw["commission"]), raw["commissionAsset"], bool(raw["isMaker"]), int(raw["time"]),
    )  # fmt: skip


def order_of(raw: Mapping[str, Any]) -> Order:
    """An order as any reply or query of the trading endpoints shows it; ``info`` is the reply."""
    filled = _amount(raw.get("executedQty"))
    paid = _amount(raw.get("cummulativeQuoteQty"))
    created = raw.get("time") or raw.get("transactTime") or 0
    return Order(
        str(raw["orderId"]),
        raw["symbol"],
        raw.get("side", ""),
        raw.get("type", ""),
        _amount(raw.get("origQty")),
        _price(raw.get("price")),
        raw.get("status", "NEW"),
        raw.get("timeInForce", "GTC"),
        filled,
        paid,
        paid / filled if filled else None,
        _price(raw.get("stopPrice")),
        raw.get("clientOrderId", ""),
        created,
        raw.get("updateTime") or raw.get("transactTime") or created,
        raw,
    )


@lru_cache(maxsize=4096)
def _amount(text: Any) -> Decimal:
    """An amount without trailing zeros, so that none is ever shown with an exponent; the same come again and again."""
    plain = (
        text if isinstance(text, str) and text.replace(".", "", 1).isdigit() else format(Decimal(str(text or 0)), "f")
    )
    return Decimal(plain.rstrip("0").rstrip(".") if "." in plain else plain)


def _price(text: Any) -> Decimal | None:
    return _amount(text) or None


def kline_of(row: Sequence[Any], symbol: str = "", interval: str = "") -> KlineData:
    """A candle from its row of twelve."""
    opened, *prices, volume, closed, quote, trades, taker, taker_quote = row[:11]
    first, high, low, last = map(_amount, prices)
    return KlineData(
        int(opened), first, high, low, last, _amount(volume), int(closed),
        _amount(quote), int(trades), _amount(taker), _amount(taker_quote), symbol, interval, row,
    )  # fmt: skip


def exchange_info_of(raw: Mapping[str, Any]) -> ExchangeInfo:
    """Exchange information."""
    return ExchangeInfo(
        {entry["symbol"]: symbol_info_of(entry) for entry in raw.get("symbols", ())},
        tuple(raw.get("rateLimits", ())),
        raw.get("timezone", "UTC"),
        int(raw.get("serverTime", 0)),
        raw,
    )


def symbol_info_of(entry: Mapping[str, Any]) -> SymbolInfo:
    """One entry of ``exchangeInfo.symbols``; a rule of zero is switched off (filters.md, PRICE_FILTER)."""
    filters = {item["filterType"]: item for item in entry.get("filters", ())}
    price, lot = filters.get("PRICE_FILTER", {}), filters.get("LOT_SIZE", {})
    value = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    return SymbolInfo(
        entry["symbol"],
        entry.get("status", ""),
        entry.get("baseAsset", ""),
        entry.get("quoteAsset", ""),
        int(entry.get("baseAssetPrecision", 8)),
        int(entry.get("quoteAssetPrecision", entry.get("quotePrecision", 8))),
        _price(price.get("tickSize")),
        _price(lot.get("stepSize")),
        _price(price.get("minPrice")),
        _price(price.get("maxPrice")),
        _price(lot.get("minQty")),
        _price(lot.get("maxQty")),
        _price(value.get("minNotional")),
        tuple(entry.get("orderTypes", ())),
        filters,
        entry,
    )
