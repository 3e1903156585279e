"""A journal in an SQLite file, in WAL mode: one file, readable by its owner only, and safe against a killed process."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import JournalError
from exec_plugin.journal.store import MIGRATIONS, SCHEMA_VERSION, TABLES
from exec_plugin.limit_store.mapped import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: What the head of the file says it is: "exep".
APPLICATION_ID = 0x65786570
#: What SQLite raises. Where its message quotes a damaged file that is no text, Python cannot read the message; and such a
#: file may say that it needs more memory than there is.
_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError, MemoryError)
#: How many rows one statement inserts: a third less work than as many statements. SQLite before 3.32 takes 999 parameters.
MOST_ROWS = 64
#: The row of a statement that inserts one.
_VALUES = re.compile(r"VALUES (\([?, ]+\))")
#: Seconds to wait for a reader, such as ``exec-plugin account``, to let go; and for one who only looks whose a lease is.
PATIENCE, GLANCE = 5.0, 0.25


class SqliteBackend:
    """
    An SQLite file.

    Args:
        path: of the file; it and its folder are made where they are missing, unless ``read_only``.
        synchronous: FULL, NORMAL or OFF.
        read_only: whether it is only looked at.

    Raises:
        JournalError: when the file is not ours, of a newer version, damaged, or cannot be opened. It is left as it is.
    """

    words: Mapping[str, str] = {
        "serial": "INTEGER PRIMARY KEY",
        "clustered": " WITHOUT ROWID",
        # behind the seal stands a list
        "list_time": "CAST(json_extract(substr(state, 9), '$[7]') AS INTEGER)",
    }

    def __init__(self, path: Path, synchronous: str = "FULL", *, read_only: bool = False) -> None:
        self.where = str(path)
        self._path = path
        self._leases: dict[int, sqlite3.Connection] = {}
        self._synchronous = synchronous
        self.waits = synchronous == "FULL"
        #: held by the thread that uses the connection, also while a signal handler of its own comes in between
        self._turn = threading.RLock()
        try:
            if not read_only:
                private_folder(path.parent)
                # made here, because SQLite would let others read it
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            elif not path.exists():
                raise JournalError(f"{path}: there is no such file")
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error.strerror or error}") from error
        with self._told():
            uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
            self._db = _connect(uri)
        try:
            with self._told():
                self._prepare(synchronous, read_only=read_only)
        except JournalError:
            self._db.close()
            raise

    def _prepare(self, synchronous: str, *, read_only: bool) -> None:
        version, mark = self._pragma("user_version"), self._pragma("application_id")
        tables = self.run("SELECT count(*) FROM sqlite_master")[0][0]
        if (tables or version) and mark != APPLICATION_ID:
            raise JournalError(f"{self.where} is no file of exec_plugin's; it is left as it is. Name another db_url")
        if version < 0:
            raise JournalError(f"{self.where} is damaged: version {version}{_advice(ValueError('malformed'))}")
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.where} was written by a newer exec_plugin (version {version}, this one knows "
                f"{SCHEMA_VERSION}); it is left as it is. Upgrade exec_plugin, or name another db_url"
            )
        if read_only:
            return
        self.run("PRAGMA journal_mode = WAL")
        self.run(f"PRAGMA synchronous = {synchronous}")
        if version < SCHEMA_VERSION:
            with self.transaction():
                # another process may have been quicker
                if self._pragma("user_version") == version:
                    self._upgrade(version)

    def _upgrade(self, version: int) -> None:
        """Make the tables, or add what an older version lacks."""
        steps = TABLES if not version else [step for at in range(version, SCHEMA_VERSION) for step in MIGRATIONS[at]]
        for step in steps:
            self.run(step.format(**self.words))
        self.run(f"PRAGMA application_id = {APPLICATION_ID}")
        self.run(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _pragma(self, name: str) -> int:
        found: int = self.run(f"PRAGMA {name}")[0][0]
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors, with what to do."""
        try:
            yield
        except _ERRORS as error:
            raise JournalError(f"{self.where}: {str(error) or repr(error)}{_advice(error)}") from error

    def run(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Answer the rows of a statement."""
        try:
            with self._turn:
                return self._db.execute(sql, params).fetchall()
        except _ERRORS as error:
            raise JournalError(f"{self.where}: {str(error) or repr(error)}{_advice(error)}") from error

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement one by one."""
        with self._told():
            yield from self._db.execute(sql, params)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each of some rows; new rows are inserted many at a time."""
        whole = len(rows) - len(rows) % MOST_ROWS if _VALUES.search(sql) else 0
        with self._told(), self._turn:
            for first in range(0, whole, MOST_ROWS):
                self._db.execute(_of_many(sql), [*chain.from_iterable(rows[first : first + MOST_ROWS])])
            self._db.executemany(sql, rows[whole:])

    def run_soon(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement without waiting for the disk; the system writes it even if the process is killed."""
        if self._synchronous != "FULL":
            self.run(sql, params)
            return
        try:
            self.run("PRAGMA synchronous = NORMAL")
            self.run(sql, params)
        finally:
            self.run("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.begin()
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Have it done."""
        try:
            self.run("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Have nothing of it done."""
        # SQLite itself may have rolled back already, as on a full disk
        with suppress(sqlite3.Error):
            self._db.rollback()

    def claim(self, account: int, patience: float = GLANCE) -> bool:
        """Become the only writer, by an exclusive transaction on a file beside; the system ends it with the process."""
        path = self._lease(account)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error.strerror or error}") from error
        with self._told():
            lease = _connect(f"{path.resolve().as_uri()}?mode=rw", patience=patience)
        try:
            lease.execute("PRAGMA journal_mode = OFF")
            lease.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lease.close()
            if "locked" in str(error):
                return False
            raise JournalError(f"{path}: {error}") from error
        self._leases[account] = lease
        return True

    def _lease(self, account: int) -> Path:
        return self._path.with_name(f"{self._path.name}.lease{account}")

    def is_claimed(self, account: int) -> bool:
        """Whether another process has the account."""
        # its lease is not made by looking
        if not self._lease(account).exists() or not self.claim(account, 0.0):
            return self._lease(account).exists()
        self.release(account)
        return False

    def release(self, account: int) -> None:
        """Let others write an account."""
        if lease := self._leases.pop(account, None):
            lease.close()

    def renew(self) -> None:
        """A file is where it was."""

    def check(self) -> list[str]:
        """What SQLite finds wrong with the file."""
        found = [str(row[0]) for row in self.run("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Let go of the file and of all accounts."""
        for account in tuple(self._leases):
            self.release(account)
        self._db.close()


@cache
def _of_many(sql: str) -> str:
    """The statement that inserts ``MOST_ROWS`` rows where ``sql`` inserts one."""
    return _VALUES.sub(lambda found: f"VALUES {', '.join([found[1]] * MOST_ROWS)}", sql)


def _connect(uri: str, patience: float = PATIENCE) -> sqlite3.Connection:
    # used by one thread at a time
    return sqlite3.connect(uri, timeout=patience, isolation_level=None, check_same_thread=False, uri=True)


def _advice(error: Exception) -> str:
    text = "malformed" if isinstance(error, UnicodeDecodeError | MemoryError) else str(error)
    if "malformed" in text or "not a database" in text:
        return (
            "; it is left as it is. See exec-plugin account verify; account repair keeps what can be read in another "
            "file; or name another db_url"
        )
    if "full" in text:
        return "; make room on the disk"
    if "locked" in text:
        return f"; another process has held it for {PATIENCE:.0f} s"
    return ""
