"""What the documented client stands on: its session, its clock, and requests that are sent the way that is safe."""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
import warnings
from inspect import iscoroutinefunction
from random import Random
from typing import TYPE_CHECKING, Any, Self

from exec_plugin.binance.config import BinanceConfig
from exec_plugin.binance.connecting import connect, has_streams, limiter_for, twin
from exec_plugin.binance.errand import Errand
from exec_plugin.binance.errors import (
    BinanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceTimestampError,
)
from exec_plugin.binance.shortcut import Shortcut
from exec_plugin.binance.wire import Wire
from exec_plugin.core.errors import ConfigError
from exec_plugin.rate_limit import install_throttle, uninstall_throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from exec_plugin.core.symbols import Symbol
    from exec_plugin.rate_limit import RateLimiter

_TIME = "/api/v3/time"


class Session:
    """
    A ccxt exchange with Binance's clock, and patience.

    The arguments are those of ``BinanceClient``.
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
        if exchange is not None and not iscoroutinefunction(type(exchange).fetch):
            name = type(exchange).__name__
            msg = f"exchange is ccxt.{name}, which blocks: pass an instance of ccxt.async_support.{name}"
            raise ConfigError(msg)
        self.exchange = connect(self.config) if exchange is None else exchange
        self._shortcut = Shortcut(self.exchange) if Shortcut.fits(self.exchange) else None
        if self._shortcut is not None:
            self._shortcut.hang()
        if self._owns and rate_limiter is None:
            rate_limiter = limiter_for(self.exchange, self.config)
        self.rate_limiter = rate_limiter
        if rate_limiter is not None:
            install_throttle(self.exchange, rate_limiter)
        self.wire = Wire(self.exchange, self.config.recv_window)
        self.clock, self.sleep = clock, sleep
        self._rng = rng or Random()
        #: who awaits an answer, and whether closing has cancelled it
        self._waiting: dict[asyncio.Task[Any], bool] = {}
        self._nobody_waits: asyncio.Event | None = None
        self._comparing: asyncio.Future[None] | None = None
        self._streams: Any = None
        self._symbols: dict[str, Symbol] = {}
        self._started = self._closed = False
        self._made_at = _place_outside()

    # ------------------------------------------------------------------ session

    async def start_session(self) -> None:
        """
        Begin: compare the clocks; ccxt opens its connections with the first request.

        Raises:
            BinanceError: when the exchange does not answer.
        """
        self._check_open()
        self._started = True
        await self._know_time()

    async def close_session(self) -> None:
        """End: requests under way are given up, and the connections closed that the client itself has opened."""
        if self._closed:
            return
        self._closed = True
        if self._waiting:
            self._nobody_waits = asyncio.Event()
            for task in self._waiting:
                self._waiting[task] = True
                task.cancel()
            await self._nobody_waits.wait()
        if self._streams is not None and self._streams is not self.exchange:
            await self._streams.close()
        await self.wire.close()
        if self.rate_limiter is not None:
            uninstall_throttle(self.exchange)
        if self._shortcut is not None:
            self._shortcut.unhang()
        if self._owns:
            await self.exchange.close()

    async def __aenter__(self) -> Self:
        try:
            await self.start_session()
        except BaseException:
            await self.close_session()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_session()

    def __del__(self) -> None:
        if getattr(self, "_started", False) and not self._closed:
            msg = f"a BinanceClient made at {self._made_at} was not closed: await close_session(), or use 'async with'"
            warnings.warn(msg, ResourceWarning, stacklevel=1, source=self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._started else "new"
        return f"<{type(self).__name__} {state} on {self.exchange.id} {self.config!r}>"

    def _check_open(self) -> None:
        if self._closed:
            msg = "this client was closed: make another"
            raise BinanceError(msg)

    # ------------------------------------------------------------------ time and signatures

    async def _sync_server_time(self) -> None:
        """Compare the exchange's clock with ours, to within the time that the answer took; once for all who ask."""
        if self._comparing is not None:
            await asyncio.shield(self._comparing)
            return
        self._comparing = asyncio.get_running_loop().create_future()
        try:
            self.wire.time.forget()
            await self._send("GET", _TIME, {})
            self.wire.correct()
        finally:
            # those who joined look at their own requests for how it went
            self._comparing.set_result(None)
            self._comparing = None

    async def _know_time(self) -> None:
        """Have compared the clocks, without which nobody can tell when an order is too late to come."""
        if not self.wire.time.is_known:
            await self._make_request_with_retry("GET", _TIME)
            self.wire.correct()

    def _get_timestamp(self) -> int:
        """The server's time in ms, as well as it is known."""
        return round((self.wire.now() + self.wire.time.offset) * 1000)

    def _generate_signature(self, query: str) -> str:
        """The HMAC SHA256 signature of a query, in hex (rest-api.md, SIGNED Endpoint Examples)."""
        return hmac.digest(
            (self.config.api_secret.reveal() or self.exchange.secret or "").encode(), query.encode(), "sha256"
        ).hex()

    def _streaming(self) -> Any:
        """The exchange whose streams are watched: the one that is there, where it has any, else its twin that has."""
        self._check_open()
        if self._streams is None:
            if has_streams(self.exchange):
                self._streams = self.exchange
            else:
                self._streams = connect(self.config, pro=True) if self._owns else twin(self.exchange)
        return self._streams

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
        except BinanceTimestampError as error:
            try:
                await self._sync_server_time()
            except BinanceError:
                # what failed is the comparing; the request itself was refused for certain
                raise error from error.__cause__
        return await self._send(method, endpoint, params or {})

    async def _send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        self._check_open()
        task = asyncio.current_task()
        if task is None:
            msg = "a client is awaited inside of asyncio tasks"
            raise RuntimeError(msg)
        self._waiting[task] = False
        try:
            return await self.wire.send(method, endpoint, params)
        except asyncio.CancelledError:
            # ours, unless somebody else has cancelled it as well
            if not self._waiting[task] or task.uncancel() > 0:
                raise
            msg = f"{method} {endpoint} was given up: the client was closed"
            error = BinanceError(msg)
            error.outcome_unknown = True
            raise error from None
        finally:
            del self._waiting[task]
            if self._nobody_waits is not None and not self._waiting:
                self._nobody_waits.set()

    async def _make_request_with_retry(
        self, method: str, endpoint: str, params: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Send a request that is safe to send again, again while nobody answers and its time lasts.

        Raises:
            BinanceError: the last failure. A limit or a ban is never tried again.
        """
        begun, attempt = self.clock(), 0
        while True:
            try:
                return await self._make_request_single(method, endpoint, params)
            except (BinanceNetworkError, BinanceMaintenanceError):
                errand = Errand(self, begun)
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


def _place_outside() -> str:
    """The line outside this package that is being executed."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("exec_plugin."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
