"""What has been of an account: the newest in memory, and what came before elsewhere, where it is kept elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

#: How many items of the past are read at once by one who goes through all of them.
PAGE = 1000


class Past(Protocol):
    """
    What of an account is not in memory any more, oldest first; it never changes.

    Orders are LiveOrder, lists OrderList, fills the tuples of Desk.records, prevented matches PreventedMatch. What
    cannot be read at the moment raises a VenueError; nothing is ever left out.
    """

    def orders(self, desk: Any, start: int, stop: int) -> Sequence[Any]:
        """A desk's orders from one position to before another."""

    def fills(self, desk: Any, start: int, stop: int) -> Sequence[Any]:
        """A desk's executions, likewise."""

    def prevented(self, desk: Any, start: int, stop: int) -> Sequence[Any]:
        """A desk's prevented matches, likewise."""

    def find(self, desk: Any, order_ids: Iterable[int]) -> Sequence[Any]:
        """Those of a desk's orders that have one of these ids."""

    def named(self, desk: Any, client_id: str) -> Any | None:
        """The order of a desk that was given a client id last."""

    def find_list(self, account: Any, list_id: int) -> Any | None:
        """The order list of an id."""

    def named_list(self, account: Any, client_id: str) -> Any | None:
        """The latest order list of a client id."""

    def lists(self, account: Any, first: int, window: tuple[int, int], *, newest_first: bool) -> Iterator[Any]:
        """Order lists from an id on that changed last within a window of time, in the order of their ids."""


class History(Sequence[T]):
    """
    A list to which items are only added; of the oldest, ``gone`` are not here any more and are read when asked for.

    Args:
        read: answers the items from one position to before another, of those that are gone.
        gone: how many there are already.
    """

    __slots__ = ("_read", "append", "gone", "here")

    def __init__(self, read: Callable[[int, int], Sequence[T]], gone: int = 0) -> None:
        self._read = read
        self.gone = gone
        self.here: list[T] = []
        #: adds an item; the list's own, because every fill calls it
        self.append = self.here.append

    def __len__(self) -> int:
        return self.gone + len(self.here)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return [self[place] for place in range(start, stop, step)]
            here = self.here[max(start - self.gone, 0) : max(stop - self.gone, 0)]
            return here if start >= min(stop, self.gone) else [*self._read(start, min(stop, self.gone)), *here]
        place = index + len(self) if index < 0 else index
        if place >= self.gone:
            return self.here[place - self.gone]
        if place < 0:
            msg = f"there are {len(self)} items, and no {index}"
            raise IndexError(msg)
        return self._read(place, place + 1)[0]

    def __iter__(self) -> Iterator[T]:
        return self.walk(0, len(self))

    def walk(self, start: int, stop: int) -> Iterator[T]:
        """The items from one position to before another, read page by page."""
        for first in range(start, stop, PAGE):
            yield from self[first : min(first + PAGE, stop)]

    def walk_back(self, start: int, stop: int) -> Iterator[T]:
        """The same, the newest first."""
        for last in range(stop, start, -PAGE):
            yield from reversed(self[max(last - PAGE, start) : last])

    def let_go(self, upto: int) -> list[T]:
        """Keep nothing from before a position; answers what goes."""
        count = max(upto - self.gone, 0)
        leaving = self.here[:count]
        del self.here[:count]
        self.gone += len(leaving)
        return leaving


class Forgetful:
    """The past of an account that is in memory as a whole: there is nothing else."""

    @staticmethod
    def orders(_desk: Any, _start: int, _stop: int) -> Sequence[Any]:
        """None."""
        return ()

    fills = prevented = orders

    @staticmethod
    def find(_owner: Any, _which: Any) -> Sequence[Any]:
        """None."""
        return ()

    @staticmethod
    def named(_owner: Any, _which: Any) -> None:
        """Nobody."""

    find_list = named_list = named

    @staticmethod
    def lists(_account: Any, _first: int, _window: tuple[int, int], *, newest_first: bool) -> Iterator[Any]:  # noqa: ARG004
        """None."""
        return iter(())


NO_PAST: Past = Forgetful()
