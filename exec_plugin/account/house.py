"""The paper exchanges of this process and the accounts on them: made once, shared by all who name the same."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from exec_plugin.account import parts
from exec_plugin.account.links import Link, is_known
from exec_plugin.account.listeners import Listening
from exec_plugin.account.listening import tell
from exec_plugin.account.pump import Pump, wall_clock
from exec_plugin.account.script import ScriptedAccount, Scripts
from exec_plugin.account.settings import Settings
from exec_plugin.core.errors import ExecPluginError, FeedError
from exec_plugin.core.fill_models import UniformLatency
from exec_plugin.core.units import FAR, to_units
from exec_plugin.core.venue import Venue
from exec_plugin.core.venue.chronicle import MOST_IN_MEMORY, Chronicle
from exec_plugin.feeds import PushFeed, SyntheticFeed
from exec_plugin.journal import Journal, open_store
from exec_plugin.plugins import current, make_model, market_source
from exec_plugin.plugins.venues import attach
from exec_plugin.protocol import Gateway, Key, Reply
from exec_plugin.protocol.faults import CLEAR, Faults
from exec_plugin.protocol.ws_api import ApiSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.account.listeners import Listener, UserEvent
    from exec_plugin.core.ledger import Account
    from exec_plugin.feeds import Feed
    from exec_plugin.journal import Store
    from exec_plugin.plugins import Plugins
    from exec_plugin.protocol.faults import Way

_T = TypeVar("_T")

#: In a replay at full speed a request takes this long, so that a bot that only polls makes progress.
REQUEST_MS = 1
#: How much of a recording may pass before it is open, looked at in steps of so many ms.
LONGEST_OPENING, OPENING_STEP = 60_000, 10
#: Rows that may wait for somebody to look at the market: some tens of seconds of a few busy symbols.
MOST_ROWS = 10_000


class PaperExchange:
    """
    One market with its venue, its time and its protocol, under one re-entrant lock.

    ``on_move`` is called whenever the market has moved, ``on_end`` once when a recording has been played to its end.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], int] = wall_clock, plugins: Plugins | None = None
    ) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        #: whoever is active when it opens stays so for it
        self.plugins = plugins or current()
        store = open_store(settings.db_url, settings.durability)
        try:
            self._open(clock, store)
        except ExecPluginError:
            if store is not None:
                store.close()
            raise

    def _open(self, clock: Callable[[], int], store: Store | None) -> None:
        settings = self.settings
        seen = {} if store is None else store.market(settings.venue_name)
        self.feed = open_feed(settings, clock, self.plugins, seen)
        self.latency = self._model("latency")
        self.is_near = isinstance(self.latency, UniformLatency) and not self.latency.max_ms
        self.venue = Venue(
            self.feed.symbols,
            now=self.feed.start,
            seed=settings.seed,
            fees=self._model("fee"),
            queue=self._model("queue"),
            slippage=self._model("slippage"),
            fill_model=settings.fill_model,
        )
        factor = 0.0 if settings.speed == "max" else float(settings.speed)
        start = self._opening(clock)
        self.pump = Pump(self.venue, self.feed, factor, start, clock)
        chronicle = Chronicle(min(settings.keep_events, MOST_IN_MEMORY))
        self.gateway = Gateway(self.venue, rate_limits=settings.rate_limits(), chronicle=chronicle)
        attach(self.plugins, self.venue, self.gateway.departures.leave)
        self.listening = Listening(self.lock, self.gateway, lambda: self.journal)
        self.pump.streams = self.gateway.streams
        #: what its accounts are written down in, where they are
        self.journal: Journal | None = None
        self.gateway.free_orders = settings.free_orders
        if settings.faults:
            self.gateway.inject(Faults.read(settings.faults))
        # a second between signing and asking is many of a fast clock's
        self.gateway.timing_slack = int(1000 * max(factor - 1, 0))
        self.on_move: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self.pump.move_to(start)
        if settings.feed == "recording":
            self._find_prices()
        if store is not None:
            self._keep(store)

    def _keep(self, store: Store) -> None:
        settings = self.settings
        store.told.kept = settings.keep_events
        # real time is the wall clock's, also where that was put back
        is_real_time = settings.speed == "1" and settings.feed != "recording"
        advance = None if is_real_time else self.pump.jump_to
        journal = self.journal = Journal(
            store,
            settings.venue_name,
            self.venue,
            self.gateway,
            chronicle=self.gateway.user_data.chronicle,
            advance=advance,
            catches_up=settings.feed == "live",
        )
        self.gateway.departures.is_held = lambda: journal.is_dirty
        self.gateway.checks["journal"] = lambda: journal.failure

    @property
    def is_dirty(self) -> bool:
        """Whether something has changed that is not written down, and so not told either."""
        return self.journal is not None and self.journal.is_dirty

    def settle(self) -> bool:
        """
        Write down what has changed, and tell it to those it was not told yet.

        False when that cannot be: it has not happened then, and they are told so.
        """
        gateway = self.gateway
        kept = self.journal is None or self.journal.settle()
        gateway.is_shut = not kept
        if kept:
            gateway.departures.release()
            gateway.user_data.go_on()
        else:
            gateway.departures.turn_back()
        return kept

    def _model(self, kind: str) -> Any:
        name, params = self.settings.model(kind)
        return make_model(self.plugins, kind, name, params, known=parts.MODELS[kind])

    def _opening(self, clock: Callable[[], int]) -> int:
        """The market's time when it opens; what the feed tells from before is its past."""
        if self.settings.feed == "live":
            return clock()
        return self.feed.opens if isinstance(self.feed, SyntheticFeed) else self.feed.start

    def close(self) -> None:
        """End what its feed has running, and let go of its accounts; a live market says from then on that it is closed."""
        with self.lock:
            if self.journal is not None:
                self.settle()
                self.journal.close()
                self.journal = None
                self.gateway.departures.is_held = None
        if isinstance(self.feed, PushFeed):
            self.feed.close()

    def keep_up(self) -> None:
        """Let a live feed move the market itself where nobody has looked for long, before too much has gathered."""
        feed = self.feed
        if self.settings.feed == "live" and isinstance(feed, PushFeed):
            feed.listeners.append(partial(self._relieve, feed))

    def _relieve(self, feed: PushFeed) -> None:
        if len(feed) >= MOST_ROWS:
            # closed a moment ago: there is nothing to keep up with
            with suppress(FeedError):
                self.catch_up()

    def _find_prices(self) -> None:
        """Begin a recording where every symbol has a last price and a touch, as an exchange that is open has."""
        latest = self.venue.now + LONGEST_OPENING
        while not self.pump.ended and self.venue.now < latest:
            if all(market.last and market.bid and market.ask < FAR for market in self.venue.markets.values()):
                return
            self.pump.move_to(self.venue.now + OPENING_STEP)

    def move_to(self, moment: int) -> None:
        """Let the market go on until a moment."""
        with self.lock:
            ended, was_dirty = self.pump.ended, self.is_dirty
            self.pump.move_to(moment)
            # what a request has changed before is written down when it is answered, together with others
            if self.is_dirty and not was_dirty:
                self.settle()
            if self.on_move is not None:
                self.on_move()
            if self.pump.ended and not ended and self.on_end is not None:
                self.on_end()

    @property
    def is_replay(self) -> bool:
        """Whether the market moves only while somebody waits for it: it has no clock, and nobody pushes."""
        return not self.pump.is_paced and not isinstance(self.feed, PushFeed)

    def next_moment(self) -> int:
        """The venue's time at which the next thing happens or is due for those who listen; FAR for none in sight."""
        streams = self.gateway.streams
        return min(self.pump.upcoming, streams.due) if streams.busy else self.pump.upcoming

    def seconds_to_next(self) -> float | None:
        """How long nothing happens or is due on its clock; None where no clock drives it, or nothing is in sight."""
        moment = self.next_moment()
        return self.pump.seconds_until(moment) if self.pump.is_paced and moment < FAR else None

    @property
    def on_push(self) -> list[Callable[[], None]]:
        """What is called when somebody pushes rows; for a market that moves otherwise, nobody will."""
        return self.feed.listeners if isinstance(self.feed, PushFeed) else []

    def step(self) -> bool:
        """Let a replay go on to the next thing that happens; False when its recording is over."""
        with self.lock:
            moment = self.next_moment()
            if self.pump.ended or moment == FAR:
                return False
            self.move_to(moment)
            return True

    def catch_up(self) -> None:
        """Let the market go on until now."""
        if isinstance(self.feed, PushFeed):
            # asked before what has come is taken: an order must not meet what traded before it was placed
            self.gateway.is_away = self.feed.is_behind
        if self.pump.is_paced or isinstance(self.feed, PushFeed):
            self.move_to(self.pump.now())

    def leg(self) -> int:
        """How many ms a request, or its answer, is on its way this time."""
        if self.is_near:
            return 0
        with self.lock:
            return int(self.latency.leg(self.venue.rng))

    def open_account(self, name: str, balances: Mapping[str, str]) -> Account:
        """The account of that name; a new one starts with ``balances``."""
        with self.lock:
            self.open_accounts({name: balances})
            return self.venue.open_account(name)

    def open_accounts(self, accounts: Mapping[str, Mapping[str, str]]) -> None:
        """
        Open accounts, those that are kept as they were; a new one starts with its balances.

        Raises:
            JournalError: when one of them is in use by another process, or cannot be read.
            ConfigError: when one has open orders on a symbol that is not traded here.
        """
        units = {
            name: {asset: to_units(text) for asset, text in balances.items()} for name, balances in accounts.items()
        }
        with self.lock:
            if self.journal is None:
                for name, held in units.items():
                    self.venue.open_account(name, held)
                return
            self.journal.open({name: held for name, held in units.items() if name not in self.journal})
            self.settle()


class PaperAccount:
    """
    What a face talks to: one account of a paper exchange, with the key that acts for it.

    All of it is safe to use from several threads; nothing of it ever touches a network.
    """

    def __init__(self, exchange: PaperExchange, account: Account, secret: str | None) -> None:
        self.exchange = exchange
        self.account = account
        # at full speed another task's sleep may move the market while a signed request is on its way
        self._key = Key(account, secret, timed=exchange.pump.is_paced)
        self._heard = exchange.plugins.observer("exec_request") or None

    @property
    def name(self) -> str:
        """Its name."""
        return self.account.name

    @property
    def is_over(self) -> bool:
        """Whether a scripted market has taken the place of this one."""
        scripts = HOUSE.scripts
        return bool(scripts) and scripts.find(self.exchange.settings) is not None

    def request(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> Reply:
        """Answer one signed request as Binance would."""
        exchange = self.exchange
        text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
        lowered = {name.lower(): str(value) for name, value in headers.items()}
        reply = self.converse(
            lambda: exchange.gateway.handle(method, url, lowered, text, caller=self.account.name, key=self._key),
            exchange.gateway.lost,
        )
        if self._heard is not None:
            tell(self._heard, reply, method, url, text)
        return reply

    def converse(self, ask: Callable[[], _T], lost: Callable[[], _T] | None = None) -> _T:
        """
        Ask the exchange something, with the time on the way that a replay at full speed gives it.

        ``lost`` makes the answer where what was done could not be written down.
        """
        exchange = self.exchange
        with exchange.lock:
            exchange.catch_up()
            if exchange.is_replay:
                exchange.move_to(exchange.venue.now + exchange.leg())
            answer = ask()
            if not exchange.settle() and lost is not None:
                answer = lost()
            if exchange.is_replay:
                exchange.move_to(exchange.venue.now + max(exchange.leg(), REQUEST_MS))
        return answer

    def open_api(self, push: Callable[[str], None], *, micros: bool = False) -> ApiSession:
        """A session of the WebSocket API; used under the exchange's lock."""
        gateway = self.exchange.gateway
        return ApiSession(gateway, push, caller=self.account.name, key=self._key, micros=micros)

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:
        """
        Have ``hear`` told each of the account's events once it is written down, one after the other.

        It goes on after the last event that a listener of this name has acknowledged, by returning from ``hear``; a new
        one begins now. ``after`` says otherwise: the number of the last event that is known already.

        Raises:
            ConfigError: for a name that is none, or listens already.
            RequestRejected: -1130 when events after the number are gone, or are yet to come.
        """
        return self.exchange.listening.listen(self.name, name, hear, after)

    @staticmethod
    def answers(url: str) -> bool:
        """Whether ``connect`` finds anything under a URL."""
        return is_known(url)

    def connect(self, url: str, push: Callable[[str], None]) -> Link:
        """A stream connection: ``/ws/...``, ``/stream`` or ``/ws-api/v3`` by the URL's path."""
        return Link(self, url, push)

    def legs(self) -> tuple[float, float]:
        """
        Seconds that a request and its answer take on their way, for the face to wait.

        A replay at full speed answers zeros: there ``request`` itself moves the market by these times.
        """
        exchange = self.exchange
        return (exchange.leg() / 1000, exchange.leg() / 1000) if exchange.pump.is_paced else (0.0, 0.0)

    def way(self, method: str, url: str) -> Way:
        """What happens to a request on its way, where faults are rehearsed."""
        exchange = self.exchange
        faults = exchange.gateway.faults
        if faults is None:
            return CLEAR
        with exchange.lock:
            return faults.way_of_request(method, url)

    def milliseconds(self) -> int:
        """The venue's time."""
        return self.exchange.pump.now()

    def sleep_plan(self, milliseconds: float) -> float:
        """
        Seconds really to wait until so much of the venue's time has passed.

        A replay at full speed moves its market at once and answers 0.
        """
        pump = self.exchange.pump
        if pump.is_paced:
            return milliseconds / 1000 / pump.factor
        self.exchange.move_to(self.exchange.venue.now + max(round(milliseconds), 0))
        return 0.0

    def __repr__(self) -> str:
        return f"<PaperAccount {self.account.name!r} on {self.exchange.settings.feed}>"


def open_feed(
    settings: Settings,
    clock: Callable[[], int] = wall_clock,
    plugins: Plugins | None = None,
    seen: Mapping[str, Any] = MappingProxyType({}),
) -> Feed:
    """
    The feed that the settings name, a plugin's or a built-in one.

    ``seen`` is when (``now``) and at which prices (``prices``, in units) its market was seen last, where it was.

    Raises:
        ConfigError, FeedError: when there is none such.
    """
    found: Feed = market_source(
        plugins or current(), settings.feed, {**settings.market(), "clock": clock, "seen": seen}, known=parts.FEEDS
    )
    return found


class House:
    """All paper exchanges of a process by their settings."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: dict[str, PaperExchange] = {}
        self._doors: dict[str, threading.Lock] = {}
        self.scripts = Scripts()

    def exchange(self, settings: Settings) -> PaperExchange:
        """The exchange with these market settings, opened on first use."""
        plugins = current()
        # a market stays with the plugins that were active when it opened
        key = settings.market_key() if plugins.is_plain else f"{id(plugins)} {settings.market_key()}"
        with self._lock:
            door = self._doors.setdefault(key, threading.Lock())
        # a live market takes its time to open, and nobody waits for it but those who want it
        with door:
            found = self._exchanges.get(key)
            if found is None:
                found = PaperExchange(settings, plugins=plugins)
                found.keep_up()
                if found.journal is not None:
                    # a process that ends well writes down what moved last
                    atexit.register(found.close)
                with self._lock:
                    self._exchanges[key] = found
            return found

    def clear(self) -> None:
        """Forget all exchanges; accounts opened before live on by themselves, but those on a live market end with it."""
        with self._lock:
            exchanges = tuple(self._exchanges.values())
            self._exchanges.clear()
            self.scripts.clear()
        for exchange in exchanges:
            atexit.unregister(exchange.close)
            exchange.close()


HOUSE = House()


def read_settings(options: Mapping[str, Any], api_key: str | None = None) -> Settings:
    """
    The settings of an account: what the options say, over what the process's settings bind to its key or name, over
    their ``[exec_plugin.paper]``.
    """
    given = {name: value for name, value in options.items() if value is not None}
    name, bound = current().config.account(api_key, str(given.get("account", "")))
    return Settings.read({**bound, **({"account": name} if name else {}), **given})


def open_account(
    options: Mapping[str, Any], api_key: str | None = None, secret: str | None = None
) -> PaperAccount | ScriptedAccount:
    """
    The paper account that the options name: ``account``, else the API key, else ``default``.

    Instances that name the same account on the same market share its state, across threads and event loops.

    Raises:
        ConfigError: for an unknown setting or a wrong value.
        FeedError: when a recording cannot be read.
    """
    settings = read_settings(options, api_key)
    script = HOUSE.scripts.find(settings)
    if script is not None:
        return ScriptedAccount(script, secret)
    exchange = HOUSE.exchange(settings)
    account = exchange.open_account(settings.account or api_key or "default", settings.balances)
    return PaperAccount(exchange, account, secret)
