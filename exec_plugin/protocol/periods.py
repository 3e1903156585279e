"""The time grids of candles: when the candle of a moment opened and when the next one does (rest-api.md, Klines)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import date
from typing import TYPE_CHECKING

from attrs import frozen

from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND
from exec_plugin.core.errors import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPOCH = date(1970, 1, 1).toordinal()
#: The first Monday after the epoch, where the weeks are anchored.
_MONDAY = 4 * DAY
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::([0-5]\d))?")
_SIZE = re.compile(r"([1-9]\d?)([mhd])")
_LONGEST = {"m": (59, MINUTE), "h": (23, HOUR), "d": (7, DAY)}

#: Interval name to width in ms; a month has no fixed one.
WIDTHS = {
    "1s": SECOND,
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR,
    "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 0,
}  # fmt: skip


@frozen
class Period:
    """
    One interval in one time zone.

    Args:
        width: of a candle in ms, 0 for calendar months.
        shift: of the zone's clocks against UTC in ms.
    """

    width: int
    shift: int = 0

    @classmethod
    def of(cls, interval: str, shift: int = 0) -> Period:
        """
        The grid of an interval; grids that coincide are equal.

        Raises:
            RequestRejected: -1120 for an interval that Binance does not have.
        """
        width = WIDTHS.get(interval)
        if width is None:
            raise RequestRejected(-1120, "Invalid interval.", f"{interval!r} is none of {', '.join(WIDTHS)}")
        return cls(width, shift % width if width else shift)

    def start(self, time: int) -> int:
        """When the candle of a moment opened."""
        if not self.width:
            return self._month(time, 0)
        anchor = _MONDAY if self.width == 7 * DAY else 0
        return time - (time + self.shift - anchor) % self.width

    def following(self, start: int) -> int:
        """When the candle after the one that opened at ``start`` opens."""
        return start + self.width if self.width else self._month(start, 1)

    def _month(self, time: int, later: int) -> int:
        day = date.fromordinal(_EPOCH + (time + self.shift) // DAY)
        months = day.year * 12 + day.month - 1 + later
        return (date(months // 12, months % 12 + 1, 1).toordinal() - _EPOCH) * DAY - self.shift

    def starts(self, first: int, last: int) -> Sequence[int]:
        """Every opening from ``first``, which is one, up to ``last``."""
        if self.width:
            return range(first, last + 1, self.width)
        found = []
        while first <= last:
            found.append(first)
            first = self.following(first)
        return found


def chosen(starts: Sequence[int], start: int | None, end: int | None, limit: int) -> Sequence[int]:
    """What of ``starts`` a request asks for: with a ``start`` the oldest ones, without it the newest ones."""
    if end is not None:
        starts = starts[: bisect_right(starts, end)]
    if start is None:
        return starts[-limit:]
    first = bisect_left(starts, start)
    return starts[first : first + limit]


def parse_zone(text: str) -> int:
    """
    The shift of a ``timeZone`` such as ``8``, ``-1:00`` or ``05:45``, in ms.

    Raises:
        RequestRejected: -1130 for another form and outside of -12:00 to +14:00.
    """
    # a plus sign that was not escaped arrives as a space
    match = _ZONE.fullmatch(text.strip())
    shift = 0
    if match is not None:
        sign, hours, minutes = match.groups()
        shift = (int(hours) * HOUR + int(minutes or 0) * MINUTE) * (-1 if sign == "-" else 1)
    if match is None or not -12 * HOUR <= shift <= 14 * HOUR:
        hint = f"{text!r} is not within -12:00 and +14:00"
        raise RequestRejected(-1130, "Data sent for parameter 'timeZone' is not valid.", hint)
    return shift


def parse_size(text: str) -> int:
    """
    The ms of a ``windowSize``: 1m to 59m, 1h to 23h or 1d to 7d.

    Raises:
        RequestRejected: -1130 for anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is not None:
        most, width = _LONGEST[match[2]]
        if int(match[1]) <= most:
            return int(match[1]) * width
    hint = f"{text!r} is none of 1m to 59m, 1h to 23h, 1d to 7d"
    raise RequestRejected(-1130, "Data sent for parameter 'windowSize' is not valid.", hint)
