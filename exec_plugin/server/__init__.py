"""The paper exchange over HTTP and WebSocket, for any Binance client (docs/server.md)."""

from __future__ import annotations

from exec_plugin.server.app import PaperServer
from exec_plugin.server.settings import ServerSettings

__all__ = ["PaperServer", "ServerSettings"]
