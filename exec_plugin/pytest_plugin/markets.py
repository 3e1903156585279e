"""Paper markets for tests: one that a test moves, ccxt's exchanges on it, a server and a broker."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from exec_plugin.account import HOUSE, Settings
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.symbols import default_symbol
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import Faults
from exec_plugin.server import PaperServer, ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Levels = Iterable[tuple[Any, Any]]

T = TypeVar("T")

#: 2026-01-05 12:00:00 UTC: when a test's market begins; its clock stands still.
START = 1_767_614_400_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
BALANCES = {"USDT": "10000"}
#: What signs at a test's server.
API_KEY, API_SECRET = "paper-key", "paper-secret"
_PATIENCE = 10.0

_numbers = count(1)


def setup_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A market's setup: what ``POST /paper/reset`` takes, with symbols by name as well, over the defaults."""
    symbols = given.get("symbols", SYMBOLS)
    told = [default_symbol(name).to_exchange_info() if isinstance(name, str) else name for name in symbols]
    keys = {"apiKey": API_KEY, "secretKey": API_SECRET}
    return {"clock": START, "balances": BALANCES, **keys, **given, "symbols": told}


class PaperMarket:
    """
    A market that stands still until a test moves it.

    Args:
        exchange: what is moved.
        carry: runs a call where the exchange's listeners want it; at once by default.
    """

    def __init__(
        self, exchange: ScriptedExchange, carry: Callable[[Callable[[], Any]], Any] = lambda call: call()
    ) -> None:
        self._exchange = exchange
        self._carry = carry

    def book(self, symbol: str, bids: Levels = (), asks: Levels = ()) -> None:
        """Show a whole book, as ``[(price, quantity), ...]`` with texts or numbers, best first or not."""
        sides = {"bids": [*map(tuple, bids)], "asks": [*map(tuple, asks)]}
        self.events([{"type": "book", "symbol": symbol, **sides}])

    def trade(self, symbol: str, price: Any, qty: Any, taker: str = "SELL") -> None:
        """Print a trade of others; the taker's side decides which resting orders it can fill."""
        self.events([{"type": "trade", "symbol": symbol, "price": price, "qty": qty, "taker": taker}])

    def events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Apply several events, as ``POST /paper/market`` takes them."""
        listed = [*events]
        self._do(lambda: self._exchange.market(listed))

    def advance(self, milliseconds: int) -> int:
        """Let time pass; answers the new time."""
        return self._do(lambda: self._exchange.clock(advance=milliseconds))

    @property
    def now(self) -> int:
        """The market's time in ms."""
        return self._exchange.venue.now

    def faults(self, *rules: Mapping[str, Any], seed: int = 0) -> None:
        """Let things go wrong from now on, by rules as docs/faults.md has them; without any, no longer."""
        faults = Faults.read({"rules": rules, "seed": seed}) if rules else None
        self._do(lambda: self._exchange.gateway.inject(faults))

    def reports(self, after: int = 0) -> list[dict[str, Any]]:
        """What happened to the account: the payloads of the user-data stream after a number, oldest first."""
        return self._do(lambda: [report for _, report in self._exchange.events(after)[0]])

    def _do(self, call: Callable[[], T]) -> T:
        def locked() -> T:
            with self._exchange.lock:
                return call()

        found: T = self._carry(locked)
        return found


class PaperExchanges:
    """ccxt's exchange on a test's market, in its three styles: ``sync``, ``aio`` and ``pro``."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = dict(options)

    @cached_property
    def sync(self) -> Any:
        """``ccxt.binancepaper``."""
        return self._make("ccxt")

    @cached_property
    def aio(self) -> Any:
        """``ccxt.async_support.binancepaper``."""
        return self._make("ccxt.async_support")

    @cached_property
    def pro(self) -> Any:
        """``ccxt.pro.binancepaper``, with streams."""
        return self._make("ccxt.pro")

    def _make(self, namespace: str) -> Any:
        from importlib import import_module

        from exec_plugin.ccxt_exchange import install

        install()
        return import_module(namespace).binancepaper({"options": {"paper": self.options}})


@contextmanager
def a_market(given: Mapping[str, Any]) -> Iterator[tuple[PaperMarket, PaperExchanges]]:
    """A market of its own, and ccxt on it; forgotten at the end."""
    # whatever the settings of the machine say, this market is the test's
    options = {"feed": "push", "recording": "", "live_url": "", "speed": "1", "seed": -next(_numbers)}
    settings = Settings.read(options)
    HOUSE.scripts.reset(settings, setup_of(given))
    exchange = HOUSE.scripts.find(settings)
    if exchange is None:
        msg = "the market has gone while it was made; a test must not clear the house from another thread"
        raise ConfigError(msg)
    try:
        yield PaperMarket(exchange), PaperExchanges(options)
    finally:
        HOUSE.scripts.forget(settings)


class ServedMarket:
    """A server on this machine: ``url``, ``api_key``, ``api_secret``, and its ``market``."""

    api_key, api_secret = API_KEY, API_SECRET

    def __init__(self, url: str, market: PaperMarket) -> None:
        self.url = url
        self.market = market

    def __repr__(self) -> str:
        return f"<ServedMarket {self.url}>"


@contextmanager
def a_server(given: Mapping[str, Any]) -> Iterator[ServedMarket]:
    """A server with a market of its own, in a thread; stopped at the end."""
    exchange = ScriptedExchange(setup_of(given))
    server = PaperServer(exchange, ServerSettings(port=0))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="paper_server")
    thread.start()

    def carry(call: Callable[[], T]) -> T:
        """In the server's thread, whose sockets hear of it."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(call())
            except Exception as error:  # noqa: BLE001 - raised again where it was called for
                done.set_exception(error)

        loop.call_soon_threadsafe(run)
        return done.result(_PATIENCE)

    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(_PATIENCE)
        try:
            yield ServedMarket(server.url, PaperMarket(exchange, carry))
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(_PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()


class Standstill:
    """A clock that goes only while somebody sleeps, which takes no time."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        """The time in ms."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * 1000)


def a_broker(given: Mapping[str, Any]) -> Any:
    """A broker whose clock stands still; symbols are those that are named, or any."""
    from exec_plugin.paper_broker import PaperBroker

    setup = setup_of(given)
    clock = Standstill()
    symbols = {"symbols": setup["symbols"]} if "symbols" in given else None
    rates = setup.get("commission", {}).get("standard")
    return PaperBroker(
        {asset: str(amount) for asset, amount in setup["balances"].items()},
        symbols,
        rates,
        clock=clock,
        sleep=clock.sleep,
    )
