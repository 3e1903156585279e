"""What lets other processes of whoever owns the database trade through a server that has its accounts (docs/journal.md)."""

from __future__ import annotations

import logging
import re
import secrets
import string
from typing import TYPE_CHECKING

from exec_plugin.account.pump import wall_clock
from exec_plugin.core.errors import JournalError
from exec_plugin.journal.doors import Door, this_machine
from exec_plugin.protocol.security import Key

if TYPE_CHECKING:
    from exec_plugin.account import PaperExchange
    from exec_plugin.server.settings import ServerSettings

_log = logging.getLogger(__name__)

_ALPHABET = string.ascii_letters + string.digits
#: As long as Binance's own keys.
_KEY_LENGTH = 64
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def new_secret() -> str:
    """A random key or secret that looks like Binance's."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))


def open_doors(exchange: PaperExchange, url: str, settings: ServerSettings) -> None:
    """
    Leave a key of its own beside each account that is kept; it is known to this server alone, and ends with it.

    Where that cannot be written down, others are told that the account is in use, as without a server.
    """
    journal = exchange.journal
    if journal is None:
        return
    certificate = _certificate(settings)
    doors = {}
    for name in journal.names:
        key, secret = new_secret(), new_secret()
        exchange.gateway.keys[key] = Key(exchange.venue.accounts[name], secret, timed=exchange.settings.is_real_time)
        clock = (wall_clock(), exchange.pump.now(), exchange.pump.factor)
        doors[name] = Door(url, this_machine(), key, secret, certificate, clock, exchange.settings.noticed())
    try:
        journal.serve(doors)
    except JournalError as error:
        _log.warning("other processes cannot attach to the accounts: %s", error)


def _certificate(settings: ServerSettings) -> str:
    """The server's own certificate: the first one of its file, which may hold a private key as well."""
    if settings.tls_cert is None:
        return ""
    found = _CERTIFICATE.search(settings.tls_cert.read_text(encoding="utf-8", errors="replace"))
    return found[0] if found else ""
