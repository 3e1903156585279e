"""A venue whose accounts are written down, and what it looks like from outside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from journal.postgres_server import postgres_server

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
