"""What accounts are told is written down with the step that it belongs to, and can be read again after a restart."""

from __future__ import annotations

import pytest
from journal.desk import Kept

import exec_plugin.journal.book as book_module
from exec_plugin.core.errors import JournalError
from exec_plugin.journal import open_store
from exec_plugin.journal.books import RETRY_AFTER
from exec_plugin.journal.looking import look, verify
from exec_plugin.journal.repair import repair
from exec_plugin.journal.store import MIGRATIONS, SCHEMA_VERSION


@pytest.fixture
def reopen(url):
    """Opens accounts over one database; the one before ends without a word."""
    opened = []

    def start(**options):
        for former in opened:
            former.crash()
        opened[:] = [Kept(url, **options)]
        return opened[0]

    yield start
    for last in opened:
        last.crash()


def told(kept, after=0, name="alice"):
    """What an account was told after a number, by its numbers."""
    found = []
    while more := kept.chronicle.after(name, after, 3):
        found += more
        after = more[-1][0]
    return found


def trade(kept, count=1):
    """Some orders, each of which is filled at once; every step is written down."""
    for _ in range(count):
        kept.place("buy", "MARKET", "0.1")
        assert kept.settle()


@pytest.mark.parametrize("fold_at", [1, 5, 2000])
def test_again(reopen, monkeypatch, fold_at):
    """After a restart the same events have the same numbers, and the numbers go on; it does not matter what is folded."""
    monkeypatch.setattr(book_module, "FOLD_AT", fold_at)
    kept = reopen()
    trade(kept, 5)
    before = told(kept)
    assert [number for number, _ in before] == list(range(1, 16))
    kept.place("buy", "LIMIT", "1", "90")
    assert told(kept) == before
    again = reopen()
    assert told(again) == before
    assert told(again, 7) == before[7:]
    trade(again)
    assert [number for number, _ in told(again)] == list(range(1, 19))
    assert told(again)[:15] == before
    assert told(reopen())[:15] == before


def test_under_way(reopen):
    """What is being written down is told once it is, and what happens meanwhile is not."""
    kept = reopen()
    trade(kept)
    kept.place("buy", "MARKET", "0.1")
    commit = kept.journal.start()
    kept.place("buy", "MARKET", "0.1")
    assert [number for number, _ in told(kept)] == [1, 2, 3]
    commit()
    assert len(told(kept)) == 3
    assert kept.journal.finish()
    assert len(told(kept)) == 6
    before = told(kept)
    assert kept.settle()
    assert told(kept)[:6] == before
    assert [number for number, _ in told(kept)] == list(range(1, 10))


def test_apart(url):
    """Each account has numbers of its own."""
    kept = Kept(url, "alice", "bob")
    kept.place("buy", "MARKET", account="bob")
    trade(kept, 2)
    kept.crash()
    again = Kept(url, "bob", "alice")
    assert [len(told(again, name=name)) for name in ("alice", "bob")] == [6, 3]
    again.crash()


def test_bounded(reopen, monkeypatch):
    """At least as many as are to be kept are there, and not many more; who asks for older ones is told so."""
    monkeypatch.setattr(book_module, "FOLD_AT", 4)
    kept = reopen()
    kept.store.told.kept = 12
    trade(kept, 40)
    chronicle = kept.chronicle
    assert chronicle.last("alice") == 120
    assert 120 - 12 - 16 < chronicle.oldest("alice") <= 120 - 12 + 1
    assert told(kept)[0][0] == chronicle.oldest("alice")
    assert chronicle.oldest("alice") == reopen().chronicle.oldest("alice")


def test_refused(failing):
    """Of a step that cannot be written down nothing is told, then or later, and no number is missing."""
    kept, store = failing, failing.store
    trade(kept)
    before = told(kept)
    store.backend.is_full = True
    kept.place("buy", "MARKET", "2")
    assert not kept.settle()
    assert told(kept) == before
    store.backend.is_full = False
    assert kept.settle(RETRY_AFTER)
    assert told(kept) == before
    trade(kept)
    assert [number for number, _ in told(kept)] == [1, 2, 3, 4, 5, 6]
    assert [record[3] for _, record in told(kept, 3)[:2]] == ["NEW", "TRADE"]
    assert told(kept, 3)[1][1][5] == 10**7


def test_written_after_a_retry(failing):
    """What happens to an account as it comes back is written down before anybody is told that it is back."""
    kept, store = failing, failing.store
    kept.place("buy", "LIMIT", "1", "100")
    trade(kept)
    store.backend.is_full = True
    kept.place("buy", "MARKET", "2")
    assert not kept.settle()
    kept.show("98", "99")
    store.backend.is_full = False
    assert kept.settle(RETRY_AFTER)
    assert not kept.journal.is_dirty
    assert [record[3] for _, record in told(kept) if record[0] == 0][-1] == "TRADE"


def test_listeners(reopen):
    """How far listeners have heard is there again."""
    kept = reopen()
    assert kept.journal.heard("alice") == {}
    for seq in (3, 4):
        kept.journal.acknowledge("alice", "b", seq)
    kept.journal.acknowledge("alice", "a", 1)
    assert reopen().journal.heard("alice") == {"a": 1, "b": 4}


def test_durability_stays(tmp_path):
    """An acknowledgement does not wait for the disk; what comes after it does again."""
    store = open_store(f"sqlite:///{tmp_path}/accounts.sqlite", "full")
    statements = []
    store.backend._db.set_trace_callback(statements.append)
    store.told.acknowledge(1, "a", 1)
    assert statements[0] == "PRAGMA synchronous = NORMAL"
    assert store.backend.run("PRAGMA synchronous") == [(2,)]
    store.backend.run("DROP TABLE listeners")
    with pytest.raises(JournalError, match="no such table"):
        store.told.acknowledge(1, "a", 1)
    assert store.backend.run("PRAGMA synchronous") == [(2,)]
    store.close()


def test_durability_stays_interrupted(tmp_path, monkeypatch):
    """It does so where somebody presses Ctrl-C in between, too."""
    store = open_store(f"sqlite:///{tmp_path}/accounts.sqlite", "full")
    run = store.backend.run

    def interrupted(sql, params=()):
        run(sql, params)
        if sql.endswith("NORMAL"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.backend, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.told.acknowledge(1, "a", 1)
    assert run("PRAGMA synchronous") == [(2,)]
    store.close()


def test_forgotten(reopen):
    """Who removes an account removes what it was told, and how far its listeners were."""
    kept = reopen()
    trade(kept)
    kept.journal.acknowledge("alice", "a", 1)
    [row] = kept.store.rows()
    assert list(kept.store.told.rows(row.id))
    kept.store.forget(row.id)
    assert not list(kept.store.told.rows(row.id))
    assert kept.store.told.heard(row.id) == {}


def test_damage(reopen):
    """A damaged event is told as such, and the others are there."""
    kept = reopen()
    trade(kept)
    again = reopen()
    again.store.backend.run("UPDATE events SET state = replace(state, 'TRADE', 'TRADD')")
    with pytest.raises(JournalError, match="a record is damaged"):
        again.chronicle.after("alice", 0, 10)
    trade(again)
    assert len(told(again, 3)) == 3


def test_older_version(reopen):
    """An account that was written before events were begins with the first of them."""
    kept = reopen()
    trade(kept)
    backend = kept.store.backend
    for table in ("events", "listeners"):
        backend.run(f"DROP TABLE {table}")
    for step in MIGRATIONS[3]:
        backend.run(step.format(**backend.words))
    kept.journal._books["alice"].numbers.pop("events")
    book = kept.journal._books["alice"]
    kept.store.fold(book.fold)
    again = reopen()
    assert again.chronicle.last("alice") == 0
    trade(again)
    assert [number for number, _ in told(again)] == [1, 2, 3]
    assert set(MIGRATIONS) >= set(range(1, SCHEMA_VERSION))


def test_repair(reopen, tmp_path):
    """What is wrong with events is found, and what is whole of them is kept with how far listeners have heard."""
    kept = reopen()
    trade(kept, 3)
    kept.journal.acknowledge("alice", "a", 5)
    [row] = kept.store.rows()
    before = told(kept)
    assert verify(look(kept.store, row)) == []
    kept.store.backend.run("UPDATE events SET state = replace(state, 'TRADE', 'TRADD') WHERE first = 1")
    [problem] = verify(look(kept.store, row))
    assert problem.startswith("events 1 to 3: a record is damaged")
    kept.store.backend.run("DELETE FROM events WHERE first = 4")
    assert verify(look(kept.store, row))[1] == "events 4 to 6 are missing"
    kept.store.backend.run("UPDATE events SET last = 10 WHERE first = 7")
    assert verify(look(kept.store, row))[2:] == [
        "events 7 to 10 are 3",
        "event 9 should be the last that was told, it is 10",
    ]
    kept.store.backend.run("UPDATE events SET last = 9 WHERE first = 7")
    fresh = f"sqlite:///{tmp_path}/fresh.sqlite"
    store = open_store(fresh)
    assert len(list(repair(kept.store, store))) == 2
    store.close()
    again = Kept(fresh)
    assert told(again) == before[6:]
    assert again.journal.heard("alice") == {"a": 5}
    trade(again)
    assert told(again)[-1][0] == 12
    again.crash()
