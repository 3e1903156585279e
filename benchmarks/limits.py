"""Rate limiters in a simulated Binance: weight used of the ideal, refusals, and how long an order waits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import _peers
import click
from _table import Skipped

from exec_plugin.limit_store import LimitStore, MappedStore, MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter

HERE = Path(__file__).resolve().parent
SIMULATOR = HERE.parent.parent / "shared" / "limits"
OURS = f"{HERE / 'limits_adapter.py'}:Ours"
#: Package -> the simulator's names of the limiters that need it.
PEERS = {"ccxt": ("CcxtLeaky", "CcxtRolling"), "aiolimiter": ("AioLimiter",), "pyrate-limiter": ("Pyrate",)}
HEAD = f"{'':44s} {'% ideal':>8s} {'429':>7s} {'418':>7s} {'order wait max, s':>18s}"
PATIENCE = 3_600


def simulate(python: str, adapters: str, workloads: str, minutes: int, seeds: int) -> dict[str, Any]:
    """The simulator's results by adapter and workload."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        options = ["-a", adapters, "-w", workloads, "-n", str(minutes), "-s", str(seeds), "--json", str(out)]
        command = [python, str(SIMULATOR / "run.py"), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise Skipped((done.stderr.strip() or "no message").splitlines()[-1])
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def measure(peers: _peers.Peers, workloads: str, minutes: int, seeds: int) -> tuple[dict[str, Any], list[str]]:
    """Everybody's results, and why some have none."""
    results = simulate(sys.executable, OURS, workloads, minutes, seeds)
    skipped = []
    for package, names in PEERS.items() if peers.wanted else ():
        try:
            python = str(_peers._environment(peers.folder, peers.python, package))
            results |= simulate(python, ",".join(names), workloads, minutes, seeds)
        except Skipped as reason:
            skipped.append(f"{package}: skipped, {reason}")
    return results, skipped


def show(results: dict[str, Any], workloads: str) -> None:
    """One block of lines for each workload."""
    for workload in workloads:
        print(f"\nworkload {workload}\n{HEAD}")
        for name, found in results.items():
            adapter, _, letter = name.rpartition("/")
            if letter == workload:
                title = "exec_plugin" if adapter == OURS else adapter
                waits = f"{found['order_max']:18.2f}"
                print(f"{title:44s} {100 * found['eff']:8.1f} {found['n429']:7.0f} {found['n418']:7.0f} {waits}")


def cost(store: LimitStore, count: int = 5_000) -> float:
    """Microseconds of an uncontended reservation and its settlement, the best of five rounds."""
    limits = [{"rateLimitType": kind, "interval": "MINUTE", "intervalNum": 1, "limit": 10**9} for kind in
              ("REQUEST_WEIGHT", "RAW_REQUESTS")]  # fmt: skip
    limiter = AdaptiveRateLimiter(store=store, limits=limits)

    async def spend() -> float:
        answers = [{"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()), "X-MBX-USED-WEIGHT-1M": str(used)}
                   for used in range(1, count + 1)]  # fmt: skip
        begun = time.perf_counter()
        for headers in answers:
            reservation = await limiter.reserve(endpoint="GET /api/v3/klines")
            limiter.settle(reservation, 200, headers)
        return (time.perf_counter() - begun) / count * 1e6

    return min(asyncio.run(spend()) for _ in range(5))


@click.command(help=__doc__)
@click.option("--workloads", default="abcd", show_default=True, help="Letters of the simulator's workloads.")
@click.option("--minutes", default=10, show_default=True, help="Simulated minutes.")
@click.option("--rounds", default=2, show_default=True, help="Seeds of each workload.")
@_peers.options
def main(peers: _peers.Peers, workloads: str, minutes: int, rounds: int) -> None:
    """Measure and print."""
    if SIMULATOR.is_dir():
        results, skipped = measure(peers, workloads, minutes, rounds)
        show(results, workloads)
        print(*skipped, sep="\n")
    else:
        print("The simulator is not beside this checkout.")
    with tempfile.TemporaryDirectory() as folder, closing(MappedStore(Path(folder) / "budget")) as mapped:
        print(f"reserve and settle: {cost(MemoryStore()):.1f} us in memory, {cost(mapped):.1f} us in a shared file")


if __name__ == "__main__":
    main()
