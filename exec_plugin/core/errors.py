"""
The errors of the package, as a tree.

ExecPluginError                 anything this package raises on purpose
├── ConfigError                 a setting, file or argument is wrong: correct it and start again
├── FeedError                   a market-data source cannot be read as asked: the text names file and line
├── JournalError                a paper account cannot be read or written down: the text names the place and the way out
├── RateLimitError              a request may not be sent yet: try again after ``retry_after`` seconds
└── VenueError                  the exchange refuses a request; carries Binance's ``code`` and ``msg``
    ├── RequestRejected         refused before the matching engine (-1xxx); nothing changed
    │   └── FilterFailure       a symbol, exchange or asset filter was not met (-1013)
    ├── OrderRejected           refused by the matching engine (-2010)
    ├── AmendRejected           the matching engine refuses to change an order (-2038)
    ├── CancelRejected          the order to cancel is unknown or no longer open (-2011)
    └── UnknownOrder            a query named an order that does not exist (-2013)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExecPluginError(Exception):
    """Anything this package raises on purpose."""


class ConfigError(ExecPluginError, ValueError):
    """A setting, file or argument is wrong; correct it and start again."""


class FeedError(ExecPluginError, ValueError):
    """A market-data source cannot be read as asked."""


class JournalError(ExecPluginError):
    """A paper account cannot be read or written down where it is kept."""


class RateLimitError(ExecPluginError):
    """
    A request may not be sent yet.

    Args:
        message: what is used up, and what to do.
        retry_after: seconds after which to try again, where that is known.
    """

    def __init__(self, message: str = "rate limit exceeded", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class VenueError(ExecPluginError):
    """
    The exchange refuses a request.

    Args:
        code: Binance's error code, for example -2010.
        msg: Binance's message for it.
        hint: what would be accepted; shown to people, never sent over the wire.

    ``status`` is the HTTP status of an error that has one of its own, ``data`` what its reply carries beside code and
    message, ``retry_after`` the seconds to wait where that is known.
    """

    status: int | None = None
    data: Any | None = None
    retry_after: int | None = None

    def __init__(self, code: int, msg: str, hint: str = "") -> None:
        super().__init__(code, msg, hint)
        self.code = code
        self.msg = msg
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # subclasses keep more arguments than they take, so pickle cannot simply call them
        return _revive, (type(self), *self.args), self.__dict__

    def __str__(self) -> str:
        text = f"{self.msg} (code {self.code})"
        return f"{text}: {self.hint}" if self.hint else text


def _revive(kind: type[VenueError], *args: Any) -> VenueError:
    return kind.__new__(kind, *args)


class RequestRejected(VenueError):
    """Refused before the matching engine; nothing changed."""


class FilterFailure(RequestRejected):
    """A filter was not met (filters.md); ``hint`` names the value, the limit and the nearest legal value."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__(-1013, f"Filter failure: {name}", hint)
        self.name = name


class OrderRejected(VenueError):
    """The matching engine refused a new order."""

    def __init__(self, msg: str, hint: str = "") -> None:
        super().__init__(-2010, msg, hint)


class AmendRejected(VenueError):
    """The matching engine refuses to change an order."""

    def __init__(self, msg: str, hint: str = "") -> None:
        super().__init__(-2038, msg, hint)


class CancelRejected(VenueError):
    """The order to cancel is unknown or no longer open."""

    def __init__(self, msg: str = "Unknown order sent.", hint: str = "") -> None:
        super().__init__(-2011, msg, hint)


class UnknownOrder(VenueError):
    """A query named an order that does not exist."""

    def __init__(self, hint: str = "", msg: str = "Order does not exist.") -> None:
        super().__init__(-2013, msg, hint)


INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
#: How many names a message lists before it counts the rest.
_LISTED = 8


def unlisted(name: str, known: Iterable[str]) -> RequestRejected:
    """-1121 for a symbol that there is no market of, with those that there are."""
    listed = sorted(known)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return RequestRejected(
        -1121, "Invalid symbol.", f"{name!r} is not listed; there are {', '.join(listed[:_LISTED])}{more}"
    )


def failed(why: str) -> RequestRejected:
    """-1001 (errors.md, DISCONNECTED) with HTTP 503: nothing was done, and it may be tried again."""
    error = RequestRejected(-1001, "Internal error; unable to process your request. Please try again.", why)
    error.status = 503
    return error
