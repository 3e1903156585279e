"""Where a budget is kept: in this process, in a file that all processes of a machine share, or further away."""

from __future__ import annotations

from exec_plugin.limit_store.base import CELLS, LAYOUT, Cells, LimitStore
from exec_plugin.limit_store.memory import MemoryStore

__all__ = ["CELLS", "LAYOUT", "Cells", "LimitStore", "MemoryStore"]
