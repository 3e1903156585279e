"""One account that is written down: what entries have told of it, and what of its past may leave memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import JournalError
from exec_plugin.core.venue.state import STATE_VERSION
from exec_plugin.journal.entries import Entry, Fold, Step, chain, merge, unseal

if TYPE_CHECKING:
    from exec_plugin.journal.recorder import Changes
    from exec_plugin.journal.store import Row

#: How many records entries may hold before they are folded with the next one: some ms of work for those who wait for it,
#: and at most as much to open.
FOLD_AT = 256
#: How many records a step has that goes into the tables at once: an entry would be as much work again.
LARGE = 64
#: How many records have to follow what is over and folded before it leaves memory.
KEPT = 1_000


class Book:
    """One account that is written down here."""

    __slots__ = ("_folded", "_marks", "changes", "crc", "is_due", "numbers", "row", "seq", "step")

    def __init__(self, row: Row, changes: Changes, numbers: dict[str, Any]) -> None:
        self.row = row
        self.changes = changes
        self.seq = row.folded
        self.crc = row.crc
        #: all its numbers, and what entries have told since they were folded
        self.numbers = numbers
        self.step = Step()
        #: whether its entries are to be folded now
        self.is_due = False
        #: how many records were folded, and how far they went at each time
        self._folded = 0
        self._marks: deque[Mark] = deque()

    @property
    def last(self) -> Entry:
        """The place of the last entry."""
        return Entry(self.row.id, self.seq, self.crc, "")

    def follow(self, step: Step) -> Entry:
        """
        What is to be written of a step.

        Of one with which all is folded that is its number only: nobody else can write that then.
        """
        self.step.follow(step)
        merge(self.numbers, step.numbers)
        self.seq += 1
        self.is_due = step.weight >= LARGE or self.step.weight >= FOLD_AT or self.seq - self.row.folded >= FOLD_AT
        body = "" if self.is_due else step.body()
        self.crc = chain(self.crc, body)
        return Entry(self.row.id, self.seq, self.crc, body)

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


def read_numbers(row: Row, where: str) -> dict[str, Any]:
    """
    An account's numbers.

    Raises:
        JournalError: when they cannot be read, or a newer version wrote them.
    """
    try:
        numbers: dict[str, Any] = unseal(row.state)
        version = numbers["version"]
    except (JournalError, ValueError, KeyError, TypeError) as error:
        raise JournalError(
            f"account {row.name!r} in {where} is damaged and left as it is; see exec-plugin account verify"
        ) from error
    if version > STATE_VERSION:
        raise JournalError(
            f"account {row.name!r} in {where} was written by a newer exec_plugin; it is left as it is. "
            "Upgrade exec_plugin, or name another account or db_url"
        )
    return numbers
