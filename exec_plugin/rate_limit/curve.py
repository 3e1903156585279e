"""
Arrival curves: the most that was ever spent in any stretch of time, and what may therefore still come.

Spending is kept in steps of a quarter of a second, a little more than a minute of them. A curve lies in the cells of
a store, so that all who share the budget draw it together.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil, inf
from operator import sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells

STEP = 0.25
SIZE = 256
#: What was seen only once is forgotten after one to two generations.
GENERATION = round(900 / STEP)

#: So many stretches of a length have to be seen before their worst is trusted.
TRIALS = 3

_FIRST, CHANGES, _BEGUN, TOTAL = 1, 2, 3, 4
_RING = 8
_MOST = _RING + SIZE
_OLD = _MOST + SIZE


class Curve:
    """One curve, its cells beginning at ``at``; answers are kept until the cells or the question change."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._key: tuple[float, int] = (-1.0, 0)
        self._answer = self._total = self._worth = 0.0
        self._most: list[float] = []
        self._due = inf

    def add(self, cells: Cells, now: float, amount: float, since: float = 0.0) -> None:
        """Count what was spent until now; between ``since`` and now where nobody looked."""
        step, at = now // STEP, self._at
        if step > cells[at]:
            self._roll(cells, step)
        if amount <= 0:
            return
        if since:
            steps = int(min(max(step - since // STEP, 1), SIZE))
            for back in range(steps):
                cells[at + _RING + int(step - back) % SIZE] += amount / steps
        else:
            cells[at + _RING + int(step) % SIZE] += amount
        cells[at + CHANGES] += 1
        cells[at + TOTAL] += amount

    def ahead(self, cells: Cells, now: float, seconds: float, *, smooth: bool = False) -> float:
        """
        The most that may come in the next seconds, judged by everything that was seen until now.

        In any stretch of time came at most what came in the worst one of that length; what came lately is a part of
        the stretch that reaches into the future. ``smooth`` shares a step's amount among its parts.
        """
        at = self._at
        if not cells[at + TOTAL] or seconds <= 0:
            self._most, self._key = [], (-1.0, 0)
            return 0.0
        part = min(seconds / STEP, 1.0) if smooth else 1.0
        steps = min(int(-(-seconds // STEP)), SIZE)
        key = (now // STEP, steps)
        if key != self._key:
            self._roll(cells, key[0])
            self._key, self._answer, self._total = key, self._most_ahead(cells, steps), cells[at + TOTAL]
        # what comes before the step is over is judged by the most that it can mean
        return (self._answer + (cells[at + TOTAL] - self._total) * self._worth) * part

    def worst(self, cells: Cells, seconds: float) -> float:
        """The most that was seen in any stretch of so many seconds."""
        steps = seconds / STEP
        # a damaged file may say anything of when something was
        at = self._at - 1 + (1 if steps <= 1 else ceil(steps) if steps < SIZE else SIZE)
        return max(cells[at + _MOST], cells[at + _OLD], self._seen(cells)[at - self._at])

    def later(self, steps: int) -> float:
        """What ``ahead`` will answer when so many steps are left of what was last asked, and nothing came until then."""
        if not self._most or not steps:
            return 0.0
        return max(0.0, min(self._most[min(steps, SIZE) - 1], self._due))

    def _most_ahead(self, cells: Cells, steps: int) -> float:
        at = self._at
        seen = self._seen(cells)
        most = list(map(max, cells[at + _MOST : at + _OLD], cells[at + _OLD : at + _OLD + SIZE], seen))
        known = self._known(cells)
        top = most[known - 1]
        most[known:] = [max(most[length - 1], top * -(-length // known)) for length in range(known + 1, SIZE + 1)]
        # what comes after a pause may come a little earlier than ever
        reach = [most[min(length + length // 10 + 1, SIZE - 1)] for length in range(steps, max(steps, known))]
        self._most, self._due = most, min(map(sub, reach, seen), default=inf)
        # the worst of short stretches is taken for that of each part of a longer one
        self._worth = -(-min(steps + steps // 10 + 2, SIZE) // known)
        return max(0.0, min(most[steps - 1], self._due))

    def _known(self, cells: Cells) -> int:
        """The longest stretch of which several were seen, so that its worst is more than chance."""
        return int(min(max((cells[self._at] - cells[self._at + _FIRST] + 1) / TRIALS, 4), SIZE))

    def _seen(self, cells: Cells) -> list[float]:
        """What came in the last 1, 2, 3 ... steps."""
        at = self._at
        ring = list(cells[at + _RING : at + _MOST])
        last = int(cells[at]) % SIZE + 1
        return list(accumulate((ring[last:] + ring[:last])[::-1]))

    def _roll(self, cells: Cells, step: float) -> None:
        """Go on to a step; what it leaves behind is learnt from."""
        at = self._at
        current = cells[at]
        if step <= current:
            return
        if not current:
            cells[at + _FIRST] = cells[at + _BEGUN] = step
        elif cells[at + _RING + int(current) % SIZE]:
            self._learn(cells)
        for gone in range(int(max(current + 1, step - SIZE + 1)), int(step) + 1):
            cells[at + _RING + gone % SIZE] = 0.0
        cells[at] = step
        if step - cells[at + _BEGUN] >= GENERATION:
            cells[at + _BEGUN] = step
            for index in range(at + _MOST, at + _OLD):
                cells[index + SIZE], cells[index] = cells[index], 0.0

    def _learn(self, cells: Cells) -> None:
        at = self._at + _MOST
        for index, amount in enumerate(self._seen(cells), at):
            cells[index] = max(cells[index], amount)
