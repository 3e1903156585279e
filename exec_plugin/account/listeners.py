"""Listeners of an account that are told each event until they acknowledge it, also across restarts (docs/resuming.md)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.protocol.user_events import Follower, NotHeard

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from exec_plugin.protocol import Gateway

_log = logging.getLogger(__name__)

#: Seconds before an event is told again that a listener did not take: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
_LONGEST_NAME = 200


class UserEvent(NamedTuple):
    """
    What happened to an account.

    ``seq`` is its number, from 1 on by account and without gaps; ``event`` is the payload of user-data-stream.md.
    """

    account: str
    seq: int
    event: dict[str, Any]


class Positions(Protocol):
    """How far listeners have heard."""

    def heard(self, account: str) -> dict[str, int]:
        """The number of the last event that each listener of an account has acknowledged, by its name."""

    def acknowledge(self, account: str, listener: str, seq: int) -> None:
        """A listener has heard an account's events up to a number."""


class Remembered:
    """How far the listeners of accounts in memory have heard."""

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, int]] = {}

    def heard(self, account: str) -> dict[str, int]:
        """The number of the last event that each listener of an account has acknowledged, by its name."""
        return dict(self._heard.get(account, {}))

    def acknowledge(self, account: str, listener: str, seq: int) -> None:
        """A listener has heard an account's events up to a number."""
        self._heard.setdefault(account, {})[listener] = seq


class Listening:
    """
    The listeners of an exchange.

    Args:
        lock: of the exchange.
        gateway: whose accounts.
        positions: finds where is noted how far they have heard; asked each time.
        clock: seconds that go on steadily.
    """

    def __init__(
        self,
        lock: threading.RLock,
        gateway: Gateway,
        positions: Callable[[], Positions | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = lock
        self.hub = gateway.user_data
        self.clock = clock
        self.active: dict[tuple[str, str], Listener] = {}
        self._positions = positions
        self._remembered = Remembered()

    @property
    def positions(self) -> Positions:
        """Where is noted how far they have heard."""
        return self._positions() or self._remembered

    def listen(
        self, account: str, name: str, hear: Callable[[UserEvent], object], after: int | None = None
    ) -> Listener:
        """
        Tell somebody an account's events, as in ``PaperAccount.listen``.

        Raises:
            ConfigError: for a name that is none, or listens already.
            RequestRejected: -1130 when events after the number are gone, or are yet to come.
        """
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            msg = f"listener {name[:_LONGEST_NAME]!r} is no name: 1 to {_LONGEST_NAME} printable characters"
            raise ConfigError(msg)
        with self.lock:
            if (account, name) in self.active:
                msg = f"listener {name!r} of account {account!r} is listening: close it first, or take another name"
                raise ConfigError(msg)
            chronicle = self.hub.chronicle
            chronicle.begin(account)
            known = self.positions.heard(account).get(name)
            start = known if after is None else after
            if start is None:
                # it begins now, also if it is not told anything before the end of the process
                start = chronicle.last(account)
                self.positions.acknowledge(account, name, start)
            chronicle.check(account, start)
            listener = self.active[account, name] = Listener(self, account, name, start, hear)
            self.hub.join(listener)
            return listener


class Listener(Follower):
    """
    One who is told an account's events; ``seq`` is the number of the last one that it has taken.

    An event is acknowledged when ``hear`` has returned. Where it raises, the event is told again after a while, and
    nothing after it until then.
    """

    def __init__(
        self, listening: Listening, account: str, name: str, after: int, hear: Callable[[UserEvent], object]
    ) -> None:
        super().__init__(listening.hub.chronicle, account, after, self._say)
        self.name = name
        self._listening = listening
        self._hear = hear
        #: what was heard and could not be noted yet
        self._owed: int | None = None
        self._pause = 0.0
        self._not_before = listening.clock()

    def go_on(self) -> None:
        """Tell what there is to tell, unless it is too early to try again."""
        if self._listening.clock() < self._not_before:
            return
        if self._owed is not None:
            self._note(self._owed)
        super().go_on()

    def _say(self, seq: int, event: dict[str, Any]) -> None:
        try:
            self._hear(UserEvent(self.account, seq, event))
        except Exception as error:
            self._pause = min(self._pause * 2, LONGEST_PAUSE) or FIRST_PAUSE
            self._not_before = self._listening.clock() + self._pause
            _log.exception(
                "listener %r of account %r did not take event %d and is told it again in %g s",
                self.name, self.account, seq, self._pause,
            )  # fmt: skip
            raise NotHeard from error
        self._pause = 0.0
        self._note(seq)

    def _note(self, seq: int) -> None:
        """Note how far it has heard; where that fails it is not told again all the same, as long as this process lives."""
        try:
            self._listening.positions.acknowledge(self.account, self.name, seq)
        except JournalError as error:
            _log.warning("how far listener %r has heard cannot be noted at the moment: %s", self.name, error)
            self._owed = seq
            return
        self._owed = None

    def close(self) -> None:
        """Hear nothing any more; the next one of the name goes on where this one ends."""
        with self._listening.lock:
            super().close()
            self._listening.active.pop((self.account, self.name), None)
            self._listening.hub.leave(self)

    def __repr__(self) -> str:
        return f"<Listener {self.name!r} of {self.account!r} at {self.seq}>"
