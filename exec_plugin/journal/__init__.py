"""
Accounts that outlive their process (docs/journal.md).

`Journal` listens to a venue and writes down what changes, `Store` is where, over one of the backends; `open_store`
finds it by a ``db_url``. It is used under its exchange's lock.
"""

from __future__ import annotations

from exec_plugin.journal.books import Journal
from exec_plugin.journal.store import Store
from exec_plugin.journal.telling import KEPT_EVENTS
from exec_plugin.journal.urls import LEVELS, MEMORY, check_url, default_url, is_memory, masked, open_store

__all__ = [
    "KEPT_EVENTS",
    "LEVELS",
    "MEMORY",
    "Journal",
    "Store",
    "check_url",
    "default_url",
    "is_memory",
    "masked",
    "open_store",
]
