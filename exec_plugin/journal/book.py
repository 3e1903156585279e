"""One account that is written down: what entries have told of it, and what of its past may leave memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.journal.entries import Entry, Fold, Step, merge

if TYPE_CHECKING:
    from exec_plugin.journal.recorder import Changes
    from exec_plugin.journal.store import Row

#: How many records entries may hold before they are folded with the next one: some ms of work for those who wait for it,
#: and at most as much to open.
FOLD_AT = 256
#: How many records have to follow what is over and folded before it leaves memory.
KEPT = 1_000


class Book:
    """One account that is written down here."""

    __slots__ = ("_folded", "_marks", "changes", "crc", "numbers", "row", "seq", "step")

    def __init__(self, row: Row, changes: Changes, numbers: dict[str, Any]) -> None:
        self.row = row
        self.changes = changes
        self.seq = row.folded
        self.crc = row.crc
        #: all its numbers, and what entries have told since they were folded
        self.numbers = numbers
        self.step = Step()
        #: how many records were folded, and how far they went at each time
        self._folded = 0
        self._marks: deque[Mark] = deque()

    @property
    def last(self) -> Entry:
        """The place of the last entry."""
        return Entry(self.row.id, self.seq, self.crc, "")

    def follow(self, entry: Entry, step: Step) -> None:
        """An entry was written."""
        self.seq, self.crc = entry.seq, entry.crc
        self.step.follow(step)
        merge(self.numbers, step.numbers)

    @property
    def is_due(self) -> bool:
        """Whether its entries are to be folded."""
        return self.seq - self.row.folded >= FOLD_AT or self.step.weight >= FOLD_AT

    @property
    def fold(self) -> Fold:
        """What is put into the tables."""
        return Fold(self.last, self.numbers, self.step)

    def folded(self) -> None:
        """Its entries were folded: of what had been folded long before, what is over leaves memory."""
        account = self.changes.account
        self._folded += self.step.weight
        self.step, self.row = Step(), self.row._replace(folded=self.seq, crc=self.crc)
        ends = {
            symbol: (len(desk.orders), len(desk.records), len(desk.prevented_matches))
            for symbol, desk in account.desks.items()
        }
        self._marks.append(Mark(self._folded, ends, account.lists[-1].id if account.lists else 0))
        gone = None
        while self._folded - self._marks[0].folded >= KEPT:
            gone = self._marks.popleft()
        if gone is not None:
            for symbol, lengths in gone.ends.items():
                account.desks[symbol].let_go(*lengths)
            account.let_go_of_lists(gone.last_list)


class Mark(NamedTuple):
    """How far an account's records went when so many of them had been folded."""

    folded: int
    #: by symbol, how many orders, fills and prevented matches there were
    ends: dict[str, tuple[int, int, int]]
    last_list: int
