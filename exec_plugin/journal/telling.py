"""What accounts were told, and how far their listeners have heard it, in the tables of a database."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.venue.chronicle import unpacked
from exec_plugin.journal.entries import seal, unseal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exec_plugin.core.venue.chronicle import Record
    from exec_plugin.journal.entries import Told
    from exec_plugin.journal.store import Store

#: How many events of an account are kept for those who read them later, unless the settings say otherwise.
KEPT_EVENTS = 100_000
#: How many of them make a row, from which on there is a new one.
_A_ROW = 250


class Telling:
    """The tables ``events`` and ``listeners``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: how many events of an account are kept at least
        self.kept = KEPT_EVENTS

    # ------------------------------------------------------------------ events

    def add(self, account: int, events: Sequence[Told]) -> None:
        """Add events of an account, and remove those that are too old; within the caller's transaction."""
        if not events:
            return
        sql = "INSERT INTO events (account, first, last, state) VALUES (?, ?, ?, ?)"
        self._store.backend.run_many(sql, [(account, *row) for row in _rows(events)])
        gone = events[-1].last - self.kept
        self._store.backend.run("DELETE FROM events WHERE account = ? AND last <= ?", (account, gone))

    def rows(self, account: int) -> Iterator[tuple[int, int, str]]:
        """All rows of an account: the numbers of the first and the last event, and their sealed text."""
        sql = "SELECT first, last, state FROM events WHERE account = ? ORDER BY first"
        return self._store.backend.stream(sql, (account,))

    def past(self, account: int, recent: Callable[[], Sequence[Told]]) -> Past:
        """The events of an account; ``recent`` are those that are in entries."""
        return Past(self._store, account, recent)

    # ------------------------------------------------------------------ listeners

    def heard(self, account: int) -> dict[str, int]:
        """The number of the last event that each listener of an account has acknowledged, by its name."""
        sql = "SELECT name, seq FROM listeners WHERE account = ? ORDER BY name"
        return {str(name): int(seq) for name, seq in self._store.backend.run(sql, (account,))}

    def acknowledge(self, account: int, name: str, seq: int) -> None:
        """A listener has heard all up to an event: known after a killed process, and mostly after a power cut."""
        self._store.backend.run_soon(
            "INSERT INTO listeners (account, name, seq) VALUES (?, ?, ?) "
            "ON CONFLICT (account, name) DO UPDATE SET seq = excluded.seq",
            (account, name, seq),
        )


class Past(NamedTuple):
    """The events of one account that are written down: those of entries are in memory as well, others in the table."""

    store: Store
    account: int
    recent: Callable[[], Sequence[Told]]

    def oldest(self) -> int | None:
        """The number of the oldest; None where there is none."""
        sql = "SELECT min(first) FROM events WHERE account = ?"
        found: int | None = self.store.backend.run(sql, (self.account,))[0][0]
        recent = self.recent()
        return recent[0].first if found is None and recent else found

    def after(self, number: int, most: int) -> list[tuple[int, Record]]:
        """
        Those after a number that are there, oldest first: at most so many, or some more.

        Raises:
            JournalError: when they are damaged, or out of reach.
        """
        recent = self.recent()
        found: list[tuple[int, Record]] = []
        if not recent or number + 1 < recent[0].first:
            sql = "SELECT first, state FROM events WHERE account = ? AND last > ? ORDER BY first LIMIT ?"
            for first, text in self.store.backend.run(sql, (self.account, number, 1 + most // _A_ROW)):
                found += _read(first, unseal_text(text))
        if not found:
            for told in recent[bisect_right(recent, number, key=lambda told: told.last) :]:
                found += _read(told.first, told.text)
                if len(found) >= most:
                    break
        return [each for each in found if each[0] > number]


def _read(first: int, text: str) -> Iterator[tuple[int, Record]]:
    return enumerate(unpacked(json.loads(f"[{text}]")), first)


def _rows(events: Sequence[Told]) -> Iterator[tuple[int, int, str]]:
    """Events in rows of some size: most rows that would be written belong to steps of a few."""
    texts: list[str] = []
    first = 0
    for told in events:
        first = told.first if not texts else first
        texts.append(told.text)
        if told.last - first >= _A_ROW or told is events[-1]:
            yield first, told.last, seal(",".join(texts))
            texts.clear()
