"""What is on its way to clients, and waits where it tells of something that is not written down yet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing() -> None:
    """Nobody is told."""


class Departures:
    """
    Answers, user-data events and what plugins hear of, on their way out, in the order in which they came.

    ``is_held`` says whether what leaves now has to wait; its owner then calls ``release`` or ``turn_back``. Without
    one, everything leaves at once. Who is told something may act on it: what that tells comes after all else.
    """

    def __init__(self) -> None:
        self.is_held: Callable[[], bool] | None = None
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        #: what may leave, while somebody is being told
        self._leaving: deque[Callable[[], None]] = deque()
        self._is_telling = False

    def leave(self, go: Callable[[], None], instead: Callable[[], None] = nothing) -> None:
        """Send something now or when it may leave; ``instead`` is what is sent if it never may."""
        if self._waiting or (self.is_held is not None and self.is_held()):
            self._waiting.append((go, instead))
        elif self._is_telling or self._leaving:
            self._leaving.append(go)
            self._tell()
        else:
            go()

    def release(self) -> None:
        """Let all that waits go, in its order."""
        waiting, self._waiting = self._waiting, []
        self._leaving.extend(go for go, _ in waiting)
        self._tell()

    def turn_back(self) -> None:
        """Send what stands for all that waits: it has not happened."""
        waiting, self._waiting = self._waiting, []
        self._leaving.extend(instead for _, instead in waiting)
        self._tell()

    def _tell(self) -> None:
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._leaving:
                self._leaving.popleft()()
        finally:
            self._is_telling = False
