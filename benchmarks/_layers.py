"""
The same orders through each layer of the package.

Every layer does one of two things at each tick of the walk, a second apart: ``markets`` buys at the market and is
filled, ``limits`` places a limit order far below the market and cancels it.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import _market as market
from _table import Sample

from exec_plugin.account import PaperAccount, PaperExchange, Settings
from exec_plugin.core.clock import ManualClock
from exec_plugin.core.orders import CANCELED, FILLED
from exec_plugin.core.units import to_decimal, to_text
from exec_plugin.core.venue import Venue
from exec_plugin.protocol import Gateway, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from exec_plugin.core.ledger import Account
    from exec_plugin.protocol import Reply

#: Price of the limit orders in cents.
LOW = 50_000_00
SECRET = "benchmark"


class Layer(Protocol):
    """A way to place orders."""

    def markets(self, count: int) -> Sample:
        """Market orders, placed and filled."""

    def limits(self, count: int) -> Sample:
        """Limit orders, placed and cancelled."""


class Core:
    """``Venue.place`` and ``Venue.cancel``, alone or with a listener that hears every event."""

    def __init__(self, *, listened: bool = False) -> None:
        self.listened = listened

    def _open(self) -> tuple[Venue, Account]:
        venue = Venue([market.symbol()], now=market.START)
        if self.listened:
            venue.listeners.append(lambda _event: None)
        return venue, venue.open_account("default", market.BALANCES)

    def markets(self, count: int) -> Sample:
        """Market orders, placed and filled."""
        venue, account = self._open()
        place, apply = venue.place, venue.apply
        rows = market.quotes(count)
        began = perf_counter()
        for row in rows:
            apply((row,))
            place(account, market.NAME, True, "MARKET", market.QTY)  # noqa: FBT003
        seconds = perf_counter() - began
        return checked(account, FILLED, count, seconds)

    def limits(self, count: int) -> Sample:
        """Limit orders, placed and cancelled."""
        venue, account = self._open()
        place, cancel, apply = venue.place, venue.cancel, venue.apply
        rows = market.quotes(count)
        price = LOW * market.CENT
        began = perf_counter()
        for row in rows:
            apply((row,))
            cancel(place(account, market.NAME, True, "LIMIT", market.QTY, price))  # noqa: FBT003
        seconds = perf_counter() - began
        return checked(account, CANCELED, count, seconds)


class InProcess:
    """``Gateway.handle``: signed HTTP requests in, JSON out. The requests are made beforehand."""

    def _open(self) -> tuple[Venue, Account, Gateway]:
        venue = Venue([market.symbol()], now=market.START)
        account = venue.open_account("default", market.BALANCES)
        gateway = Gateway(venue)
        gateway.add_key("default", account, SECRET)
        return venue, account, gateway

    def markets(self, count: int) -> Sample:
        """Market orders, placed and filled."""
        order = {"symbol": market.NAME, "side": "BUY", "type": "MARKET", "quantity": to_text(market.QTY)}
        requests = [[("POST", signed({**order, "newClientOrderId": f"b{index}"}, index))] for index in range(count)]
        return self._run(requests, FILLED)

    def limits(self, count: int) -> Sample:
        """Limit orders, placed and cancelled."""
        order = {
            "symbol": market.NAME, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": to_text(market.QTY), "price": to_text(LOW * market.CENT),
        }  # fmt: skip
        requests = [
            [
                ("POST", signed({**order, "newClientOrderId": f"b{index}"}, index)),
                ("DELETE", signed({"symbol": market.NAME, "origClientOrderId": f"b{index}"}, index)),
            ]
            for index in range(count)
        ]
        return self._run(requests, CANCELED)

    def _run(self, requests: list[list[tuple[str, str]]], status: str) -> Sample:
        venue, account, gateway = self._open()
        headers = {"x-mbx-apikey": "default"}
        rows = market.quotes(len(requests))
        began = perf_counter()
        for row, batch in zip(rows, requests, strict=True):
            venue.apply((row,))
            for method, form in batch:
                gateway.handle(method, "/api/v3/order", headers, form)
        seconds = perf_counter() - began
        return checked(account, status, len(requests), seconds)


class Broker:
    """The seed's ``PaperBroker``, awaited in a running event loop."""

    def markets(self, count: int) -> Sample:
        """Market orders, placed and filled."""
        return asyncio.run(self._markets(count))

    def limits(self, count: int) -> Sample:
        """Limit orders, placed and cancelled."""
        return asyncio.run(self._limits(count))

    async def _markets(self, count: int) -> Sample:
        broker = market.broker()
        ticks, qty = market.decimals(count), to_decimal(market.QTY)
        began = perf_counter()
        for tick in ticks:
            broker.update_market_data(market.NAME, *tick)
            order = await broker.place_order(market.NAME, "BUY", "MARKET", qty)
        seconds = perf_counter() - began
        assert order.status == FILLED
        return Sample(count, seconds)

    async def _limits(self, count: int) -> Sample:
        broker = market.broker()
        ticks, qty, price = market.decimals(count), to_decimal(market.QTY), to_decimal(LOW * market.CENT)
        began = perf_counter()
        for tick in ticks:
            broker.update_market_data(market.NAME, *tick)
            order = await broker.place_order(market.NAME, "BUY", "LIMIT", qty, price)
            cancelled = await broker.cancel_order(market.NAME, order.id)
        seconds = perf_counter() - began
        assert cancelled
        return Sample(count, seconds)


class Canned:
    """Stands for a paper account but repeats the first answer to each kind of request: what remains is ccxt's work."""

    def __init__(self, paper: PaperAccount) -> None:
        self._paper = paper
        self._replies: dict[tuple[str, str], Reply] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._paper, name)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Reply:
        """The same answer as last time."""
        kind = method, url.partition("?")[0]
        found = self._replies.get(kind)
        if found is None:
            found = self._replies[kind] = self._paper.request(method, url, headers, body)
        return found


class Ccxt:
    """ccxt's asyncio ``binancepaper``: ccxt makes, signs and parses each request itself."""

    def __init__(self, *, canned: bool = False) -> None:
        self.canned = canned

    def markets(self, count: int) -> Sample:
        """Market orders, placed and filled."""

        async def step(exchange: Any) -> None:
            await exchange.create_order("BTC/USDT", "market", "buy", 0.001)

        return asyncio.run(self._run(count, step, FILLED))

    def limits(self, count: int) -> Sample:
        """Limit orders, placed and cancelled."""

        async def step(exchange: Any) -> None:
            order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, LOW / 100)
            await exchange.cancel_order(order["id"], "BTC/USDT")

        return asyncio.run(self._run(count, step, CANCELED))

    async def _run(self, count: int, step: Callable[[Any], Coroutine[Any, Any, None]], status: str) -> Sample:
        clock = ManualClock(market.START)
        paper = self._account(clock)
        exchange = self._exchange(Canned(paper) if self.canned else paper)
        feed, rows = paper.exchange.feed, market.quotes(count)
        await exchange.load_markets()
        began = perf_counter()
        for row in rows:
            clock.advance(market.STEP)
            feed.push(row)  # type: ignore[attr-defined]
            await step(exchange)
        seconds = perf_counter() - began
        await exchange.close()
        return checked(paper.account, status, 1 if self.canned else count, seconds, count)

    @staticmethod
    def _account(clock: ManualClock) -> PaperAccount:
        settings = Settings.read({"feed": "push", "symbols": [market.NAME]})
        exchange = PaperExchange(settings, clock.now)
        balances = {asset: to_text(units) for asset, units in market.BALANCES.items()}
        return PaperAccount(exchange, exchange.open_account("default", balances), SECRET)

    @staticmethod
    def _exchange(paper: PaperAccount | Canned) -> Any:
        # ccxt takes most of a second to import
        from exec_plugin.ccxt_exchange.aio import binancepaper

        class Measured(binancepaper):
            _open_account: Any = staticmethod(lambda *_args, **_kwargs: paper)

        return Measured({"secret": SECRET})


def signed(params: dict[str, str], index: int) -> str:
    """A form as a client signs it for the tick of that number."""
    text = urlencode({**params, "timestamp": market.START + (index + 1) * market.STEP})
    return f"{text}&signature={sign(SECRET, text)}"


def checked(account: Account, status: str, orders: int, seconds: float, count: int = 0) -> Sample:
    """A sample, once it is sure that all orders ended as they should; ``count`` where not all reached the account."""
    assert [order.status for order in account.desks[market.NAME].orders] == [status] * orders
    return Sample(count or orders, seconds)
