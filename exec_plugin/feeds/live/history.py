"""
The past of a market from its candles of one minute, so that candles and tickers are there from the first moment.

A candle is told by at most four prints, as in `exec_plugin.feeds.ohlcv`, and by no more than there were trades. They
carry ids of the trades they stand for: the first and the last are right, and those that follow have their true ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.events import TRADE
from exec_plugin.feeds.ohlcv import path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exec_plugin.core.events import Row
    from exec_plugin.core.symbols import Symbol

    from .payloads import Minute

#: Moments of open, extremes and close in a minute.
_OFFSETS = (0, MINUTE // 4, MINUTE // 2, MINUTE - 1)
_PARTS = len(_OFFSETS)


def history_rows(symbol: Symbol, minutes: Iterable[Minute], begin_id: int) -> list[Row]:
    """
    Candles as prints.

    Args:
        symbol: whose they are.
        minutes: one after another.
        begin_id: the id of the first trade after them.
    """
    minutes = [minute for minute in minutes if minute.trades > 0 and minute.candle.volume > 0]
    number = begin_id - sum(minute.trades for minute in minutes)
    rows: list[Row] = []
    before, seller = 0, False
    for minute in minutes:
        prints = _prints(minute)
        # ids of one candle: the first, those after it, and the last; 0 where they would begin before the first of all
        ids = [*range(number, number + len(prints) - 1), number + minute.trades - 1]
        for (offset, price), qty, trade_id in zip(prints, _split(minute, len(prints), symbol), ids, strict=True):
            time = minute.candle.time + offset
            seller = price < before or (price == before and seller)
            before = price
            rows.append((TRADE, time, symbol.name, price, qty, seller, max(trade_id, 0), time))
        number += minute.trades
    return rows


def _prints(minute: Minute) -> list[tuple[int, int]]:
    """Moments and prices, no more than there were trades: those in between go first where open or close show them."""
    candle, most = minute.candle, min(minute.trades, _PARTS)
    prints = list(zip(_OFFSETS, path(candle), strict=True))
    if most < _PARTS:
        ends = {candle.open, candle.close}
        prints = [prints[0], *(each for each in prints[1:-1] if each[1] not in ends), prints[-1]]
    return prints[-1:] if most == 1 else prints


def _split(minute: Minute, parts: int, symbol: Symbol) -> list[int]:
    """The volume in even parts, on the lot's grid where there is enough; the rest goes to the close."""
    volume, step = minute.candle.volume, symbol.lot.step
    grain = step if volume >= parts * step else 1
    part = volume // (parts * grain) * grain
    return [part] * (parts - 1) + [volume - (parts - 1) * part]
