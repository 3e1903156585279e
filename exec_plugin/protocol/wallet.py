"""
The wallet and margin calls that spot clients make before they trade (``/sapi/``).

Binance documents them apart from spot. Nothing can be deposited, withdrawn, lent or borrowed on paper, and they say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.units import to_text
from exec_plugin.protocol.accounts import standard_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.context import Context

_ZERO = to_text(0)


def coins(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG001
    """All coins that are traded or held, and that none of them has a network (Wallet, All Coins' Information)."""
    held = context.account.balances
    symbols = [market.symbol for market in context.venue.markets.values()]
    names = dict.fromkeys([asset for symbol in symbols for asset in (symbol.base, symbol.quote)] + list(held))
    return [_coin(name, *((held[name].free, held[name].locked) if name in held else (0, 0))) for name in names]


def _coin(name: str, free: int, locked: int) -> dict[str, Any]:
    return {
        "coin": name,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "name": name,
        "free": to_text(free),
        "locked": to_text(locked),
        "freeze": _ZERO,
        "withdrawing": _ZERO,
        "ipoing": _ZERO,
        "ipoable": _ZERO,
        "storage": _ZERO,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [],
    }


def key_permissions(context: Context, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """A key may read and trade spot, and nothing else (Wallet, Get API Key Permission)."""
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": False,
    }


def trade_fee(context: Context, params: dict[str, Any]) -> list[dict[str, str]]:
    """The wallet's fee list, which ccxt's ``fetch_trading_fee`` reads."""
    standard = standard_rates(context.venue.fees)
    names = [context.venue.market(params["symbol"]).symbol.name] if "symbol" in params else list(context.venue.markets)
    maker, taker = to_text(standard.maker), to_text(standard.taker)
    return [{"symbol": name, "makerCommission": maker, "takerCommission": taker} for name in names]


def system_status(context: Context, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Always in order: the venue is in this process."""
    return {"status": 0, "msg": "normal"}


def nothing(context: Context, params: dict[str, Any]) -> list[Any]:  # noqa: ARG001
    """No symbol is about to be delisted, and none is traded on margin."""
    return []


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {
    "asset.tradeFee": trade_fee,
    "system.status": system_status,
    "capital.config": coins,
    "account.apiRestrictions": key_permissions,
    "spot.delistSchedule": nothing,
    "margin.allPairs": nothing,
    "margin.isolated.allPairs": nothing,
}
