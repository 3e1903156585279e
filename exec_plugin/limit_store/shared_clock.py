"""Another machine's clock, read here: known as an interval, which every look at it narrows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Two clocks of ordinary machines part by less than this, in seconds a second.
DRIFT = 1e-4
#: How wrong this machine's own clock may be, in seconds, before the other was looked at.
GUESS = 15.0
#: A correction by so many seconds may take the time back.
SMALL = 0.1


class SharedClock:
    """
    What another machine's clock says, in seconds since the epoch, from this machine's monotonic one.

    A look at it lies between asking and hearing, so that the clocks' difference is known within that time. The looks'
    intersection is kept, and drift widens it again; a look outside of it means that one of the clocks was set.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        self._known = monotonic()
        guess = wall() - self._known
        self._low, self._high = guess - GUESS, guess + GUESS
        self._ahead = guess
        self._last = 0.0

    @property
    def error(self) -> float:
        """How far ``now`` may be from the other clock, in seconds."""
        return (self._high - self._low) / 2 + DRIFT * (self.monotonic() - self._known)

    def now(self) -> float:
        """The other clock; small corrections never take it back."""
        now = self.monotonic() + self._ahead
        if now < self._last:
            return self._last
        self._last = now
        return now

    def look(self, asked: float, heard: float, there: float) -> None:
        """Take over that the other clock stood at ``there`` between two moments of the monotonic one."""
        wider = DRIFT * (heard - self._known)
        low, high = self._low - wider, self._high + wider
        least, most = there - heard, there - asked
        if least > high or most < low:
            # it was set: whoever goes on with the old one would wait for as long as it was wrong
            low, high = least, most
        self._low, self._high, self._known = max(low, least), min(high, most), heard
        ahead = (self._low + self._high) / 2
        if ahead < self._ahead - SMALL:
            # to stand still until that time has passed would be worse than to go back
            self._last = 0.0
        self._ahead = ahead
