"""A long past, kept as text and made into objects one by one when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")


class Late(list[T]):
    """
    A list that begins with texts and is, to all who read it, a list of what ``make`` makes of them.

    Args:
        texts: what there is already.
        make: makes an item of its text, once.
    """

    __slots__ = ("_make",)

    def __init__(self, texts: Iterable[str], make: Callable[[str], T]) -> None:
        super().__init__(texts)  # type: ignore[arg-type]
        self._make = make

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> T | list[T]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        item: Any = super().__getitem__(index)
        if type(item) is str:
            item = self._make(item)
            super().__setitem__(index, item)
        made: T = item
        return made

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))

    def __reversed__(self) -> Iterator[T]:
        return (self[place] for place in reversed(range(len(self))))


class LateIndex(dict[str, Any]):
    """Items by client id: those of the past by their place in a list, which makes them."""

    __slots__ = ("_items",)

    def __init__(self, places: dict[str, int], items: Sequence[Any]) -> None:
        super().__init__(places)
        self._items = items

    def get(self, key: str, default: Any = None, /) -> Any:
        """The item of a client id."""
        found = super().get(key)
        if found is None:
            return default
        return self._items[found] if type(found) is int else found
