"""Matching: the external book of each symbol, the paper orders on it, and who trades with whom."""

from __future__ import annotations

from exec_plugin.core.matching.market import Market, Sink
from exec_plugin.core.matching.prevention import Prevention
from exec_plugin.core.matching.views import Offer, level_view

__all__ = ["Market", "Offer", "Prevention", "Sink", "level_view"]
