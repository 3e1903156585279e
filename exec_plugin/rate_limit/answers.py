"""What an answer says about the budget: counters, the time, and for how long to be silent."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.rate_limit.server_clock import DateReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REFUSED, BANNED = 429, 418
REFUSALS = (REFUSED, BANNED)
TOO_MANY_ORDERS = -1015
#: A counter has no more, and is exact as a float.
_DIGITS = 15
_BAN_END = re.compile(r"until (\d{13})")
#: The longest ban that is known.
LONGEST = 3 * 86_400.0


class Answer:
    """
    One answer, read.

    ``used`` and ``orders`` are counters (-1: not said), ``second`` the server's time (0.0: not said) to within
    ``resolution``; ``retry_after`` is in seconds (-1: not said), ``until`` a ban's end on the server's clock.
    """

    used = -1
    orders: tuple[int, ...] = ()
    second = exact = 0.0
    retry_after = -1.0
    until = 0.0
    code = 0

    def __init__(self, status: int) -> None:
        self.status = status


class Asked(Protocol):
    """What a reader has to know of the request: where it went, and how many orders it places."""

    endpoint: str
    orders: int


class AnswerReader:
    """Reads answers of one exchange; header names may be in any case, as the newest answer has them."""

    def __init__(self, weight_interval: str, order_intervals: Sequence[str]) -> None:
        self._used = f"X-MBX-USED-WEIGHT-{weight_interval}"
        self._orders = tuple(f"X-MBX-ORDER-COUNT-{interval}" for interval in order_intervals)
        self._date = "Date"
        self._dates = DateReader()

    def read(self, request: Asked, status: int, headers: Mapping[str, str], body: Any) -> Answer:
        """Read an answer to a request, of which only the time's and orders' say more than how much is used."""
        used = headers.get(self._used)
        if used is None:
            self._learn_spelling(headers)
            used = headers.get(self._used)
        answer = Answer(status)
        answer.used = _number(used)
        date, dates = headers.get(self._date), self._dates
        answer.second = dates.second if date == dates.text else dates.read(date)
        if request.orders:
            answer.orders = tuple(_number(headers.get(name)) for name in self._orders)
        if status in REFUSALS:
            self._read_refusal(answer, headers, body)
        elif type(body) is dict and request.endpoint.endswith("/time"):
            answer.exact = _seconds(body.get("serverTime")) / 1000
        return answer

    def _learn_spelling(self, headers: Mapping[str, str]) -> None:
        found = {name.lower(): name for name in headers}
        self._used, self._date = found.get(self._used.lower(), self._used), found.get("date", self._date)
        self._orders = tuple(found.get(name.lower(), name) for name in self._orders)

    @staticmethod
    def _read_refusal(answer: Answer, headers: Mapping[str, str], body: Any) -> None:
        after = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
        answer.retry_after = min(_seconds(after, -1.0), LONGEST)
        if type(body) is dict:
            answer.code = int(_seconds(body.get("code")))
            answer.until = ban_end(body)


def ban_end(body: Any) -> float:
    """When a ban ends by the server's clock, as the text of its error says; 0.0 where it does not."""
    end = _BAN_END.search(str(body.get("msg", ""))) if type(body) is dict else None
    return int(end[1]) / 1000 if end else 0.0


def _number(text: str | None) -> int:
    # Only a few digits are a counter: what a proxy puts there must not stop the budget.
    return int(text) if text is not None and text.isdecimal() and len(text) <= _DIGITS else -1


def _seconds(value: Any, missing: float = 0.0) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return missing
    # json reads NaN and Infinity; in the state that all share they would stay for ever
    return seconds if isfinite(seconds) else missing
