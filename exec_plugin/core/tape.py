"""The public trades of one symbol: the recent ones one by one, all of them folded into candles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.clock import MINUTE
if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import PublicTrade


class Tape:
    """
    A bounded list of public trades, oldest first, with the moving average that filters ask for.

    ``trades`` holds the newest ``limit`` to ``2 * limit`` of them. ``on_trim`` hears those that leave, so that
    candles are complete although the list is not.
    """

    __slots__ = ("_after", "_amount", "_first", "_volume", "_window", "limit", "on_trim", "trades", "trimmed")

    def __init__(self, limit: int = 50_000) -> None:
        self.limit = limit
        self.trades: list[PublicTrade] = []
        self.trimmed = 0
        self.on_trim: Callable[[list[PublicTrade]], None] | None = None
        self._window = 0
        self._restart()

    def _restart(self) -> None:
        # positions count from the first trade ever, so that trimming does not move them
        self._first = self._after = self.trimmed
        self._volume = self._amount = 0

    def trim(self) -> None:
        """Let the older half go; called when the list has reached twice its limit."""
        gone = self.trades[: self.limit]
        if self.on_trim is not None:
            self.on_trim(gone)
        del self.trades[: self.limit]
        self.trimmed += len(gone)
        self._restart()

    def average(self, minutes: int, now: int) -> int:
        """
        Volume-weighted price of the last minutes, 0 without trades in them.

        Each trade is added once and taken away once, however often this is asked.
        """
        if minutes != self._window:
            self._window = minutes
            self._restart()
        trades, offset = self.trades, self.trimmed
        known = len(trades)
        for index in range(self._after - offset, known):
            trade = trades[index]
            self._volume += trade[3]
            self._amount += trade[2] * trade[3]
        self._after = offset + known
        since = now - minutes * MINUTE
        while self._first < self._after and (oldest := trades[self._first - offset]).time <= since:
            self._volume -= oldest.qty
            self._amount -= oldest.price * oldest.qty
            self._first += 1
        return self._amount // self._volume if self._volume else 0
