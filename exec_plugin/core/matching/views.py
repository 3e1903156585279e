"""Lists of levels and offers, as they are shown and as they are cut to size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.matching.resting import RestingSide
    from exec_plugin.core.orders import LiveOrder

#: What a taker would get: price, quantity and the paper order that gives it (None: somebody else).
Offer = tuple[int, int, "LiveOrder | None"]


def side_view(shown: Iterator[tuple[int, int, int]], side: RestingSide, limit: int) -> list[tuple[int, int]]:
    """The best ``limit`` levels of what is shown and what rests, equal prices added up."""
    levels: dict[int, int] = {}
    for price, _, available in shown:
        if available:
            levels[price] = available
            if len(levels) == limit:
                break
    end = 0 if side.is_bid else FAR
    for level in side.until(next(reversed(levels), end) if len(levels) == limit else end):
        own = sum(order.remaining for order in level)
        levels[level.price] = min(levels.get(level.price, 0) + own, FAR)
    return sorted(levels.items(), reverse=side.is_bid)[:limit]


def trimmed(offers: list[Offer], excess: int) -> list[Offer]:
    """The offers without the last ``excess`` units, which would not make a whole lot."""
    while excess and offers:
        price, qty, maker = offers.pop()
        if qty > excess:
            offers.append((price, qty - excess, maker))
        excess -= min(qty, excess)
    return offers
