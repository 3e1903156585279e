"""Assembly: settings in, a paper account out that shares its market with all others on it."""

from __future__ import annotations

from exec_plugin.account.house import HOUSE, House, PaperAccount, PaperExchange, open_account, read_settings
from exec_plugin.account.listeners import Listener, UserEvent
from exec_plugin.account.script import PaperControl
from exec_plugin.account.settings import Settings
from exec_plugin.protocol import Reply

__all__ = [
    "HOUSE",
    "House",
    "Listener",
    "PaperAccount",
    "PaperControl",
    "PaperExchange",
    "Reply",
    "Settings",
    "UserEvent",
    "open_account",
    "read_settings",
]
