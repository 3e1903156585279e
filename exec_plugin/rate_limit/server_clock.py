"""
The server's clock as an interval, and how its time is read from answers.

A ``Date`` header names a second, ``serverTime`` a millisecond; the moment it stands for lies between sending and
receiving. Each answer gives an interval for the difference of the clocks, their intersection is kept, and drift
widens it again. A window is open for certain by the interval's low edge.
"""

from __future__ import annotations

from calendar import timegm
from contextlib import suppress
from email.utils import parsedate
from typing import TYPE_CHECKING

from exec_plugin.rate_limit.cells import DOUBT_HIGH, DOUBT_LOW, HIGH, KNOWN, LOW, REPORTED

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells
    from exec_plugin.rate_limit.answers import Answer
    from exec_plugin.rate_limit.queue import Reservation

#: Two clocks of ordinary machines part by less than this, in seconds a second.
DRIFT = 1e-4
#: How wrong a machine's own clock may be before the server was asked.
GUESS = 15.0
#: Who looks a little later than a moment that was computed does not come too early by rounding.
TICK = 1e-4


def low(cells: Cells, now: float) -> float:
    """The least that the server's clock can be ahead of ours."""
    return cells[LOW] - DRIFT * (now - cells[KNOWN])


def high(cells: Cells, now: float) -> float:
    """The most that the server's clock can be ahead of ours."""
    return cells[HIGH] + DRIFT * (now - cells[KNOWN])


def guess(cells: Cells, now: float, wall: float) -> None:
    """Begin with the machine's own clock."""
    cells[LOW], cells[HIGH], cells[KNOWN] = wall - now - GUESS, wall - now + GUESS, now


def learn(cells: Cells, sent: float, received: float, second: float, resolution: float = 1.0) -> bool:
    """
    Take over that the server's clock stood in ``second`` .. ``second + resolution`` between two of our moments.

    False when that contradicts what was known: a clock was set, or a proxy has kept the answer. A second one tells.
    """
    least, most = second - received, second + resolution - sent
    was_least, was_most = low(cells, received), high(cells, received)
    if least <= was_least and most >= was_most:
        return True
    if least > was_most or most < was_least:
        if cells[REPORTED] and (least > cells[DOUBT_HIGH] or most < cells[DOUBT_LOW]):
            cells[DOUBT_LOW], cells[DOUBT_HIGH] = least, most
            return False
        # one of the clocks was set: only the newest answer is true
        cells[LOW], cells[HIGH] = least, most
        cells[DOUBT_LOW] = cells[DOUBT_HIGH] = 0.0
    else:
        cells[LOW], cells[HIGH] = max(least, was_least), min(most, was_most)
    cells[KNOWN] = received
    return True


def learn_from(cells: Cells, request: Reservation, answer: Answer, now: float) -> None:
    """Learn the time from an answer's second; where that cannot be, what it counts may be as old."""
    if not learn(cells, request.sent, now, answer.second):
        answer.second, answer.used, answer.orders = 0.0, -1, (-1,) * len(answer.orders)


def opens(cells: Cells, now: float, moment: float) -> float:
    """When, on our clock, a moment of the server's clock has certainly come."""
    return moment - low(cells, now) + DRIFT * max(moment - now - cells[LOW], 0.0) + TICK


class DateReader:
    """Reads ``Date`` headers; ``text`` is the newest that was read, and ``second`` what it says."""

    __slots__ = ("second", "text")

    def __init__(self) -> None:
        self.text, self.second = "", 0.0

    def read(self, text: str | None) -> float:
        """Seconds since the epoch; 0.0 when the text is no date."""
        if not text:
            return 0.0
        if text != self.text:
            self.text, self.second = text, 0.0
            # what is a date by its form may be one of a year that no calendar knows
            with suppress(OverflowError, ValueError):
                parts = parsedate(text)
                self.second = float(timegm(parts)) if parts else 0.0
        return self.second
