"""
The venue: one deterministic exchange in memory.

Commands (``place``, ``cancel``) and market rows go in, events come out. It never looks at a clock, draws only from its
own seeded generator and does no I/O, so the same inputs give the same events, ids included.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from exec_plugin.core import filters
from exec_plugin.core.errors import AmendRejected, CancelRejected, ConfigError, FilterFailure, OrderRejected, RequestRejected
from exec_plugin.core.events import BOOK, DEPTH, QUOTE, TRADE, Amendment, BalanceChange, Execution, Fill
from exec_plugin.core.fill_models import FILL_MODELS, BinanceFees, NoSlippage, ProportionalQueue
from exec_plugin.core.ledger import Account, Desk
from exec_plugin.core.matching import Market
from exec_plugin.core.orders import (
    CANCELED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    FOK,
    GTC,
    LIMIT_MAKER,
    MARKET,
    PARTIALLY_FILLED,
    STOP_KINDS,
    LiveOrder,
)
from exec_plugin.core.units import FAR, SCALE, short_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exec_plugin.core.events import Event, Row
    from exec_plugin.core.fill_models import FeeModel, QueueModel, SlippageModel
    from exec_plugin.core.matching import Offer
    from exec_plugin.core.symbols import Symbol

NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"


class Venue:
    """
    Markets and accounts under one clock.

    Args:
        symbols: what can be traded.
        now: the first moment, in ms since the epoch.
        seed: of ``rng``, the only source of chance.
        fees, queue, slippage: the models of ``core.fill_models``; bound here, never looked up again.
        fill_model: ``queue``, ``touch`` or ``through``.

    Raises:
        ConfigError: for an unknown fill model or a symbol given twice.
    """

    def __init__(
        self,
        symbols: Iterable[Symbol],
        *,
        now: int = 0,
        seed: int = 0,
        fees: FeeModel | None = None,
        queue: QueueModel | None = None,
        slippage: SlippageModel | None = None,
        fill_model: str = "queue",
    ) -> None:
        if fill_model not in FILL_MODELS:
            msg = f"fill_model {fill_model!r} is none of {', '.join(FILL_MODELS)}"
            raise ConfigError(msg)
        self.now = now
        self.rng = Random(seed)
        self.fees = fees or BinanceFees()
        if isinstance(self.fees, BinanceFees):
            self.fees.convert = self.convert
        self.queue = queue or ProportionalQueue()
        self.slippage = slippage or NoSlippage()
        self.fill_model = fill_model
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self.seq = 0
        self.order_id = 0
        self._outbox: list[Event] = []
        self._changed: dict[str, Account] = {}
        self._delivering = False
        for symbol in symbols:
            self.list_symbol(symbol)

    # ------------------------------------------------------------------ set-up

    def list_symbol(self, symbol: Symbol) -> Market:
        """
        Open a market for a symbol.

        Raises:
            ConfigError: when there is one already.
        """
        if symbol.name in self.markets:
            msg = f"symbol {symbol.name} is listed twice"
            raise ConfigError(msg)
        market = Market(symbol, self, queue=self.queue, slippage=self.slippage, fill_model=self.fill_model)
        self.markets[symbol.name] = market
        return market

    def open_account(self, name: str, balances: Mapping[str, int] | None = None) -> Account:
        """The account of that name; a new one starts with ``balances`` in units."""
        account = self.accounts.get(name)
        if account is None:
            for asset, units in (balances or {}).items():
                if units < 0:
                    msg = f"balance {asset}={short_text(units)} must not be negative"
                    raise ConfigError(msg)
            account = self.accounts[name] = Account(name, balances)
            account.updated = self.now
        return account

    def market(self, name: str) -> Market:
        """
        The market of a symbol.

        Raises:
            RequestRejected: -1121 when it is not listed.
        """
        found = self.markets.get(name)
        if found is None:
            raise RequestRejected(-1121, "Invalid symbol.", f"{name!r} is not listed; there are {_some(self.markets)}")
        return found

    # ------------------------------------------------------------------ the market moves

    def apply(self, rows: Iterable[Row]) -> int:
        """Apply market rows in order, each at its own time; answer how many there were."""
        count = 0
        markets = self.markets
        for row in rows:
            count += 1
            kind = row[0]
            if row[1] > self.now:
                self.now = row[1]
            market = markets[row[2]]
            if kind == QUOTE:
                market.quote(row[3], row[4], row[5], row[6])
            elif kind == TRADE:
                market.trade(row[3], row[4], row[5], row[6], row[7])
            elif kind == DEPTH:
                market.depth(row[3], row[4], row[5])
            else:
                market.book(row[3], row[4], row[5])
            if self._outbox:
                self._deliver()
        return count

    def quote(self, symbol: str, bid: int, bid_qty: int, ask: int, ask_qty: int) -> None:
        """Show a new best bid and ask now."""
        self.apply(((QUOTE, self.now, symbol, bid, bid_qty, ask, ask_qty),))

    def trade(self, symbol: str, price: int, qty: int, taker_is_seller: bool, trade_id: int = 0) -> None:
        """Print a public trade now."""
        self.apply(((TRADE, self.now, symbol, price, qty, taker_is_seller, trade_id, self.now),))

    def depth(self, symbol: str, bids: Mapping[int, int], asks: Mapping[int, int], update_id: int = 0) -> None:
        """Show changed levels of the book now."""
        self.apply(((DEPTH, self.now, symbol, bids, asks, update_id),))

    def book(self, symbol: str, bids: Mapping[int, int], asks: Mapping[int, int], update_id: int = 0) -> None:
        """Show a whole book now."""
        self.apply(((BOOK, self.now, symbol, bids, asks, update_id),))

    def advance(self, now: int) -> None:
        """Move the clock; it never goes back."""
        if now > self.now:
            self.now = now

    # ------------------------------------------------------------------ orders

    def place(
        self,
        account: Account,
        symbol: str,
        is_buy: bool,
        kind: str,
        qty: int = 0,
        price: int = 0,
        *,
        tif: str = GTC,
        stop: int = 0,
        quote_qty: int = 0,
        client_id: str = "",
        stp: str = "NONE",
        extra: dict[str, Any] | None = None,
        dry_run: bool = False,
    ) -> LiveOrder:
        """
        Place an order; all that follows from it at once has happened when this returns.

        Args:
            account: who places it.
            symbol: where.
            is_buy: the side.
            kind: LIMIT, MARKET, LIMIT_MAKER, STOP_LOSS(_LIMIT) or TAKE_PROFIT(_LIMIT).
            qty: quantity in base units.
            price: limit price in units; 0 for kinds without one.
            tif: GTC, IOC or FOK.
            stop: trigger price of stop kinds.
            quote_qty: for MARKET orders by value instead of ``qty``.
            client_id: the caller's id, unique among his open orders; generated when empty.
            stp: self-trade prevention mode.
            extra: what the protocol wants to remember with the order.
            dry_run: check everything that can be checked and change nothing.

        Raises:
            FilterFailure: a trading rule is not met.
            OrderRejected: the matching engine refuses it. Nothing has changed in either case.
        """
        market = self.market(symbol)
        desk = account.desk(market.symbol)
        if client_id and desk.is_used(client_id):
            raise OrderRejected("Duplicate order sent.", f"an open order has the client id {client_id!r}")
        self._check(market, desk, is_buy, kind, qty, price, stop, quote_qty)
        offers = self._plan(market, desk, is_buy, kind, qty, price, tif, stop, quote_qty, stp)
        if quote_qty:
            qty = sum(offer[1] for offer in offers)
        order = LiveOrder(
            self.order_id + 1, client_id, desk, market.symbol, is_buy, kind, tif,
            qty, price, self.now,
        )  # fmt: skip
        order.stop = stop
        order.quote_qty = quote_qty
        order.stp = stp
        order.extra = extra
        if dry_run:
            return order
        self.order_id += 1
        self._accept(market, desk, order, offers)
        if self._outbox:
            self._deliver()
        return order

    def _check(
        self, market: Market, desk: Desk, is_buy: bool, kind: str, qty: int, price: int, stop: int, quote_qty: int
    ) -> None:
        """Every rule that does not depend on the account's money."""
        symbol = market.symbol
        if symbol.status != "TRADING":
            raise OrderRejected("Market is closed.", f"{symbol.name} is {symbol.status}")
        if price:
            filters.check_price(symbol, price)
            if symbol.percent is not None:
                filters.check_percent(symbol, is_buy, price, self.average(market, symbol.percent.avg_minutes))
        if stop:
            filters.check_price(symbol, stop)
        if not quote_qty:
            filters.check_lot(symbol, qty)
        if kind == MARKET:
            self._check_market(market, qty, quote_qty)
        elif price or stop:
            filters.check_notional(symbol, price or stop, qty)
        if len(desk.open) >= symbol.max_orders:
            filters.check_count("MAX_NUM_ORDERS", len(desk.open), symbol.max_orders)
        if kind in STOP_KINDS:
            filters.check_count("MAX_NUM_ALGO_ORDERS", desk.algo_open, symbol.max_algo_orders)
            if market.last and (market.last >= stop if (is_buy is STOP_KINDS[kind]) else market.last <= stop):
                raise OrderRejected(
                    "Order would trigger immediately.",
                    f"the last price is {short_text(market.last)} and the stop price {short_text(stop)}",
                )

    def _check_market(self, market: Market, qty: int, quote_qty: int) -> None:
        symbol = market.symbol
        rule = symbol.notional
        if quote_qty:
            if rule.minimum_for_market and quote_qty < rule.minimum:
                raise FilterFailure(
                    "NOTIONAL", f"{short_text(quote_qty)} is below the minimum {short_text(rule.minimum)}"
                )
            return
        filters.check_market_lot(symbol, qty)
        if rule.minimum_for_market or rule.maximum_for_market:
            filters.check_market_notional(symbol, self.average(market, rule.avg_minutes), qty)

    def _plan(
        self, market: Market, desk: Desk, is_buy: bool, kind: str, qty: int, price: int, tif: str, stop: int,
        quote_qty: int, stp: str,
    ) -> list[Offer]:  # fmt: skip
        """What the order would trade at once, once it is clear that the account can pay for it."""
        if kind == MARKET:
            if quote_qty:
                return self._plan_quote(market, desk, is_buy, quote_qty, stp)
            offers = market.plan(is_buy, FAR if is_buy else 0, qty, desk.account, stp)
            desk.require(is_buy, _cost(offers) if is_buy else qty)
            return offers
        if kind in STOP_KINDS:
            desk.require(is_buy, (price or stop) * qty // SCALE if is_buy else qty)
            return []
        desk.require(is_buy, price * qty // SCALE if is_buy else qty)
        if kind == LIMIT_MAKER:
            if next(market.offers(is_buy, price), None) is not None:
                raise OrderRejected("Order would immediately match and take.", _touch_hint(market, is_buy))
            return []
        offers = market.plan(is_buy, price, qty, desk.account, stp)
        if tif == FOK and sum(offer[1] for offer in offers) < qty:
            return []
        return offers

    def _plan_quote(self, market: Market, desk: Desk, is_buy: bool, quote_qty: int, stp: str) -> list[Offer]:
        symbol = market.symbol
        step = max(symbol.lot.step, symbol.market_lot.step)
        offers = market.plan_quote(is_buy, quote_qty, step, desk.account, stp)
        total = sum(offer[1] for offer in offers)
        if not offers or total < symbol.lot.minimum:
            name = "symbol" if not offers else "LOT_SIZE filter"
            raise OrderRejected(f"Order book liquidity is less than {name} minimum quantity.")
        if total < symbol.market_lot.minimum:
            raise OrderRejected("Order book liquidity is less than MARKET_LOT_SIZE filter minimum quantity.")
        desk.require(is_buy, quote_qty if is_buy else total)
        return offers

    def _accept(self, market: Market, desk: Desk, order: LiveOrder, offers: list[Offer]) -> None:
        desk.remember(order)
        if order.stop:
            self._wait_for_stop(market, desk, order)
            return
        if self.listeners:
            self._report("NEW", order)
        self._work(market, desk, order, offers)
        market.run_stops()

    def _wait_for_stop(self, market: Market, desk: Desk, order: LiveOrder) -> None:
        order.working_since = -1
        desk.algo_open += 1
        desk.keep_open(order)
        desk.lock(order)
        market.arm(order)
        self._touch(desk)
        self._report("NEW", order)

    def _work(self, market: Market, desk: Desk, order: LiveOrder, offers: list[Offer]) -> None:
        """Execute a plan, expire what self-trade prevention stopped, and see to the rest."""
        prevented, taker_expires = market.prevented, market.taker_expires
        market.take(order, offers)
        for maker in prevented:
            self._close(maker, EXPIRED_IN_MATCH, "TRADE_PREVENTION", "")
        if order.filled == order.qty:
            return
        if taker_expires:
            self._close(order, EXPIRED_IN_MATCH, "TRADE_PREVENTION", "")
        else:
            self._keep_rest(market, desk, order)

    def _keep_rest(self, market: Market, desk: Desk, order: LiveOrder) -> None:
        """Rest or expire what could not be executed at once."""
        if order.kind in (MARKET, "STOP_LOSS", "TAKE_PROFIT"):
            self._expire(order, NO_LIQUIDITY)
        elif order.tif != GTC:
            self._expire(order, UNFILLED_FOK if order.tif == FOK else UNFILLED_IOC)
        else:
            desk.keep_open(order)
            desk.lock(order)
            market.rest(order)
            self._touch(desk)

    def trigger(self, order: LiveOrder) -> None:
        """A stop order starts to work: its money is free again for a moment, then it trades, rests or expires."""
        desk: Desk = order.desk
        market = self.markets[order.symbol.name]
        order.working_since = order.updated = self.now
        desk.algo_open -= 1
        if order.price:
            offers = market.plan(order.is_buy, order.price, order.remaining, desk.account, order.stp)
            if order.tif == FOK and sum(offer[1] for offer in offers) < order.remaining:
                offers = []
        else:
            limit = FAR if order.is_buy else 0
            offers = market.plan(order.is_buy, limit, order.remaining, desk.account, order.stp)
            offers = self._affordable(order, offers)
        self._report("NEW", order)
        self._work(market, desk, order, offers)

    @staticmethod
    def _affordable(order: LiveOrder, offers: list[Offer]) -> list[Offer]:
        """A triggered market order may cost more than it locked: it buys what its account can pay."""
        if not order.is_buy:
            return offers
        purse = order.desk.quote.free + order.locked
        step, found = order.symbol.lot.step, []
        for price, qty, maker in offers:
            part = min(qty, purse * SCALE // price // step * step)
            if part <= 0:
                break
            found.append((price, part, maker))
            purse -= price * part // SCALE
            if part < qty:
                break
        return found

    def cancel(self, order: LiveOrder, cancel_id: str = "") -> LiveOrder:
        """
        Cancel an open order; ``cancel_id`` is the client's id of the cancel itself.

        Raises:
            CancelRejected: when it is no longer open; nothing changes then.
        """
        if order.id not in order.desk.open:
            raise CancelRejected(hint=f"order {order.id} is {order.status}")
        self._close(order, CANCELED, "CANCELED", "", cancel_id)
        if self._outbox:
            self._deliver()
        return order

    def cancel_all(self, account: Account, symbol: str, cancel_id: str = "") -> list[LiveOrder]:
        """Cancel every open order of an account on a symbol; answers them, oldest first."""
        orders = list(account.desk(self.market(symbol).symbol).open.values())
        for order in orders:
            self._close(order, CANCELED, "CANCELED", "", cancel_id)
        self._deliver()
        return orders

    def amend(self, order: LiveOrder, qty: int, client_id: str) -> Amendment:
        """
        Lower an open order's quantity; it keeps its place in the queue (faqs/order_amend_keep_priority.md).

        Raises:
            AmendRejected: when the order is not open, or the quantity would not become less.
            FilterFailure: when the new quantity breaks a rule; the order stays as it was in either case.
        """
        desk: Desk = order.desk
        symbol = order.symbol
        if order.id not in desk.open:
            raise AmendRejected("Unknown order sent.", f"order {order.id} is {order.status}")
        if qty >= order.qty:
            same = "The requested action would change no state; rejecting."
            raise AmendRejected(same if qty == order.qty else "Order amend (quantity increase) is not supported.")
        if qty <= order.filled:
            raise AmendRejected(
                "The requested action would change no state; rejecting.",
                f"{short_text(order.filled)} is filled already; cancel the order instead",
            )
        filters.check_lot(symbol, qty)
        filters.check_notional(symbol, order.price or order.stop, qty)
        earlier = desk.amendments.setdefault(order.id, [])
        filters.check_count("MAX_NUM_ORDER_AMENDS", len(earlier), symbol.max_amends)
        old_id, old_qty = order.client_id, order.qty
        order.qty = qty
        order.updated = self.now
        desk.lock(order)
        if client_id != old_id:
            desk.rename(order, client_id)
        self._touch(desk)
        self._report("REPLACED", order, cancel_id=client_id)
        amendment = Amendment(self.seq, self.now, old_id, client_id, old_qty, qty)
        earlier.append(amendment)
        self._deliver()
        return amendment

    def _expire(self, order: LiveOrder, reason: str) -> None:
        self._close(order, EXPIRED, "EXPIRED", reason)

    def _close(self, order: LiveOrder, status: str, kind: str, reason: str, cancel_id: str = "") -> None:
        desk: Desk = order.desk
        if order.armed:
            desk.algo_open -= 1
        self.markets[order.symbol.name].withdraw(order)
        order.status = status
        order.reason = reason
        order.updated = self.now
        if order.locked:
            desk.release(order)
            self._touch(desk)
        desk.open.pop(order.id, None)
        self._report(kind, order, reason=reason, cancel_id=cancel_id)

    # ------------------------------------------------------------------ money

    def fill(self, order: LiveOrder, price: int, qty: int, trade_id: int, is_maker: bool) -> None:
        """Settle one execution of one order; the other side is the street or settles its own."""
        desk: Desk = order.desk
        symbol = order.symbol
        is_buy = order.is_buy
        quote = price * qty // SCALE
        order.filled = filled = order.filled + qty
        order.quote_filled += quote
        base, cash = desk.base, desk.quote
        fee, payer = self.fees.commission(desk, qty if is_buy else quote, is_maker, is_buy)
        if is_buy:
            cash.free -= quote
            base.free += qty
            desk.net_base += qty
            desk.net_quote -= quote
        else:
            base.free -= qty
            cash.free += quote
            desk.net_base -= qty
            desk.net_quote += quote
        payer.free -= fee
        payer.fees += fee
        if order.locked:
            desk.lock(order)
        order.updated = self.now
        record = (trade_id, order.id, symbol.name, self.now, price, qty, quote, fee, payer.asset, is_buy, is_maker)
        desk.records.append(record)
        self._touch(desk)
        if self.listeners and payer is not base and payer is not cash:
            desk.account.touched[payer.asset] = payer
        if filled == order.qty:
            order.status = FILLED
            if order.id in desk.open:
                del desk.open[order.id]
        else:
            order.status = PARTIALLY_FILLED
        if self.listeners:
            self._report("TRADE", order, Fill(*record))

    def average(self, market: Market, minutes: int) -> int:
        """The average price that filters use: the last price when ``minutes`` is 0 or nothing traded in them."""
        return (market.tape.average(minutes, self.now) if minutes else 0) or market.last

    def convert(self, units: int, asset: str, into: str) -> int | None:
        """The value of units of one asset in another at the last prices, None when no market tells."""
        if asset == into:
            return units
        direct = self.markets.get(into + asset)
        if direct is not None and direct.last:
            return units * SCALE // direct.last
        inverse = self.markets.get(asset + into)
        if inverse is not None and inverse.last:
            return units * inverse.last // SCALE
        return None

    # ------------------------------------------------------------------ events

    def _touch(self, desk: Desk) -> None:
        account = desk.account
        account.updated = self.now
        if self.listeners:
            account.touched[desk.symbol.base] = desk.base
            account.touched[desk.symbol.quote] = desk.quote
            self._changed[account.name] = account

    def _report(
        self, kind: str, order: LiveOrder, fill: Fill | None = None, reason: str = "", cancel_id: str = ""
    ) -> None:
        self.seq += 1
        if not self.listeners:
            return
        self._outbox.append(
            Execution(
                self.seq, self.now, kind, order, order.status, order.filled, order.quote_filled,
                order.is_open and not order.armed, fill, reason, cancel_id,
            )  # fmt: skip
        )

    def _deliver(self) -> None:
        """
        Hand the events out, after the venue is consistent.

        A listener may place and cancel orders: their events join the end of the queue.
        """
        for account in self._changed.values():
            self.seq += 1
            balances = {asset: (held.free, held.locked) for asset, held in account.touched.items()}
            account.touched.clear()
            self._outbox.append(BalanceChange(self.seq, self.now, account, balances))
        self._changed.clear()
        if self._delivering:
            return
        self._delivering = True
        try:
            position = 0
            while position < len(self._outbox):
                event = self._outbox[position]
                position += 1
                for listener in self.listeners:
                    listener(event)
        finally:
            self._delivering = False
            self._outbox.clear()


def _cost(offers: list[Offer]) -> int:
    return sum([price * qty // SCALE for price, qty, _ in offers])


def _touch_hint(market: Market, is_buy: bool) -> str:
    step = market.symbol.price.step
    if is_buy:
        best = min(market.ask, market.sells.best)
        return f"the best ask is {short_text(best)}; the nearest price that rests is {short_text(best - step)}"
    best = max(market.bid, market.buys.best)
    return f"the best bid is {short_text(best)}; the nearest price that rests is {short_text(best + step)}"


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")
