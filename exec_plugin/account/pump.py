"""
How time reaches a venue: rows of a feed are applied up to the moment that it is.

With a wall clock that is now (times a factor); a replay at full speed has no clock but the bot's own waiting. Either
way the market moves when somebody looks, so nothing runs in the background and a replay is deterministic.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR
from exec_plugin.feeds import PushFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exec_plugin.core.events import Row
    from exec_plugin.core.venue import Venue
    from exec_plugin.feeds import Feed
    from exec_plugin.protocol import StreamHub


def wall_clock() -> int:
    """The machine's time in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Pump:
    """
    Moves a venue along its feed.

    Args:
        venue: what is moved.
        feed: where its rows come from.
        factor: venue milliseconds per millisecond of the wall clock; 0 for full speed.
        start: the venue's time now; what the feed tells from before is its past.
        clock: the wall clock, in ms.

    ``streams`` are told of every step as long as somebody listens to them.
    """

    def __init__(
        self, venue: Venue, feed: Feed, factor: float, start: int, clock: Callable[[], int] = wall_clock
    ) -> None:
        # first: a feed may take its time to begin
        self._wall_start = clock()
        self.venue = venue
        self.feed = feed
        self.factor = factor
        self.ended = False
        self.rows_applied = 0
        self.streams: StreamHub | None = None
        self._clock = clock
        self._pushed = isinstance(feed, PushFeed)
        self._rows = feed.rows()
        self._next: Row | None = None if self._pushed else next(self._rows, None)
        self._venue_start = start

    @property
    def is_paced(self) -> bool:
        """Whether a clock drives the venue."""
        return self.factor > 0

    @property
    def upcoming(self) -> int:
        """The time of the next row; FAR where none is in sight, as in a feed that others push."""
        return FAR if self._next is None else self._next[1]

    def seconds_until(self, moment: int) -> float:
        """How long the wall clock goes on until a moment of the venue."""
        return (moment - self.now()) / 1000 / self.factor

    def now(self) -> int:
        """The venue's time; with a wall clock it goes on by itself."""
        if not self.factor:
            return self.venue.now
        return max(self._venue_start + int((self._clock() - self._wall_start) * self.factor), self.venue.now)

    def jump_to(self, moment: int) -> None:
        """Go on from a moment that is yet to come; one that has passed changes nothing."""
        if moment > self.venue.now:
            self.move_to(moment)
            self._wall_start, self._venue_start = self._clock(), moment

    def catch_up(self) -> None:
        """Apply what has happened by now."""
        if self.factor or self._pushed:
            self.move_to(self.now())

    def move_to(self, moment: int) -> None:
        """Apply all rows up to a moment and set the clock to it."""
        if self.streams is not None and self.streams.busy:
            self._step_to(moment, self.streams)
        elif self._pushed:
            self.rows_applied += self.venue.apply(self.feed.rows())
            self.venue.advance(moment)
        else:
            if self._next is not None and self._next[1] <= moment:
                self.rows_applied += self.venue.apply(self._due(moment))
                self.ended = self._next is None
            self.venue.advance(moment)

    def _step_to(self, moment: int, streams: StreamHub) -> None:
        """The same row by row, so that nothing is passed over that a stream would tell."""
        for row in self.feed.rows() if self._pushed else self._due(moment):
            if row[1] > streams.due:
                streams.advance(row[1])
            self.rows_applied += self.venue.apply((row,))
            streams.flush()
        self.ended = self._next is None and not self._pushed
        streams.advance(moment)
        streams.flush()

    def _due(self, moment: int) -> Iterator[Row]:
        row, rows = self._next, self._rows
        while row is not None and row[1] <= moment:
            # set first: a row that cannot be applied must not be met again
            self._next = next(rows, None)
            yield row
            row = self._next
