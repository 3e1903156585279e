"""What units of one asset are worth in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.matching import Market


def convert(markets: Mapping[str, Market], units: int, asset: str, into: str) -> int | None:
    """The value at the last prices, by one market or two; None without any."""
    if asset == into:
        return units
    value = _directly(markets, units, asset, into)
    if value is not None:
        return value
    for symbol in (market.symbol for market in markets.values()):
        between = symbol.quote if symbol.base == into else symbol.base if symbol.quote == into else None
        if between is not None:
            half = _directly(markets, units, asset, between)
            whole = None if half is None else _directly(markets, half, between, into)
            if whole is not None:
                return whole
    return None


def _directly(markets: Mapping[str, Market], units: int, asset: str, into: str) -> int | None:
    bought = markets.get(into + asset)
    if bought is not None and bought.last:
        return units * SCALE // bought.last
    sold = markets.get(asset + into)
    if sold is not None and sold.last:
        return units * sold.last // SCALE
    return None
