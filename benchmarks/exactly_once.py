"""
Orders over a bad line: the documented client, and plain ccxt whose caller tries again when the network fails.

Four writers place orders that fill, rest, expire or are refused, and cancel half of those that rest; of all their
requests about orders, and of all looks at them, a share goes wrong: answers that are lost before or after the order was
placed, requests that arrive when their sender has given up, 5xx, 408 and -1006/-1007 with and without execution,
-1021, answers cut short, empty, or an earlier one once more. Time is virtual, everything else is real: ccxt's signing
and parsing, the paper exchange and its checks of timestamp and recvWindow. What every call told is compared with the
exchange's own books at the end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

# the line and the writers are those of the tests
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from binance_client.writers import run_client, run_naive
from rate_limit.virtual import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@click.command()
@click.option("--orders", default=10_000, show_default=True, help="How many orders each of the two places.")
@click.option("--writers", default=4, show_default=True, help="How many of them at a time.")
@click.option("--share", default=0.3, show_default=True, help="Of the requests that go wrong.")
@click.option("--seed", default=0, show_default=True, help="Of what goes wrong, and what is ordered.")
@click.option("--skew", default=1.3, show_default=True, help="Seconds that the client's clock is ahead.")
def main(orders: int, writers: int, share: float, seed: int, skew: float) -> None:
    """Count duplicates, losses and outcomes that were told wrongly; exits with 1 if the client has any."""
    print(f"{orders} orders, {writers} writers, {share:.0%} of requests go wrong, seed {seed}, clock {skew:+} s\n")
    wrong = _measure("client", lambda: run_client(orders, writers, share, seed, skew))
    _measure("plain ccxt, retries on NetworkError", lambda: run_naive(orders, writers, share, seed))
    sys.exit(bool(wrong))


def _measure(name: str, play: Callable[[], Awaitable[Any]]) -> list[str]:
    begun = time.perf_counter()

    async def timed() -> Any:
        tally, line = await play()
        return tally, line, line.loop.time() - line.begun

    tally, line, virtual = run(timed())
    duplicates = sum(count - 1 for count in line.accepted.values() if count > 1)
    print(f"{name}: {time.perf_counter() - begun:.1f} s for {virtual:.0f} s of virtual time")
    print(f"  {sum(line.happened.values())} requests, {sum(line.happened.values()) - line.happened['fine']} went wrong")
    print("  " + ", ".join(f"{count} {what}" for what, count in sorted(tally.outcomes.items())))
    print(f"  duplicates {duplicates}, told otherwise than it is {len(tally.wrong)}\n")
    for problem in tally.wrong[:3]:
        print(f"    {problem}")
    return tally.wrong


if __name__ == "__main__":
    main()
