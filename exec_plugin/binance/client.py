"""The documented client: Binance spot over a ccxt exchange, live or on paper, by what it is handed."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from exec_plugin.binance import checking, paging, placing, watching
from exec_plugin.binance.config import BinanceConfig, credentials
from exec_plugin.binance.errand import Errand
from exec_plugin.binance.errors import BinanceError, BinanceFilterError, BinanceRequestError
from exec_plugin.binance.paging import History
from exec_plugin.binance.rows import Rows
from exec_plugin.binance.session import Session
from exec_plugin.binance.values import exchange_info_of, fill_of, kline_of, order_of, trade_of
from exec_plugin.core.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from decimal import Decimal

    from exec_plugin.binance.values import Trade
    from exec_plugin.binance.watching import Gap
    from exec_plugin.core.models import ExchangeInfo, Fill, KlineData, Order
    from exec_plugin.rate_limit import RateLimiter

    Amount = Decimal | int | str

_log = logging.getLogger(__name__)

_TIME = "/api/v3/time"
_EXCHANGE_INFO = "/api/v3/exchangeInfo"
#: of the ids that are generated; Binance takes 36 characters
_ID_BYTES = 11
_WITH_TIME_IN_FORCE = frozenset(("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"))


class BinanceClient(Session):
    """
    Binance spot: typed, in Decimals, safe to run unattended.

    Args:
        config: credentials, addresses and patience.
        rate_limiter: what requests wait for; by default the budget that all processes of this machine share. An
            exchange that is handed in keeps its own throttle unless one is given.
        exchange: an instance of an asynchronous Binance class of ccxt, such as ``ccxt.async_support.binancepaper()``;
            by default one is made from ``config``. It stays open when the client closes.
        rng, clock, sleep: chance and time, for tests.

    ``exchange`` is there for what the client does not wrap.
    """

    # ------------------------------------------------------------------ market data

    async def get_server_time(self) -> dict[str, Any]:
        """``{"serverTime": ms}``."""
        reply: dict[str, Any] = await self._make_request_with_retry("GET", _TIME)
        return reply

    async def get_exchange_info(self, symbol: str | None = None) -> ExchangeInfo:
        """Trading rules of one symbol or of all."""
        info = exchange_info_of(await self._make_request_with_retry("GET", _EXCHANGE_INFO, _given(symbol=symbol)))
        for name, entry in info.symbols.items():
            self._symbols[name] = Symbol.from_exchange_info(entry.info)
        return info

    async def get_klines(
        self,
        symbol: str,
        interval: str,
        limit: int = 500,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> Rows[KlineData]:
        """Candles, oldest first; times in ms, at most 1000 of them."""
        params = _given(symbol=symbol, interval=interval, limit=limit, startTime=start_time, endTime=end_time)
        rows = await self._make_request_with_retry("GET", "/api/v3/klines", params)
        return Rows(kline_of(row, symbol, interval) for row in rows)

    async def get_ticker(self, symbol: str) -> dict[str, Any]:
        """Statistics of the last 24 hours."""
        reply: dict[str, Any] = await self._make_request_with_retry("GET", "/api/v3/ticker/24hr", {"symbol": symbol})
        return reply

    async def get_24hr_ticker(self, symbol: str) -> dict[str, Any]:
        """Statistics of the last 24 hours: ``get_ticker`` under its other name."""
        return await self.get_ticker(symbol)

    async def get_order_book(self, symbol: str, limit: int = 100) -> dict[str, Any]:
        """``{"lastUpdateId": n, "bids": [[price, quantity], ...], "asks": [...]}``, best first, amounts as texts."""
        params = {"symbol": symbol, "limit": limit}
        reply: dict[str, Any] = await self._make_request_with_retry("GET", "/api/v3/depth", params)
        return reply

    # ------------------------------------------------------------------ account

    async def get_account_info(self) -> dict[str, Any]:
        """The account: ``{"balances": [{"asset": ..., "free": ..., "locked": ...}, ...], ...}``, amounts as texts."""
        reply: dict[str, Any] = await self._make_request_with_retry("GET", "/api/v3/account")
        return reply

    async def get_order(
        self, symbol: str, order_id: str | int | None = None, client_order_id: str | None = None
    ) -> Order:
        """
        One order, by either id.

        Raises:
            BinanceRequestError: when neither is given.
            BinanceOrderNotFoundError: when there is none such.
        """
        return order_of(
            await self._make_request_with_retry("GET", placing.ORDER, _which(symbol, order_id, client_order_id))
        )

    async def get_open_orders(self, symbol: str | None = None) -> Rows[Order]:
        """All open orders, of one symbol or of all."""
        rows = await self._make_request_with_retry("GET", "/api/v3/openOrders", _given(symbol=symbol))
        return Rows(order_of(row) for row in rows)

    async def get_order_history(
        self,
        symbol: str,
        limit: int = 500,
        *,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> Rows[Order]:
        """Orders in every state, oldest first: the most recent ones, from an id on, or in a window of at most a day."""
        params = _given(symbol=symbol, limit=limit, orderId=from_id, startTime=start_time, endTime=end_time)
        return Rows(order_of(row) for row in await self._make_request_with_retry("GET", "/api/v3/allOrders", params))

    async def get_trades(self, symbol: str, limit: int = 500) -> Rows[Trade]:
        """The latest trades of the market, oldest first."""
        rows = await self._make_request_with_retry("GET", "/api/v3/trades", {"symbol": symbol, "limit": limit})
        return Rows(trade_of(row, symbol) for row in rows)

    async def get_my_trades(
        self,
        symbol: str,
        limit: int = 500,
        *,
        order_id: str | int | None = None,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> Rows[Fill]:
        """Executions of own orders, oldest first: the latest, of one order, from an id on, or in at most a day."""
        params = _given(
            symbol=symbol, limit=limit, orderId=order_id, fromId=from_id, startTime=start_time, endTime=end_time
        )
        return Rows(fill_of(row) for row in await self._make_request_with_retry("GET", "/api/v3/myTrades", params))

    # ------------------------------------------------------------------ histories

    def iter_klines(self, symbol: str, interval: str, start: int | None = None, **span: Any) -> History[KlineData]:
        """
        Candles from a moment on, however many.

        Args:
            symbol: such as ``BTCUSDC``.
            interval: such as ``1h``.
            start: ms; by default since there are any. The last candle's time goes on later where this stopped.
            span: ``end`` in ms, ``weight_per_minute`` that it may spend (1200), ``progress``: called with a
                ``Progress`` after each page.
        """
        source = paging.Source(partial(self.get_klines, symbol, interval), 2, lambda row: row.open_time, has_ids=False)
        return History(paging.by_time(self, source, paging.Span(start, **span)))

    def iter_trades(
        self, symbol: str, start: int | None = None, *, from_id: int | None = None, **span: Any
    ) -> History[Trade]:
        """Trades of the market, aggregated as ``aggTrades`` are, from a moment or their id on; else as above."""
        source = paging.Source(partial(self._aggregate_trades, symbol), 4, lambda row: row.time)
        return History(paging.by_id(self, source, paging.Span(start, **span), from_id))

    async def _aggregate_trades(
        self,
        symbol: str,
        limit: int,
        *,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> list[Trade]:
        params = _given(symbol=symbol, limit=limit, fromId=from_id, startTime=start_time, endTime=end_time)
        return [
            trade_of(row, symbol) for row in await self._make_request_with_retry("GET", "/api/v3/aggTrades", params)
        ]

    def iter_my_trades(
        self, symbol: str, start: int | None = None, *, from_id: int | None = None, **span: Any
    ) -> History[Fill]:
        """Executions of own orders from a moment or an id on; else as above."""
        source = paging.Source(partial(self.get_my_trades, symbol), 20, lambda row: row.time)
        return History(paging.by_id(self, source, paging.Span(start, **span), from_id))

    def iter_order_history(
        self, symbol: str, start: int | None = None, *, from_id: int | None = None, **span: Any
    ) -> History[Order]:
        """Own orders in every state from a moment or an id on; else as above."""
        source = paging.Source(partial(self.get_order_history, symbol), 20, lambda row: row.created_at)
        return History(paging.by_id(self, source, paging.Span(start, **span), from_id))

    # ------------------------------------------------------------------ streams

    def watch_ticker(self, symbol: str, on_gap: Callable[[Gap], None] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Statistics of the last 24 hours as they change; ``on_gap`` is told a ``Gap`` when messages were missed."""
        return watching.tickers(self, symbol, on_gap)

    def watch_order_book(
        self, symbol: str, limit: int = 100, on_gap: Callable[[Gap], None] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The order book after each change, as ``get_order_book`` shows it."""
        return watching.books(self, symbol, limit, on_gap)

    def watch_trades(self, symbol: str, on_gap: Callable[[Gap], None] | None = None) -> AsyncIterator[Trade]:
        """Trades of the market, each once."""
        return watching.trades(self, symbol, on_gap)

    def watch_orders(
        self, symbol: str | None = None, on_gap: Callable[[Gap], None] | None = None
    ) -> AsyncIterator[Order]:
        """Own orders whenever one changes; after a gap, ask for those that were open."""
        return watching.orders(self, symbol, on_gap)

    # ------------------------------------------------------------------ trading

    async def place_order(  # noqa: PLR0917 - the seed's signature
        self,
        symbol: str,
        side: str,
        order_type: str,
        quantity: Amount | None = None,
        price: Amount | None = None,
        time_in_force: str = "GTC",
        *,
        stop_price: Amount | None = None,
        quote_quantity: Amount | None = None,
        client_order_id: str | None = None,
        round: str | None = None,  # noqa: A002 - says what it does
        validate: bool = True,
        **more: Any,
    ) -> Order:
        """
        Place an order, exactly once whatever happens on the way.

        Args:
            symbol: such as ``BTCUSDC``.
            side: BUY or SELL.
            order_type: LIMIT, MARKET, LIMIT_MAKER, STOP_LOSS(_LIMIT) or TAKE_PROFIT(_LIMIT).
            quantity: in base; never a float.
            price: limit price in quote.
            time_in_force: GTC, IOC or FOK; sent with the types that have one.
            stop_price: trigger price of stop orders.
            quote_quantity: for MARKET orders by value instead of ``quantity``.
            client_order_id: an id of your own; kept before this call, it finds the order after a crash.
            round: ``"down"`` makes quantity and prices legal by rounding them down.
            validate: whether the symbol's filters are checked before anything is sent.
            more: further parameters of Binance's New order, such as ``icebergQty``.

        Raises:
            BinanceFilterError: quantity, price or value break a rule; names the nearest legal value.
            BinanceUnknownOrderState: when nothing certain could be found out within the retry budget.
            BinanceError: the order does not exist, and why.
        """
        amounts = _amounts(quantity=quantity, price=price, stop_price=stop_price, quote_quantity=quote_quantity)
        if validate or round is not None:
            amounts = await self._legal(symbol, order_type, amounts, round)
        params = {
            "symbol": symbol,
            "side": side,
            "type": order_type,
            "newClientOrderId": client_order_id or token_hex(_ID_BYTES),
            "newOrderRespType": "FULL",
            **{_SENT_AS[name]: checking.plain(units) for name, units in amounts.items() if units},
            **checking.options(more),
        }
        if order_type in _WITH_TIME_IN_FORCE:
            params["timeInForce"] = time_in_force
        await self._know_time()
        try:
            return order_of(await placing.place(Errand(self, self.clock()), params))
        except BinanceFilterError:
            # the rules have changed since they were read
            self._symbols.pop(symbol, None)
            raise
        except asyncio.CancelledError:
            name = params["newClientOrderId"]
            _log.warning("placing order %s on %s was cancelled: resolve_order tells whether it exists", name, symbol)
            raise

    async def _legal(
        self, symbol: str, order_type: str, amounts: dict[str, int], rounding: str | None
    ) -> dict[str, int]:
        """The amounts of an order as the symbol's rules allow them."""
        if rounding not in checking.ROUNDINGS:
            msg = f"round={rounding!r} is neither None nor 'down'"
            raise BinanceRequestError(msg)
        rules = await self._rules(symbol)
        if rounding:
            amounts = dict(amounts)
            if amounts["quantity"]:
                amounts["quantity"] = checking.rounded(rules, amounts["quantity"], is_market=order_type == "MARKET")
            for name in ("price", "stop_price"):
                if amounts[name]:
                    amounts[name] = checking.rounded_price(rules, amounts[name])
        checking.check(rules, order_type, amounts["quantity"], amounts["price"], amounts["stop_price"])
        return amounts

    async def _rules(self, symbol: str) -> Symbol:
        if symbol not in self._symbols:
            await self.get_exchange_info(symbol)
        return self._symbols[symbol]

    async def cancel_order(
        self, symbol: str, order_id: str | int | None = None, client_order_id: str | None = None
    ) -> dict[str, Any]:
        """
        Cancel an open order, by either id; answers ``{"orderId": ..., "status": "CANCELED", ...}``.

        Raises:
            BinanceRequestError: when neither id is given.
            BinanceOrderNotFoundError: when there is no such open order.
            BinanceUnknownOrderState: when nothing certain could be found out within the retry budget.
        """
        return dict(await placing.cancel(Errand(self, self.clock()), _which(symbol, order_id, client_order_id)))

    async def resolve_order(self, symbol: str, client_order_id: str, *, since: int = 0) -> Order | None:
        """
        Find out whether an order exists that was sent before now, by this process or another; None when it does not.

        ``since`` is a moment in ms before which it was not sent: an older order of the same id is another.

        Raises:
            BinanceUnknownOrderState: when nothing certain could be found out within the retry budget.
        """
        await self._know_time()
        desk = Errand(self, self.clock())
        until = placing.last_moment(desk, desk.recv_window)
        found = await placing.find(desk, placing.Sought(symbol, client_order_id, since / 1000, until))
        return None if found is None else order_of(found)

    @staticmethod
    def convert_order_to_internal(raw: Mapping[str, Any]) -> Order:
        """An order of Binance's JSON as an ``Order``."""
        return order_of(raw)

    async def health_check(self) -> bool:
        """Whether the exchange answers."""
        try:
            await self._make_request_single("GET", "/api/v3/ping")
        except BinanceError:
            return False
        return True


async def create_binance_client(
    api_key: str | None = None,
    api_secret: str | None = None,
    testnet: bool = False,  # noqa: FBT001, FBT002 - the seed's signature
    *,
    rate_limiter: RateLimiter | None = None,
    exchange: Any = None,
    **settings: Any,
) -> BinanceClient:
    """
    A client whose session is started; ``settings`` are the rest of ``BinanceConfig``.

    Key and secret are by default those of the environment: ``BINANCE_API_KEY`` and ``BINANCE_API_SECRET`` (or
    ``BINANCE_APIKEY`` and ``BINANCE_SECRET``), ``BINANCE_TESTNET_API_KEY`` and ``BINANCE_TESTNET_API_SECRET`` on the
    testnet.

    Raises:
        ConfigError: for settings that cannot be.
        BinanceError: when the exchange does not answer.
    """
    if api_key is None and api_secret is None and exchange is None:
        api_key, api_secret = credentials(testnet=testnet)
    config = BinanceConfig(api_key=api_key or "", api_secret=api_secret or "", testnet=testnet, **settings)
    client = BinanceClient(config, rate_limiter, exchange=exchange)
    try:
        await client.start_session()
    except BaseException:
        await client.close_session()
        raise
    return client


_SENT_AS = {
    "quantity": "quantity",
    "price": "price",
    "stop_price": "stopPrice",
    "quote_quantity": "quoteOrderQty",
}


def _amounts(**given: Amount | None) -> dict[str, int]:
    return {name: 0 if value is None else checking.amount(name, value) for name, value in given.items()}


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _which(symbol: str, order_id: str | int | None, client_order_id: str | None) -> dict[str, Any]:
    if order_id is None and client_order_id is None:
        msg = "order_id or client_order_id must be given: it names the order"
        raise BinanceRequestError(msg)
    return _given(symbol=symbol, orderId=order_id, origClientOrderId=client_order_id)
