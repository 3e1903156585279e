"""What is on its way to clients, and waits where it tells of something that is not written down yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing() -> None:
    """Nobody is told."""


class Departures:
    """
    Answers and user-data events on their way out.

    ``is_held`` says whether what leaves now has to wait; its owner then calls ``release`` or ``turn_back``. Without
    one, everything leaves at once.
    """

    def __init__(self) -> None:
        self.is_held: Callable[[], bool] | None = None
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def leave(self, go: Callable[[], None], instead: Callable[[], None] = nothing) -> None:
        """Send something now or when it may leave; ``instead`` is what is sent if it never may."""
        if self._waiting or (self.is_held is not None and self.is_held()):
            self._waiting.append((go, instead))
        else:
            go()

    def release(self) -> None:
        """Let all that waits go, in its order."""
        waiting, self._waiting = self._waiting, []
        for go, _ in waiting:
            go()

    def turn_back(self) -> None:
        """Send what stands for all that waits: it has not happened."""
        waiting, self._waiting = self._waiting, []
        for _, instead in waiting:
            instead()
