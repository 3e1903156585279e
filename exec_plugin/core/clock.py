"""Time as the venue sees it: integer milliseconds since the epoch, handed in, never looked up."""

from __future__ import annotations

from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Anything that tells the time in milliseconds since the epoch."""

    def now(self) -> int:
        """Milliseconds since the epoch."""


class ManualClock:
    """A clock that moves only when told: the venue's own in replays, a test's everywhere."""

    __slots__ = ("_now",)

    def __init__(self, now: int = 0) -> None:
        self._now = now

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._now

    def advance(self, milliseconds: int) -> int:
        """Move forward and answer the new time."""
        return self.set(self._now + milliseconds)

    def set(self, now: int) -> int:
        """Jump to a moment; going back is an error, since events are ordered by time."""
        if now < self._now:
            msg = f"the clock stands at {self._now} and cannot go back to {now}"
            raise ValueError(msg)
        self._now = now
        return now
