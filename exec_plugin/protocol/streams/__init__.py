"""Binance's spot market streams over a venue: control frames in, events out (web-socket-streams.md)."""

from __future__ import annotations

from exec_plugin.protocol.streams.hub import StreamHub
from exec_plugin.protocol.streams.session import MOST_STREAMS, StreamSession

__all__ = ["MOST_STREAMS", "StreamHub", "StreamSession"]
