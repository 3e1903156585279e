"""One side of the external book: what the feed shows, less what our own takers have taken from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class DepthSide:
    """
    Price levels of one side.

    Updates are dictionary merges; prices are sorted only when somebody walks the book. A level that was taken from
    remembers what the feed showed then: as long as it shows the same, only the rest is available.
    """

    __slots__ = ("_sorted", "edge", "is_bid", "levels", "taken")

    def __init__(self, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.levels: dict[int, int] = {}
        self.taken: dict[int, tuple[int, int]] = {}
        #: the worst price that the feed has shown; what lies beyond it is unknown
        self.edge = FAR if is_bid else 0
        self._sorted: list[int] | None = None

    def replace(self, levels: Mapping[int, int]) -> None:
        """The whole side anew; nothing of it has been taken yet."""
        self.levels = {price: qty for price, qty in levels.items() if qty}
        self.taken.clear()
        self._sorted = None
        self.edge = (min if self.is_bid else max)(self.levels, default=FAR if self.is_bid else 0)

    def update(self, levels: Mapping[int, int]) -> None:
        """Merge changed levels; zero removes one."""
        if self.taken:
            for price in levels:
                self.taken.pop(price, None)
        self.levels.update(levels)
        self._sorted = None

    def best_first(self) -> list[int]:
        """The prices with a quantity, best first."""
        if self._sorted is None:
            # removed levels stay as zeros until here: merging is then one call
            self.levels = {price: qty for price, qty in self.levels.items() if qty}
            self._sorted = sorted(self.levels, reverse=self.is_bid)
        return self._sorted

    def available(self, price: int, shown: int) -> int:
        """What is left of a level that shows ``shown``."""
        taken = self.taken.get(price)
        return shown - taken[1] if taken is not None and taken[0] == shown else shown

    def take(self, price: int, shown: int, qty: int) -> None:
        """Remember that ``qty`` of a level that shows ``shown`` is gone."""
        if shown != FAR:
            taken = self.taken.get(price)
            self.taken[price] = (shown, taken[1] + qty if taken is not None and taken[0] == shown else qty)

    def walk(self, touch: int, touch_qty: int) -> Iterator[tuple[int, int, int]]:
        """``(price, shown, available)`` from the touch on; the touch, being newer, overrules better levels."""
        if touch in (0, FAR):
            return
        yield touch, touch_qty, self.available(touch, touch_qty)
        for price in self.best_first():
            if price < touch if self.is_bid else price > touch:
                shown = self.levels[price]
                yield price, shown, self.available(price, shown)
