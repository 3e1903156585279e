"""
The venue: one deterministic exchange in memory.

Commands (``place``, ``cancel``) and market rows go in, events come out. It never looks at a clock, draws only from its
own seeded generator and does no I/O, so the same inputs give the same events, ids included.
"""

from __future__ import annotations

from exec_plugin.core.venue.admission import average
from exec_plugin.core.venue.exchange import Venue

__all__ = ["Venue", "average"]
