"""What is PostgreSQL's own: its server's absence, its versions, its leases."""

from __future__ import annotations

import sys

import pytest
from journal.desk import Kept

import exec_plugin.journal.postgres as postgres_module
from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.journal import open_store
from exec_plugin.journal.store import SCHEMA_VERSION


@pytest.fixture
def url(postgres):
    """An empty database."""
    postgres.clear()
    return postgres.url


def test_nobody_there():
    """A server that cannot be reached is told, without the password."""
    pytest.importorskip("psycopg", reason="pip install 'exec-plugin[postgres]'")
    with pytest.raises(JournalError, match=r"u:\*\*\*@127\.0\.0\.1:1/d") as caught:
        open_store("postgresql://u:hush@127.0.0.1:1/d")
    assert "hush" not in str(caught.value)


def test_no_driver(monkeypatch):
    """Without psycopg it is said how to get it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'exec-plugin\[postgres\]'"):
        open_store("postgresql://u@127.0.0.1:1/d")


def test_driver_in_the_name(url):
    """A driver that SQLAlchemy's form names is no matter."""
    open_store(url.replace("postgresql", "postgresql+psycopg")).close()


def test_newer(url, postgres):
    """Tables of a newer version are refused and left alone."""
    open_store(url).close()
    postgres.execute(f"UPDATE exec_plugin.version SET version = {SCHEMA_VERSION + 1}")
    with pytest.raises(JournalError, match="Upgrade exec_plugin"):
        open_store(url)
    assert postgres.execute("SELECT version FROM exec_plugin.version") == [(SCHEMA_VERSION + 1,)]


def test_older(url, postgres, monkeypatch):
    """Tables of an older version are brought up to date, and lose nothing."""
    kept = Kept(url)
    kept.place("buy", "LIMIT", "1", "90")
    kept.settle()
    kept.crash()
    monkeypatch.setattr(postgres_module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(postgres_module, "MIGRATIONS", {SCHEMA_VERSION: ["CREATE TABLE extra (x INTEGER)"]})
    kept = Kept(url)
    assert len(kept.account.open_orders) == 1
    assert postgres.execute("SELECT version FROM exec_plugin.version") == [(SCHEMA_VERSION + 1,)]
    kept.crash()


def test_only_looked_at(url, postgres):
    """Looking makes no tables."""
    with pytest.raises(JournalError, match="there are no accounts"):
        open_store(url, read_only=True)
    assert postgres.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'exec_plugin'") == [(0,)]


def test_looked_at_while_used(url):
    """Somebody who looks sees that an account is in use."""
    kept = Kept(url)
    looking = open_store(url, read_only=True)
    assert looking.backend.is_claimed(looking.rows()[0].id)
    kept.crash()
    # the server takes a moment to see that a connection is gone
    assert not all(looking.backend.is_claimed(looking.rows()[0].id) for _ in range(2_000))
    looking.close()


@pytest.mark.parametrize(("level", "commits"), [("full", "on"), ("normal", "local"), ("off", "off")])
def test_levels(url, level, commits):
    """The level decides when the server answers a commit."""
    store = open_store(url, level)
    assert store.backend.run("SHOW synchronous_commit") == [(commits,)]
    store.close()


def test_connection_lost(url, postgres):
    """A connection that was cut is made anew, with its lease, unless somebody else was quicker."""
    kept = Kept(url)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    for number in (1, 2):
        kept.place("buy", "LIMIT", "1", "90")
        postgres.execute(cut)
        assert not kept.settle()
        assert kept.settle(2.0)
        assert kept.account.open_orders == []
        kept.place("buy", "LIMIT", "1", "91")
        assert kept.settle()
        kept.venue.cancel(kept.account.open_orders[0])
        assert kept.settle()
        assert len(kept.account.desks["BTCUSDT"].orders) == number
    kept.place("buy", "LIMIT", "1", "90")
    postgres.execute(cut)
    assert not kept.settle()
    quicker = Kept(url)
    # however often it is tried, as long as the other one has it
    for _ in range(3):
        assert not kept.settle(2.0)
        assert "another process has taken over" in kept.journal.failure
    quicker.place("buy", "MARKET", "1")
    assert quicker.settle()
    quicker.crash()
    assert kept.settle(2.0)
    assert len(kept.account.desks["BTCUSDT"].fills) == 1
    kept.crash()
