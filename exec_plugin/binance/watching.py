"""
Streams as async iterators over ``ccxt.pro``: they connect again by themselves, and tell what was missed meanwhile.

What they give has the shapes of the client's queries: the exchange's own dicts with amounts as texts, ``Trade`` and
``Order`` objects.
"""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen
from ccxt.base.errors import AuthenticationError, BadRequest, BadSymbol, BaseError, InvalidNonce, NetworkError

from exec_plugin.binance.errors import BinanceAuthError, BinanceError, BinanceRequestError
from exec_plugin.binance.values import trade_of
from exec_plugin.binance.veil import veil
from exec_plugin.config.showing import veiled
from exec_plugin.core.models import Order

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from exec_plugin.binance.session import Session
    from exec_plugin.binance.values import Trade

_log = logging.getLogger(__name__)


@frozen
class Gap:
    """
    What a stream has missed.

    Args:
        stream: such as ``trades of BTCUSDC``.
        since: time of the last message before it, in ms by the exchange's clock; None when there was none.
        until: the time at which the next one came.
        cause: why, in words.
        first_id: of trades, the first and the last that were missed; None where it is not known.
        last_id: as above.
    """

    stream: str
    since: int | None
    until: int
    cause: str
    first_id: int | None = None
    last_id: int | None = None


def _warn(gap: Gap) -> None:
    _log.warning("%s: messages between %s and %s are missing: %s", gap.stream, gap.since, gap.until, gap.cause)


class _Over(Exception):
    """The client was closed."""


class Watch:
    """
    One stream: it asks ``ccxt.pro`` for the next message, again where the connection was lost.

    Args:
        client: whose it is; the stream ends with it.
        name: for gaps and errors.
        ask: gives ccxt's next message.
        on_gap: told what was missed; by default it is logged.
    """

    def __init__(
        self,
        client: Session,
        name: str,
        ask: Callable[[Any], Awaitable[Any]],
        on_gap: Callable[[Gap], None] | None = None,
    ) -> None:
        self.client, self.name, self.ask = client, name, ask
        self.tell = on_gap or _warn
        self.last: int | None = None
        self._lost = ""

    async def messages(self) -> AsyncGenerator[Any, None]:
        """What ccxt gives, one after the other, until the client closes."""
        exchange = self.client._streaming()
        while not self.client._closed:
            try:
                message = await self._next(exchange)
            except _Over:
                return
            if self._lost:
                self.tell(Gap(self.name, self.last, self.now(), self._lost))
                self._lost = ""
            self.last = self.now()
            yield message

    async def _next(self, exchange: Any) -> Any:
        """The next message, of another connection where the first is lost."""
        attempt = 0
        while not self.client._closed:
            try:
                return await self.ask(exchange)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self.client._closed and task is not None and not task.cancelling():
                    # closing cancels what ccxt waits for, not us
                    raise _Over from None
                raise
            except BaseError as error:
                if self.client._closed:
                    raise _Over from None
                if not isinstance(error, (NetworkError, InvalidNonce)):
                    raise _as_ours(self.name, error) from error
                self._lose(error)
            await self.client.sleep(self.client._calculate_retry_delay(attempt))
            attempt += 1
        raise _Over

    def _lose(self, error: BaseError) -> None:
        if not self._lost:
            _log.warning("%s: the connection is lost, connecting again", self.name)
        self._lost = veiled(f"{type(error).__name__}: {error}")

    def now(self) -> int:
        """The exchange's time in ms."""
        return self.client._get_timestamp()


def _as_ours(name: str, error: BaseError) -> BinanceError:
    veil(error)
    kind: type[BinanceError] = BinanceError
    if isinstance(error, AuthenticationError):
        kind = BinanceAuthError
    elif isinstance(error, (BadRequest, BadSymbol)):
        kind = BinanceRequestError
    return kind(f"{name} cannot be watched: {error}")


async def tickers(client: Session, symbol: str, on_gap: Any) -> AsyncGenerator[dict[str, Any], None]:
    """Statistics of the last 24 hours, as ``get_ticker`` shows them."""
    watch = Watch(client, f"ticker of {symbol}", lambda pro: pro.watch_ticker(symbol, {"name": "ticker"}), on_gap)
    async for ticker in watch.messages():
        raw = ticker["info"]
        yield {name: raw[letter] for letter, name in _TICKER.items() if letter in raw}


async def books(client: Session, symbol: str, limit: int, on_gap: Any) -> AsyncGenerator[dict[str, Any], None]:
    """The order book after each change, as ``get_order_book`` shows it."""
    watch = Watch(client, f"order book of {symbol}", lambda pro: pro.watch_order_book(symbol), on_gap)
    async for book in watch.messages():
        yield {
            "lastUpdateId": book["nonce"],
            "bids": [[_text(price), _text(quantity)] for price, quantity, *_ in book["bids"][:limit]],
            "asks": [[_text(price), _text(quantity)] for price, quantity, *_ in book["asks"][:limit]],
        }


async def trades(client: Session, symbol: str, on_gap: Any) -> AsyncGenerator[Trade, None]:
    """Trades of the market, each once; ids that were left out are told."""
    ask: Callable[[Any], Awaitable[Any]] = lambda pro: pro.watch_trades(symbol, None, None, {"name": "trade"})  # noqa: E731
    watch, last = Watch(client, f"trades of {symbol}", ask, on_gap), None
    async for found in watch.messages():
        for each in found:
            trade = trade_of(each["info"], symbol)
            number = int(trade.id)
            if last is not None and number <= last:
                # told again after connecting anew
                continue
            if last is not None and number > last + 1:
                cause = f"trades {last + 1} to {number - 1} did not come"
                watch.tell(Gap(watch.name, watch.last, trade.time, cause, last + 1, number - 1))
            last = number
            yield trade


async def orders(client: Session, symbol: str | None, on_gap: Any) -> AsyncGenerator[Order, None]:
    """Own orders whenever one of them changes, as it stands then."""
    watch = Watch(client, f"orders of {symbol or 'all symbols'}", lambda pro: pro.watch_orders(symbol), on_gap)
    async for found in watch.messages():
        for each in found:
            yield report_of(each["info"])


def report_of(raw: Mapping[str, Any]) -> Order:
    """An order as an ``executionReport`` shows it (user-data-stream.md, Order Update)."""
    filled, paid = Decimal(raw["z"]), Decimal(raw["Z"])
    return Order(
        str(raw["i"]), raw["s"], raw["S"], raw["o"], Decimal(_plain(raw["q"])), Decimal(_plain(raw["p"])) or None,
        raw["X"], raw["f"], Decimal(_plain(raw["z"])), Decimal(_plain(raw["Z"])), paid / filled if filled else None,
        # a cancel has an id of its own, and names the order's own beside it
        Decimal(_plain(raw["P"])) or None, raw.get("C") or raw["c"], raw["O"], raw["T"], raw,
    )  # fmt: skip


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(value: float) -> str:
    # ccxt's books hold floats, whose shortest text is the one that they were read from
    return format(Decimal(repr(value)), "f")


_TICKER = {
    "s": "symbol", "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
    "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
    "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
    "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
