"""Stop orders that follow the market (faqs/trailing-stop-faq.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from exec_plugin.core.orders import LiveOrder, Trail


class Trails:
    """
    The trailing stops of one symbol that track its prices.

    ``rise`` and ``fall`` are the nearest prices at which one of them triggers or has to follow: a print between them
    needs no look at any. A new extreme moves every order that it is an extreme for, so each is looked at then.
    """

    __slots__ = ("_orders", "fall", "rise")

    def __init__(self) -> None:
        self._orders: dict[int, tuple[LiveOrder, Trail]] = {}
        self.rise = FAR
        self.fall = 0

    def clear(self) -> None:
        """Forget all orders."""
        self._orders.clear()
        self._guard()

    def track(self, order: LiveOrder, trail: Trail, price: int, now: int) -> None:
        """Follow the market from a price on; 0 is none yet, the first print will be."""
        order.armed = True
        trail.since = now
        trail.extreme = price
        self._orders[order.id] = (order, trail)
        self._guard()

    def remove(self, order: LiveOrder) -> None:
        """Stop following for an order."""
        order.armed = False
        del self._orders[order.id]
        self._guard()

    def follow(self, price: int) -> list[LiveOrder]:
        """Note a print at or beyond a guard, and answer the orders that it triggers, oldest first; they are gone."""
        reached = [order for order, trail in self._orders.values() if self._reaches(order, trail, price)]
        for order in reached:
            order.armed = False
            del self._orders[order.id]
        self._guard()
        return reached

    @staticmethod
    def _reaches(order: LiveOrder, trail: Trail, price: int) -> bool:
        extreme, is_buy = trail.extreme, order.is_buy
        if not extreme or (price < extreme if is_buy else price > extreme):
            trail.extreme = price
            return False
        return price >= trail.trigger(is_buy) if is_buy else price <= trail.trigger(is_buy)

    def _guard(self) -> None:
        rise, fall = FAR, 0
        for order, trail in self._orders.values():
            extreme = trail.extreme
            if not extreme:
                # whatever is printed next is the first that counts
                rise, fall = 0, FAR
            elif order.is_buy:
                rise, fall = min(rise, trail.trigger(is_buy=True)), max(fall, extreme - 1)
            else:
                rise, fall = min(rise, extreme + 1), max(fall, trail.trigger(is_buy=False))
        self.rise, self.fall = rise, fall
