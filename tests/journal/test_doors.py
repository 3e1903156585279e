"""What a server leaves beside an account: where it is reached from where, and how long it is there."""

from __future__ import annotations

import pytest
from journal.desk import Kept

from exec_plugin.journal import open_store
from exec_plugin.journal.doors import Door

KEY, SECRET = "k" * 64, "s" * 64


def door(url="http://127.0.0.1:8080", machine="here"):
    """A door of a server on some machine."""
    return Door(url, machine, KEY, SECRET, "PEM", (1, 2, 1.0), {"fees": "{}"})


@pytest.mark.parametrize(
    ("url", "near", "far"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", ""),
        ("http://localhost:1", "http://localhost:1", ""),
        ("https://[::1]:8080", "https://[::1]:8080", ""),
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080", "http://here:8080"),
        ("http://[::]:8080", "http://[::1]:8080", "http://here:8080"),
        ("https://10.0.0.7:443", "https://10.0.0.7:443", "https://10.0.0.7:443"),
        ("http://trader.internal:80", "http://trader.internal:80", "http://trader.internal:80"),
    ],
)
def test_reach(url, near, far):
    """A server on loopback is reached from its machine only; one that listens everywhere, by that machine's name."""
    assert door(url).base("here") == near
    assert door(url).base("elsewhere") == far


def test_written_down():
    """It is written down whole, and what is secret of it is in no repr."""
    left = door()
    again = Door.load(left.dump())
    assert (again.url, again.key, again.secret, list(again.clock), again.market) == (
        left.url, KEY, SECRET, [1, 2, 1.0], {"fees": "{}"},
    )  # fmt: skip
    assert KEY not in repr(again)
    assert SECRET not in repr(again)


@pytest.fixture
def kept(url):
    """An account with a door to it."""
    kept = Kept(url)
    kept.journal.serve({"alice": door()})
    yield kept
    kept.store.close()


def look(url):
    """The account's line and its door as another process sees them."""
    store = open_store(url, read_only=True)
    try:
        row = store.find("test", "alice")
        return row, store.door(row)
    finally:
        store.close()


def test_seen(kept, url):
    """Others see where the account is served, and how to get in."""
    row, left = look(url)
    assert left.secret == SECRET
    assert row.holder.startswith("process ")
    assert row.holder.endswith(", served at http://127.0.0.1:8080")
    assert SECRET not in row.holder


def test_closed(kept, url):
    """It is gone with the server that ends well."""
    kept.journal.close()
    assert look(url)[1] is None
    store = open_store(url)
    assert store.backend.run("SELECT count(*) FROM doors") == [(0,)]
    store.close()


def test_killed(kept, url):
    """A server that was killed leaves one that opens nothing, and whoever opens the account takes it away."""
    kept.store.close()
    assert look(url)[1] is None
    again = Kept(url)
    assert look(url)[1] is None
    assert again.store.backend.run("SELECT count(*) FROM doors") == [(0,)]
    again.store.close()


def test_removed(kept, url):
    """Nothing of it stays when the account is removed."""
    kept.store.forget(kept.store.find("test", "alice").id)
    assert kept.store.backend.run("SELECT count(*) FROM doors") == [(0,)]


def test_a_look_takes_nothing(kept, url):
    """Who looks whose an account is does not keep its holder from having it."""
    store = open_store(url, read_only=True)
    assert all(store.door(store.find("test", "alice")) for _ in range(3))
    store.close()
    kept.account.desk(kept.venue.market("BTCUSDT").symbol)
    assert kept.journal.settle()


def test_older(url, tmp_path):
    """A database from before there were doors gets them when it is opened."""
    Kept(url).journal.close()
    store = open_store(url)
    for table in ("doors", "events", "listeners"):
        store.backend.run(f"DROP TABLE {table}")
    is_file = url.startswith("sqlite")
    store.backend.run("PRAGMA user_version = 2" if is_file else "UPDATE version SET version = 2")
    store.close()
    again = Kept(url)
    again.journal.serve({"alice": door()})
    assert look(url)[1].secret == SECRET
    again.journal.close()
