"""
The scripted exchange: a market that its user resets, moves and reads, event by event.

These are the control calls of bot authors' own tests; a server offers the same under ``/paper/``.
"""

from __future__ import annotations

import threading
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.symbols import ExchangeRules, Symbol
from exec_plugin.core.units import FAR, parse_units, short_text
from exec_plugin.core.venue import Venue
from exec_plugin.core.venue.chronicle import Chronicle
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.plugins import current
from exec_plugin.plugins.venues import attach
from exec_plugin.protocol.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exec_plugin.core.ledger import Account

_ACCOUNT = "default"
#: How many events are kept for those who read them later.
KEPT_EVENTS = 100_000
#: The last moment that a clock may be set to, in the year 3000: calendars and HTTP dates end before its numbers do.
LATEST = 32_503_680_000_000


class _Event(NamedTuple):
    """A market event that was read."""

    symbol: str
    group: Any
    moment: int | None
    apply: Callable[[], None]


class ScriptedExchange:
    """
    A gateway over a venue that only its owner moves.

    ``reset`` makes everything anew; ``market``, ``clock`` and ``events`` are the other control calls.

    Args:
        setup: as ``reset`` takes it.
        wall_clock: tells the time in ms where the setup gives none; without it such an exchange starts at 0.
    """

    def __init__(self, setup: Mapping[str, Any], wall_clock: Callable[[], int] | None = None) -> None:
        self.lock = threading.RLock()
        #: nobody pushes: what its owner does is told to connections at once
        self.on_push: list[Callable[[], None]] = []
        self._wall_clock = wall_clock
        self.reset(setup)

    def reset(self, setup: Mapping[str, Any]) -> None:
        """
        Start a fresh exchange with one account.

        Args:
            setup: ``clock`` (ms; none: real time), ``symbols`` (as in exchangeInfo), ``exchangeFilters``,
                ``assetFilters`` (as in myFilters), ``rateLimits``, ``balances``, ``commission``, ``apiKey``,
                ``secretKey``; all but ``symbols`` may be left out.

        Raises:
            ConfigError: when a part of it cannot be used.
        """
        try:
            self._reset(setup)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            msg = f"reset cannot be read: {error!r}"
            raise ConfigError(msg) from error

    def _reset(self, setup: Mapping[str, Any]) -> None:
        symbols = [Symbol.from_exchange_info(entry) for entry in setup.get("symbols", ())]
        if not symbols:
            msg = "reset needs at least one entry in 'symbols'"
            raise ConfigError(msg)
        fees = _fees(setup.get("commission", {}))
        clock = setup.get("clock")
        key, secret = setup.get("apiKey", _ACCOUNT), setup.get("secretKey")
        if not isinstance(key, str) or not isinstance(secret, (str, NoneType)):
            msg = "apiKey and secretKey are texts"
            raise ConfigError(msg)
        # how far the wall clock is behind the venue's, where that one goes on by itself
        self._ahead: int | None = 0 if clock is None and self._wall_clock is not None else None
        rules = ExchangeRules.read(setup.get("exchangeFilters", ()), setup.get("assetFilters", ()))
        self.venue = Venue(symbols, now=_moment(clock or 0), fees=fees, rules=rules)
        attach(current(), self.venue)
        self.gateway = Gateway(
            self.venue,
            rate_limits=RATE_LIMITS if setup.get("rateLimits") is None else setup["rateLimits"],
            chronicle=Chronicle(KEPT_EVENTS),
        )
        self.catch_up()
        balances = {asset: _balance(asset, text) for asset, text in setup.get("balances", {}).items()}
        self.account: Account = self.venue.open_account(_ACCOUNT, balances)
        self.gateway.add_key(key, self.account, secret)

    @property
    def is_real_time(self) -> bool:
        """Whether the clock goes on by itself."""
        return self._ahead is not None

    @property
    def is_replay(self) -> bool:
        """It moves when its owner says so, not because somebody waits."""
        return False

    def step(self) -> bool:
        """There is nothing to go on to."""
        return False

    def seconds_to_next(self) -> float | None:
        """How long nothing is due for those who listen, where the clock is real time; None where it stands still."""
        streams = self.gateway.streams
        if not self.is_real_time or not streams.busy or streams.due >= FAR:
            return None
        self.catch_up()
        return (streams.due - self.venue.now) / 1000

    def catch_up(self) -> None:
        """Let the clock go on until now, where it is real time."""
        if self._ahead is not None and self._wall_clock is not None:
            self._pass_time(self._wall_clock() + self._ahead)

    def _pass_time(self, moment: int) -> None:
        self.gateway.streams.advance(moment)
        self.gateway.streams.flush()

    def market(self, events: Iterable[Mapping[str, Any]]) -> None:
        """
        Apply market events in order; all that follows from them has happened when this returns.

        Trades that follow one another with the same ``group`` are of one taker's order, others each of its own.

        Raises:
            RequestRejected: -1121 for an unknown symbol, -1130 for an event that cannot be read; none is applied then.
        """
        streams = self.gateway.streams
        group: tuple[str, Any] | None = None
        for event in [self._read(event) for event in events]:
            tape = self.venue.market(event.symbol).tape
            taker = None if event.group is None else (event.symbol, event.group)
            if taker is None or taker != group:
                self._end_group(group)
                tape.cut()
            group = taker
            if event.moment is not None:
                streams.advance(event.moment)
            event.apply()
            if taker is None:
                tape.cut()
            streams.flush()
        if group is not None:
            self._end_group(group)
            streams.flush()

    def _end_group(self, group: tuple[str, Any] | None) -> None:
        """The trades of one taker are over."""
        if group is not None:
            self.venue.market(group[0]).tape.cut()

    def _read(self, event: Mapping[str, Any]) -> _Event:
        symbol = str(event.get("symbol"))
        self.venue.market(symbol)
        try:
            moment = None if event.get("time") is None else _moment(event["time"])
            return _Event(symbol, event.get("group"), moment, self._action(event, symbol))
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise RequestRejected(-1130, f"Market event {dict(event)!r} cannot be read: {error!r}") from error

    def _action(self, event: Mapping[str, Any], symbol: str) -> Callable[[], None]:
        """What an event does, once all of it is read."""
        kind = event["type"]
        if kind == "book":
            return partial(self.venue.book, symbol, _levels(event.get("bids", ())), _levels(event.get("asks", ())))
        if kind == "trade":
            price, qty = _amount(event["price"]), _amount(event["qty"])
            return partial(self.venue.trade, symbol, price, qty, {"BUY": False, "SELL": True}[event["taker"]])
        msg = f"type {kind!r} is none of book, trade"
        raise ValueError(msg)

    def clock(self, *, advance: int | None = None, now: int | None = None) -> int:
        """
        Move the clock by or to some milliseconds; answers the new time.

        Raises:
            RequestRejected: -1130 for a moment beyond ``LATEST``.
        """
        self.catch_up()
        moment = self.venue.now + (advance or 0) if now is None else now
        if moment > LATEST:
            raise RequestRejected(-1130, f"The clock cannot go to {moment}; it ends at {LATEST}.")
        if self._ahead is not None:
            self._ahead += max(moment - self.venue.now, 0)
        self._pass_time(moment)
        return self.venue.now

    def events(self, after: int = 0) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """The account's user-data events after a number, and the newest number."""
        hub = self.gateway.user_data
        return hub.events(_ACCOUNT, after, KEPT_EVENTS), hub.chronicle.last(_ACCOUNT)


def _balance(asset: str, text: Any) -> int:
    try:
        return parse_units(str(text))
    except ValueError as error:
        msg = f"balances: {asset}: {error}"
        raise ConfigError(msg) from error


def _moment(value: Any) -> int:
    moment = int(value)
    if not 0 <= moment <= LATEST:
        msg = f"{value!r} is no moment from 0 to {LATEST}"
        raise ValueError(msg)
    return moment


def _levels(pairs: Iterable[tuple[Any, Any]]) -> dict[int, int]:
    levels: dict[int, int] = {}
    for price, qty in pairs:
        units = _amount(price)
        levels[units] = _bounded(levels.get(units, 0) + _amount(qty))
    return levels


def _amount(value: Any) -> int:
    return _bounded(parse_units(str(value)))


def _bounded(units: int) -> int:
    """An amount that the matching can tell from nothing and from no end."""
    if not 0 < units < FAR:
        msg = f"{short_text(units)} does not lie between 0 and {short_text(FAR)}"
        raise ValueError(msg)
    return units


def _fees(commission: Mapping[str, Any]) -> BinanceFees:
    sets = {name: Rates(**commission[name]) for name in ("standard", "special", "tax") if name in commission}
    discount = commission.get("discount", {})
    return BinanceFees(
        **sets,
        discount=discount.get("discount", "0.75"),
        discount_asset=discount.get("discountAsset", "BNB"),
        enabled_for_account=bool(discount.get("enabledForAccount", False)),
        enabled_for_symbol=bool(discount.get("enabledForSymbol", True)),
    )
