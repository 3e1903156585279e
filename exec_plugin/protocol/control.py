"""
The scripted exchange: a market that its user resets, moves and reads, event by event.

These are the control calls of bot authors' own tests; a server offers the same under ``/paper/``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.symbols import ExchangeRules, Symbol
from exec_plugin.core.units import FAR, parse_units
from exec_plugin.core.venue import Venue
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.protocol.gateway import Gateway
from exec_plugin.protocol.user_data import UserDataLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exec_plugin.core.ledger import Account

_ACCOUNT = "default"


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
        # how far the wall clock is behind the venue's, where that one goes on by itself
        self._ahead: int | None = 0 if clock is None and self._wall_clock is not None else None
        rules = ExchangeRules.read(setup.get("exchangeFilters", ()), setup.get("assetFilters", ()))
        self.venue = Venue(symbols, now=int(clock or 0), fees=fees, rules=rules)
        self.gateway = Gateway(
            self.venue, rate_limits=RATE_LIMITS if setup.get("rateLimits") is None else setup["rateLimits"]
        )
        self.catch_up()
        balances = {asset: _balance(asset, text) for asset, text in setup.get("balances", {}).items()}
        self.account: Account = self.venue.open_account(_ACCOUNT, balances)
        self.gateway.add_key(setup.get("apiKey", _ACCOUNT), self.account, setup.get("secretKey"))
        self.log = UserDataLog()
        self.venue.listeners.append(self.log)

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
            RequestRejected: -1121 for an unknown symbol, -1130 for an event that cannot be read.
        """
        streams = self.gateway.streams
        group: tuple[str, Any] | None = None
        for event in events:
            symbol = str(event.get("symbol"))
            tape = self.venue.market(symbol).tape
            taker = None if event.get("group") is None else (symbol, event["group"])
            if taker is None or taker != group:
                self._end_group(group)
                tape.cut()
            group = taker
            try:
                if event.get("time") is not None:
                    streams.advance(int(event["time"]))
                self._apply(event, symbol)
            except (KeyError, TypeError, ValueError) as error:
                raise RequestRejected(-1130, f"Market event {dict(event)!r} cannot be read: {error!r}") from error
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

    def _apply(self, event: Mapping[str, Any], symbol: str) -> None:
        kind = event["type"]
        if kind == "book":
            self.venue.book(symbol, _levels(event.get("bids", ())), _levels(event.get("asks", ())))
        elif kind == "trade":
            price, qty = _amount(event["price"]), _amount(event["qty"])
            taker = {"BUY": False, "SELL": True}[event["taker"]]
            self.venue.trade(symbol, price, qty, taker)
        else:
            msg = f"type {kind!r} is none of book, trade"
            raise ValueError(msg)

    def clock(self, *, advance: int | None = None, now: int | None = None) -> int:
        """Move the clock by or to some milliseconds; answers the new time."""
        self.catch_up()
        moment = self.venue.now + (advance or 0) if now is None else now
        if self._ahead is not None:
            self._ahead += max(moment - self.venue.now, 0)
        self._pass_time(moment)
        return self.venue.now

    def events(self, after: int = 0) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """The account's user-data events after a number, and the newest number."""
        return self.log.after(_ACCOUNT, after)


def _balance(asset: str, text: Any) -> int:
    try:
        return parse_units(str(text))
    except ValueError as error:
        msg = f"balances: {asset}: {error}"
        raise ConfigError(msg) from error


def _levels(pairs: Iterable[tuple[Any, Any]]) -> dict[int, int]:
    levels: dict[int, int] = {}
    for price, qty in pairs:
        units = _amount(price)
        levels[units] = levels.get(units, 0) + _amount(qty)
    return levels


def _amount(value: Any) -> int:
    units = parse_units(str(value))
    if units <= 0:
        msg = f"{value!r} is not more than 0"
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
