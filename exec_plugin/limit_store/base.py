"""What a shared budget is kept in, seen from those who spend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How many numbers a budget's state has; what they mean is rate_limit's, a store only keeps them.
CELLS = 2304
#: Changes with the meaning of the cells, so that an old file is not read as a new one.
LAYOUT = 1


class Cells(Protocol):
    """Floats to read and write: a list, or a view of what others see too."""

    @overload
    def __getitem__(self, index: int, /) -> float: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[float]: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


class LimitStore(Protocol):
    """
    The state of one budget (one host as seen from one IP): ``CELLS`` floats, all 0.0 at first.

    ``update`` is the only way to them: it calls ``change(cells, *args)`` while nobody else changes them and answers
    what that answers. ``change`` touches nothing but the cells, so a store may call it again: one that cannot hold a
    lock across a network runs it on its copy, sends the cells that differ with the version it started from (for Redis
    one script, one round trip: written if the version still stands, else the newer cells come back), and repeats.
    ``now`` is the clock in which the cells' times are written; all who share the cells read it alike, it never jumps.
    """

    @property
    def share(self) -> float:
        """How much of the budget may be spent here: 1.0, or less where the others who share it are not seen."""
        ...

    def now(self) -> float:
        """Seconds on the clock that all who share the cells have in common."""
        ...

    def update(self, change: Callable[[Cells, *Ts], T], *args: *Ts) -> T:
        """Answer ``change(cells, *args)``, run while nobody else changes the cells."""
        ...

    def close(self) -> None:
        """Let go of what the store holds; the state stays for the others."""
        ...
