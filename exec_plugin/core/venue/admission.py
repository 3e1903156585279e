"""Whether an order is accepted: the rules it must meet, what it would trade at once, and who pays for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core import filters
from exec_plugin.core.errors import FilterFailure, OrderRejected, RequestRejected, VenueError
from exec_plugin.core.orders import FOK, LIMIT_MAKER, MARKET, PRICELESS, STOP_KINDS
from exec_plugin.core.symbols import ExchangeRules
from exec_plugin.core.units import FAR, SCALE, short_text
from exec_plugin.core.venue.pegging import peg_to_book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exec_plugin.core.ledger import Desk
    from exec_plugin.core.matching import Market, Offer
    from exec_plugin.core.orders import LiveOrder, Peg

_MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


def average(market: Market, minutes: int, now: int) -> int:
    """The average price that filters use: the last price when ``minutes`` is 0 or nothing traded in them."""
    return (market.tape.average(minutes, now) if minutes else 0) or market.last


def admit(rules: ExchangeRules, market: Market, desk: Desk, order: LiveOrder) -> list[Offer]:
    """
    Check an order in every way and answer what it trades at once; a quantity by value is fixed here.

    Raises:
        FilterFailure, OrderRejected: the first rule that is not met; nothing has changed.
    """
    if order.given_id and desk.is_used(order.given_id):
        raise OrderRejected("Duplicate order sent.", f"an open order has the client id {order.given_id!r}")
    peg_now(market, order)
    check_rules(market, order)
    if not order.quote_qty:
        check_room(rules, market, desk, (order,))
    if order.kind in STOP_KINDS:
        check_stop(market, order)
    offers = plan(market, desk, order)
    if order.quote_qty:
        order.qty = sum(offer[1] for offer in offers) + market.unmet
        try:
            check_room(rules, market, desk, (order,))
        except FilterFailure:
            market.forget_prevention()
            raise
    return offers


def judge(rules: ExchangeRules, market: Market, desk: Desk, order: LiveOrder) -> None:
    """
    Check the rules that depend neither on money nor on what other orders do.

    Raises:
        FilterFailure, OrderRejected: the first that is not met.
    """
    peg_now(market, order)
    check_rules(market, order)
    check_room(rules, market, desk, (order,))


def peg_now(market: Market, order: LiveOrder) -> None:
    """
    Peg an order that works at once to the book; one that waits for a price is pegged when it triggers.

    Raises:
        OrderRejected: when the book has no such level.
    """
    if order.peg is not None and order.kind not in STOP_KINDS:
        peg_to_book(market, order, order.peg)


def check_rules(market: Market, order: LiveOrder, *, sized: bool = True) -> None:
    """
    Every rule that depends neither on the account's money nor on its other orders.

    Args:
        market: where the order shall work.
        order: what is asked for, pegged to its price where it has one now.
        sized: whether its quantity is known yet.

    Raises:
        FilterFailure, OrderRejected: the first rule that is not met.
    """
    symbol = market.symbol
    kind, price, peg = order.kind, order.price, order.peg
    if symbol.status != "TRADING":
        raise OrderRejected("Market is closed.", f"{symbol.name} is {symbol.status}")
    if price:
        check_limit(market, order, price)
    if peg is not None and peg.given and peg.given != price:
        check_limit(market, order, peg.given)
    if kind in STOP_KINDS:
        _check_trigger(market, order)
    if sized:
        _check_size(market, order)


def check_limit(market: Market, order: LiveOrder, price: int) -> None:
    """
    PRICE_FILTER and PERCENT_PRICE(_BY_SIDE) on a limit price.

    Raises:
        FilterFailure: when it breaks one.
    """
    filters.check_price(market.symbol, price)
    if market.symbol.percent is not None:
        _check_percent(market, order, price)


def _check_trigger(market: Market, order: LiveOrder) -> None:
    if order.trail is not None:
        filters.check_trailing(market.symbol, market.waits_above(order), order.trail.delta)
    elif not order.stop:
        raise RequestRejected(-1102, _MISSING.format("stopPrice"))
    if order.stop:
        filters.check_price(market.symbol, order.stop)


def _check_size(market: Market, order: LiveOrder) -> None:
    symbol, qty = market.symbol, order.qty
    if not order.quote_qty:
        filters.check_lot(symbol, qty)
    if order.iceberg:
        if order.iceberg >= qty:
            hint = f"the visible part {short_text(order.iceberg)} must be less than the whole {short_text(qty)}"
            raise OrderRejected("IcebergQty exceeds QTY.", hint)
        filters.check_iceberg(symbol, order.iceberg, qty)
    if order.kind == MARKET:
        _check_market(market, order)
        return
    price = order.price
    if not price and order.kind not in PRICELESS and order.peg is None:
        raise RequestRejected(-1102, _MISSING.format("price"))
    check_value(market, order, qty)


def check_value(market: Market, order: LiveOrder, qty: int) -> None:
    """
    NOTIONAL of a quantity at an order's price, of a pegged one also at the price that was sent with it.

    Raises:
        FilterFailure: when it breaks it.
    """
    price, peg = order.price, order.peg
    # what has neither limit nor stop price follows the market from where it is
    if value_at := price or order.stop or market.last:
        filters.check_notional(market.symbol, value_at, qty)
    if peg is not None and peg.given and peg.given != price:
        filters.check_notional(market.symbol, peg.given, qty)


def check_room(rules: ExchangeRules, market: Market, desk: Desk, orders: Sequence[LiveOrder]) -> None:
    """
    The filters that count: whether the account may have these orders open as well.

    Raises:
        FilterFailure: when it may not.
    """
    symbol, new = desk.symbol, len(orders)
    if len(desk.open) + new > symbol.max_orders:
        filters.check_count("MAX_NUM_ORDERS", len(desk.open), symbol.max_orders, new)
    algos = icebergs = 0
    for order in orders:
        algos += order.kind in STOP_KINDS
        icebergs += bool(order.iceberg)
        if order.is_buy and symbol.max_position != FAR:
            filters.check_position(symbol, desk.position, order.qty)
    if algos:
        filters.check_count("MAX_NUM_ALGO_ORDERS", desk.algo_open, symbol.max_algo_orders, algos)
    if icebergs and symbol.max_icebergs != FAR:
        filters.check_count("MAX_NUM_ICEBERG_ORDERS", desk.icebergs, symbol.max_icebergs, icebergs)
    if rules is not NO_RULES:
        _check_exchange(rules, desk, len(orders), algos, icebergs)
        for order in orders:
            _check_assets(rules, market, order)


def _check_exchange(rules: ExchangeRules, desk: Desk, new: int, algos: int, icebergs: int) -> None:
    desks = desk.account.desks.values()
    filters.check_count("EXCHANGE_MAX_NUM_ORDERS", sum(len(each.open) for each in desks), rules.max_orders, new)
    if algos:
        open_ones = sum(each.algo_open for each in desks)
        filters.check_count("EXCHANGE_MAX_NUM_ALGO_ORDERS", open_ones, rules.max_algo_orders, algos)
    if icebergs:
        open_ones = sum(each.icebergs for each in desks)
        filters.check_count("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", open_ones, rules.max_icebergs, icebergs)


def _check_assets(rules: ExchangeRules, market: Market, order: LiveOrder) -> None:
    symbol = market.symbol
    if (limit := rules.assets.get(symbol.base)) is not None:
        filters.check_asset(symbol.base, order.qty, limit)
    if (limit := rules.assets.get(symbol.quote)) is not None:
        value = order.quote_qty or (order.lock_price or market.last) * order.qty // SCALE
        filters.check_asset(symbol.quote, value, limit)


#: No limits beyond those of the symbols.
NO_RULES = ExchangeRules()


def _check_percent(market: Market, order: LiveOrder, price: int) -> None:
    symbol, tape = market.symbol, market.tape
    rule = symbol.percent
    assert rule is not None  # noqa: S101 - asked before; spares every order without the filter a call
    up, down = (rule.bid_up, rule.bid_down) if order.is_buy else (rule.ask_up, rule.ask_down)
    # inside the bounds of every average there could be, the average need not be known
    if not tape.highest * down <= price * SCALE <= tape.lowest * up:
        filters.check_percent(symbol, order.is_buy, price, average(market, rule.avg_minutes, order.time))


def check_stop(market: Market, order: LiveOrder) -> None:
    """
    Whether a stop order would wait at all.

    Raises:
        OrderRejected: when the last price has reached its stop price already.
    """
    last, stop = market.last, order.stop
    if last and stop and (last >= stop if market.waits_above(order) else last <= stop):
        raise OrderRejected(
            "Order would trigger immediately.",
            f"the last price is {short_text(last)} and the stop price {short_text(stop)}",
        )


def _check_market(market: Market, order: LiveOrder) -> None:
    symbol = market.symbol
    rule = symbol.notional
    if order.quote_qty:
        if rule.minimum_for_market and order.quote_qty < rule.minimum:
            raise FilterFailure(
                "NOTIONAL", f"{short_text(order.quote_qty)} is below the minimum {short_text(rule.minimum)}"
            )
        return
    filters.check_market_lot(symbol, order.qty)
    # no average lies below the lowest price there was: where that is enough, the average need not be known
    enough = order.qty * market.tape.lowest >= rule.minimum * SCALE or not rule.minimum_for_market
    if rule.maximum_for_market or not enough:
        filters.check_market_notional(symbol, average(market, rule.avg_minutes, order.time), order.qty)


def plan(market: Market, desk: Desk, order: LiveOrder) -> list[Offer]:
    """
    What the order would trade at once, once it is clear that the account can pay for it.

    Raises:
        OrderRejected: when it cannot, or the order may not trade as it would.
    """
    is_buy, kind, qty = order.is_buy, order.kind, order.qty
    if kind == MARKET:
        try:
            return _plan_market(market, desk, order)
        except OrderRejected:
            market.forget_prevention()
            raise
    desk.require(is_buy, order.lock_price * qty // SCALE if is_buy else qty)
    if kind in STOP_KINDS:
        return []
    if kind == LIMIT_MAKER:
        check_maker(market, order)
        market.forget_prevention()
        return []
    return within_limit(market, order, qty)


def _plan_market(market: Market, desk: Desk, order: LiveOrder) -> list[Offer]:
    is_buy, qty = order.is_buy, order.qty
    if order.quote_qty:
        return _plan_quote(market, desk, order)
    if is_buy:
        offers = market.plan(is_buy, FAR, qty, desk.account, order.stp)
        desk.require(is_buy, cost(offers))
        return offers
    desk.require(is_buy, qty)
    return market.plan(is_buy, 0, qty, desk.account, order.stp)


def check_maker(market: Market, order: LiveOrder) -> None:
    """
    Whether an order would rest.

    Raises:
        OrderRejected: when it would trade at once.
    """
    if next(market.offers(order.is_buy, order.price), None) is not None:
        raise OrderRejected("Order would immediately match and take.", _touch_hint(market, is_buy=order.is_buy))


def within_limit(market: Market, order: LiveOrder, qty: int) -> list[Offer]:
    """What an order with a limit would trade at once: all or nothing for FOK."""
    offers = market.plan(order.is_buy, order.price, qty, order.desk.account, order.stp)
    if order.tif == FOK and sum(offer[1] for offer in offers) < qty:
        market.forget_prevention()
        return []
    return offers


def _plan_quote(market: Market, desk: Desk, order: LiveOrder) -> list[Offer]:
    symbol, is_buy = market.symbol, order.is_buy
    step = max(symbol.lot.step, symbol.market_lot.step)
    offers = market.plan_quote(is_buy, order.quote_qty, step, desk.account, order.stp)
    total = sum(offer[1] for offer in offers) + market.unmet
    if not total or total < symbol.lot.minimum:
        name = "LOT_SIZE filter" if total else "symbol"
        raise OrderRejected(f"Order book liquidity is less than {name} minimum quantity.")
    if total < symbol.market_lot.minimum:
        raise OrderRejected("Order book liquidity is less than MARKET_LOT_SIZE filter minimum quantity.")
    desk.require(is_buy, order.quote_qty if is_buy else total)
    return offers


def affordable(market: Market, order: LiveOrder, offers: list[Offer]) -> list[Offer]:
    """A triggered market order may cost more than it locked: it buys what its account can pay, and meets no more."""
    if not order.is_buy:
        return offers
    purse = order.desk.quote.free + order.locked
    step = order.symbol.lot.step
    found: list[Offer] = []
    for price, qty, maker in offers:
        part = min(qty, purse * SCALE // price // step * step)
        if part:
            found.append((price, part, maker))
            purse -= price * part // SCALE
        if part < qty:
            reached = len(found) - bool(part)
            market.prevented = [item for item in market.prevented if item.position <= reached]
            break
    return found


def cost(offers: list[Offer]) -> int:
    """What a buyer pays for offers, in quote units."""
    total = 0
    for price, qty, _ in offers:
        total += price * qty // SCALE
    return total


def _touch_hint(market: Market, *, is_buy: bool) -> str:
    step = market.symbol.price.step
    if is_buy:
        best = min(market.ask, market.sells.best)
        return f"the best ask is {short_text(best)}; the nearest price that rests is {short_text(best - step)}"
    best = max(market.bid, market.buys.best)
    return f"the best bid is {short_text(best)}; the nearest price that rests is {short_text(best + step)}"


def peg_again(market: Market, order: LiveOrder, peg: Peg) -> None:
    """
    Peg a triggered order to the book as it is now.

    Raises:
        FilterFailure, OrderRejected: when it cannot work there; its price is what it was.
    """
    desk: Desk = order.desk
    try:
        peg_to_book(market, order, peg)
        check_limit(market, order, order.price)
        filters.check_notional(market.symbol, order.price, order.remaining)
        desk.require(order.is_buy, desk.need(order) - order.locked)
    except VenueError:
        order.price = peg.given
        raise
