"""At what price an order would trade, and how much of it the account could pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, ConfigError, OrderRejected
from exec_plugin.core.units import FAR, SCALE, short_text
from exec_plugin.paper_broker.amounts import ceil_units, floor_units, to_decimal, units
from exec_plugin.paper_broker.requests import read_side

if TYPE_CHECKING:
    from decimal import Decimal

    from exec_plugin.core.fill_models import SlippageModel
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.models import MarketData, Order
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.paper_broker.requests import Request


def execution_price(slippage: SlippageModel, symbol: Symbol, order: Order, market_data: MarketData) -> Decimal:
    """
    The touch, moved against the order by the slippage model, on a tick, not beyond the order's limit.

    Raises:
        ConfigError: when the market data have no price on the other side.
    """
    is_buy = read_side(order.side)
    bid, ask = floor_units(market_data.bid), ceil_units(market_data.ask)
    if not (ask if is_buy else bid):
        msg = f"{order.symbol}: the market data have no {'ask' if is_buy else 'bid'}, so there is nobody to trade with"
        raise ConfigError(msg)
    last, volume = floor_units(market_data.last_price), floor_units(market_data.volume)
    slip = slippage.units(symbol.name, is_buy, floor_units(order.quantity), bid, ask or FAR, last, volume)
    step = symbol.price.step
    limit = 0 if order.price is None else units("price", order.price)
    if is_buy:
        return to_decimal(min(-(-(ask + slip) // step) * step if slip else ask, limit or FAR))
    return to_decimal(max((bid - slip) // step * step if slip else bid, limit, 1))


def with_most(error: OrderRejected, request: Request, symbol: Symbol, account: Account, ask: Decimal) -> OrderRejected:
    """A refusal for want of money, with the quantity that there is money for; another refusal as it is."""
    if error.msg != INSUFFICIENT_BALANCE or request.quote_qty:
        return error
    free = account.balance(symbol.quote if request.is_buy else symbol.base).free
    at = request.price or request.stop or ceil_units(ask)
    most = (free * SCALE // at if request.is_buy else free) // symbol.lot.step * symbol.lot.step
    return OrderRejected(error.msg, f"{error.hint}; that is enough for {short_text(max(most, 0))} {symbol.base}")
