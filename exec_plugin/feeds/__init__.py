"""
Where market rows come from: pushed by the caller, generated from a seed, or read from recorded files.

Every feed is a `Feed`: its symbols, its first moment, and its rows (`exec_plugin.core.events`) in time order.
"""

from __future__ import annotations

from .base import Feed
from .push import PushFeed
from .recording import open_recording
from .synthetic import SyntheticFeed

__all__ = ["Feed", "PushFeed", "SyntheticFeed", "open_recording"]
