"""Our limiter, as ``../shared/limits/run.py`` wants limiters: ``-a benchmarks/limits_adapter.py:Ours``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter


class Ours:
    """One process; ``env.shared`` stands for the file that the processes of a machine share."""

    name = "exec_plugin"

    def __init__(self, env: Any) -> None:
        store = env.shared.setdefault(f"exec_plugin/{env.ip}", MemoryStore(time.monotonic))
        self.limiter = AdaptiveRateLimiter(
            account=env.account, store=store, clock=time.time, monotonic=time.monotonic, limits=_limits(env.limits)
        )

    async def acquire(self, endpoint: str, weight: int, is_order: int) -> Any:
        """Wait until the call may leave."""
        return await self.limiter.reserve(weight, int(is_order), endpoint=endpoint)

    def on_response(self, status: int, headers: Any, now: float, permit: Any = None, body: Any = None) -> None:  # noqa: ARG002 - the simulator's interface
        """Account for an answer."""
        self.limiter.settle(permit, status, headers, body)

    def on_lost(self, permit: Any, now: float) -> None:  # noqa: ARG002 - the simulator's interface
        """Account for an answer that never came."""
        self.limiter.lost(permit)


def _limits(limits: Any) -> list[dict[str, Any]]:
    rows = (
        ("REQUEST_WEIGHT", "SECOND", limits.weight_window, limits.weight),
        ("RAW_REQUESTS", "SECOND", limits.raw_window, limits.raw),
        ("ORDERS", "SECOND", 10, limits.orders_10s),
        ("ORDERS", "DAY", 1, limits.orders_1d),
    )
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return [dict(zip(names, row, strict=True)) for row in rows]
