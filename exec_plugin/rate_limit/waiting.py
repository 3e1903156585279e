"""Who waits for a permit: the line, one timer for the next of it, and how each is woken in its loop or thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.rate_limit.permit import Permit

    #: Takes a permit's capacity and answers {}; or takes none and answers what is short, in seconds until it is not.
    Take = Callable[[Permit], Mapping[str, float]]


class Line(Protocol):
    """The permits that wait, and in which order they are served."""

    def add(self, permit: Permit) -> None:
        """Join; a permit that was granted before it was needed is never added again."""

    def remove(self, permit: Permit) -> None:
        """Leave, granted or not."""

    def serve(self, take: Take) -> tuple[list[Permit], float | None]:
        """Grant to whom it can be granted (they leave), and say in how many seconds to serve again; None: no one."""

    def __len__(self) -> int:
        """How many wait."""


class Fifo:
    """First come, first served; what is only short of order capacity does not hold up what needs none."""
