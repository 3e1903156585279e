"""Assembly: settings in, a paper account out that shares its market with all others on it."""

from __future__ import annotations

from exec_plugin.account.house import HOUSE, House, PaperAccount, PaperExchange, open_account, read_settings
from exec_plugin.account.script import PaperControl
from exec_plugin.account.settings import Settings
from exec_plugin.protocol import Reply

__all__ = [
    "HOUSE",
    "House",
    "PaperAccount",
    "PaperControl",
    "PaperExchange",
    "Reply",
    "Settings",
    "open_account",
    "read_settings",
]
