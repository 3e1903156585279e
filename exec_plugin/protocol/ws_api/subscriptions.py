"""User-data subscriptions of one connection (web-socket-api.md, User Data Stream subscription)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.errors import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.protocol.gateway import Gateway

#: How many a connection may have at a time, and over its life.
MOST_ACTIVE, MOST_EVER = 1000, 65_535


class _Subscription(NamedTuple):
    """One account's events on their way to the client."""

    account: str
    end: Callable[[], None]
    by_logon: bool


class Subscriptions:
    """
    Which accounts' events a connection gets, by number.

    ``push`` takes number and event, and the event's own number where that is told; ``ended`` collects the numbers of
    those that end, for their last event, and ``begun`` what tells the events of the past, once the client knows that it
    has subscribed.
    """

    def __init__(self, gateway: Gateway, push: Callable[..., None], *, paced: bool = False) -> None:
        self._hub = gateway.user_data
        self._push = push
        self._active: dict[int, _Subscription] = {}
        self._next = 0
        self._paced = paced
        self.ended: list[int] = []
        self.begun: list[Callable[[], None]] = []

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._active)

    def listed(self) -> list[dict[str, int]]:
        """All that are active, as ``session.subscriptions`` shows them."""
        return [{"subscriptionId": number} for number in self._active]

    def start(self, account: str, after: int | None = None, *, by_logon: bool = False) -> dict[str, int]:
        """
        Begin to push an account's events; answers the subscription's number.

        With ``after`` they carry their own numbers, those after that one come first, and the number of the newest is
        part of the answer.

        Raises:
            RequestRejected: -2035 when the account has one already, -1191 and -2042 beyond the limits, -1130 when events
                after the number are gone, or are yet to come.
        """
        if any(one.account == account for one in self._active.values()):
            raise RequestRejected(-2035, "User Data Stream subscription already active.")
        if len(self._active) >= MOST_ACTIVE:
            msg = f"Too many subscriptions. Connection may create up to '{MOST_ACTIVE}' subscriptions at a time."
            raise RequestRejected(-1191, msg)
        if self._next >= MOST_EVER:
            raise RequestRejected(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next
        if after is None:
            sink = partial(self._push, number)
            self._hub.subscribe(account, sink)
            end = partial(self._hub.unsubscribe, account, sink)
            told = {"subscriptionId": number}
        else:
            follower = self._hub.follow(account, after, lambda seq, event: self._push(number, event, seq), self._paced)
            self.begun.append(partial(self._hub.join, follower))
            end = partial(self._hub.leave, follower)
            told = {"subscriptionId": number, "lastSeq": self._hub.chronicle.last(account)}
        self._next += 1
        self._active[number] = _Subscription(account, end, by_logon)
        return told

    def end(self, number: int | None = None) -> None:
        """
        End one, or all of them.

        Raises:
            RequestRejected: -2036 when there is none of that number.
        """
        if number is not None and number not in self._active:
            raise RequestRejected(-2036, "User Data Stream subscription not active.")
        self._end([number] if number is not None else list(self._active))

    def end_logon(self) -> None:
        """End what the logged-on key began; what a signature began stays."""
        self._end([number for number, one in self._active.items() if one.by_logon])

    def close(self) -> None:
        """End all of them in silence."""
        self._end(list(self._active))

    def _end(self, numbers: list[int]) -> None:
        for number in numbers:
            self._active.pop(number).end()
        self.ended.extend(numbers)
