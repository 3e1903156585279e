"""Three real processes spend one budget against a server on this machine: through the shared file and through Redis."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import _peers
import click

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from limit_store.redis_server import RedisServer  # noqa: E402  the tests' helpers are found by then
from rate_limit.enforcing import LIMITS, Exchange, Processes  # noqa: E402

from exec_plugin.limit_store import open_store  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.limit_store import Cells

#: A request reserves and settles; each changes about so many cells.
CHANGED = 8


def change(cells: Cells) -> None:
    """As many cells as a request changes."""
    for index in range(CHANGED):
        cells[index * 7] += 1.0


def latencies(store: str, count: int) -> list[float]:
    """Microseconds of updates, sorted."""
    opened = open_store(store, "benchmark")
    times = []
    for _ in range(count):
        began = perf_counter()
        opened.update(change)
        times.append((perf_counter() - began) * 1e6)
    opened.close()
    return sorted(times)


async def spend(store: str, processes: int, seconds: int, weight: int, windows: int, kill: int | None) -> Exchange:
    """Let processes spend whole windows; one may be killed in the middle of one."""
    exchange = Exchange(seconds, weight)
    await exchange.start()
    limits = [LIMITS[0] | {"intervalNum": seconds, "limit": weight}, *LIMITS[1:]]
    running = Processes(exchange.port, store, processes, limits)
    try:
        await running.ready()
        exchange.first = exchange.window() + 1
        if kill is not None:
            await exchange.until(exchange.first + kill, 0.5)
            running.kill(0)
        await exchange.until(exchange.first + windows)
    finally:
        running.close()
        await exchange.stop()
    return exchange


@contextlib.contextmanager
def stores() -> Iterator[dict[str, str]]:
    """What a budget is kept in, by name; without a Redis program only the file."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        found = {"shared file": str(Path(folder) / "budget")}
        try:
            server = RedisServer()
        except TypeError:
            print("redis-server is not installed: skipped")
        else:
            stack.callback(server.kill)
            found["Redis"] = server.url
        yield found


@click.command(help=__doc__)
@click.option("--processes", default=3, show_default=True, help="How many share the budget.")
@click.option("--seconds", default=10, show_default=True, help="Length of a window.")
@click.option("--weight", default=3000, show_default=True, help="What a window allows.")
@click.option("--windows", "--rounds", "windows", default=4, show_default=True, help="Whole windows that are measured.")
@click.option("--kill", type=int, default=1, show_default=True, help="In which of them one process is killed.")
@click.option("--count", default=5000, show_default=True, help="Updates whose time is taken.")
@_peers.options
def main(peers: _peers.Peers, count: int, **options: int) -> None:
    """Measure and print."""
    # nobody else shares a budget between processes
    del peers
    print(f"{'store':<14}{'used':>8}{'refused':>9}{'p50 us':>9}{'p99 us':>9}")
    with stores() as named:
        for name, store in named.items():
            exchange = asyncio.run(spend(store, **options))
            measured = range(exchange.first, exchange.first + options["windows"])
            used = sum(exchange.accepted[window] for window in measured) / options["windows"] / options["weight"]
            times = latencies(f"{store}.times" if name != "Redis" else store, count)
            p50, p99 = times[count // 2], times[count * 99 // 100]
            refused = sum(exchange.refused.values())
            print(f"{name:<14}{used:>8.1%}{refused:>9}{p50:>9.0f}{p99:>9.0f}")


if __name__ == "__main__":
    main()
