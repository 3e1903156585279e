"""Binance's spot protocol over a venue: requests in; status, headers and JSON out."""

from __future__ import annotations

from exec_plugin.protocol.gateway import Gateway, Reply
from exec_plugin.protocol.security import Key, sign
from exec_plugin.protocol.streams import StreamHub, StreamSession

__all__ = ["Gateway", "Key", "Reply", "StreamHub", "StreamSession", "sign"]
