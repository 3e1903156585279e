"""The WebSocket API (web-socket-api.md) without a socket: texts in, texts out."""

from __future__ import annotations

from exec_plugin.protocol.ws_api.session import CONNECT_WEIGHT, ApiSession

__all__ = ["CONNECT_WEIGHT", "ApiSession"]
