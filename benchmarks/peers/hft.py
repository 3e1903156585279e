"""
hftbacktest's side of a benchmark, for an environment that has nothing else installed.

Reads one JSON request from stdin, ``{"case": "json" | "parsed", "recording": path}``, and prints one JSON answer.
``parsed`` replays its event array with a compiled strategy that looks at the market every 100 ms and does nothing;
``json`` converts the recording with hftbacktest's own converter first. Compilation is not timed.

Its converter for Binance knows futures only, so the spot recording gets the fields that a futures recording has.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest, __version__
from hftbacktest.data.utils import binancefutures
from numba import njit

STAMP = 19
NANOSECONDS = 1_000_000


def as_futures(source: Path, target: Path) -> int:
    """Spell a spot recording as a futures one; answer how many lines it has."""
    count = 0
    with gzip.open(source, "rt") as lines, gzip.open(target, "wt") as out:
        for line in lines:
            count += 1
            stamp, message = line[:STAMP], json.loads(line[STAMP:])
            _complete(message, int(stamp) // NANOSECONDS)
            out.write(f"{stamp} {json.dumps(message, separators=(',', ':'))}\n")
    return count


def _complete(message: dict[str, Any], received: int) -> None:
    data = message.get("data", message)
    if "lastUpdateId" in data:
        data["T"] = received
    elif "b" in data and "B" in data:
        data |= {"e": "bookTicker", "T": received, "E": received}
    elif data["e"] == "trade":
        data["X"] = "MARKET"
    else:
        data["T"] = data["E"]


def convert(path: Path) -> Any:
    """The recording as hftbacktest's events; ``t`` keeps the book tickers, which its replay then passes over."""
    with contextlib.redirect_stdout(io.StringIO()):
        return binancefutures.convert(str(path), opt="t", buffer_size=2_000_000)


def backtest(events: Any) -> Any:
    """A backtest of one asset in the simplest models."""
    asset = (
        BacktestAsset()
        .data(events)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.001, 0.001)
        .tick_size(0.01)
        .lot_size(0.00001)
    )
    return HashMapMarketDepthBacktest([asset])


@njit
def idle(hbt: Any) -> int:
    """Let the recording pass."""
    steps = 0
    while hbt.elapse(100_000_000) == 0:
        steps += 1
    return steps


def replay(events: Any) -> float:
    """Seconds of one replay."""
    hbt = backtest(events)
    began = time.perf_counter()
    idle(hbt)
    seconds = time.perf_counter() - began
    hbt.close()
    return seconds


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "futures.gz"
        lines = as_futures(Path(request["recording"]), path)
        # the first time of everything compiles it
        events = convert(path)
        replay(events)
        began = time.perf_counter()
        if request["case"] == "json":
            events = convert(path)
        converting = time.perf_counter() - began if request["case"] == "json" else 0.0
        seconds = converting + replay(events)
    by = f"hftbacktest {__version__} on Python {sys.version.split()[0]}, numpy {np.__version__}, {len(events):,} events"
    print(json.dumps({"count": lines, "seconds": seconds, "by": by}))


if __name__ == "__main__":
    main()
