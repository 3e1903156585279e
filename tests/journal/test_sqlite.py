"""A file of accounts: made for its owner only, refused where it is not one, and never torn."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import threading
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from journal.desk import Kept, picture

import exec_plugin.journal.sqlite as sqlite_module
from exec_plugin.core.errors import JournalError
from exec_plugin.journal import open_store
from exec_plugin.journal.sqlite import APPLICATION_ID, MOST_ROWS, SqliteBackend
from exec_plugin.journal.store import _WRITE, SCHEMA_VERSION, Store


@pytest.fixture
def path(tmp_path):
    """Where the file is."""
    return tmp_path / "accounts.sqlite"


def kept_at(path, *names, **options):
    """A venue whose accounts are in a file."""
    return Kept(f"sqlite:///{path}", *names, **options)


def traded(path, orders=3):
    """A file with some orders, one entry each, whose process was killed; and what it knew after each."""
    kept = kept_at(path)
    pictures = [picture(kept.venue)]
    for _ in range(orders):
        kept.place("buy", "LIMIT", "1", "90")
        kept.settle()
        pictures.append(picture(kept.venue))
    return kept, pictures


def copied(path, folder):
    """What a killed process leaves behind: the file and its log, without the leases."""
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.with_name(name), folder / name)
    return folder / path.name


def test_owner_only(path):
    """The file, its log and its leases are readable by their owner only, and so is a folder that was made for them."""
    kept, _ = traded(path.parent / "new" / "accounts.sqlite")
    folder = path.parent / "new"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(modes) == {f"accounts.sqlite{end}" for end in ("", "-wal", "-shm", ".lease1")}
    assert set(modes.values()) == {0o600}
    kept.crash()


def test_no_folder(tmp_path):
    """A folder that cannot be made is told."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot be opened"):
        SqliteBackend(tmp_path / "file" / "x.sqlite")


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 100, b"\x00" * 5000])
def test_foreign_file(path, content):
    """A file that is no database is refused and left as it is."""
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"left as it is|not a database"):
        kept_at(path)
    assert path.read_bytes() == content


def test_foreign_database(path):
    """Somebody else's database is refused and left as it is."""
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE trades (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"no file of exec_plugin's; it is left as it is\. Name another db_url"):
        kept_at(path)
    assert path.read_bytes() == before


def test_newer(path):
    """A file of a newer version is refused and left as it is."""
    kept, _ = traded(path)
    kept.store.backend.run(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    kept.crash()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="Upgrade exec_plugin"):
        kept_at(path)
    assert path.read_bytes() == before


def test_damaged_version(path):
    """A file of a version that cannot be is refused and left as it is."""
    kept, _ = traded(path)
    kept.store.backend.run("PRAGMA user_version = -7")
    kept.crash()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"version -7; it is left as it is\. See exec-plugin account verify"):
        kept_at(path)
    assert path.read_bytes() == before


def test_older(path, monkeypatch):
    """A file of an older version is brought up to date, once, and loses nothing."""
    kept, pictures = traded(path)
    kept.crash()
    for module in (sqlite_module,):
        monkeypatch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        monkeypatch.setattr(module, "MIGRATIONS", {SCHEMA_VERSION: ["CREATE TABLE extra (x INTEGER)"]})
    for _ in range(2):
        kept = kept_at(path)
        assert picture(kept.venue) == pictures[-1]
        assert kept.store.backend.run("PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
        assert kept.store.backend.run("SELECT count(*) FROM extra") == [(0,)]
        kept.crash()


def test_failing_upgrade(path, monkeypatch):
    """An upgrade that fails leaves the file as it was."""
    kept, pictures = traded(path)
    kept.crash()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        patch.setattr(sqlite_module, "MIGRATIONS", {SCHEMA_VERSION: ["CREATE TABLE extra (x)", "NONSENSE"]})
        with pytest.raises(JournalError, match="syntax error"):
            kept_at(path)
    kept = kept_at(path)
    assert picture(kept.venue) == pictures[-1]
    assert kept.store.backend.run("SELECT count(*) FROM sqlite_master WHERE name = 'extra'") == [(0,)]
    kept.crash()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95, 0.999])
def test_torn_log(path, tmp_path, share):
    """Of a log that was cut short, as by a power cut, whole entries are left and nothing is torn."""
    kept, pictures = traded(path, 20)
    copy = copied(path, tmp_path / "copy")
    log = copy.with_name("accounts.sqlite-wal")
    with log.open("r+b") as file:
        file.truncate(int(log.stat().st_size * share))
    try:
        again = kept_at(copy)
    except JournalError:
        # cut off before the account was there at all
        assert share < 0.5
    else:
        found = picture(again.venue)
        assert found in pictures
        assert pictures.index(found) < len(pictures) - 1
        again.crash()
    kept.crash()


@given(st.floats(0, 1), st.integers(0, 255))
def test_damaged_log(tmp_path_factory, share, value):
    """A byte of the log that is not what was written costs entries from there on, or the file is refused."""
    folder = tmp_path_factory.mktemp("log")
    kept, pictures = traded(folder / "accounts.sqlite", 5)
    copy = copied(folder / "accounts.sqlite", folder / "copy")
    kept.crash()
    log = copy.with_name("accounts.sqlite-wal")
    content = bytearray(log.read_bytes())
    content[int(share * (len(content) - 1))] = value
    log.write_bytes(content)
    try:
        again = kept_at(copy)
    except JournalError:
        return
    found = picture(again.venue)
    again.crash()
    assert found in pictures


@given(st.integers(0, 200), st.integers(0, 255))
@example(67, 2)
def test_damaged_file(tmp_path_factory, place, value):
    """A page of the file that is not what was written is refused with what to do, or nothing of it mattered."""
    folder = tmp_path_factory.mktemp("file")
    path = folder / "accounts.sqlite"
    kept, pictures = traded(path, 5)
    kept.journal.close()
    content = bytearray(path.read_bytes())
    start = (place * 211) % len(content)
    content[start : start + 64] = bytes([value]) * 64
    path.write_bytes(content)
    again = None
    try:
        again = kept_at(path)
        found = picture(again.venue)
    except JournalError:
        # told when it is opened, or when somebody looks at what is damaged
        return
    finally:
        if again is not None:
            again.crash()
    assert found in (pictures[-1], pictures[0])


def test_full_disk(path):
    """A file that cannot grow any more refuses what does not fit, and takes it when it can."""
    kept, pictures = traded(path)
    backend = kept.store.backend
    backend.run("PRAGMA wal_autocheckpoint = 0")
    pages = backend.run("PRAGMA page_count")[0][0]
    backend.run(f"PRAGMA max_page_count = {pages}")
    refused = 0
    for _ in range(200):
        kept.place("buy", "LIMIT", "1", "90")
        if not kept.settle():
            refused += 1
            break
        pictures.append(picture(kept.venue))
    assert refused
    assert "make room on the disk" in kept.journal.failure
    backend.run("PRAGMA max_page_count = 1000000")
    assert kept.settle(2.0)
    found = picture(kept.venue)
    found.pop("ids")
    pictures[-1].pop("ids")
    assert found == pictures[-1]
    kept.place("buy", "LIMIT", "1", "90")
    assert kept.settle()
    kept.crash()


def test_read_only(path):
    """A file that is only looked at is not made, and not changed."""
    with pytest.raises(JournalError, match="there is no such file"):
        SqliteBackend(path, read_only=True)
    kept, _ = traded(path)
    looking = Store(SqliteBackend(path, read_only=True))
    assert [row.name for row in looking.rows()] == ["alice"]
    with pytest.raises(JournalError, match="readonly"):
        looking.forget(1)
    looking.close()
    assert kept.settle()
    kept.crash()


def test_says_what_it_is(path):
    """The head of the file says whose it is."""
    kept, _ = traded(path)
    assert kept.store.backend.run("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert kept.store.backend.check() == []
    kept.crash()


@pytest.mark.parametrize(("level", "number"), [("off", 0), ("normal", 1), ("full", 2)])
def test_levels(path, level, number):
    """The level decides when SQLite waits for the disk."""
    kept = kept_at(path, durability=level)
    assert kept.store.backend.run("PRAGMA synchronous") == [(number,)]
    assert kept.store.backend.run("PRAGMA journal_mode") == [("wal",)]
    kept.crash()


def test_lease_without_a_place(path, monkeypatch):
    """A lease that cannot be made is told."""
    kept, _ = traded(path)
    kept.crash()
    path.with_name("accounts.sqlite.lease1").unlink()
    path.with_name("accounts.sqlite.lease1").mkdir()
    with pytest.raises(JournalError, match="lease1 cannot be opened"):
        kept_at(path)


def told(path):
    """All that a file says, but for who had its account last."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE accounts SET holder = ''")
        return list(database.iterdump())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET body = CAST(body AS BLOB)",
        "UPDATE entries SET body = 5",
        "UPDATE accounts SET state = '{'",
        "UPDATE accounts SET state = 17",
        "UPDATE accounts SET crc = 'x'",
        "DELETE FROM entries; UPDATE accounts SET crc = 'x'",
        "DELETE FROM entries; UPDATE accounts SET folded = 'x'",
    ],
)
def test_other_values(path, damage):
    """A value of a kind that was never written is damage like any other: refused, with what to do, and left as it is."""
    kept, _ = traded(path)
    for step in damage.split("; "):
        kept.store.backend.run(step)
    kept.crash()
    before = told(path)
    with pytest.raises(JournalError, match="account verify"):
        kept_at(path)
    assert told(path) == before


def test_other_market(path):
    """Where a market was seen last is read, or damage."""
    store = open_store(f"sqlite:///{path}")
    store.note_market("test", {"now": 5})
    assert store.market("test") == {"now": 5}
    for state in ("'['", "17", "'[1]'"):
        store.backend.run(f"UPDATE markets SET state = {state}")
        with pytest.raises(JournalError, match="is damaged"):
            store.market("test")
    store.close()


def test_glance(path):
    """Who only looks whose an account is holds up nobody who wants it."""
    kept_at(path).journal.close()
    looker, writer = SqliteBackend(path), SqliteBackend(path)
    held, go = threading.Event(), threading.Event()

    def look():
        # the instant for which a look has the lease
        assert looker.claim(1, 0.0)
        held.set()
        go.wait()
        looker.release(1)

    looking = threading.Thread(target=look)
    looking.start()
    held.wait()
    assert writer.is_claimed(1)
    go.set()
    assert writer.claim(1)
    looking.join()
    looker.close()
    writer.close()


class Signalled:
    """A connection during whose next statement a signal comes."""

    def __init__(self, db):
        self._db = db

    def __getattr__(self, name):
        return getattr(self._db, name)

    def execute(self, sql, params=()):
        """Run a statement."""
        found = self._db.execute(sql, params)
        signal.raise_signal(signal.SIGTERM)
        return found


def test_signal(path):
    """A signal handler that comes in between statements uses the file like whom it interrupts: a bot that cleans up."""
    backend = SqliteBackend(path)
    db, seen = backend._db, []

    def clean_up(*_):
        backend._db = db
        # a lock that it would have to wait for is held by itself
        if is_free := backend._turn.acquire(blocking=False):
            backend._turn.release()
        seen.append(is_free and backend.run("SELECT 1"))

    former = signal.signal(signal.SIGTERM, clean_up)
    try:
        backend._db = Signalled(db)
        assert backend.run("SELECT 2") == [(2,)]
    finally:
        signal.signal(signal.SIGTERM, former)
    assert seen == [[(1,)]]
    backend.close()


@pytest.mark.parametrize("count", [0, 1, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 2 * MOST_ROWS, 2 * MOST_ROWS + 2])
@pytest.mark.parametrize("table", ["fills", "lists"])
def test_many_rows(path, table, count):
    """However many rows are written at a time, each is there as it was given; one that is there already is replaced."""
    backend = SqliteBackend(path)
    given = [
        (1, "BTCUSDT", n, f"fill {n}") if table == "fills" else (1, n, "", n, 1, n, f"list {n}") for n in range(count)
    ]
    if table == "lists" and count:
        backend.run(_WRITE[table], (*given[-1][:-1], "as it was"))
    backend.run_many(_WRITE[table], given)
    found = backend.run(f"SELECT state FROM {table} WHERE account = 1 ORDER BY {'n' if table == 'fills' else 'id'}")
    assert found == [(row[-1],) for row in given]
    backend.close()


def test_many_changes(path):
    """A statement that changes rows is run for each of them."""
    backend = SqliteBackend(path)
    count = MOST_ROWS + 1
    backend.run_many(_WRITE["fills"], [(1, "BTCUSDT", n, "") for n in range(count)])
    backend.run_many("UPDATE fills SET state = ? WHERE account = 1 AND n = ?", [(f"fill {n}", n) for n in range(count)])
    assert backend.run("SELECT state FROM fills ORDER BY n") == [(f"fill {n}",) for n in range(count)]
    backend.close()
