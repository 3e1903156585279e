"""What a server has done since it was started: plain counts, which cost a request next to nothing."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter as clock

from exec_plugin.endpoints import ENDPOINTS

__all__ = ["BOUNDS", "OTHER", "WS", "Tally", "Times", "clock"]

#: What stands for the method of a request of the WebSocket API, and for a route that nobody knows.
WS, OTHER = "WS", "other"
#: Upper bounds of the histograms, in seconds.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Times:
    """How long something took, as a histogram."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        #: how many took up to each bound and longer than the one before it; the last, longer than all
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Tally:
    """Requests by method, route and status, how long they took, and clients that were cut off or not let in."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.rest, self.ws = Times(), Times()
        self.dropped = self.turned_away = 0

    def note(self, method: str, target: str, status: int, seconds: float) -> None:
        """A REST request was answered; a route that is none of the exchange's is not kept by its name."""
        path = target.partition("?")[0]
        key = (method, path, status) if (method, path) in ENDPOINTS else (OTHER, OTHER, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.rest.add(seconds)

    def note_frame(self, name: str, status: int, seconds: float) -> None:
        """A request of the WebSocket API was answered."""
        key = (WS, name, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.ws.add(seconds)

    def drop(self) -> None:
        """A client that does not read was cut off."""
        self.dropped += 1

    def turn_away(self) -> None:
        """A client was not let in, because there was no room or it had tried too often."""
        self.turned_away += 1
