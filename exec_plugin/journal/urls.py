"""What a ``db_url`` names: freqtrade's form of it, ``sqlite://``, ``sqlite:///file`` or ``postgresql://...``."""

from __future__ import annotations

import re
from pathlib import Path

from exec_plugin.core.errors import ConfigError
from exec_plugin.journal.sqlite import SqliteBackend
from exec_plugin.journal.store import Store
from exec_plugin.limit_store import state_folder

#: Nothing is kept.
MEMORY = "sqlite://"
#: How sure an acknowledged step is of outliving a power cut; all of them outlive a killed process.
LEVELS = ("full", "normal", "off")


def default_url() -> str:
    """The file in the user's state folder; RuntimeError for a user who has no home and names none."""
    return f"sqlite:///{(state_folder() / 'accounts.sqlite').absolute()}"


def check_url(url: str) -> str:
    """
    A ``db_url`` that can be read.

    Raises:
        ConfigError: for any other.
    """
    scheme = re.match(r"(sqlite|postgresql|postgres)(\+[a-z0-9]+)?://", url)
    if scheme is None:
        msg = f"db_url={masked(url)!r} is sqlite:// (memory), sqlite:///path/to/file or postgresql://user@host/database"
        raise ConfigError(msg)
    return url


def is_memory(url: str) -> bool:
    """Whether nothing is kept."""
    return _path(url) in ("", "/", "/:memory:")


def _path(url: str) -> str:
    return re.sub(r"^sqlite(\+[a-z0-9]+)?://", "", url)


def masked(url: str) -> str:
    """A URL for people, without its password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def open_store(url: str, durability: str = "full", *, read_only: bool = False) -> Store | None:
    """
    The store that a ``db_url`` names; None for memory.

    Raises:
        ConfigError: when it names none.
        JournalError: when it cannot be used.
    """
    check_url(url)
    if url.startswith("postgres"):
        from exec_plugin.journal.postgres import PostgresBackend

        return Store(PostgresBackend(url, durability, read_only=read_only))
    if is_memory(url):
        return None
    return Store(SqliteBackend(Path(_path(url)[1:]), durability.upper(), read_only=read_only))
