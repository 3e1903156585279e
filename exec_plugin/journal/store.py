"""
Where accounts are written down: the tables, and all that is asked of them, over SQLite or PostgreSQL.

An entry is what one acknowledged step changed of one account, as JSON; entries are only ever added, numbered without
gaps, each with a checksum that covers all before it. From time to time they are folded into the tables that hold the
account as it is, and removed in the same transaction.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from exec_plugin.core.errors import ExecPluginError, JournalError
from exec_plugin.journal.doors import Door
from exec_plugin.journal.entries import RECORDS, Entry, chain, dump, seal
from exec_plugin.journal.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from exec_plugin.journal.entries import Fold, Line
    from exec_plugin.journal.telling import Told

#: The version of the tables; what an older one lacks is added by ``MIGRATIONS[version]``.
SCHEMA_VERSION = 4
#: How to get in where a server has an account.
_DOORS = "CREATE TABLE doors (account BIGINT PRIMARY KEY, state TEXT NOT NULL)"
#: By what the past is looked for: orders by their place on their symbol and by client id, what is open by that alone.
_INDEXES = (
    "CREATE UNIQUE INDEX orders_by_place ON orders (account, symbol, n)",
    "CREATE INDEX orders_by_name ON orders (account, symbol, client_id, named) WHERE client_id <> ''",
    "CREATE INDEX orders_open ON orders (account, id) WHERE is_open = 1",
    "CREATE INDEX lists_by_name ON lists (account, client_id, id) WHERE client_id <> ''",
    "CREATE INDEX lists_by_time ON lists (account, time)",
    "CREATE INDEX lists_open ON lists (account, id) WHERE is_open = 1",
)
#: What accounts are told, and how far their listeners have heard.
_TELLING = (
    """CREATE TABLE events (
        account BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (account, first))""",
    """CREATE TABLE listeners (
        account BIGINT NOT NULL, name TEXT NOT NULL, seq BIGINT NOT NULL,
        PRIMARY KEY (account, name)){clustered}""",
)
MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE orders ADD COLUMN n BIGINT NOT NULL DEFAULT -1",
        "ALTER TABLE orders ADD COLUMN named BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE lists ADD COLUMN time BIGINT NOT NULL DEFAULT 0",
        # names were given in the order of the orders, as far as is known
        """UPDATE orders SET n = placed.n, named = placed.id FROM (
        SELECT account, id, row_number() OVER (PARTITION BY account, symbol ORDER BY id) - 1 AS n FROM orders
        ) AS placed WHERE orders.account = placed.account AND orders.id = placed.id""",
        "UPDATE lists SET time = {list_time}",
        *_INDEXES,
    ),
    2: (_DOORS,),
    3: _TELLING,
}
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
        is_open INTEGER NOT NULL, state TEXT NOT NULL, n BIGINT NOT NULL, named BIGINT NOT NULL,
        PRIMARY KEY (account, id)){clustered}""",
    """CREATE TABLE lists (
        account BIGINT NOT NULL, id BIGINT NOT NULL, client_id TEXT NOT NULL, first BIGINT NOT NULL,
        is_open INTEGER NOT NULL, state TEXT NOT NULL, time BIGINT NOT NULL, PRIMARY KEY (account, id)){clustered}""",
    """CREATE TABLE fills (
        account BIGINT NOT NULL, symbol TEXT NOT NULL, n BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (account, symbol, n)){clustered}""",
    """CREATE TABLE prevented (
        account BIGINT NOT NULL, symbol TEXT NOT NULL, n BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (account, symbol, n)){clustered}""",
    "CREATE TABLE markets (venue TEXT PRIMARY KEY, state TEXT NOT NULL)",
    _DOORS,
    *_TELLING,
    *_INDEXES,
)
#: The tables that hold what belongs to an account.
OWNED = ("entries", *RECORDS, "doors", "events", "listeners")
_WRITE = {
    "lists": "INSERT INTO lists (account, id, client_id, first, is_open, time, state) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (account, id) DO UPDATE SET is_open = excluded.is_open, time = excluded.time, state = excluded.state",
    "fills": "INSERT INTO fills (account, symbol, n, state) VALUES (?, ?, ?, ?)",
    "prevented": "INSERT INTO prevented (account, symbol, n, state) VALUES (?, ?, ?, ?)",
}
_NEW_ENTRY = "INSERT INTO entries (account, seq, crc, body) VALUES (?, ?, ?, ?)"
_NEW_ORDER = (
    "INSERT INTO orders (account, id, symbol, client_id, named, list, is_open, state, n) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OLD_ORDER = "UPDATE orders SET client_id = ?, named = ?, is_open = ?, state = ? WHERE account = ? AND id = ?"
#: How many lines are looked for by their ids, and how many order lists of the past are read, at once.
PAGE = 500
#: The largest number that the tables hold.
LARGEST = 2**63 - 1


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
    #: whether a commit waits for a disk or a server
    waits: bool

    def run(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Answer the rows of a statement; ``?`` stands for a parameter."""

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement one by one."""

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each of some rows."""

    def run_soon(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement whose effect outlives a killed process; after a power cut it may be missing."""

    def transaction(self) -> AbstractContextManager[None]:
        """All that is done within is done together or not at all."""

    def begin(self) -> None:
        """Begin a transaction that ``commit`` or ``roll_back`` ends."""

    def commit(self) -> None:
        """Have it done; in any thread, while others wait."""

    def roll_back(self) -> None:
        """Have nothing of it done."""

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
        self.told = Telling(self)

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

    def append(self, entries: Sequence[Entry], told: Sequence[Told] = (), folds: Sequence[Fold] = ()) -> None:
        """
        Write entries down, with what is told of them, and fold some accounts, all or none of it.

        When this returns they are as durable as the level says.
        """
        if len(entries) == 1 and not (told or folds):
            self.backend.run(_NEW_ENTRY, entries[0])
            return
        with self.backend.transaction():
            self._add(entries, told, folds)

    def begin(self, entries: Sequence[Entry], told: Sequence[Told] = (), folds: Sequence[Fold] = ()) -> None:
        """As ``append``, but the transaction is left open: the backend's ``commit`` ends it, in any thread."""
        self.backend.begin()
        try:
            self._add(entries, told, folds)
        except BaseException:
            self.backend.roll_back()
            raise

    def _add(self, entries: Sequence[Entry], told: Sequence[Told], folds: Sequence[Fold]) -> None:
        for entry in entries:
            self.backend.run(_NEW_ENTRY, entry)
        for each in told:
            self.told.add(each)
        for fold in folds:
            self._fold(fold)

    def fold(self, fold: Fold) -> None:
        """Put what entries told of an account into the tables, and remove them."""
        with self.backend.transaction():
            self._fold(fold)

    def _fold(self, fold: Fold) -> None:
        upto, numbers, step = fold
        account = upto.account
        self._write_orders(account, step.lines["orders"].values())
        for table, sql in _WRITE.items():
            if lines := step.lines[table]:
                self.backend.run_many(sql, [(account, *line[:-1], seal(line[-1])) for line in lines.values()])
        self.backend.run(
            "UPDATE accounts SET folded = ?, crc = ?, state = ? WHERE id = ?",
            (upto.seq, upto.crc, seal(dump(numbers)), account),
        )
        self.told.trim(account, numbers.get("events", 0))
        self.backend.run("DELETE FROM entries WHERE account = ? AND seq <= ?", (account, upto.seq))

    def _write_orders(self, account: int, lines: Iterable[Line]) -> None:
        """Write orders down; new ones, which come after all others of their symbol, are given their places."""
        ends: dict[str, list[int]] = {}
        new, old = [], []
        for line in sorted(lines):
            number, symbol, client_id, named, group, is_open, text = line
            state = seal(text)
            end = ends.get(symbol) or ends.setdefault(symbol, self._end(account, symbol))
            if number > end[1]:
                new.append((account, number, symbol, client_id, named, group, is_open, state, end[0]))
                end[:] = (end[0] + 1, number)
            else:
                old.append((client_id, named, is_open, state, account, number))
        for sql, rows in ((_NEW_ORDER, new), (_OLD_ORDER, old)):
            if rows:
                self.backend.run_many(sql, rows)

    def _end(self, account: int, symbol: str) -> list[int]:
        """How many orders there are on a symbol, and the id of the last one."""
        sql = "SELECT n + 1, id FROM orders WHERE account = ? AND symbol = ? ORDER BY n DESC LIMIT 1"
        return [int(value) for row in self.backend.run(sql, (account, symbol)) for value in row] or [0, 0]

    def note_market(self, venue: str, state: Mapping[str, Any]) -> None:
        """Remember where a market was seen last; it does not matter much if that is lost."""
        sql = (
            "INSERT INTO markets (venue, state) VALUES (?, ?) ON CONFLICT (venue) DO UPDATE SET state = excluded.state"
        )
        self.backend.run_soon(sql, (venue, dump(state)))

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
        # a damaged key may have taken one of them away
        stray = self.backend.run("SELECT count(*) FROM entries WHERE account NOT IN (SELECT id FROM accounts)")[0][0]
        return found, f"{stray} entries belong to no account" if stray else ""

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

    def length(self, table: str, account: int, symbol: str) -> int:
        """How many lines of ``orders``, ``fills`` or ``prevented`` an account has on a symbol."""
        sql = f"SELECT max(n) + 1 FROM {table} WHERE account = ? AND symbol = ?"  # noqa: S608
        return self.backend.run(sql, (account, symbol))[0][0] or 0

    def holes(self, account: int) -> list[str]:
        """In words, on which symbols lines of an account are missing: they are numbered without gaps."""
        found = []
        for table in ("orders", "fills", "prevented"):
            sql = f"SELECT symbol, max(n) + 1 - count(*) FROM {table} WHERE account = ? GROUP BY symbol ORDER BY symbol"  # noqa: S608
            # orders of older tables, which are only looked at, have no numbers
            with suppress(JournalError):
                rows = self.backend.run(sql, (account,))
                found += [f"{table} of {symbol}: {missing} are missing" for symbol, missing in rows if missing]
        return found

    def open_lines(self, table: str, account: int) -> list[tuple[int, str]]:
        """The ids and records of an account's ``orders`` or ``lists`` that are open, in the order of their ids."""
        sql = f"SELECT id, state FROM {table} WHERE account = ? AND is_open = 1 ORDER BY id"  # noqa: S608
        return [(number, text) for number, text in self.backend.run(sql, (account,))]

    def lines_of(self, table: str, account: int, ids: Iterable[int], symbol: str = "") -> list[tuple[int, str]]:
        """The ids and records of those ``orders`` or ``lists`` that have one of some ids, of one symbol or of any."""
        wanted = sorted({number for number in ids if 0 < number <= LARGEST})
        also, params = (" AND symbol = ?", (symbol,)) if symbol else ("", ())
        found: list[tuple[int, str]] = []
        for first in range(0, len(wanted), PAGE):
            some = wanted[first : first + PAGE]
            which = ", ".join("?" * len(some))
            sql = f"SELECT id, state FROM {table} WHERE account = ? AND id IN ({which}){also} ORDER BY id"  # noqa: S608
            found += [(number, text) for number, text in self.backend.run(sql, (account, *some, *params))]
        return found

    def close(self) -> None:
        """Let go of the database."""
        self.backend.close()
