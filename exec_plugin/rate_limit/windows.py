"""Windows of a budget's state: how they begin, and how a settled request is counted in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from exec_plugin.rate_limit.cells import ORDER_WINDOWS, SETTLED, SLOT, STRANGERS, USED

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells


@frozen
class Limits:
    """The exchange's limits: weight, requests and orders, each with the seconds of its windows."""

    weight: tuple[float, float] = (60.0, 6_000.0)
    raw: tuple[float, float] = (300.0, 300_000.0)
    orders: tuple[tuple[float, float], ...] = ((10.0, 100.0), (86_400.0, 200_000.0))


def open_window(cells: Cells, slot: int, index: float) -> None:
    """Begin a window."""
    cells[slot] = index
    cells[slot + USED] = cells[slot + SETTLED] = cells[slot + STRANGERS] = 0.0


def order_slot(row: int, number: int, index: float) -> int:
    """The slot of one of an account's windows."""
    return row + ORDER_WINDOWS + SLOT * (2 * number + int(index % 2))


def count(
    cells: Cells, slot: int, mark: tuple[float, float, float], counter: int, amount: float, *, late: bool
) -> None:
    """
    Count a settled request in its window.

    The highest counter is the newest, unless the exchange gave something back: then a request that was sent after a
    counter was seen reports a lower one. ``late``: near a window's end a low counter may be the next window's.
    """
    used = cells[slot + USED]
    if counter < 0:
        cells[slot + USED] = used + amount
    elif counter > used:
        cells[slot + USED] = counter
    elif counter < mark[1] and mark[0] == cells[slot] and not late:
        cells[slot + USED] = min(used, counter + cells[slot + SETTLED] - mark[2])
    cells[slot + SETTLED] += amount
