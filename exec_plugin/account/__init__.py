"""Assembly: settings in, a paper account out that shares its market with all others on it."""

from __future__ import annotations

from exec_plugin.account.attached import AttachedAccount
from exec_plugin.account.house import HOUSE, House, PaperExchange, open_account, served_at
from exec_plugin.account.listeners import Listener, UserEvent
from exec_plugin.account.paper import PaperAccount
from exec_plugin.account.script import PaperControl
from exec_plugin.account.settings import Settings, read_settings
from exec_plugin.protocol import Reply

__all__ = [
    "HOUSE",
    "AttachedAccount",
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
    "served_at",
]
