"""The broker itself: the seed's calls, thin over one venue with one account."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

from exec_plugin.core.errors import CancelRejected, ConfigError, OrderRejected, UnknownOrder
from exec_plugin.core.events import BOOK
from exec_plugin.core.fill_models import BinanceFees, LinearSlippageModel, UniformLatency
from exec_plugin.core.models import MarketData, Order, OrderBook, Position
from exec_plugin.core.units import SCALE, short_text
from exec_plugin.core.venue import Venue
from exec_plugin.paper_broker.amounts import FARTHEST, ZERO, balance_units, floor_units, to_decimal, units
from exec_plugin.paper_broker.callbacks import Callbacks
from exec_plugin.paper_broker.directory import Directory
from exec_plugin.paper_broker.execution import execution_price, with_most
from exec_plugin.paper_broker.funds import Funds
from exec_plugin.paper_broker.lookup import find_order, wanted
from exec_plugin.paper_broker.requests import read_order
from exec_plugin.paper_broker.settings import read_fees, read_symbols
from exec_plugin.paper_broker.ticks import check_tick, read_book, read_tick
from exec_plugin.paper_broker.values import Cancellation, order_value
from exec_plugin.plugins import current
from exec_plugin.plugins.venues import attach
from exec_plugin.protocol.accounts import account_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from exec_plugin.core.fill_models import SlippageModel
    from exec_plugin.core.models import Fill
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.paper_broker.amounts import Amount
    from exec_plugin.paper_broker.positions import CostBasis
    from exec_plugin.paper_broker.requests import Name, Request
    from exec_plugin.paper_broker.ticker import Ticker


_Callback = TypeVar("_Callback")


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


class PaperBroker:
    """
    A simulated exchange account.

    Args:
        initial_balances: what the account holds, as ``{asset: Decimal}``.
        exchange_info: Binance's exchangeInfo, a list of its symbols, or an object with it in ``.info`` or
            ``to_dict()``; without one every symbol can be traded, with no rule but eight decimals.
        fee_config: ``{"maker": "0.001", "taker": "0.001"}``, rates, or a fee model; 0.1 % without one.
        slippage_model: how far from the touch takers trade while only bid and ask are known.
        fill_model: what fills a resting order: ``queue``, ``touch`` or ``through`` (see docs/fills.md).
        seed: of the only source of chance, the latency.
        clock: tells the time in ms since the epoch.
        sleep: waits for seconds; replace it (and the clock) to test in virtual time.

    Raises:
        ConfigError: for a setting that is wrong.
        TypeError: for an amount that is a float.
    """

    def __init__(
        self,
        initial_balances: Mapping[str, Amount],
        exchange_info: Any = None,
        fee_config: Any = None,
        *,
        slippage_model: SlippageModel | None = None,
        fill_model: str = "queue",
        seed: int = 0,
        clock: Callable[[], int] = _wall_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        symbols = read_symbols(exchange_info)
        fees = read_fees(fee_config)
        self._clock = clock
        self._sleep = sleep
        self._slippage = slippage_model or LinearSlippageModel()
        self._venue = Venue(symbols, now=clock(), seed=seed, fees=fees, slippage=self._slippage, fill_model=fill_model)
        attach(current(), self._venue)
        self._account = self._venue.open_account(
            "default", {asset: balance_units(asset, amount) for asset, amount in initial_balances.items()}
        )
        #: commissions in a third asset are worth what that is worth at the moment
        self._fees_move = not isinstance(fees, BinanceFees) or fees.enabled_for_account
        # with no exchange information every symbol is listed when it is first named
        self._directory = Directory(self._venue, lists_any=not symbols, assets=self._account.balances)
        self._tickers = self._directory.tickers
        self._funds = Funds(self._account, self._parse_symbol)
        self._crossed: deque[Ticker] = deque()
        self._latency: UniformLatency | None = None
        self._callbacks = Callbacks()

    # ------------------------------------------------------------------ market data

    def update_market_data(
        self,
        symbol: str | MarketData,
        bid: Amount | None = None,
        ask: Amount | None = None,
        last_price: Amount | None = None,
        volume: Amount | None = None,
        *,
        price: Amount | None = None,
    ) -> None:
        """
        Show the broker the market of a symbol; orders that it reaches are executed before this returns.

        Args:
            symbol: ``BTCUSDC`` or ``BTC/USDC``; or a MarketData with everything in it.
            bid: the best bid, its quantity unknown; None leaves it as it was.
            ask: the best ask, likewise.
            last_price: of the newest trade; it moves stops and fills the resting orders that it goes through.
            volume: traded so far, in base; only the slippage model reads it.
            price: another name for ``last_price``; given alone it is bid and ask as well.

        Raises:
            ConfigError: for prices that are negative, crossed or no numbers; nothing has changed then.
            TypeError: for a float.
        """
        ticker = self._tickers.get(symbol)  # type: ignore[arg-type]  # a MarketData is no key, which is the answer
        if (
            price is not None
            or ticker is None
            or not (type(bid) is type(ask) is type(last_price) is type(volume) is Decimal)
        ):
            ticker = self._ticker(symbol.symbol if isinstance(symbol, MarketData) else symbol)
            bid, ask, last_price, volume = read_tick(symbol, ticker, bid, ask, last_price, volume, price)
        try:
            quiet = (
                ZERO < bid <= ask < FARTHEST
                and ticker.buy < ask
                and bid < ticker.sell
                and ticker.below < last_price < ticker.above
                and volume >= ZERO
            )
        except InvalidOperation:
            # a comparison with NaN; check_tick tells which
            quiet = False
        if not quiet:
            ask, last_price = ask or FARTHEST, last_price or ticker.last
            check_tick(ticker.name, bid, ask, last_price, volume)
            if ticker.concerns(bid, ask, last_price):
                self._crossed.append(ticker)
                ticker.passed = last_price != ticker.last
        ticker.bid = bid
        ticker.ask = ask
        ticker.last = last_price
        ticker.volume = volume
        ticker.stale = True
        if self._crossed:
            self._process_pending_orders()

    def update_order_book(self, order_book: OrderBook) -> None:
        """
        Show the broker a whole order book; from then on takers walk its levels and makers queue behind them.

        Raises:
            ConfigError: for levels that are negative, given twice, crossed or no numbers.
            TypeError: for a float.
        """
        ticker = self._ticker(order_book.symbol)
        bids, asks = read_book(order_book)
        self._arrive(ticker)
        self._venue.apply(((BOOK, self._venue.now, ticker.name, bids, asks, 0),))
        ticker.bid, ticker.ask = to_decimal(max(bids, default=0)), to_decimal(min(asks)) if asks else FARTHEST
        self._settled(ticker)

    def get_market_data(self, symbol: str) -> MarketData | None:
        """The newest market data of a symbol; None while there is none."""
        ticker = self._ticker(symbol)
        if not ticker.mark:
            return None
        ask = ticker.ask if ticker.ask < FARTHEST else ZERO
        return MarketData(ticker.name, ticker.bid, ask, ticker.last or ticker.mark, ticker.volume, self._clock())

    def _process_pending_orders(self) -> None:
        """Let the pending orders meet the ticks that reach them: what is crossed fills, stops trigger."""
        while self._crossed:
            ticker = self._crossed.popleft()
            self._arrive(ticker)
            self._settled(ticker)

    def _arrive(self, ticker: Ticker) -> None:
        """Let the venue know the time and what it does not know yet of the market."""
        self._venue.advance(self._clock())
        if self._fees_move:
            for other in self._tickers.values():
                if other.stale and other is not ticker:
                    self._show(other)
        if ticker.stale:
            self._show(ticker)

    def _show(self, ticker: Ticker) -> None:
        venue, market = self._venue, ticker.market
        ticker.stale = False
        passed, ticker.passed = ticker.passed, False
        last, volume = floor_units(ticker.last), floor_units(ticker.volume)
        market.last, market.volume = last or market.last, volume
        venue.apply((ticker.row(venue.now),))
        for order in ticker.passed_orders(last) if passed else ():
            if order.level is not None:
                self._execute_order(order, to_decimal(order.price))
        market.ticker(last, volume)
        if venue.outbox.events:
            venue.outbox.deliver(venue.now)

    def _settled(self, ticker: Ticker) -> None:
        """What follows from anything that may have changed orders."""
        ticker.refresh()
        if self._fees_move:
            self._catch_up(ticker)

    # ------------------------------------------------------------------ orders

    async def place_order(  # noqa: PLR0917  # the seed's parameters
        self,
        symbol: str,
        side: Name,
        order_type: Name,
        quantity: Amount | None,
        price: Amount | None = None,
        time_in_force: Name = "GTC",
        *,
        stop_price: Amount | None = None,
        client_order_id: str | None = None,
        quote_order_quantity: Amount | None = None,
    ) -> Order:
        """
        Place an order and answer it as it stands once the market has seen it.

        Args:
            symbol: ``BTCUSDC`` or ``BTC/USDC``.
            side: ``BUY`` or ``SELL``; like the next two in any case, or an enum.
            order_type: LIMIT, MARKET, LIMIT_MAKER, STOP_LOSS, STOP_LOSS_LIMIT, TAKE_PROFIT or TAKE_PROFIT_LIMIT.
            quantity: in base; None with ``quote_order_quantity``.
            price: the limit of types that have one.
            time_in_force: GTC, IOC or FOK.
            stop_price: the trigger of types that have one.
            client_order_id: the caller's own id, unique among his open orders.
            quote_order_quantity: the value of a MARKET order in quote, instead of its quantity.

        Raises:
            RequestRejected: an argument or trading rule is not met (``FilterFailure``).
            OrderRejected: the account or the market does not allow it. Nothing has changed in either case.
            TypeError: for a float.
        """
        ticker = self._tickers.get(symbol) or self._ticker(symbol)
        request = read_order(
            side, order_type, quantity, price, time_in_force, stop_price, quote_order_quantity, client_order_id
        )
        if self._latency is not None:
            await self._travel(ticker, request, self._latency)
        return order_value(self._submit(ticker, request))

    def _submit(self, ticker: Ticker, request: Request) -> LiveOrder:
        is_buy, kind, qty, price, tif, stop, quote_qty, client_id = request
        if kind not in ticker.market.symbol.order_types:
            name = kind.replace("_", " ").capitalize()
            raise OrderRejected(f"{name} orders are not supported for this symbol.")
        self._arrive(ticker)
        try:
            order = self._venue.place(
                self._account, ticker.name, is_buy, kind, qty, price,
                tif=tif, stop=stop, quote_qty=quote_qty, client_id=client_id,
            )  # fmt: skip
        except OrderRejected as error:
            raise with_most(error, request, ticker.market.symbol, self._account, ticker.ask) from None
        self._settled(ticker)
        return order

    async def _travel(self, ticker: Ticker, request: Request, latency: UniformLatency) -> None:
        """Be on the way to the venue for a while; money that is there stays reserved meanwhile."""
        side = "BUY" if request.is_buy else "SELL"
        price = to_decimal(request.price or request.stop) or self._price_now(ticker, side, request)
        qty = to_decimal(request.qty or (request.quote_qty * SCALE // floor_units(price) if price else 0))
        holds = bool(price and qty) and self._check_balance(ticker.name, side, qty, price)
        if holds:
            self._reserve_balance(ticker.name, side, qty, price)
        try:
            await self._sleep(latency.leg(self._venue.rng) / 1000)
        finally:
            if holds:
                self._release_balance(ticker.name, side, qty, price)

    def _price_now(self, ticker: Ticker, side: str, request: Request) -> Decimal:
        market_data = self.get_market_data(ticker.name)
        if market_data is None or not (market_data.ask if request.is_buy else market_data.bid):
            return ZERO
        order = Order("", ticker.name, side, request.kind, to_decimal(request.qty))
        return self._calculate_execution_price(order, market_data)

    def _execute_order(self, order: Order | LiveOrder, execution_price: Amount) -> None:
        """
        Execute all that is left of a resting order at a price, as its maker.

        Raises:
            UnknownOrder: when no resting order has that id.
            ConfigError: when the price is worse than the order's limit.
        """
        resting = self._find(str(order.id))
        if resting is None or resting.level is None:
            raise UnknownOrder(f"order {order.id} does not rest on the book")
        price, limit = units("execution_price", execution_price), resting.price
        if price > limit if resting.is_buy else price < limit:
            msg = f"execution price {execution_price} is worse than the limit {short_text(limit)}"
            raise ConfigError(msg)
        venue = self._venue
        ticker = self._tickers[resting.symbol.name]
        ticker.market.execute(resting, price)
        venue.outbox.deliver(venue.now)
        self._settled(ticker)

    async def cancel_order(
        self, symbol: str | None = None, order_id: str | int | None = None, *, client_order_id: str | None = None
    ) -> Cancellation:
        """
        Cancel an order: ``cancel_order(order_id)`` or ``cancel_order(symbol, order_id)``.

        The answer is true when the order was cancelled, and then reads like the exchange's reply; it is false, with a
        ``reason``, when there is no such open order (any more).

        Raises:
            ConfigError: without an id.
        """
        symbol, order_id = wanted(symbol, order_id, client_order_id)
        requested = self._clock()
        if self._latency is not None:
            await self._sleep(self._latency.leg(self._venue.rng) / 1000)
        now = self._clock()
        self._venue.advance(now)
        order = self._find(order_id, symbol)
        if order is None:
            return Cancellation(
                None, f"there is no order {order_id}{f' on {symbol}' if symbol else ''}", requested, now
            )
        try:
            self._venue.cancel(order)
        except CancelRejected:
            reason = f"order {order_id} is {order.status}"
            return Cancellation(order_value(order), reason, requested, now)
        self._tickers[order.symbol.name].refresh()
        return Cancellation(order_value(order), "", requested, now)

    async def get_order(
        self, symbol: str | None = None, order_id: str | int | None = None, *, client_order_id: str | None = None
    ) -> Order:
        """
        An order as it stands: ``get_order(order_id)`` or ``get_order(symbol, order_id)``.

        Raises:
            UnknownOrder: when there is none.
            ConfigError: without an id.
        """
        symbol, order_id = wanted(symbol, order_id, client_order_id)
        order = self._find(order_id, symbol)
        if order is None:
            raise UnknownOrder(f"there is no order {order_id}{f' on {symbol}' if symbol else ''}")
        return order_value(order)

    async def get_open_orders(self, symbol: str | None = None) -> list[Order]:
        """The orders that can still trade, of a symbol or of all, oldest first."""
        name = self._ticker(symbol).name if symbol else None
        return [order_value(order) for order in self._account.open_orders if name in (None, order.symbol.name)]

    async def get_order_history(self, symbol: str, limit: int = 100) -> list[Order]:
        """
        The newest ``limit`` orders of a symbol in whatever state, oldest first.

        Raises:
            ConfigError: for a limit below 1.
        """
        if limit < 1:
            msg = f"limit={limit} must be 1 or more"
            raise ConfigError(msg)
        desk = self._account.desks.get(self._ticker(symbol).name)
        return [order_value(order) for order in desk.orders[-limit:]] if desk else []

    def _find(self, order_id: str, symbol: str | None = None) -> LiveOrder | None:
        name = self._ticker(symbol).name if symbol else None
        return find_order((desk for desk in self._account.desks.values() if name in (None, desk.symbol.name)), order_id)

    # ------------------------------------------------------------------ money

    async def get_account_info(self) -> dict[str, Any]:
        """The account as Binance shows it: amounts as texts with eight decimals."""
        amounts = {asset: (held.free, held.locked) for asset, held in self._account.balances.items()}
        return account_reply(self._account, self._venue.fees, amounts)

    def _check_balance(self, symbol: str, side: Name, quantity: Amount, price: Amount) -> bool:
        """Whether the free balance is enough for an order."""
        balance, need = self._funds.need(symbol, side, quantity, price)
        return balance.free >= need

    def _reserve_balance(self, symbol: str, side: Name, quantity: Amount, price: Amount) -> None:
        """
        Move what an order needs from free to locked.

        Raises:
            OrderRejected: when it is not free.
        """
        self._funds.reserve(*self._funds.need(symbol, side, quantity, price))

    def _release_balance(self, symbol: str, side: Name, quantity: Amount, price: Amount) -> None:
        """
        Move what ``_reserve_balance`` has locked back to free; what orders lock is theirs.

        Raises:
            ConfigError: when less is reserved.
        """
        self._funds.release(*self._funds.need(symbol, side, quantity, price))

    # ------------------------------------------------------------------ results

    def calculate_pnl(self, symbol: str) -> dict[str, Decimal]:
        """
        Profit and loss of trading a symbol, in quote, by average cost and after fees.

        ``realized_pnl`` is earned, ``unrealized_pnl`` is what the open position would add at the last price,
        ``total_pnl`` their sum; ``fees`` are already in them. ``quantity`` and ``average_price`` are the position's.
        """
        ticker = self._ticker(symbol)
        return self._catch_up(ticker).report(floor_units(ticker.mark))

    def get_position(self, symbol: str) -> Position | None:
        """What trading has built up of a symbol; None when nothing is open."""
        pnl = self.calculate_pnl(symbol)
        if not pnl["quantity"]:
            return None
        names = ("quantity", "average_price", "realized_pnl", "unrealized_pnl", "fees")
        return Position(self._ticker(symbol).name, *(pnl[name] for name in names))

    def _catch_up(self, ticker: Ticker) -> CostBasis:
        desk = self._account.desks.get(ticker.name)
        if desk is not None:
            ticker.position.catch_up(desk, self._venue.convert)
        return ticker.position

    # ------------------------------------------------------------------ simulation

    def simulate_slippage(self, order: Order, market_data: MarketData) -> Decimal:
        """The price at which an order would be executed in a market of which bid and ask are known."""
        return self._calculate_execution_price(order, market_data)

    def _calculate_execution_price(self, order: Order, market_data: MarketData) -> Decimal:
        """The touch, moved against the order by the slippage model, on a tick, not beyond the order's limit."""
        symbol = self._ticker(order.symbol).market.symbol
        return execution_price(self._slippage, symbol, order, market_data)

    def set_latency_simulation(self, min_ms: int, max_ms: int) -> None:
        """
        Let every order and cancel take between ``min_ms`` and ``max_ms`` to reach the venue; 0 and 0 end it.

        Raises:
            ConfigError: unless they are whole numbers with 0 <= min_ms <= max_ms.
        """
        latency = UniformLatency(min_ms, max_ms)
        self._latency = latency if max_ms else None

    def register_fill_callback(self, callback: Callable[[Fill], Awaitable[None] | None]) -> None:
        """Call a function, or start a coroutine, with every Fill of an order."""
        self._callbacks.fills.append(self._heard(callback))

    def register_order_callback(self, callback: Callable[[Order], Awaitable[None] | None]) -> None:
        """Call a function, or start a coroutine, with the Order after every change of one."""
        self._callbacks.orders.append(self._heard(callback))

    def _heard(self, callback: _Callback) -> _Callback:
        if not callable(callback):
            msg = f"callback={callback!r} must be a function or a coroutine function"
            raise TypeError(msg)
        if self._callbacks not in self._venue.listeners:
            self._venue.listeners.append(self._callbacks)
        return callback

    # ------------------------------------------------------------------ symbols

    def _ticker(self, symbol: str) -> Ticker:
        return self._tickers.get(symbol) or self._directory.find(symbol)

    def _parse_symbol(self, symbol: str) -> tuple[str, str]:
        """
        Base and quote asset of a symbol in either spelling.

        Raises:
            RequestRejected: -1121 when nothing tells where one ends and the other begins.
        """
        return self._directory.split(symbol)
