"""The state of a budget as people and monitors see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.rate_limit import server_clock
from exec_plugin.rate_limit.cells import (
    BANNED,
    BLOCKED,
    FLIGHT,
    MEMBER_ROWS,
    MEMBER_SIZE,
    MEMBERS,
    ORDER_WINDOWS,
    ORDERS,
    ORDERS_BLOCKED,
    RAW,
    REPORTED,
    REQUESTS,
    SENT,
    SLOT,
    STRANGERS,
    USED,
    WEIGHT,
)

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells
    from exec_plugin.rate_limit.windows import Limits

#: Who sent nothing for so long is not counted among those who spend.
RECENT = 60.0


def describe(cells: Cells, limits: Limits, account: int, now: float) -> dict[str, Any]:
    """Windows, refusals and the clock, as JSON; ``account`` is the row of whose orders are shown, or 0."""
    flight, requests = cells[FLIGHT], cells[REQUESTS]
    buckets = {
        "weight": _window(cells, WEIGHT, limits.weight, flight, now),
        "raw_requests": _window(cells, RAW, limits.raw, requests, now),
    }
    buckets["weight"]["strangers"] = _cell(cells, WEIGHT, limits.weight[0], STRANGERS, now)
    for number, window in enumerate(limits.orders):
        at = account + ORDER_WINDOWS + 2 * SLOT * number
        sent = cells[account + ORDERS] if account else 0.0
        shown = _window(cells, at, window, sent, now)
        buckets[f"orders_{window[0]:.0f}s"] = shown if account else {**shown, "used": 0.0}
    rows = range(MEMBERS, MEMBERS + MEMBER_ROWS * MEMBER_SIZE, MEMBER_SIZE)
    return {
        "buckets": buckets,
        "blocked_for": max(cells[BLOCKED] - now, 0.0),
        "orders_blocked_for": max(cells[account + ORDERS_BLOCKED] - now, 0.0) if account else 0.0,
        "banned": cells[BANNED] > now,
        "last_report": now - cells[REPORTED] if cells[REPORTED] else None,
        "members": sum(bool(cells[row]) and now - cells[row + SENT] < RECENT for row in rows),
        "clock": {
            "offset": (server_clock.low(cells, now) + server_clock.high(cells, now)) / 2,
            "uncertainty": server_clock.high(cells, now) - server_clock.low(cells, now),
        },
    }


def _window(cells: Cells, at: int, window: tuple[float, float], flight: float, now: float) -> dict[str, float]:
    seconds, limit = window
    server = now + server_clock.low(cells, now)
    return {
        "capacity": limit,
        "used": _cell(cells, at, seconds, USED, now),
        "in_flight": flight,
        "resets_in": seconds - server % seconds,
    }


def _cell(cells: Cells, at: int, seconds: float, what: int, now: float) -> float:
    index = (now + server_clock.low(cells, now)) // seconds
    slot = at + SLOT * int(index % 2)
    return cells[slot + what] if cells[slot] == index else 0.0
