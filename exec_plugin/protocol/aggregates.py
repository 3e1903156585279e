"""Aggregate trades: the public trades of one taker order at one price, as one (rest-api.md, Compressed trades)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.protocol.periods import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exec_plugin.core.tape import Tape


class Aggregate(NamedTuple):
    """Consecutive public trades of one taker at one price."""

    id: int
    first_id: int
    last_id: int
    time: int
    price: int
    qty: int
    taker_is_seller: bool


class Aggregates:
    """
    The aggregate trades of one market, as far back as its tape, numbered from 1.

    A feed does not say whose order took: neighbours with the same time, price and side count as one taker's, unless
    the tape is cut between them. Only where each aggregate begins is remembered, as the number of trades before it.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._position = tape.trimmed
        self._begins = array("q")
        self._dropped = 0

    def _refresh(self) -> None:
        tape, position = self._tape, self._position
        # one trade back, which the first new one may continue
        index = position - tape.trimmed
        if position == tape.end:
            return
        before = tape[index - 1] if index else None
        cuts, fresh, end = frozenset(tape.cuts), array("q"), len(self._begins)
        for record in tape[index:]:
            if (
                before is None
                or record[1] != before[1]
                or record[2] != before[2]
                or record[5] is not before[5]
                or position in cuts
            ):
                fresh.append(position)
            before = record
            position += 1
        # in one: what Ctrl-C interrupts is done again
        self._begins[end:], self._position = fresh, position
        tape.cuts = [cut for cut in tape.cuts if cut >= position]

    def total(self) -> int:
        """How many there have been, the one included that may still grow."""
        self._refresh()
        return self._dropped + len(self._begins)

    @property
    def is_whole(self) -> bool:
        """Whether the newest one can grow no more."""
        return self._tape.end in self._tape.cuts

    def trim(self) -> None:
        """Let those go whose beginning is about to leave the tape."""
        self._refresh()
        tape = self._tape
        leaving = bisect_left(self._begins, tape.trimmed + tape.most - tape.limit)
        self._begins[:leaving], self._dropped = array("q"), self._dropped + leaving

    def from_id(self, number: int, limit: int) -> list[Aggregate]:
        """Those from a number on."""
        self._refresh()
        first = max(number - self._dropped - 1, 0)
        return self._rows(range(first, min(first + limit, len(self._begins))))

    def within(self, start: int | None, end: int | None, limit: int) -> list[Aggregate]:
        """Those within two times: the oldest ones where a start is given, the newest ones where not."""
        self._refresh()
        return self._rows(chosen(range(len(self._begins)), self._place(start, 0), self._place(end, 1), limit))

    def _place(self, moment: int | None, later: int) -> int | None:
        if moment is None:
            return None
        tape, trimmed = self._tape, self._tape.trimmed
        return bisect_left(self._begins, moment + later, key=lambda begin: tape[begin - trimmed][1]) - later

    def _rows(self, places: Sequence[int]) -> list[Aggregate]:
        begins, tape, trimmed = self._begins, self._tape, self._tape.trimmed
        found = []
        for place in places:
            end = begins[place + 1] if place + 1 < len(begins) else self._position
            part = tape[begins[place] - trimmed : end - trimmed]
            first_id, time, price, _, _, taker_is_seller = part[0]
            qty = sum([record[3] for record in part])
            number = self._dropped + place + 1
            found.append(Aggregate(number, first_id, part[-1][0], time, price, qty, taker_is_seller))
        return found
