"""The account itself: balances, permissions, order counts and filters."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.units import SCALE, to_text
from exec_plugin.protocol.orders import rates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.fill_models import FeeModel
    from exec_plugin.core.ledger import Account
    from exec_plugin.protocol.context import Context

#: What is shown of a fee model whose rates cannot be told in advance.
_NO_RATES = Rates("0", "0")
_BASIS_POINT = SCALE // 10_000


def status(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Account information."""
    amounts = {asset: (held.free, held.locked) for asset, held in context.account.balances.items()}
    # Binance lists every asset that is traded, held or not
    for market in context.venue.markets.values():
        amounts.setdefault(market.symbol.base, (0, 0))
        amounts.setdefault(market.symbol.quote, (0, 0))
    if params.get("omitZeroBalances", False):
        amounts = {asset: held for asset, held in amounts.items() if any(held)}
    return account_reply(context.account, context.venue.fees, amounts)


def account_reply(account: Account, fees: FeeModel, amounts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """
    The account as Binance shows it.

    Args:
        account: whose it is.
        fees: whose standard rates are shown.
        amounts: free and locked units of the assets to list.
    """
    standard = standard_rates(fees)
    return {
        "makerCommission": standard.maker // _BASIS_POINT,
        "takerCommission": standard.taker // _BASIS_POINT,
        "buyerCommission": standard.buyer // _BASIS_POINT,
        "sellerCommission": standard.seller // _BASIS_POINT,
        "commissionRates": rates(standard),
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.updated,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": to_text(free), "locked": to_text(locked)}
            for asset, (free, locked) in amounts.items()
        ],
        "permissions": ["SPOT"],
        # derived from the name: the same after a restart, and not the same for everybody
        "uid": zlib.crc32(account.name.encode()),
    }


def standard_rates(fees: FeeModel) -> Rates:
    """The standard commission rates of a fee model, zeros where it has none to tell."""
    return fees.standard if isinstance(fees, BinanceFees) else _NO_RATES


def order_counts(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG001
    """How much of the unfilled-order limits is used."""
    return context.gateway.limits.order_counts(context.account.name, context.now)


def relevant_filters(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """The filters that an order of the account on a symbol has to meet (filters.md)."""
    symbol = context.venue.market(params["symbol"]).symbol
    limits = context.venue.rules.assets
    return {
        "exchangeFilters": list(context.exchange_filters),
        "symbolFilters": [dict(entry) for entry in symbol.info["filters"]],
        "assetFilters": [
            {"filterType": "MAX_ASSET", "asset": asset, "limit": to_text(limits[asset])}
            for asset in (symbol.base, symbol.quote)
            if asset in limits
        ],
    }


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {
    "account.status": status,
    "account.rateLimits.orders": order_counts,
    "myFilters": relevant_filters,
}
