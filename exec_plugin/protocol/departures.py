"""What is on its way to clients, and waits where it tells of something that is not written down yet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def nothing() -> None:
    """Nobody is told."""


class Departures:
    """
    Answers, user-data events and what plugins hear of, on their way out, in the order in which they came.

    ``is_held`` says whether what leaves now has to wait; its owner then calls ``release`` or ``turn_back``. Without
    one, everything leaves at once. Where it begins to write what waits it calls ``close`` and, once that is done, ``depart``;
    what comes in between waits for the next time. Who is told something may act on it: what that tells comes after all else.
    """

    def __init__(self) -> None:
        self.is_held: Callable[[], bool] | None = None
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        #: how many of them tell of what is being written; None where nothing is
        self._closed: int | None = None
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

    def close(self) -> None:
        """What waits now is being written down; what comes is not."""
        self._closed = len(self._waiting)

    @property
    def is_closed(self) -> bool:
        """Whether something is being written down."""
        return self._closed is not None

    def depart(self) -> None:
        """Let what was there when it was closed go, in its order."""
        waiting, self._waiting = self._waiting[: self._closed], self._waiting[self._closed :]
        self._go(waiting)

    def release(self) -> None:
        """Let all that waits go, in its order."""
        waiting, self._waiting = self._waiting, []
        self._go(waiting)

    def _go(self, waiting: Iterable[tuple[Callable[[], None], Callable[[], None]]]) -> None:
        self._closed = None
        self._leaving.extend(go for go, _ in waiting)
        self._tell()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def turn_back(self, most: int | None = None, *, is_written: bool = False) -> None:
        """
        Send what stands for all that waits, or for the first so many: it has not happened.

        ``is_written`` is whether what was there when it was closed has happened all the same.
        """
        kept = (self._closed or 0) if is_written else 0
        self._closed = None
        most = len(self) if most is None else most
        waiting, self._waiting = self._waiting[:most], self._waiting[most:]
        self._leaving.extend(go for go, _ in waiting[:kept])
        self._leaving.extend(instead for _, instead in waiting[kept:])
        self._tell()

    def _tell(self) -> None:
        if self._is_telling:
            return
        self._is_telling = True
        first: BaseException | None = None
        try:
            while self._leaving:
                try:
                    self._leaving.popleft()()
                except BaseException as error:  # noqa: BLE001 - raised below: the others are told all the same
                    first = first or error
        finally:
            self._is_telling = False
        if first is not None:
            raise first
