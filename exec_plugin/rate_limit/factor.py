"""How much of the windows is used after errors: less at once, and steadily more again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.rate_limit.cells import CUT, MISSING

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells

#: After errors at least so much of a window is used, and so much more each second.
LEAST, RECOVERY = 0.1, 0.1 / 60


def missing(cells: Cells, now: float) -> float:
    """How much of the windows is not used after errors; it comes back steadily."""
    return max(cells[MISSING] - RECOVERY * (now - cells[CUT]), 0.0)


def cut(cells: Cells, factor: float, now: float) -> None:
    """Use less of the windows."""
    cells[MISSING] = min(1 - (1 - missing(cells, now)) * factor, 1 - LEAST)
    cells[CUT] = now
