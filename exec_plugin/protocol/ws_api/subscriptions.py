"""User-data subscriptions of one connection (web-socket-api.md, User Data Stream subscription)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.protocol.gateway import Gateway

#: How many a connection may have at a time, and over its life.
MOST_ACTIVE, MOST_EVER = 1000, 65_535


class _Subscription(NamedTuple):
    """One account's events on their way to the client."""

    account: str
    sink: Callable[[dict[str, Any]], None]
    by_logon: bool


class Subscriptions:
    """
    Which accounts' events a connection gets, by number.

    ``push`` takes number and event; ``ended`` collects the numbers of those that end, for their last event.
    """

    def __init__(self, gateway: Gateway, push: Callable[[int, dict[str, Any]], None]) -> None:
        self._hub = gateway.user_data
        self._push = push
        self._active: dict[int, _Subscription] = {}
        self._next = 0
        self.ended: list[int] = []

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._active)

    def listed(self) -> list[dict[str, int]]:
        """All that are active, as ``session.subscriptions`` shows them."""
        return [{"subscriptionId": number} for number in self._active]

    def start(self, account: str, *, by_logon: bool = False) -> int:
        """
        Begin to push an account's events; answers the subscription's number.

        Raises:
            RequestRejected: -2035 when the account has one already, -1191 and -2042 beyond the limits.
        """
        if any(one.account == account for one in self._active.values()):
            raise RequestRejected(-2035, "User Data Stream subscription already active.")
        if len(self._active) >= MOST_ACTIVE:
            msg = f"Too many subscriptions. Connection may create up to '{MOST_ACTIVE}' subscriptions at a time."
            raise RequestRejected(-1191, msg)
        if self._next >= MOST_EVER:
            raise RequestRejected(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next
        self._next += 1
        sink = partial(self._push, number)
        self._active[number] = _Subscription(account, sink, by_logon)
        self._hub.subscribe(account, sink)
        return number

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
            one = self._active.pop(number)
            self._hub.unsubscribe(one.account, one.sink)
        self.ended.extend(numbers)
