"""The thread that keeps a live connection: it opens, listens, fetches what is missing, and comes back after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientWSTimeout, DummyCookieJar, WSMsgType
from attrs import frozen

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.errors import FeedError
from exec_plugin.core.symbols import Symbol

from .history import history_rows
from .market import LiveMarket
from .payloads import read_minutes
from .rest import Backoff, Refused, Rest
from .trades import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientWebSocketResponse

    from exec_plugin.core.events import Row

    from .payloads import Minute
    from .places import Places
    from .trades import Ask

logger = logging.getLogger(__name__)

#: Seconds between pings of ours; without an answer for half of that the connection is gone.
HEARTBEAT = 6.0
#: A connection that held so many seconds was a good one: the next attempt is made at once.
GOOD = 30.0
#: Milliseconds by which this machine's clock may be off without a warning.
SKEW = 2000
#: Seconds that closing may take, of a connection and of the thread.
CLOSING, JOINING = 0.5, 2.0


@frozen
class Plan:
    """What to follow, where, and from when on."""

    names: tuple[str, ...]
    places: Places
    history_ms: int
    clock: Callable[[], int]


class Worker:
    """
    Follows the market in a thread of its own, and hands its rows to ``deliver``.

    ``symbols`` and ``start`` are there when ``wait`` returns. ``is_behind`` is true from the loss of a connection until
    all that was missed has been delivered. ``failure`` is why it ended by itself.
    """

    def __init__(self, plan: Plan, deliver: Callable[[list[Row]], None]) -> None:
        self.symbols: tuple[Symbol, ...] = ()
        self.start = 0
        self.is_behind = True
        self.failure: BaseException | None = None
        self._plan = plan
        self._deliver = deliver
        self._market = LiveMarket(plan.names, lambda text: logger.warning("live feed: %s", text))
        self._past: dict[str, list[Minute]] = {}
        # rows are gathered until the market is open
        self._opening: list[Row] | None = []
        self._is_open = threading.Event()
        self._trouble: Callable[[], str] = lambda: ""
        self._stopping = False
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="exec-plugin live feed", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ for other threads

    def wait(self, seconds: float) -> None:
        """
        Wait until the market is open.

        Raises:
            FeedError: when it is not after so many seconds, with what did not answer.
        """
        opened = self._is_open.wait(seconds)
        if opened and self.failure is None:
            return
        missing = self._market.missing() if self.symbols else ["exchangeInfo"]
        told = (
            str(self.failure) if self.failure else f"{self._trouble() or 'no answer'}, still missing: {_some(missing)}"
        )
        self.stop()
        msg = f"no live market from {self._plan.places.rest} after {seconds:g} s: {told}"
        raise FeedError(msg) from (self.failure if isinstance(self.failure, Exception) else None)

    def stop(self) -> None:
        """End the connection and the thread; more than once does no harm."""
        self._stopping = True
        with contextlib.suppress(RuntimeError):
            # the loop is closed where the thread has ended
            self._loop.call_soon_threadsafe(self._cancel)
        if self._thread is not threading.current_thread():
            self._thread.join(JOINING)

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._main())
            except asyncio.CancelledError:
                pass
            except Refused as error:
                self.failure = error
            except BaseException as error:
                # a process that ends takes away what its threads stand on
                if threading.main_thread().is_alive():
                    self.failure = error
                    logger.exception("the live feed ended")
            finally:
                self.is_behind = True
                self._is_open.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        if self._stopping:
            return
        local = self._plan.places.is_local
        async with ClientSession(cookie_jar=DummyCookieJar(), trust_env=not local) as session:
            random = Random()
            rest = Rest(session, self._plan.places.rest, random)
            self._trouble = lambda: rest.trouble
            self.symbols = await self._learn_symbols(rest)
            await asyncio.gather(*(self._learn_past(rest, name) for name in self._plan.names))
            await self._follow(session, rest, Backoff(random))

    async def _learn_symbols(self, rest: Rest) -> tuple[Symbol, ...]:
        names = ",".join(f'"{name}"' for name in self._plan.names)
        try:
            info = await rest.get("exchangeInfo", {"symbols": f"[{names}]"})
        except Refused as error:
            msg = f"exchangeInfo of {', '.join(self._plan.names)}: {error}"
            raise Refused(msg) from error
        try:
            ahead = self._plan.clock() - int(info["serverTime"])
            found = {str(entry["symbol"]): Symbol.from_exchange_info(entry) for entry in info["symbols"]}
            symbols = tuple(found[name] for name in self._plan.names)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"the reply to exchangeInfo cannot be read: {error!r}"
            raise Refused(msg) from error
        if abs(ahead) > SKEW:
            logger.warning("live feed: this machine's clock is %+.1f s off the exchange's", ahead / 1000)
        return symbols

    async def _learn_past(self, rest: Rest, name: str) -> None:
        """The candles so far; the one in progress is told by its trades."""
        params: dict[str, str | int] = {"symbol": name, "interval": "1m", "limit": PAGE}
        if self._plan.history_ms:
            params["startTime"] = (self._plan.clock() - self._plan.history_ms) // MINUTE * MINUTE
        else:
            params["limit"] = 1
        minutes: list[Minute] = []
        while True:
            page = read_minutes(await rest.get("klines", params))
            minutes += page
            if len(page) < PAGE:
                break
            params["startTime"] = page[-1].candle.time + MINUTE
        if minutes:
            self._market.trades[name].since = minutes.pop().candle.time
        self._past[name] = minutes

    async def _follow(self, session: ClientSession, rest: Rest, backoff: Backoff) -> None:
        """One connection after another."""
        market = self._market
        url = f"{self._plan.places.streams}/stream?streams={'/'.join(market.streams)}"
        loop = asyncio.get_running_loop()
        while True:
            since = loop.time()
            reason = "the connection ended"
            try:
                async with session.ws_connect(
                    url, heartbeat=HEARTBEAT, max_msg_size=0, timeout=ClientWSTimeout(ws_close=CLOSING)
                ) as socket:
                    market.connect()
                    await self._listen(socket, rest)
            except (ClientError, TimeoutError, OSError) as error:
                reason = f"{type(error).__name__} {error}".rstrip()
            self.is_behind = True
            if not self._is_open.is_set():
                self._trouble = lambda reason=reason: f"{self._plan.places.streams}: {reason}"  # type: ignore[misc]
            if loop.time() - since >= GOOD:
                backoff.reset()
                wait = 0.0
            else:
                wait = backoff.seconds()
            logger.warning("live feed: %s; connecting again in %.1f s", reason, wait)
            await asyncio.sleep(wait)

    async def _listen(self, socket: ClientWebSocketResponse, rest: Rest) -> None:
        """Take messages until the connection ends or its server says that it will."""
        market, clock = self._market, self._plan.clock
        async with asyncio.TaskGroup() as group:
            tasks = set[asyncio.Task[None]]()

            def fetch() -> None:
                asks, market.asks[:] = tuple(market.asks), ()
                for ask in asks:
                    task = group.create_task(self._fetch(ask, rest, fetch))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)

            fetch()
            while not market.is_ending:
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                self._take(market.receive(message.data, clock()))
                fetch()
            for task in tuple(tasks):
                task.cancel()

    async def _fetch(self, ask: Ask, rest: Rest, fetch: Callable[[], None]) -> None:
        market, clock = self._market, self._plan.clock
        await asyncio.sleep(ask.delay)
        params: dict[str, Any] = {"symbol": ask.symbol, **dict(ask.params)}
        try:
            rows = market.answer(ask, await rest.get(ask.path, params), clock())
        except (Refused, ValueError) as error:
            rows = market.refuse(ask, str(error), clock())
        self._take(rows)
        fetch()

    def _take(self, rows: list[Row]) -> None:
        if self._opening is None:
            if rows:
                self._deliver(rows)
            if self.is_behind and not self._market.missing():
                self.is_behind = False
                # as loud as the loss: who was told of that waits for this
                logger.warning("live feed: in touch again, all that was missed is here")
            return
        self._opening += rows
        if not self._market.missing():
            self._open()

    def _open(self) -> None:
        """All is there: the past goes first, in the order of time."""
        past: list[Row] = []
        for symbol in self.symbols:
            past += history_rows(symbol, self._past.pop(symbol.name), self._market.trades[symbol.name].begin_id)
        past.sort(key=lambda row: row[1])
        rows, self._opening = past + (self._opening or []), None
        self.start = rows[0][1] if rows else self._plan.clock()
        self._deliver(rows)
        self.is_behind = False
        self._is_open.set()


def _some(names: list[str]) -> str:
    most = 6
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
