"""A venue whose accounts are written down, and what it looks like from outside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from journal.desk import Failing, Kept
from journal.postgres_server import postgres_server

from exec_plugin.journal import open_store

# the random markets of the core's tests
sys.path.append(str(Path(__file__).parents[1] / "core"))


@pytest.fixture(scope="session")
def postgres():
    """One server for all tests that leave it alive."""
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """Where accounts are kept, empty: a file, or a server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/accounts.sqlite"
    server = request.getfixturevalue("postgres")
    server.clear()
    return server.url


@pytest.fixture
def failing(url):
    """Accounts whose disk can be full."""
    store = open_store(url, "off")
    store.backend = Failing(store.backend)
    kept = Kept(url, store=store)
    yield kept
    kept.crash()
