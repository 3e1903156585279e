"""python-binance's AsyncClient on a loopback server: median seconds a call, in its own environment."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from statistics import median

from binance.async_client import AsyncClient


async def measure(job: dict) -> dict[str, float]:
    """Each call as often as asked, after a tenth as many to warm up."""
    client = AsyncClient(job["key"], job["secret"])
    client.API_URL = f"{job['url']}/api"
    order = job["order"]
    calls = {
        "get_ticker": lambda: client.get_ticker(symbol="BTCUSDT"),
        "get_account_info": client.get_account,
        "place_order": lambda: client.create_order(**order),
    }
    found = {}
    for name, call in calls.items():
        took = []
        for _ in range(job["calls"] + job["calls"] // 10):
            start = time.perf_counter()
            await call()
            took.append(time.perf_counter() - start)
        found[name] = median(took[job["calls"] // 10 :])
    await client.close_connection()
    return found


if __name__ == "__main__":
    job = json.load(sys.stdin)
    begun = time.perf_counter()
    found = asyncio.run(measure(job))
    # the medians travel in the one text that a sample has
    print(json.dumps({"count": job["calls"], "seconds": time.perf_counter() - begun, "by": json.dumps(found)}))
    print(f"python-binance {version('python-binance')}", file=sys.stderr)
