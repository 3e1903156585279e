"""Matching: the external book of each symbol, the paper orders on it, and who trades with whom."""

from __future__ import annotations

from exec_plugin.core.matching.market import Market, Offer, Sink

__all__ = ["Market", "Offer", "Sink"]
