"""What a bot plays on: a paper exchange of its own, an account, and an end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.account import HOUSE, Settings, open_account
from exec_plugin.cli.errors import Failure
from exec_plugin.config import nearest
from exec_plugin.core.clock import SECOND
from exec_plugin.core.errors import ConfigError, ExecPluginError, FeedError
from exec_plugin.core.units import SCALE, parse_units, short_text
from exec_plugin.feeds.synthetic import PROFILES
from exec_plugin.report import Recorder
from exec_plugin.report.recorder import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.account import PaperExchange
    from exec_plugin.cli.bots import Bot
    from exec_plugin.core.events import Event
    from exec_plugin.core.ledger import Account
    from exec_plugin.core.symbols import Symbol
    from exec_plugin.report import Result

#: What the synthetic market is played on unless asked otherwise.
SYNTHETIC = "BTCUSDT"
#: What an account starts with, in quote: one half of it as it is, the other half's worth in base.
START_WORTH = {"BTC": "0.2", "ETH": "4", "BNB": "16"}
START_DOLLARS = "10000"
#: How far into a recording its first price is looked for.
PATIENCE = 600


class Speed(NamedTuple):
    """How much there was, the rows of a market's opening included, and how long it took."""

    rows: int
    events: int
    seconds: float


class Stage:
    """
    A market that was just opened, with one account on it.

    Args:
        options: of the paper account, as in ccxt's ``options["paper"]``; balances that make sense when it has none.
        duration: ms of the market's time after which the bot is stopped; 0 for the recording's end.

    Raises:
        ConfigError, FeedError: when an option is wrong or the recording cannot be read.
    """

    def __init__(self, options: Mapping[str, Any], duration: int) -> None:
        # one run must not go on where another one in this process stopped
        HOUSE.clear()
        self.options = dict(options)
        if not self.options.get("recording"):
            self.options["symbols"] = [_synthetic_symbol(self.options.get("symbols"))]
        self.exchange: PaperExchange = HOUSE.exchange(Settings.read(self.options))
        self.symbol = _only_symbol(self.exchange)
        _find_price(self.exchange, self.symbol)
        if not self.options.get("balances"):
            self.options["balances"] = _start_balances(self.exchange, self.symbol)
        self.venue = self.exchange.venue
        opened = open_account(self.options)
        assert not opened.is_remote  # noqa: S101 - its market is in this process
        self.account = opened.account
        _check_funds(self.account, self.symbol)
        self.recorder = Recorder(self.venue, self.account, self.symbol.name)
        self.duration = duration
        self._end = self.venue.now + duration if duration else 0
        self._events = 0
        self.venue.listeners.append(self._count)

    def play(self, bot: Bot, arguments: Mapping[str, object], on_move: Callable[[int], None]) -> tuple[Result, Speed]:
        """
        Let a bot trade until the end; what came of it.

        ``on_move`` is told the market's time whenever it has moved. Ctrl-C ends the run early.

        Raises:
            Failure: when the bot gives up with an error of ccxt.
        """
        started = time.perf_counter()
        asyncio.run(self._run(bot, arguments, on_move))
        seconds = time.perf_counter() - started
        return self.recorder.result(), Speed(self.exchange.pump.rows_applied, self._events, seconds)

    async def _run(self, bot: Bot, arguments: Mapping[str, object], on_move: Callable[[int], None]) -> None:
        import ccxt.async_support as ccxt

        async with ccxt.binancepaper({"options": {"paper": self.options}}) as exchange:
            task = asyncio.ensure_future(bot(exchange, f"{self.symbol.base}/{self.symbol.quote}", **arguments))
            self._watch(task, on_move)
            try:
                # cancelled by the end of the market or by Ctrl-C: both end the run as planned
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            except ccxt.BaseError as error:
                if isinstance(error.__cause__, ExecPluginError):
                    raise error.__cause__ from error
                msg = f"the bot stopped with {type(error).__name__}: {error}"
                raise Failure(msg) from error
            finally:
                self.exchange.on_move = None

    def _count(self, _: Event) -> None:
        self._events += 1

    def _watch(self, task: asyncio.Future[None], on_move: Callable[[int], None]) -> None:
        cancelled = False

        def moved() -> None:
            nonlocal cancelled
            self.recorder.sample()
            on_move(self.venue.now)
            # once only: the bot may go on trading for a moment to tidy up
            if not cancelled and (self.exchange.pump.ended or 0 < self._end <= self.venue.now):
                cancelled = True
                task.cancel()

        self.exchange.on_move = moved


def _synthetic_symbol(names: Any) -> str:
    name = str(names[0]).replace("/", "").upper() if names else SYNTHETIC
    if name not in PROFILES:
        msg = f"the synthetic market has no {name}: {nearest(name, PROFILES)}"
        raise ConfigError(msg)
    return name


def _only_symbol(exchange: PaperExchange) -> Symbol:
    symbols = exchange.feed.symbols
    if len(symbols) != 1:
        msg = f"the recording has several symbols, choose one with --symbol: {', '.join(s.name for s in symbols)}"
        raise ConfigError(msg)
    return symbols[0]


def _find_price(exchange: PaperExchange, symbol: Symbol) -> None:
    """Go on until the market shows a price: a recording may begin with a book's changes, which tell none."""
    market = exchange.venue.market(symbol.name)
    for _ in range(PATIENCE):
        if mark(market):
            return
        exchange.move_to(exchange.venue.now + SECOND)
    msg = f"{exchange.settings.recording}: {symbol.name} shows no price in the first {PATIENCE} seconds"
    raise FeedError(msg)


def _check_funds(account: Account, symbol: Symbol) -> None:
    if not any(account.balance(asset).free for asset in (symbol.base, symbol.quote)):
        msg = f"{symbol.name} cannot be traded without money: give the account {symbol.quote} or {symbol.base}"
        raise ConfigError(msg)


def _start_balances(exchange: PaperExchange, symbol: Symbol) -> dict[str, str]:
    """Half in quote, half in base: a grid sells as well as it buys."""
    step = symbol.lot.step or 1
    half = parse_units(START_WORTH.get(symbol.quote, START_DOLLARS)) // 2
    coins = half * SCALE // mark(exchange.venue.market(symbol.name)) // step * step
    return {symbol.quote: short_text(half), symbol.base: short_text(coins)}
