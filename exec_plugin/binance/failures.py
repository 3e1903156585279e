"""What went wrong with a request, as one of the client's errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.binance.errors import (
    BinanceAuthError,
    BinanceBannedError,
    BinanceError,
    BinanceFilterError,
    BinanceInsufficientBalanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceOrderError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceRequestError,
    BinanceTimeoutError,
    BinanceTimestampError,
)
from exec_plugin.core.errors import INSUFFICIENT_BALANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The execution of what is answered so is not known (errors.md, -1006 and -1007), or not said to be (-1000, -1001).
UNKNOWN_OUTCOME = frozenset((-1000, -1001, -1006, -1007))
_NOT_FOUND, _REJECTED, _CANCEL_REJECTED = -2013, -2010, -2011
_TIMESTAMP = -1021
_TOO_MANY_REQUESTS, _TOO_MANY_ORDERS = -1003, -1015
_FIRST_ERROR, _REQUEST_TIMEOUT, _SERVER_ERROR = 400, 408, 500
_LIMITED, _BANNED = 429, 418
_FORBIDDEN = 403

_KINDS: Mapping[int, type[BinanceError]] = {
    -1000: BinanceMaintenanceError,
    -1001: BinanceMaintenanceError,
    -1002: BinanceAuthError,
    -1006: BinanceMaintenanceError,
    -1007: BinanceTimeoutError,
    -1008: BinanceMaintenanceError,
    -1016: BinanceMaintenanceError,
    _TIMESTAMP: BinanceTimestampError,
    -1022: BinanceAuthError,
    _NOT_FOUND: BinanceOrderNotFoundError,
    -2014: BinanceAuthError,
    -2015: BinanceAuthError,
    -2038: BinanceOrderError,
}
_ADVICE: Mapping[type[BinanceError], str] = {
    BinanceNetworkError: "no answer came; reading again is safe",
    BinanceTimeoutError: "no answer came in time; reading again is safe",
    BinanceMaintenanceError: "the exchange cannot answer now; try again later",
    BinanceRateLimitError: "a limit is used up; wait before sending more",
    BinanceBannedError: "this address is banned; stop sending, and look for what else spends from it",
    BinanceAuthError: "check the API key, its permissions and the IP addresses that it is bound to",
    BinanceTimestampError: "the clocks differ; set this machine's clock",
    BinanceInsufficientBalanceError: "the account cannot pay for it; use less or cancel something",
}
#: ccxt's classes of what it finds wrong before it sends, by name.
_UNSENT_AUTH = frozenset(("AuthenticationError", "PermissionDenied"))
_UNSENT_REQUEST = frozenset(("NotSupported", "BadRequest", "ArgumentsRequired", "BadSymbol"))
_UNTIL = re.compile(r"banned until (\d+)")


class Answer(NamedTuple):
    """What came back: the HTTP status (0: nothing came), lower-case headers, and the JSON, where it was an object."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None

    @property
    def code(self) -> int | None:
        """Binance's error code."""
        code = None if self.body is None else self.body.get("code")
        return code if isinstance(code, int) else None


def outcome_is_unknown(answer: Answer) -> bool:
    """Whether a request may have been executed although it failed (rest-api.md, HTTP Return Codes)."""
    refused = _FIRST_ERROR <= answer.status < _SERVER_ERROR and answer.status != _REQUEST_TIMEOUT
    return not refused or answer.code in UNKNOWN_OUTCOME


def unsent(what: str, cause: Exception) -> BinanceError:
    """The error of a request that never left: it can neither have been executed nor answered."""
    name = type(cause).__name__
    kind: type[BinanceError] = BinanceError
    if name in _UNSENT_AUTH:
        kind = BinanceAuthError
    elif isinstance(cause, ValueError) or name in _UNSENT_REQUEST:
        kind = BinanceRequestError
    return kind(f"{what} was not sent: {cause}")


def to_error(what: str, cause: BaseException, answer: Answer, now: float) -> BinanceError:
    """
    The error of a request.

    Args:
        what: method and endpoint.
        cause: what ccxt raised.
        answer: what came back before it did.
        now: the server's time in seconds, for bans that end at a moment.
    """
    body = answer.body or {}
    text = str(body.get("msg") or _in_words(what, cause, answer))
    kind = _kind(answer, text, cause)
    advice = _ADVICE.get(kind)
    message = f"{text} ({advice})" if advice else text
    if answer.code is not None:
        message = f"{answer.code}: {message}"
    if issubclass(kind, BinanceRateLimitError):
        wait = _wait(answer, text, now)
        return kind(message, answer.code, answer.body, status=answer.status or None, retry_after=wait)
    return kind(message, answer.code, answer.body, status=answer.status or None)


def _in_words(what: str, cause: BaseException, answer: Answer) -> str:
    """What happened, where the exchange does not say; not in ccxt's words, which hold the signed address."""
    if not answer.status:
        return f"{what}: {type(cause.__cause__ or cause).__name__}"
    if answer.status < _FIRST_ERROR:
        return f"{what}: an answer that is not the exchange's, with HTTP {answer.status}"
    return f"{what} was answered with HTTP {answer.status}"


def _kind(answer: Answer, text: str, cause: BaseException) -> type[BinanceError]:
    code, status = answer.code, answer.status
    if status < _FIRST_ERROR:
        return BinanceTimeoutError if "Timeout" in type(cause).__name__ else BinanceNetworkError
    if status == _BANNED:
        return BinanceBannedError
    if status == _LIMITED or code in (_TOO_MANY_REQUESTS, _TOO_MANY_ORDERS):
        return BinanceRateLimitError
    if code is not None:
        return _kind_of_code(code, text)
    if status == _FORBIDDEN:
        # a firewall in front of the exchange, which knows no codes
        return BinanceRateLimitError
    if status == _REQUEST_TIMEOUT:
        return BinanceTimeoutError
    return BinanceMaintenanceError if status >= _SERVER_ERROR else BinanceError


def _kind_of_code(code: int, text: str) -> type[BinanceError]:
    if code in _KINDS:
        return _KINDS[code]
    if "Filter failure" in text:
        return BinanceFilterError
    if code in (_REJECTED, _CANCEL_REJECTED):
        if INSUFFICIENT_BALANCE in text:
            return BinanceInsufficientBalanceError
        return BinanceOrderNotFoundError if text.startswith("Unknown order") else BinanceOrderError
    return BinanceRequestError if -1999 <= code <= -1010 else BinanceError  # noqa: PLR2004 - the request's own codes


def _wait(answer: Answer, text: str, now: float) -> float | None:
    told = answer.headers.get("retry-after", "")
    if told.isdigit():
        return float(told)
    until = _UNTIL.search(text)
    return max(int(until[1]) / 1000 - now, 0.0) if until else None
