"""The paper exchanges of this process and the accounts on them: made once, shared by all who name the same."""

from __future__ import annotations

import atexit
import logging
import threading
from contextlib import suppress
from functools import partial
from itertools import cycle, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from exec_plugin.account import parts
from exec_plugin.account.attached import AttachedAccount, find_door
from exec_plugin.account.listeners import Listening
from exec_plugin.account.paper import PaperAccount
from exec_plugin.account.pump import Pump, wall_clock
from exec_plugin.account.script import ScriptedAccount, Scripts
from exec_plugin.account.settings import Settings
from exec_plugin.account.turns import Turns
from exec_plugin.account.whole import Whole
from exec_plugin.core.errors import ExecPluginError, FeedError
from exec_plugin.core.fill_models import UniformLatency
from exec_plugin.core.units import FAR, to_units
from exec_plugin.core.venue import Venue
from exec_plugin.core.venue.chronicle import MOST_IN_MEMORY, Chronicle
from exec_plugin.feeds import PushFeed, SyntheticFeed
from exec_plugin.journal import Journal, open_store
from exec_plugin.journal.doors import this_machine
from exec_plugin.plugins import current, make_model, market_source
from exec_plugin.plugins.venues import attach
from exec_plugin.protocol import Gateway
from exec_plugin.protocol.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.ledger import Account
    from exec_plugin.feeds import Feed
    from exec_plugin.journal import Store
    from exec_plugin.journal.commit import Commit
    from exec_plugin.journal.doors import Door
    from exec_plugin.plugins import Plugins

_log = logging.getLogger(__name__)

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
        #: within it, for what changes accounts: it is done as a whole, or taken back
        self.whole = Whole(self)
        self.turns = Turns(self)
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
        chronicle = Chronicle(min(settings.keep_events, MOST_IN_MEMORY), on_demand=True)
        self.gateway = Gateway(self.venue, rate_limits=settings.rate_limits(), chronicle=chronicle)
        attach(self.plugins, self.venue, self.gateway.departures.leave)
        self.listening = Listening(self.lock, self.gateway, lambda: self.journal)
        self.pump.streams = self.gateway.streams
        self._tapes = cycle(market.tape for market in self.venue.markets.values())
        #: what its accounts are written down in, where they are
        self.journal: Journal | None = None
        self.gateway.free_orders = settings.free_orders
        if settings.faults:
            self.gateway.inject(Faults.read(settings.faults))
        # a second between signing and asking is many of a fast clock's
        self.gateway.timing_slack = int(1000 * max(factor - 1, 0))
        #: why accounts are refused although nothing has failed; empty while they are not
        self.slow = ""
        #: what has something written down that the market has changed
        self.on_dirty: Callable[[], object] = self.settle
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
        advance = None if settings.is_real_time else self.pump.jump_to
        journal = self.journal = Journal(
            store,
            settings.venue_name,
            self.venue,
            self.gateway,
            chronicle=self.gateway.user_data.chronicle,
            advance=advance,
            catches_up=settings.feed == "live",
        )
        self.gateway.departures.is_held = lambda: journal.is_behind
        self.gateway.checks["journal"] = lambda: journal.failure or self.slow

    @property
    def is_dirty(self) -> bool:
        """Whether something has changed that nobody has begun to write down."""
        return self.journal is not None and self.journal.is_dirty

    @property
    def waits(self) -> bool:
        """Whether those who ask wait for a disk or a server, and for nothing else: a replay moves while it is asked."""
        return self.journal is not None and self.journal.waits and not self.is_replay

    @property
    def is_behind(self) -> bool:
        """Whether something has changed that is not written down, or not told yet."""
        return self.is_dirty or self.gateway.departures.is_closed

    def settle(self) -> bool:
        """
        Write down what has changed, and tell it to those it was not told yet.

        False when that cannot be: it has not happened then, and they are told so.
        """
        self.finish_settling()
        kept = False
        try:
            kept = self.journal is None or self.journal.settle()
        finally:
            # what was interrupted has not happened either
            self._tell(kept)
        return kept

    def start_settling(self) -> Commit | None:
        """
        As ``settle``, where a commit waits for a disk: what waits is left to do, by any thread, before ``finish_settling``.

        None where nothing is left to do. What happens meanwhile is written down together, and told, by the next one.
        """
        self.finish_settling()
        if self.journal is None or not self.journal.waits:
            self.settle()
            return None
        commit, kept = None, False
        try:
            commit = self.journal.start()
            kept = not self.journal.failure
        finally:
            if commit is None:
                self._tell(kept)
        if commit is not None:
            self.gateway.departures.close()
        return commit

    def finish_settling(self) -> None:
        """Wait for what ``start_settling`` left to do, and tell it; without that, nothing."""
        journal, departures = self.journal, self.gateway.departures
        if journal is not None and departures.is_closed:
            kept = journal.finish() and not journal.failure
            self._tell(kept, (departures.depart if journal.is_dirty else departures.release) if kept else None)

    def _tell(self, kept: bool, leave: Callable[[], None] | None = None) -> None:  # noqa: FBT001
        """What waits may leave, or has not happened."""
        gateway = self.gateway
        # what was interrupted has been turned back, and may be asked again
        gateway.is_shut, self.slow = self.journal is not None and bool(self.journal.failure), ""
        if kept:
            (leave or gateway.departures.release)()
            gateway.user_data.go_on()
        else:
            (leave or gateway.departures.turn_back)()

    def take_back(self, error: BaseException) -> None:
        """What was interrupted has not happened, nor what was not written down by then; accounts in memory stay as they are."""
        journal = self.journal
        if journal is None:
            return
        departures = self.gateway.departures
        # whatever goes wrong with one of them, or is interrupted once more
        try:
            self.finish_settling()
        finally:
            lost = len(departures)
            try:
                journal.take_back(repr(error))
            finally:
                # not what the market did with orders that were put back
                self._tell(False, lambda: departures.turn_back(lost))  # noqa: FBT003

    def refuse(self, why: str) -> None:
        """Refuse what accounts are asked until the commit under way is done."""
        if not self.slow:
            _log.warning("paper accounts are refused for now: %s", why)
        self.slow = why
        self.gateway.is_shut = True

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
        with self.lock, self.whole:
            ended, was_dirty = self.pump.ended, self.is_dirty
            self.pump.move_to(moment)
            # what a request has changed before is written down when it is answered, together with others
            if self.is_dirty and not was_dirty:
                self.on_dirty()
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
            # one market at a time: it is a few ms of work now and then
            with self.lock:
                for tape in islice(self._tapes, 1):
                    tape.pack()

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
        with self.lock, self.whole:
            if self.journal is None:
                for name, held in units.items():
                    self.venue.open_account(name, held)
                return
            self.journal.open({name: held for name, held in units.items() if name not in self.journal})
            self.settle()


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
        self._attached: dict[tuple[str, str], AttachedAccount] = {}
        self.scripts = Scripts()

    def exchange(self, settings: Settings) -> PaperExchange:
        """The exchange with these market settings, opened on first use."""
        plugins = current()
        key = _key(settings, plugins)
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

    def holds(self, settings: Settings, name: str) -> bool:
        """Whether an account is kept by this process already."""
        found = self._exchanges.get(_key(settings, current()))
        return found is not None and found.journal is not None and name in found.journal

    def attach(self, name: str, settings: Settings, door: Door) -> AttachedAccount:
        """The account behind a door: the same one as before where the door is."""
        place = (settings.market_key(), name)
        with self._lock:
            found = self._attached.get(place)
            if found is None or found.door != door:
                found = self._attached[place] = AttachedAccount(name, settings, door)
            found.is_over = False
            return found

    def clear(self) -> None:
        """Forget all exchanges; accounts opened before live on by themselves, but those on a live market end with it."""
        with self._lock:
            exchanges = tuple(self._exchanges.values())
            self._exchanges.clear()
            self._attached.clear()
            self.scripts.clear()
        for exchange in exchanges:
            atexit.unregister(exchange.close)
            exchange.close()


def _key(settings: Settings, plugins: Plugins) -> str:
    # a market stays with the plugins that were active when it opened
    return settings.market_key() if plugins.is_plain else f"{id(plugins)} {settings.market_key()}"


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
) -> PaperAccount | ScriptedAccount | AttachedAccount:
    """
    The paper account that the options name: ``account``, else the API key, else ``default``.

    Instances that name the same account on the same market share its state, across threads and event loops; a kept one
    that a server has is traded through that server.

    Raises:
        ConfigError: for an unknown setting or a wrong value.
        FeedError: when a recording cannot be read.
        JournalError: when the account is in use by another process that lets nobody in.
    """
    settings = read_settings(options, api_key)
    script = HOUSE.scripts.find(settings)
    if script is not None:
        return ScriptedAccount(script, secret)
    name = settings.account or api_key or "default"
    door = None if HOUSE.holds(settings, name) else find_door(settings, name)
    if door is not None:
        return HOUSE.attach(name, settings, door)
    exchange = HOUSE.exchange(settings)
    account = exchange.open_account(name, settings.balances)
    return PaperAccount(exchange, account, secret, HOUSE.scripts)


def served_at(options: Mapping[str, Any], api_key: str | None = None) -> str:
    """Where a server has the account that the options name; empty where none does."""
    settings = read_settings(options, api_key)
    name = settings.account or api_key or "default"
    door = None if HOUSE.holds(settings, name) else find_door(settings, name)
    return "" if door is None else door.base(this_machine())
