"""
The errors of the client, as a tree.

BinanceError                        anything that went wrong with a request; has ``code``, ``status`` and ``response``
├── BinanceNetworkError             no answer came: read again; an order was looked up before this is raised
│   └── BinanceTimeoutError         not in time
├── BinanceMaintenanceError         Binance answers that it cannot: try again in minutes
├── BinanceRateLimitError           a limit is used up: send nothing for ``retry_after`` seconds
│   └── BinanceBannedError          going on earned a ban: as above, and find who else spends from this address
├── BinanceAuthError                key, signature or permission: correct it; trying again cannot help
├── BinanceRequestError             the request is wrong: correct it; trying again cannot help
│   ├── BinanceTimestampError       the clocks differ even after they were compared: set this machine's clock
│   └── BinanceFilterError          quantity, price or value break a trading rule: the text names the nearest legal one
├── BinanceOrderError               the matching engine refuses it: decide anew
│   ├── BinanceInsufficientBalanceError  the account cannot pay: use less, or cancel something
│   └── BinanceOrderNotFoundError   there is no such order, or it is no longer open: look at it
└── BinanceUnknownOrderState        whether the order exists could not be found out in time: ``client_order_id`` and
                                    ``resolve_order`` tell later; placing it again may trade twice

What ccxt raised is each error's ``__cause__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    from collections.abc import Mapping


class BinanceError(ExecPluginError):
    """
    A request went wrong.

    Args:
        message: what, and what to do next.
        code: Binance's error code, such as -2010; None where it told none.
        response: its reply as JSON, None where there was none.
        status: the HTTP status, None without an answer.

    ``outcome_unknown`` is whether the request may have been executed all the same, ``timestamp`` the one in ms that it
    carried, after which and ``recvWindow`` it can no longer be.
    """

    outcome_unknown = False
    timestamp: int | None = None

    def __init__(
        self,
        message: str = "",
        code: int | None = None,
        response: Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.response = response
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args), self.__dict__


def _revive(kind: type[BinanceError], args: tuple[Any, ...]) -> BinanceError:
    error = kind.__new__(kind)
    error.args = args
    return error


class BinanceNetworkError(BinanceError):
    """No answer came."""


class BinanceTimeoutError(BinanceNetworkError):
    """No answer came in time."""


class BinanceMaintenanceError(BinanceError):
    """Binance answers that it cannot serve requests now."""


class BinanceRateLimitError(BinanceError):
    """A limit is used up; ``retry_after`` is in seconds, None where nobody told."""

    def __init__(
        self,
        message: str = "rate limit exceeded",
        code: int | None = None,
        response: Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code, response, status=status)
        self.retry_after = retry_after


class BinanceBannedError(BinanceRateLimitError):
    """This address is banned for having gone on after a limit was used up."""


class BinanceAuthError(BinanceError):
    """The key, its signature or its permissions are not what the request needs."""


class BinanceRequestError(BinanceError, ValueError):
    """The request is wrong."""


class BinanceTimestampError(BinanceRequestError):
    """The request's timestamp does not agree with the server's clock."""


class BinanceFilterError(BinanceRequestError):
    """A trading rule of the symbol is not met."""


class BinanceOrderError(BinanceError):
    """The matching engine refuses it."""


class BinanceInsufficientBalanceError(BinanceOrderError):
    """The account cannot pay."""


class BinanceOrderNotFoundError(BinanceOrderError):
    """There is no such order, or it is no longer open."""


class BinanceUnknownOrderState(BinanceError):
    """
    An order was sent, no certain answer came, and looking for it has not told either.

    ``symbol`` and ``client_order_id`` are what ``BinanceClient.resolve_order`` takes to find out later.
    """

    def __init__(self, message: str, symbol: str = "", client_order_id: str = "") -> None:
        super().__init__(message)
        self.symbol = symbol
        self.client_order_id = client_order_id
