"""One side of the external book: what the feed shows, less what our own takers have taken from it."""

from __future__ import annotations

from bisect import bisect_left
from heapq import heapify, heappop, heappush
from operator import neg, pos
from typing import TYPE_CHECKING

from exec_plugin.core.events import plain_levels
from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


#: How many updates may wait to be merged: a bound on memory, far beyond what piles up between two looks at a book.
_MOST_WAITING = 4096
#: How many updates are sorted in one by one; for more of them all is sorted anew.
_MOST_UNSORTED = 64
#: How many levels a side always has room for.
_LEAST_ROOM = 256


class DepthSide:
    """
    Price levels of one side.

    Updates wait until somebody looks: they are then merged, and prices sorted, once for all of them. A level that was
    taken from remembers what the feed showed then: as long as it shows the same, only the rest is available. Who
    follows the book has the updates in ``changed``, which is None while nobody does and after a whole new book.

    The touch is found by a heap that exists only once it is asked for: a feed that quotes it never does.
    """

    __slots__ = ("_heap", "_levels", "_room", "_sorted", "_unsorted", "_waiting", "changed", "edge", "is_bid", "taken")

    def __init__(self, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.taken: dict[int, tuple[int, int]] = {}
        #: the worst price that the feed has shown; what lies beyond it is unknown
        self.edge = FAR if is_bid else 0
        self._levels: dict[int, int] = {}
        self._waiting: list[Mapping[int, int]] = []
        self._sorted: list[int] | None = None
        self._unsorted: list[Mapping[int, int]] = []
        self.changed: list[Mapping[int, int]] | None = None
        self._heap: list[int] | None = None
        #: how many levels there may be, removed ones included, before these are forgotten
        self._room = _LEAST_ROOM

    def replace(self, levels: Mapping[int, int]) -> None:
        """The whole side anew; nothing of it has been taken yet."""
        self._levels = {price: qty for price, qty in levels.items() if qty}
        self._waiting.clear()
        self.taken.clear()
        self._sorted = self._heap = self.changed = None
        self.edge = (min if self.is_bid else max)(self._levels, default=FAR if self.is_bid else 0)

    def update(self, levels: Mapping[int, int]) -> None:
        """Changed levels; zero removes one."""
        if self.taken:
            for price in levels:
                self.taken.pop(price, None)
        if self.changed is not None:
            self.changed.append(levels)
        self._waiting.append(levels)
        if len(self._waiting) > _MOST_WAITING:
            self._merge()

    def _merge(self) -> None:
        heap, sign = self._heap, -1 if self.is_bid else 1
        if self._sorted is not None:
            self._unsorted += self._waiting
            if len(self._unsorted) > _MOST_UNSORTED:
                self._sorted = None
        known = self._levels
        for levels in map(plain_levels, self._waiting):
            if heap is not None:
                for price in levels:
                    if price not in known:
                        heappush(heap, sign * price)
            known.update(levels)
        self._waiting.clear()
        if heap is not None and len(heap) > 2 * len(known) + _LEAST_ROOM:
            # prices that came and went stand there once for each time
            self._heap = None
        if len(known) > self._room:
            self._sweep()

    def _sweep(self) -> None:
        """Forget removed levels that nobody has come across for long."""
        self._levels = {price: qty for price, qty in self._levels.items() if qty}
        self._room = max(_LEAST_ROOM, 2 * len(self._levels))
        self._heap = None

    @property
    def is_known(self) -> bool:
        """Whether the feed has shown any level."""
        return bool(self._levels or self._waiting)

    def shown(self, price: int) -> int:
        """What the feed shows at a price."""
        if self._waiting:
            self._merge()
        return self._levels.get(price, 0)

    def best_first(self) -> list[int]:
        """The prices with a quantity, best first."""
        if self._waiting:
            self._merge()
        if self._sorted is None:
            # removed levels stay as zeros until here: merging is then one call
            self._levels = {price: qty for price, qty in self._levels.items() if qty}
            self._sorted = sorted(self._levels, reverse=self.is_bid)
            self._heap = None
            self._unsorted.clear()
        elif self._unsorted:
            self._sort_in(self._sorted)
        return self._sorted

    def _sort_in(self, ordered: list[int]) -> None:
        levels, sign = self._levels, neg if self.is_bid else pos
        for price in set().union(*self._unsorted):
            place = bisect_left(ordered, sign(price), key=sign)
            there = place < len(ordered) and ordered[place] == price
            if levels.get(price, 0):
                if not there:
                    ordered.insert(place, price)
            else:
                levels.pop(price, None)
                if there:
                    del ordered[place]
        self._unsorted.clear()

    def within(self, one: int, other: int) -> list[int]:
        """The prices with a quantity from one price to another, both included, in whatever order they are given."""
        ordered, sign = self.best_first(), neg if self.is_bid else pos
        first, last = sorted((sign(one), sign(other)))
        return ordered[bisect_left(ordered, first, key=sign) : bisect_left(ordered, last + 1, key=sign)]

    def touch(self) -> tuple[int, int]:
        """The best price and its quantity; an empty side has price 0 (bid) or FAR (ask)."""
        if self._waiting:
            self._merge()
        levels, sign = self._levels, -1 if self.is_bid else 1
        heap = self._heap
        if heap is None:
            heap = self._heap = [sign * price for price in levels]
            heapify(heap)
        while heap:
            price = sign * heap[0]
            qty = levels.get(price, 0)
            if qty:
                return price, qty
            # forgotten here as well, so that the price is pushed again when it comes back
            heappop(heap)
            levels.pop(price, None)
        return (0 if self.is_bid else FAR), 0

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
                shown = self._levels[price]
                yield price, shown, self.available(price, shown)
