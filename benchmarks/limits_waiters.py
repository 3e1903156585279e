"""What a waiting request costs: CPU time per waiter, for more and more of them, in virtual time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from time import process_time

import _peers
import click

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from rate_limit.counting import Server  # noqa: E402  the tests' helpers are found by then
from rate_limit.virtual import Clock, run  # noqa: E402

from exec_plugin.limit_store import MemoryStore  # noqa: E402
from exec_plugin.rate_limit import AdaptiveRateLimiter  # noqa: E402

#: Of the window's weight, what one of them asks for; each answer takes so long.
WEIGHT, LATENCY = 10, 0.05


def cost(count: int) -> tuple[float, bool]:
    """Microseconds of CPU per waiter when so many wait at once, and whether they left in the order they came in."""
    clock = Clock(1_000.0)
    server = Server(clock, 30.0)
    limiter = AdaptiveRateLimiter(clock=lambda: server.now, monotonic=clock, store=MemoryStore(clock))
    left: list[int] = []

    async def client(number: int) -> None:
        reservation = await limiter.reserve(WEIGHT, kind="market", max_wait=1e9)
        left.append(number)
        await asyncio.sleep(LATENCY)
        limiter.settle(reservation, *server.answer(WEIGHT))

    async def main() -> float:
        begun = process_time()
        await asyncio.gather(*map(client, range(count)))
        return process_time() - begun

    return run(main(), clock) / count * 1e6, left == sorted(left)


@click.command(help=__doc__)
@click.option("--most", default=16_000, show_default=True, help="So many wait in the last line.")
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; the best counts.")
@_peers.options
def main(peers: _peers.Peers, most: int, rounds: int) -> None:
    """Measure and print."""
    # nobody else follows the exchange's counters while thousands wait
    del peers
    print(f"{'waiters':>8}{'us each':>9}  in order")
    count = 1_000
    while count <= most:
        results = [cost(count) for _ in range(rounds)]
        print(f"{count:>8,}{min(each for each, _ in results):>9.0f}  {all(order for _, order in results)}")
        count *= 2


if __name__ == "__main__":
    main()
