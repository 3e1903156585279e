"""Lists of levels and offers, as they are shown and as they are cut to size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.matching.market import Market
    from exec_plugin.core.matching.resting import Level, RestingSide
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
        levels[level.price] = min(levels.get(level.price, 0) + own_quantity(level), FAR)
    return sorted(levels.items(), reverse=side.is_bid)[:limit]


def level_view(price: int, market: Market, *, is_bid: bool) -> int:
    """What a market's ``depth_view`` shows at one price; 0 where nothing is."""
    if is_bid:
        depth, side, touch, shown = market.bids, market.buys, market.bid, market.bid_qty
    else:
        depth, side, touch, shown = market.asks, market.sells, market.ask, market.ask_qty
    if touch in (0, FAR):
        # an empty side hides what a book may still hold
        shown = 0
    elif price != touch:
        is_behind = price < touch if is_bid else price > touch
        shown = depth.shown(price) if is_behind else 0
    others = depth.available(price, shown) if shown else 0
    level = side.levels.get(price)
    return others if level is None else min(others + own_quantity(level), FAR)


def own_quantity(level: Level) -> int:
    """What the paper orders of a level show."""
    return sum(order.visible for order in level)


def trimmed(offers: list[Offer], excess: int) -> list[Offer]:
    """The offers without the last ``excess`` units, which would not make a whole lot."""
    while excess and offers:
        price, qty, maker = offers.pop()
        if qty > excess:
            offers.append((price, qty - excess, maker))
        excess -= min(qty, excess)
    return offers
