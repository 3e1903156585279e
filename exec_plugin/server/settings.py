"""Where a server listens, and how much it bears."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING

from attrs import field, frozen

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20


@frozen
class ServerSettings:
    """
    Where a server listens, and how much it bears.

    Args:
        host, port: where; port 0 is any free one.
        control: whether the routes below ``/paper/`` exist.
        control_token: what a client beyond this machine must show to use them; without it, none may.
        metrics: whether ``/metrics`` is there, where the extra is installed.
        metrics_token: what a client beyond this machine must show to read it; without it, none may.
        tls_cert, tls_key: PEM files; with them it is https and wss.
        max_connections: how many at a time, of both kinds.
        max_per_address: how many of them from one address that is not this machine's.
        max_body, max_control_body: bytes of a request; control calls may bring a whole exchangeInfo.
        max_message: bytes of a frame that a WebSocket client sends.
        max_unsent: bytes that wait for a slow WebSocket reader before it is cut off.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    control: bool = True
    control_token: str = field(default="", repr=False)
    metrics: bool = True
    metrics_token: str = field(default="", repr=False)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_connections: int = 1000
    max_per_address: int = 250
    max_body: int = MIB
    max_control_body: int = 64 * MIB
    max_message: int = 256 * 1024
    max_unsent: int = 4 * MIB

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def tls(self) -> ssl.SSLContext | None:
        """
        What https needs; None for http.

        Raises:
            ConfigError: when certificate or key cannot be read.
        """
        if self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            msg = "TLS needs both a certificate and its key"
            raise ConfigError(msg)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # an encrypted key is refused: nobody is there who could be asked for its password
            context.load_cert_chain(self.tls_cert, self.tls_key, password="")
        except (OSError, ValueError) as error:
            msg = f"{self.tls_cert} and {self.tls_key} are no certificate and its key in PEM form: {error}"
            raise ConfigError(msg) from error
        return context


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
