"""What accounts were told, and how far their listeners have heard it, in the tables of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.venue.chronicle import unpacked
from exec_plugin.journal.entries import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.core.venue.chronicle import Record
    from exec_plugin.journal.store import Store

#: How many events of an account are kept for those who read them later, unless the settings say otherwise.
KEPT_EVENTS = 100_000


class Told(NamedTuple):
    """What an account was told of one step: the numbers of the first and the last event, and all of them as JSON."""

    account: int
    first: int
    last: int
    text: str


class Telling:
    """The tables ``events`` and ``listeners``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: how many events of an account are kept at least
        self.kept = KEPT_EVENTS

    # ------------------------------------------------------------------ events

    def add(self, told: Told) -> None:
        """Add what an account is told of a step; within the caller's transaction."""
        sql = "INSERT INTO events (account, first, last, state) VALUES (?, ?, ?, ?)"
        self._store.backend.run(sql, (told.account, told.first, told.last, seal(told.text)))

    def trim(self, account: int, last: int) -> None:
        """Remove what is too old, where ``last`` is the newest; within the caller's transaction."""
        self._store.backend.run("DELETE FROM events WHERE account = ? AND last <= ?", (account, last - self.kept))

    def rows(self, account: int) -> Iterator[tuple[int, int, str]]:
        """All rows of an account: the numbers of the first and the last event, and their sealed text."""
        sql = "SELECT first, last, state FROM events WHERE account = ? ORDER BY first"
        return self._store.backend.stream(sql, (account,))

    def past(self, account: int) -> Past:
        """The events of an account."""
        return Past(self._store, account)

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
    """The events of one account that are written down."""

    store: Store
    account: int

    def oldest(self) -> int | None:
        """The number of the oldest; None where there is none."""
        sql = "SELECT min(first) FROM events WHERE account = ?"
        found: int | None = self.store.backend.run(sql, (self.account,))[0][0]
        return found

    def after(self, number: int, most: int) -> list[tuple[int, Record]]:
        """
        Those after a number that are there, oldest first: at most so many, or some more.

        Raises:
            JournalError: when they are damaged, or out of reach.
        """
        # each row holds one event at least
        sql = "SELECT first, state FROM events WHERE account = ? AND last > ? ORDER BY first LIMIT ?"
        found: list[tuple[int, Record]] = []
        for first, text in self.store.backend.run(sql, (self.account, number, most)):
            found += enumerate(unpacked(unseal(text)), first)
            if len(found) > most:
                break
        return [each for each in found if each[0] > number]
