"""The server's time as the client knows it: an interval around the exchange's own clock, narrowed by every answer."""

from __future__ import annotations

from exec_plugin.rate_limit import server_clock
from exec_plugin.rate_limit.cells import DOUBT_HIGH, HIGH, LOW


class ServerTime:
    """
    How far the server's clock is ahead of the local one.

    Moments are seconds of the clock that timestamps are made from. Until an answer told, the clocks are taken to agree
    within 15 seconds.
    """

    __slots__ = ("_cells", "is_known")

    def __init__(self) -> None:
        # as many as a clock's are: without a report it never doubts what it learns
        self._cells = [0.0] * (DOUBT_HIGH + 1)
        self.is_known = False

    def learn(self, sent: float, received: float, server: float, resolution: float = 0.001) -> None:
        """Take over that the server's clock stood in ``server`` .. ``server + resolution`` between two local moments."""
        if received < sent:
            # the local clock was set back in between: this answer tells nothing
            return
        if not self.is_known:
            server_clock.guess(self._cells, received, received)
            self.is_known = True
        server_clock.learn(self._cells, sent, received, server, resolution)

    def forget(self) -> None:
        """The clocks were found to differ: only what is told from now on counts."""
        self.is_known = False

    def earliest(self, now: float) -> float:
        """The least that the server's clock can show."""
        return now + (server_clock.low(self._cells, now) if self.is_known else -server_clock.GUESS)

    def latest(self, now: float) -> float:
        """The most that the server's clock can show."""
        return now + (server_clock.high(self._cells, now) if self.is_known else server_clock.GUESS)

    @property
    def offset(self) -> float:
        """The best guess of the difference in seconds, positive when the server is ahead."""
        return (self._cells[LOW] + self._cells[HIGH]) / 2 if self.is_known else 0.0

    @property
    def uncertainty(self) -> float:
        """How far off the best guess may be, in seconds."""
        return (self._cells[HIGH] - self._cells[LOW]) / 2 if self.is_known else server_clock.GUESS
