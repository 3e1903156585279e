"""The documented client: Binance spot over a ccxt exchange, live or on paper, by what it is handed."""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
import warnings
from random import Random
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from exec_plugin.binance import checking, placing
from exec_plugin.binance.config import BinanceConfig, credentials
from exec_plugin.binance.connecting import connect, limiter_for
from exec_plugin.binance.errand import Errand
from exec_plugin.binance.errors import (
    BinanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceRequestError,
    BinanceTimestampError,
)
from exec_plugin.binance.rows import Rows
from exec_plugin.binance.values import exchange_info_of, kline_of, order_of
from exec_plugin.binance.wire import Wire
from exec_plugin.core.symbols import Symbol
from exec_plugin.rate_limit import install_throttle, uninstall_throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from decimal import Decimal

    from exec_plugin.core.models import ExchangeInfo, KlineData, Order
    from exec_plugin.rate_limit import RateLimiter

    Amount = Decimal | int | str

_TIME = "/api/v3/time"
_EXCHANGE_INFO = "/api/v3/exchangeInfo"
_ID_LENGTH = 22
_WITH_TIME_IN_FORCE = frozenset(("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"))


class BinanceClient:
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

    def __init__(
        self,
        config: BinanceConfig | None = None,
        rate_limiter: RateLimiter | None = None,
        *,
        exchange: Any = None,
        rng: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.config = config or BinanceConfig()
        self._owns = exchange is None
        self.exchange = connect(self.config) if exchange is None else exchange
        if self._owns and rate_limiter is None:
            rate_limiter = limiter_for(self.exchange, self.config)
        self.rate_limiter = rate_limiter
        if rate_limiter is not None:
            install_throttle(self.exchange, rate_limiter)
        self.wire = Wire(self.exchange)
        self.clock, self.sleep = clock, sleep
        self._rng = rng or Random()
        self._symbols: dict[str, Symbol] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._started = self._closed = False
        self._made_at = _place_outside()

    # ------------------------------------------------------------------ session

    async def start_session(self) -> None:
        """
        Begin: compare the clocks; ccxt opens its connections with the first request.

        Raises:
            BinanceError: when the exchange does not answer.
        """
        if self._closed:
            msg = "this client was closed: make another"
            raise BinanceError(msg)
        if not self._started:
            self._started = True
            await self._sync_server_time()

    async def close_session(self) -> None:
        """End: requests under way are cancelled, and the connections closed that the client itself has opened."""
        if self._closed:
            return
        self._closed = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.wire.unhang()
        if self.rate_limiter is not None:
            uninstall_throttle(self.exchange)
        if self._owns:
            await self.exchange.close()

    async def __aenter__(self) -> Self:
        await self.start_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_session()

    def __del__(self) -> None:
        if getattr(self, "_started", False) and not self._closed:
            msg = f"a BinanceClient made at {self._made_at} was not closed: await close_session(), or use 'async with'"
            warnings.warn(msg, ResourceWarning, stacklevel=1, source=self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._started else "new"
        return f"<BinanceClient {state} on {self.exchange.id} {self.config!r}>"

    # ------------------------------------------------------------------ time and signatures

    async def _sync_server_time(self) -> None:
        """Compare the exchange's clock with ours, to within the time that the answer took."""
        self.wire.time.forget()
        sent = self.wire.now()
        server = await self.wire.send("GET", _TIME, {})
        self.wire.time.learn(sent, self.wire.now(), server["serverTime"] / 1000)
        self.wire.correct()

    def _get_timestamp(self) -> int:
        """The server's time in ms, as well as it is known."""
        return round((self.wire.now() + self.wire.time.offset) * 1000)

    def _generate_signature(self, query: str) -> str:
        """The HMAC SHA256 signature of a query, in hex (rest-api.md, SIGNED Endpoint Examples)."""
        secret = self.config.api_secret.reveal().encode()
        return hmac.digest(secret, query.encode(), "sha256").hex()

    # ------------------------------------------------------------------ requests

    def _calculate_retry_delay(self, attempt: int) -> float:
        """Seconds before trying again: doubled with each attempt from 0 on, bounded, with jitter between half and all."""
        config = self.config
        longest = min(config.retry_delay * 2 ** min(attempt, 32), config.max_retry_delay)
        return float(longest * (0.5 + self._rng.random() / 2))

    async def _make_request_single(self, method: str, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """
        Send one request; when the clocks turn out to differ, they are compared and it is sent once more.

        Raises:
            BinanceError: what went wrong.
        """
        try:
            return await self._send(method, endpoint, params or {})
        except BinanceTimestampError:
            await self._sync_server_time()
            return await self._send(method, endpoint, params or {})

    async def _send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        if self._closed:
            msg = "this client was closed: make another"
            raise BinanceError(msg)
        task = asyncio.ensure_future(self.wire.send(method, endpoint, params))
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed and not _is_being_cancelled():
                msg = f"{method} {endpoint} was given up: the client was closed"
                raise BinanceError(msg) from None
            raise
        finally:
            self._running.discard(task)

    async def _make_request_with_retry(
        self, method: str, endpoint: str, params: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Send a request that is safe to send again, again while nobody answers and its time lasts.

        Raises:
            BinanceError: the last failure. A limit or a ban is never tried again.
        """
        errand, attempt = Errand(self), 0
        while True:
            try:
                return await errand.send(method, endpoint, params or {})
            except (BinanceNetworkError, BinanceMaintenanceError):
                if attempt >= errand.max_retries or errand.left() <= 0:
                    raise
            await errand.pause(min(errand.backoff(attempt), max(errand.left(), 0.0)))
            attempt += 1

    async def _make_request(self, method: str, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        """
        Send a request the way that is safe for it: reading again is, anything else is sent once.

        Args:
            method: GET, POST, PUT or DELETE.
            endpoint: path, such as ``/api/v3/order``.
            params: without timestamp and signature, which ccxt adds.

        Raises:
            BinanceError: what went wrong; ``outcome_unknown`` tells whether it may have been executed.
        """
        ask = self._make_request_with_retry if method == "GET" else self._make_request_single
        return await ask(method, endpoint, params)

    # ------------------------------------------------------------------ market data

    async def get_server_time(self) -> dict[str, Any]:
        """``{"serverTime": ms}``."""
        reply: dict[str, Any] = await self._make_request("GET", _TIME)
        return reply

    async def get_exchange_info(self, symbol: str | None = None) -> ExchangeInfo:
        """Trading rules of one symbol or of all."""
        info = exchange_info_of(await self._make_request("GET", _EXCHANGE_INFO, _given(symbol=symbol)))
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
        rows = await self._make_request("GET", "/api/v3/klines", params)
        return Rows(kline_of(row, symbol, interval) for row in rows)

    async def get_ticker(self, symbol: str) -> dict[str, Any]:
        """Statistics of the last 24 hours."""
        reply: dict[str, Any] = await self._make_request("GET", "/api/v3/ticker/24hr", {"symbol": symbol})
        return reply

    async def get_24hr_ticker(self, symbol: str) -> dict[str, Any]:
        """Statistics of the last 24 hours: ``get_ticker`` under its other name."""
        return await self.get_ticker(symbol)

    async def get_order_book(self, symbol: str, limit: int = 100) -> dict[str, Any]:
        """``{"lastUpdateId": n, "bids": [[price, quantity], ...], "asks": [...]}``, best first, amounts as texts."""
        params = {"symbol": symbol, "limit": limit}
        reply: dict[str, Any] = await self._make_request("GET", "/api/v3/depth", params)
        return reply

    # ------------------------------------------------------------------ account

    async def get_account_info(self) -> dict[str, Any]:
        """The account: ``{"balances": [{"asset": ..., "free": ..., "locked": ...}, ...], ...}``, amounts as texts."""
        reply: dict[str, Any] = await self._make_request("GET", "/api/v3/account")
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
        return order_of(await self._make_request("GET", placing.ORDER, _which(symbol, order_id, client_order_id)))

    async def get_open_orders(self, symbol: str | None = None) -> Rows[Order]:
        """All open orders, of one symbol or of all."""
        rows = await self._make_request("GET", "/api/v3/openOrders", _given(symbol=symbol))
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
        return Rows(order_of(row) for row in await self._make_request("GET", "/api/v3/allOrders", params))

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
            "newClientOrderId": client_order_id or uuid4().hex[:_ID_LENGTH],
            "newOrderRespType": "FULL",
            **{_SENT_AS[name]: checking.plain(units) for name, units in amounts.items() if units},
            **checking.options(more),
        }
        if order_type in _WITH_TIME_IN_FORCE:
            params["timeInForce"] = time_in_force
        return order_of(await placing.place(Errand(self), params))

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
            amounts["quantity"] = checking.rounded(rules, amounts["quantity"], is_market=order_type == "MARKET")
            for name in ("price", "stop_price"):
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
        return dict(await placing.cancel(Errand(self), _which(symbol, order_id, client_order_id)))

    async def resolve_order(self, symbol: str, client_order_id: str, *, since: int = 0) -> Order | None:
        """
        Find out whether an order exists that was sent before now, by this process or another; None when it does not.

        ``since`` is a moment in ms before which it was not sent: an older order of the same id is another.

        Raises:
            BinanceUnknownOrderState: when nothing certain could be found out within the retry budget.
        """
        found = await placing.find(Errand(self), symbol, client_order_id, since / 1000)
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


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _place_outside() -> str:
    """The line outside this package that is being executed."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("exec_plugin."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
