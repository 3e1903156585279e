"""
Where accounts are written down: the tables, and all that is asked of them, over SQLite or PostgreSQL.

An entry is what one acknowledged step changed of one account, as JSON; entries are only ever added, numbered without
gaps, each with a checksum that covers all before it. From time to time they are folded into the tables that hold the
account as it is, and removed in the same transaction.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from exec_plugin.core.errors import ExecPluginError, JournalError
from exec_plugin.journal.doors import Door
from exec_plugin.journal.entries import RECORDS, Entry, chain, dump, seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from exec_plugin.journal.entries import Line, Step

#: The version of the tables; what an older one lacks is added by ``MIGRATIONS[version]``.
SCHEMA_VERSION = 2
_DOORS = "CREATE TABLE doors (account BIGINT PRIMARY KEY, state TEXT NOT NULL)"
MIGRATIONS: Mapping[int, Sequence[str]] = {1: (_DOORS,)}
TABLES = (
    """CREATE TABLE accounts (
        id {serial}, venue TEXT NOT NULL, name TEXT NOT NULL, created BIGINT NOT NULL, holder TEXT NOT NULL DEFAULT '',
        folded BIGINT NOT NULL DEFAULT 0, crc BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '',
        UNIQUE (venue, name))""",
    """CREATE TABLE entries (
        account BIGINT NOT NULL, seq BIGINT NOT NULL, crc BIGINT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (account, seq)){clustered}""",
    """CREATE TABLE orders (
        account BIGINT NOT NULL, id BIGINT NOT NULL, symbol TEXT NOT NULL, client_id TEXT NOT NULL, list BIGINT,
        is_open INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (account, id)){clustered}""",
    """CREATE TABLE lists (
        account BIGINT NOT NULL, id BIGINT NOT NULL, client_id TEXT NOT NULL, first BIGINT NOT NULL,
        is_open INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (account, id)){clustered}""",
    """CREATE TABLE fills (
        account BIGINT NOT NULL, symbol TEXT NOT NULL, n BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (account, symbol, n)){clustered}""",
    """CREATE TABLE prevented (
        account BIGINT NOT NULL, symbol TEXT NOT NULL, n BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (account, symbol, n)){clustered}""",
    "CREATE TABLE markets (venue TEXT PRIMARY KEY, state TEXT NOT NULL)",
    _DOORS,
)
#: The tables that hold what belongs to an account.
OWNED = ("entries", *RECORDS, "doors")
_WRITE = {
    "orders": "INSERT INTO orders (account, id, symbol, client_id, list, is_open, state) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (account, id) DO UPDATE SET client_id = excluded.client_id, is_open = excluded.is_open, "
    "state = excluded.state",
    "lists": "INSERT INTO lists (account, id, client_id, first, is_open, state) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (account, id) DO UPDATE SET is_open = excluded.is_open, state = excluded.state",
    "fills": "INSERT INTO fills (account, symbol, n, state) VALUES (?, ?, ?, ?)",
    "prevented": "INSERT INTO prevented (account, symbol, n, state) VALUES (?, ?, ?, ?)",
}


class Row(NamedTuple):
    """An account's line: its numbers are ``state``, as of the entry ``folded``."""

    id: int
    venue: str
    name: str
    created: int
    holder: str
    folded: int
    crc: int
    state: str

    def check(self) -> None:
        """
        Whether the next entry can follow on it.

        Raises:
            TypeError: when what numbers and seals it is no number, which SQLite does not mind.
        """
        if not (isinstance(self.folded, int) and isinstance(self.crc, int)):
            msg = f"folded={self.folded!r} and crc={self.crc!r} are numbers"
            raise TypeError(msg)


class Backend(Protocol):
    """A database with the few things that a store asks of it; what it cannot do is a `JournalError`."""

    #: for people, without a password
    where: str
    #: what the tables are made of here
    words: Mapping[str, str]

    def run(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Answer the rows of a statement; ``?`` stands for a parameter."""

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement one by one."""

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of some rows."""

    def transaction(self) -> AbstractContextManager[None]:
        """All that is done within is done together or not at all."""

    def claim(self, account: int) -> bool:
        """Become the only one who writes an account, until ``close`` or the process ends; False when another one is."""

    def is_claimed(self, account: int) -> bool:
        """Whether somebody else writes an account."""

    def release(self, account: int) -> None:
        """Let others write an account."""

    def renew(self) -> None:
        """Find back to a database that was out of reach, with the same accounts claimed."""

    def check(self) -> list[str]:
        """What the database itself finds wrong with its files."""

    def close(self) -> None:
        """Let go of it."""


@contextmanager
def readable(where: str) -> Iterator[None]:
    """What cannot be read within, because it is not what was written, is told as such and with what to do."""
    try:
        yield
    except ExecPluginError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise JournalError(
            f"{where} is damaged: {error!r}; it is left as it is. See exec-plugin account verify"
        ) from error


class Store:
    """The accounts in one database."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.where = backend.where

    # ------------------------------------------------------------------ accounts

    def rows(self) -> list[Row]:
        """All accounts."""
        columns = ", ".join(Row._fields)
        return [Row(*row) for row in self.backend.run(f"SELECT {columns} FROM accounts ORDER BY id")]  # noqa: S608

    def find(self, venue: str, name: str) -> Row | None:
        """The account of a name on a venue."""
        return next((row for row in self.rows() if (row.venue, row.name) == (venue, name)), None)

    def enrol(self, venue: str, name: str, now: int) -> Row:
        """The account of a name on a venue, with a line of its own from now on."""
        sql = "INSERT INTO accounts (venue, name, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self.backend.run(sql, (venue, name, now))
        row = self.find(venue, name)
        if row is None:
            raise JournalError(f"{self.where}: the account {name!r} that was just written is not there")
        return row

    def claim(self, row: Row, holder: str) -> None:
        """
        Become the only writer of an account.

        Raises:
            JournalError: when another process is; it is named.
        """
        if not self.backend.claim(row.id):
            raise self.in_use(row)
        try:
            with self.backend.transaction():
                self.backend.run("UPDATE accounts SET holder = ? WHERE id = ?", (holder, row.id))
                # what a server that was killed has left leads nowhere
                self.backend.run("DELETE FROM doors WHERE account = ?", (row.id,))
        except JournalError:
            self.backend.release(row.id)
            raise

    def in_use(self, row: Row, why: str = "") -> JournalError:
        """The error of an account that another process has; ``why`` says what else stands in the way."""
        found = self.find(row.venue, row.name)
        return JournalError(
            f"account {row.name!r} in {self.where} is in use by {(found and found.holder) or 'another process'}: "
            f"{why}stop that one, trade through its server, or name another account or db_url"
        )

    def open_door(self, account: int, holder: str, door: Door) -> None:
        """Leave beside an account that was claimed what lets others trade for it through its holder."""
        with self.backend.transaction():
            self.backend.run("UPDATE accounts SET holder = ? WHERE id = ?", (holder, account))
            sql = "INSERT INTO doors (account, state) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET state = excluded.state"
            self.backend.run(sql, (account, door.dump()))

    def close_door(self, account: int) -> None:
        """Take away what lets others trade for an account."""
        self.backend.run("DELETE FROM doors WHERE account = ?", (account,))

    def door(self, row: Row) -> Door | None:
        """The door to an account whose holder serves it; None where nobody does."""
        rows = self.backend.run("SELECT state FROM doors WHERE account = ?", (row.id,))
        if not rows or not self.backend.is_claimed(row.id):
            return None
        with readable(self.where):
            return Door.load(rows[0][0])

    # ------------------------------------------------------------------ writing

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries down, all or none; when this returns they are as durable as the level says."""
        sql = "INSERT INTO entries (account, seq, crc, body) VALUES (?, ?, ?, ?)"
        if len(entries) == 1:
            self.backend.run(sql, entries[0])
            return
        with self.backend.transaction():
            for entry in entries:
                self.backend.run(sql, entry)

    def fold(self, upto: Entry, numbers: Mapping[str, Any], step: Step) -> None:
        """Put what entries up to one changed into the tables, with all numbers of the account, and remove them."""
        account = upto.account
        with self.backend.transaction():
            for table, sql in _WRITE.items():
                if lines := step.lines[table]:
                    self.backend.run_many(sql, [(account, *line[:-1], seal(line[-1])) for line in lines.values()])
            self.backend.run(
                "UPDATE accounts SET folded = ?, crc = ?, state = ? WHERE id = ?",
                (upto.seq, upto.crc, seal(dump(numbers)), account),
            )
            self.backend.run("DELETE FROM entries WHERE account = ? AND seq <= ?", (account, upto.seq))

    def note_market(self, venue: str, state: Mapping[str, Any]) -> None:
        """Remember where a market was seen last."""
        sql = (
            "INSERT INTO markets (venue, state) VALUES (?, ?) ON CONFLICT (venue) DO UPDATE SET state = excluded.state"
        )
        self.backend.run(sql, (venue, dump(state)))

    def forget(self, account: int) -> None:
        """Remove an account and all that belongs to it."""
        with self.backend.transaction():
            for table in OWNED:
                self.backend.run(f"DELETE FROM {table} WHERE account = ?", (account,))  # noqa: S608
            self.backend.run("DELETE FROM accounts WHERE id = ?", (account,))

    # ------------------------------------------------------------------ reading

    def market(self, venue: str) -> dict[str, Any]:
        """Where a market was seen last; empty for one that was not."""
        rows = self.backend.run("SELECT state FROM markets WHERE venue = ?", (venue,))
        found: dict[str, Any] = {}
        with readable(self.where):
            found.update(json.loads(rows[0][0]) if rows else {})
        return found

    def entries(self, row: Row) -> list[Entry]:
        """
        What was written since an account was last folded.

        Raises:
            JournalError: when an entry is missing or is not what was written.
        """
        found, problem = self.whole_entries(row)
        if problem:
            raise JournalError(
                f"account {row.name!r} in {self.where}: {problem}; nothing was changed. "
                "See exec-plugin account verify; account repair keeps what is whole in another file"
            )
        return found

    def whole_entries(self, row: Row) -> tuple[list[Entry], str]:
        """What was written since an account was last folded, up to the first entry that is not whole; and its problem."""
        sql = "SELECT account, seq, crc, body FROM entries WHERE account = ? ORDER BY seq"
        found: list[Entry] = []
        seq, crc = row.folded, row.crc
        for entry in map(Entry._make, self.backend.run(sql, (row.id,))):
            seq += 1
            # SQLite keeps a value of any kind in a column of any other
            if not isinstance(entry.body, str):
                return found, f"entry {seq} is damaged"
            crc = chain(crc, entry.body)
            if (entry.seq, entry.crc) != (seq, crc):
                return found, f"entry {seq} is missing or damaged"
            found.append(entry)
        return found, ""

    def table(self, table: str, account: int) -> Iterator[Line]:
        """An account's lines of ``orders``, ``lists``, ``fills`` or ``prevented``, in their order, without the account."""
        columns, order = {
            "orders": ("symbol, id, client_id, list, is_open, state", "id"),
            "lists": ("id, client_id, first, is_open, state", "id"),
            "fills": ("symbol, n, state", "symbol, n"),
            "prevented": ("symbol, n, state", "symbol, n"),
        }[table]
        sql = f"SELECT {columns} FROM {table} WHERE account = ? ORDER BY {order}"  # noqa: S608
        return self.backend.stream(sql, (account,))

    def close(self) -> None:
        """Let go of the database."""
        self.backend.close()
