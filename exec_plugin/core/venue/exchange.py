"""One deterministic exchange in memory: markets and accounts under one clock."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import CancelRejected, ConfigError, VenueError, unlisted
from exec_plugin.core.events import BOOK, DEPTH, QUOTE, TRADE, Fill
from exec_plugin.core.fill_models import FILL_MODELS, BinanceFees, NoSlippage, ProportionalQueue
from exec_plugin.core.ledger import Account, Desk
from exec_plugin.core.matching import Market
from exec_plugin.core.orders import (
    CANCELED,
    EXPIRED,
    FILLED,
    FOK,
    GTC,
    NO_LIQUIDITY,
    PARTIALLY_FILLED,
    PENDING_NEW,
    PRICELESS,
    REJECTED,
    STOP_KINDS,
    UNFILLED_FOK,
    UNFILLED_IOC,
    LiveOrder,
    Peg,
    Trail,
)
from exec_plugin.core.units import FAR, SCALE, short_text
from exec_plugin.core.venue.admission import (
    NO_RULES,
    admit,
    affordable,
    cost,
    judge,
    peg_again,
    within_limit,
)
from exec_plugin.core.venue.amending import amend
from exec_plugin.core.venue.conversion import convert
from exec_plugin.core.venue.lists import Lists
from exec_plugin.core.venue.outbox import Outbox
from exec_plugin.core.venue.preventing import take_and_prevent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exec_plugin.core.events import Amendment, PreventedMatch, Row
    from exec_plugin.core.fill_models import FeeModel, QueueModel, SlippageModel
    from exec_plugin.core.matching import Offer
    from exec_plugin.core.symbols import ExchangeRules, Symbol


class Venue:
    """
    Markets and accounts under one clock.

    Args:
        symbols: what can be traded.
        now: the first moment, in ms since the epoch.
        seed: of ``rng``, the only source of chance.
        fees, queue, slippage: the models of ``core.fill_models``; bound here, never looked up again.
        fill_model: ``queue``, ``touch`` or ``through``.
        rules: what an account may have open on the whole exchange.

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
        rules: ExchangeRules = NO_RULES,
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
        # limits that are none cost nothing
        self.rules = NO_RULES if rules == NO_RULES else rules
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.outbox = Outbox()
        self.listeners = self.outbox.listeners
        #: shown each draft first; may refuse it with an OrderRejected
        self.guard: Callable[[LiveOrder], None] | None = None
        self.order_id = 0
        self.lists = Lists(self)
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
            raise unlisted(name, self.markets)
        return found

    # ------------------------------------------------------------------ the market moves

    def apply(self, rows: Iterable[Row]) -> int:
        """Apply market rows in order, each at its own time; answer how many there were."""
        count, now, name = 0, self.now, ""
        outbox = self.outbox
        events = outbox.events
        market: Any = None
        for row in rows:
            count += 1
            kind = row[0]
            time = row[1]
            symbol = row[2]
            if symbol is not name:
                market, name = self.market(symbol), symbol
            if time > now:
                self.now = now = time
            if kind == QUOTE:
                market.quote(row[3], row[4], row[5], row[6])
            elif kind == TRADE:
                market.trade(row[3], row[4], row[5], row[6], row[7])
            elif kind == DEPTH:
                market.depth(row[3], row[4], row[5])
            else:
                market.book(row[3], row[4], row[5])
            if events:
                outbox.deliver(now)
                # a listener may have moved the clock
                now = self.now
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

    def draft(  # noqa: PLR0913 - an order has that many sides
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
        trailing: int = 0,
        iceberg: int | None = None,
        peg: Peg | None = None,
        extra: dict[str, Any] | None = None,
    ) -> LiveOrder:
        """
        An order as it would be placed; nothing is checked and nothing changes.

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
            trailing: how far a stop order follows the market, in basis points; 0 for a fixed stop price.
            iceberg: the most that the book shows of it; None or 0 for all.
            peg: where its limit price comes from instead.
            extra: what the protocol wants to remember with the order.

        Raises:
            RequestRejected: -1121 when the symbol is not listed.
        """
        market = self.markets.get(symbol) or self.market(symbol)
        desk = account.desks.get(symbol) or account.desk(market.symbol)
        order = LiveOrder(0, client_id, desk, market.symbol, is_buy, kind, tif, qty, price, self.now)
        order.stop = stop
        order.quote_qty = quote_qty
        order.stp = stp
        order.iceberg = iceberg
        order.extra = extra
        if trailing:
            order.trail = trail = Trail(trailing)
            trail.bound = trail.above(stop or market.last)
        if peg is not None:
            peg.given = price
            order.peg = peg
        return order

    def place(
        self, account: Account, symbol: str, is_buy: bool, kind: str, qty: int = 0, price: int = 0, **options: Any
    ) -> LiveOrder:
        """
        Place an order, described as in ``draft``; all that follows from it at once has happened when this returns.

        Raises:
            FilterFailure: a trading rule is not met.
            OrderRejected: the matching engine refuses it. Nothing has changed in either case.
        """
        order = self.draft(account, symbol, is_buy, kind, qty, price, **options)
        if self.guard is not None:
            self.guard(order)
        market, desk = self.markets[symbol], order.desk
        offers = admit(self.rules, market, desk, order)
        self.order_id = order.id = self.order_id + 1
        desk.remember(order)
        self.start(market, order, offers)
        if market.reached:
            market.run_stops()
        if self.outbox.events:
            self.outbox.deliver(self.now)
        return order

    def start(self, market: Market, order: LiveOrder, offers: list[Offer]) -> None:
        """Let an order that has its id trade what was planned, rest or wait."""
        desk: Desk = order.desk
        if order.kind in STOP_KINDS:
            self._wait_for_stop(market, desk, order)
        else:
            if self.listeners:
                self.outbox.report(self.now, "NEW", order)
            elif self.outbox.changed is not None:
                self.outbox.changed[order.id] = order
            self._work(market, desk, order, offers)

    def check(self, order: LiveOrder, *, rules_only: bool = False) -> None:
        """
        Check a draft as ``place`` would, or only the rules that do not depend on money, and change nothing.

        Raises:
            FilterFailure, OrderRejected: as ``place`` would.
        """
        market = self.markets[order.symbol.name]
        if self.guard and not rules_only:
            self.guard(order)
        (judge if rules_only else admit)(self.rules, market, order.desk, order)
        market.forget_prevention()

    def _wait_for_stop(self, market: Market, desk: Desk, order: LiveOrder) -> None:
        # counted once: an order list counts its pending orders when it is placed
        if order.working_since >= 0:
            order.working_since = -1
            desk.algo_open += 1
        desk.keep_open(order)
        desk.lock(order)
        market.arm(order)
        self.outbox.touch(desk, self.now)
        self.outbox.report(self.now, "NEW", order)

    def _work(self, market: Market, desk: Desk, order: LiveOrder, offers: list[Offer]) -> None:
        """Execute a plan, with what self-trade prevention stops on its way, and see to the rest."""
        if order.locked or (offers and offers[0][1] != order.remaining):
            desk.set_aside(order, cost(offers))
            self.outbox.touch(desk, self.now)
        if market.prevented:
            take_and_prevent(self, market, order, offers)
        elif offers:
            market.take(order, offers)
        if order.remaining:
            self._keep_rest(market, desk, order)

    def _keep_rest(self, market: Market, desk: Desk, order: LiveOrder) -> None:
        """Rest or expire what could not be executed at once."""
        if order.kind in PRICELESS:
            self.close(order, EXPIRED, "EXPIRED", reason=NO_LIQUIDITY)
        elif order.tif != GTC:
            self.close(order, EXPIRED, "EXPIRED", reason=UNFILLED_FOK if order.tif == FOK else UNFILLED_IOC)
        else:
            desk.keep_open(order)
            desk.lock(order)
            market.rest(order)
            self.outbox.touch(desk, self.now)

    def trigger(self, order: LiveOrder) -> None:
        """A stop order starts to work: it trades, rests or expires; a pending one is placed."""
        if not order.is_open:
            return
        desk: Desk = order.desk
        market = self.markets[order.symbol.name]
        if order.status == PENDING_NEW:
            self.lists.release(market, order)
            return
        desk.algo_open -= 1
        order.working_since = order.updated = self.now
        if order.group is not None:
            self.lists.triggered(order)
        if order.peg is not None:
            try:
                peg_again(market, order, order.peg)
            except VenueError:
                self.close(order, EXPIRED, "EXPIRED", reason=REJECTED)
                return
        if order.price:
            offers = within_limit(market, order, order.remaining)
        else:
            limit = FAR if order.is_buy else 0
            offers = market.plan(order.is_buy, limit, order.remaining, desk.account, order.stp)
            offers = affordable(market, order, offers)
        self.outbox.report(self.now, "NEW", order)
        self._work(market, desk, order, offers)

    def cancel(self, order: LiveOrder, cancel_id: str = "") -> LiveOrder:
        """
        Cancel an open order and all others of its list; ``cancel_id`` is the client's id of the cancel itself.

        Raises:
            CancelRejected: when it is no longer open; nothing changes then.
        """
        if order.id not in order.desk.open:
            raise CancelRejected(hint=f"order {order.id} is {order.status}")
        self._cancel(order, cancel_id)
        if self.outbox.events:
            self.outbox.deliver(self.now)
        return order

    def _cancel(self, order: LiveOrder, cancel_id: str) -> None:
        if order.group is not None:
            self.lists.cancel(order.group, cancel_id)
        else:
            self.close(order, CANCELED, "CANCELED", cancel_id=cancel_id)

    def cancel_all(self, account: Account, symbol: str, cancel_id: str = "") -> list[LiveOrder]:
        """Cancel every open order of an account on a symbol; answers them, oldest first."""
        orders = list(account.desk(self.market(symbol).symbol).open.values())
        for order in orders:
            if order.is_open:
                self._cancel(order, cancel_id)
        self.outbox.deliver(self.now)
        return orders

    def amend(self, order: LiveOrder, qty: int, client_id: str) -> Amendment:
        """
        Lower an open order's quantity; it keeps its place in the queue (faqs/order_amend_keep_priority.md).

        Raises:
            AmendRejected: when the order is not open, or the quantity would not become less.
            FilterFailure: when the new quantity breaks a rule; the order stays as it was in either case.
        """
        return amend(self, order, qty, client_id)

    def close(
        self,
        order: LiveOrder,
        status: str,
        kind: str,
        *,
        reason: str = "",
        cancel_id: str = "",
        match: PreventedMatch | None = None,
    ) -> None:
        """Take an open order out of the market, and what it locked back to its account."""
        desk: Desk = order.desk
        if order.is_algo:
            desk.algo_open -= 1
        self.markets[order.symbol.name].withdraw(order)
        order.status = status
        order.reason = reason
        order.updated = self.now
        if order.locked:
            desk.release(order)
            self.outbox.touch(desk, self.now)
        desk.open.pop(order.id, None)
        self.outbox.report(self.now, kind, order, reason=reason, cancel_id=cancel_id, match=match)
        if order.group is not None:
            self.lists.left(order)

    # ------------------------------------------------------------------ money

    def fill(self, order: LiveOrder, price: int, qty: int, trade_id: int, is_maker: bool) -> None:
        """Settle one execution of one order; the other side is the street or settles its own."""
        desk: Desk = order.desk
        symbol = order.symbol
        is_buy = order.is_buy
        group = order.group
        if group is not None:
            self.lists.touched(order)
        quote = price * qty // SCALE
        order.filled = filled = order.filled + qty
        order.quote_filled += quote
        base, cash = desk.base, desk.quote
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
        if order.locked:
            desk.set_aside(order, order.locked - quote)
        # last, so that a commission in the asset that is spent finds only what is left of it
        fee, payer = self.fees.commission(desk, qty if is_buy else quote, is_maker, is_buy)
        if group is not None and group.pays and order is group.working:
            self.lists.keep_received(group, qty, fee, payer)
        payer.free -= fee
        payer.fees += fee
        order.updated = self.now
        record = (trade_id, order.id, symbol.name, self.now, price, qty, quote, fee, payer.asset, is_buy, is_maker)
        desk.records.append(record)
        desk.account.updated = self.now
        if filled == qty:
            if is_maker:
                desk.account.first_makes += 1
            else:
                desk.account.first_takes += 1
        if filled + order.prevented == order.qty:
            order.status = FILLED
            if order.id in desk.open:
                del desk.open[order.id]
        else:
            order.status = PARTIALLY_FILLED
        if self.listeners:
            self.outbox.touch(desk, self.now)
            if payer is not base and payer is not cash:
                desk.account.touched[payer.asset] = payer
            self.outbox.report(self.now, "TRADE", order, tuple.__new__(Fill, record))
        elif self.outbox.changed is not None:
            self.outbox.changed[order.id] = order
        if group is not None:
            self.lists.filled(order)

    def convert(self, units: int, asset: str, into: str) -> int | None:
        """The value of units of one asset in another at the last prices, by one market or two; None without any."""
        return convert(self.markets, units, asset, into)
