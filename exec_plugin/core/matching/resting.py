"""One side of the paper orders that rest on a symbol's book, and the stops that wait beside it."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from exec_plugin.core.orders import UNSEEN
from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.orders import LiveOrder

#: How many dead prices a side keeps before it tidies up.
_SPARE = 8


class Level:
    """
    The paper orders at one price, oldest first.

    ``consumed`` counts what trades and cancellations took from the external queue here; an order's position is
    ``ahead - consumed``, so a trade at this price costs one addition whatever the number of orders.
    ``shown`` is what was last displayed here, UNSEEN where no book told; ``printed`` is what traded since then.
    """

    __slots__ = ("consumed", "dead", "orders", "price", "printed", "shown")

    def __init__(self, price: int, shown: int) -> None:
        self.price = price
        self.shown = shown
        self.orders: deque[LiveOrder] = deque()
        self.dead = 0
        self.consumed = 0
        self.printed = 0

    def first(self) -> LiveOrder:
        """The oldest order that is still here; a level in use always has one."""
        orders = self.orders
        while orders[0].level is not self:
            orders.popleft()
            self.dead -= 1
        return orders[0]

    def __iter__(self) -> Iterator[LiveOrder]:
        return (order for order in self.orders if order.level is self)

    def gap(self, order: LiveOrder) -> int:
        """The external quantity still ahead of an order."""
        return FAR if order.ahead == UNSEEN else max(order.ahead - self.consumed, 0)


class RestingSide:
    """
    Price levels of paper orders with the best price at hand.

    Removing is O(1): the order forgets its level, queues and heap drop what is dead when they meet it, and are
    rebuilt when the dead outnumber the living. ``best`` is 0 (bids) or FAR (asks) while the side is empty.
    """

    __slots__ = ("_heap", "best", "is_bid", "levels")

    def __init__(self, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.levels: dict[int, Level] = {}
        self._heap: list[int] = []
        self.best = 0 if is_bid else FAR

    def clear(self) -> None:
        """Forget all orders."""
        self.levels.clear()
        self._heap.clear()
        self.best = 0 if self.is_bid else FAR

    def add(self, order: LiveOrder, ahead: int) -> None:
        """Put an order at the end of the queue at its price, behind ``ahead`` external units."""
        price = order.price
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price, ahead)
            heappush(self._heap, -price if self.is_bid else price)
            if price > self.best if self.is_bid else price < self.best:
                self.best = price
        order.ahead = ahead if ahead == UNSEEN else level.consumed + ahead
        order.level = level
        level.orders.append(order)

    def remove(self, order: LiveOrder) -> None:
        """Take an order off the book."""
        level: Level = order.level
        order.level = None
        level.dead += 1
        alive = len(level.orders) - level.dead
        if not alive:
            del self.levels[level.price]
            if level.price == self.best or len(self._heap) > 2 * len(self.levels) + _SPARE:
                self._find_best()
        elif level.dead > alive:
            level.orders = deque(level)
            level.dead = 0

    def _find_best(self) -> None:
        heap, levels = self._heap, self.levels
        if len(heap) > 2 * len(levels) + _SPARE:
            heap[:] = [-price for price in levels] if self.is_bid else list(levels)
            heapify(heap)
        sign = -1 if self.is_bid else 1
        while heap and sign * heap[0] not in levels:
            heappop(heap)
        self.best = sign * heap[0] if heap else (0 if self.is_bid else FAR)

    def until(self, limit: int) -> Iterator[Level]:
        """The levels at ``limit`` or better, best first; each costs when it is asked for, and nothing may move then."""
        heap, levels = self._heap, self.levels
        sign = -1 if self.is_bid else 1
        bound = sign * limit
        if not heap or heap[0] > bound:
            return
        # a walk down the heap, which stays as it is: what comes next is a child of what came before
        waiting, last = [(heap[0], 0)], None
        while waiting and waiting[0][0] <= bound:
            price, place = heappop(waiting)
            for child in range(2 * place + 1, min(2 * place + 3, len(heap))):
                heappush(waiting, (heap[child], child))
            if price != last and (level := levels.get(sign * price)) is not None:
                yield level
            last = price


class StopSide:
    """Orders waiting for the last price to rise to (``above``) or fall to their stop price, nearest first."""

    __slots__ = ("_dead", "_heap", "above", "nearest")

    def __init__(self, above: bool) -> None:
        self.above = above
        self._heap: list[tuple[int, int, LiveOrder]] = []
        self._dead = 0
        self.nearest = FAR if above else 0

    def clear(self) -> None:
        """Forget all orders."""
        self._heap.clear()
        self._dead = 0
        self._find_nearest()

    def add(self, order: LiveOrder) -> None:
        """Arm an order."""
        order.armed = True
        heappush(self._heap, (order.stop if self.above else -order.stop, order.id, order))
        self._find_nearest()

    def remove(self, order: LiveOrder) -> None:
        """Disarm an order."""
        order.armed = False
        self._dead += 1
        if 2 * self._dead > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].armed]
            heapify(self._heap)
            self._dead = 0
        self._find_nearest()

    def pop(self) -> LiveOrder:
        """Disarm and answer the nearest order, the oldest of those at one price."""
        order = heappop(self._heap)[2]
        order.armed = False
        self._find_nearest()
        return order

    def _find_nearest(self) -> None:
        heap = self._heap
        while heap and not heap[0][2].armed:
            heappop(heap)
            self._dead -= 1
        self.nearest = heap[0][2].stop if heap else (FAR if self.above else 0)
