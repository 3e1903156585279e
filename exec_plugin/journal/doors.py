"""
What a server leaves beside an account that it serves, for other processes of whoever may read that.

It stands in the database, which is its owner's alone, and opens this one account for as long as the server lives.
"""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import asdict, field, frozen

from exec_plugin.config.showing import mask_api_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def this_machine() -> str:
    """What this machine is called."""
    return socket.gethostname()


@frozen
class Door:
    """
    Where a server listens, and what it lets somebody in with.

    Args:
        url: ``http://`` or ``https://``, as it was told to listen.
        machine: where that is.
        key, secret: of the account, known to this server alone.
        certificate: its own one in PEM form, with https.
        clock: ms of the machine's time, of the market's at that moment, and how much faster that one goes.
        market: the settings of its market that an account notices, as texts.
    """

    url: str
    machine: str
    key: str = field(repr=mask_api_key)
    secret: str = field(repr=False)
    certificate: str = field(default="", repr=False)
    clock: Sequence[float] = (0, 0, 1)
    market: Mapping[str, str] = field(factory=dict, repr=False)

    def dump(self) -> str:
        """It as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Door:
        """
        What ``dump`` made.

        Raises:
            ValueError, TypeError: for anything else.
        """
        return cls(**json.loads(text))

    def base(self, machine: str) -> str:
        """Its URL as seen from a machine; empty where it cannot be reached from there."""
        parts = urlsplit(self.url)
        host = _reach(parts.hostname or "", is_near=machine == self.machine, name=self.machine)
        if not host:
            return ""
        return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port}"


def _reach(host: str, *, is_near: bool, name: str) -> str:
    """The name under which a host that somebody listens at is reached; empty for none."""
    if host == "localhost":
        return host if is_near else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        # it listens everywhere
        return ("::1" if ":" in host else "127.0.0.1") if is_near else name
    return host if is_near or not address.is_loopback else ""
