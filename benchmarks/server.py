"""The server over loopback: signed orders per second on keep-alive connections, and subscribers of one stream."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import _peers
import click
from _table import Case, Sample, Skipped, measure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
KEY, SECRET = "bench", "bench-secret"
#: Orders that neither rest nor trade, and orders that trade at once.
ORDERS = {
    "not filled": "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.001&price=30000",
    "filled": "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.0001",
}
#: What it must reach, and the share of that at which the 99th percentile must stay under 20 ms.
TARGET, SHARE = 2500, 0.5
#: Of orders that are written down, and their 99th percentile in ms.
KEPT_TARGET, KEPT_TAIL = 2000, 25
CONNECTIONS, SOME, MANY, SUBSCRIBERS, EVENTS = 8, 24, 64, 200, 100
#: Where accounts are kept, by what stands behind a case's name.
KEPT = {
    "": "sqlite://",
    ", kept": "sqlite:///FOLDER/accounts.sqlite",
    ", kept, normal": "sqlite:///FOLDER/accounts.sqlite",
}
CONFIG = f"""
db_url = "URL"
durability = "LEVEL"
[paper]
limits = false
symbols = ["BTCUSDT"]
FEED
[accounts.bench]
api_key = "{KEY}"
secret = "{SECRET}"
balances = {{USDT = "1000000000", BTC = "1000000"}}
"""


@contextmanager
def serving(feed: str, kept: str = "") -> Iterator[dict[str, Any]]:
    """A server in a process of its own; gives what its clients need."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "server.toml"
        words = {
            "FEED": f'feed = "{feed}"',
            "URL": KEPT[kept].replace("FOLDER", folder),
            "LEVEL": "normal" if kept.endswith("normal") else "full",
        }
        text = CONFIG
        for word, value in words.items():
            text = text.replace(word, value)
        config.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                address = urlsplit(process.stdout.readline().strip().partition("=")[2])
                yield {"host": address.hostname, "port": address.port, "key": KEY, "secret": SECRET}
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(20)


def client(script: str, job: dict[str, Any]) -> dict[str, Any]:
    """What a client in a process of its own found."""
    done = subprocess.run(
        [sys.executable, str(HERE / script)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def orders(
    notes: list[str], kind: str, count: int, rate: float = 0, kept: str = "", connections: int = CONNECTIONS
) -> Sample:
    """Orders as fast as they are answered, or at a rate."""
    with serving("synthetic", kept) as place:
        job = {**place, "count": count, "connections": connections, "rate": rate, "order": ORDERS[kind]}
        found = client("_load.py", job)
    if found["refused"]:
        msg = f"{found['refused']} orders were refused"
        raise Skipped(msg)
    times = f"median {found['median'] * 1000:.1f} ms, p99 {found['p99'] * 1000:.1f} ms"
    notes.append(f"orders, {kind}{kept}, {connections} connections{f', at {rate:.0f}/s' if rate else ''}: {times}")
    return Sample(found["count"], found["seconds"])


def subscribers(notes: list[str], seconds: int) -> Sample:
    """Frames to all subscribers of a stream that gets so many events a second."""
    with serving("push") as place:
        job = {
            **place,
            "path": "/ws/btcusdt@trade",
            "subscribers": SUBSCRIBERS,
            "rate": EVENTS,
            "events": seconds * EVENTS,
        }
        found = client("_subscribers.py", job)
    if found["refused"]:
        raise Skipped("the exchange has no market streams")
    missing = SUBSCRIBERS * seconds * EVENTS - found["count"]
    notes.append(f"frames: {missing} missing, the last one {found['behind'] * 1000:.0f} ms after its event")
    return Sample(found["count"], found["seconds"])


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True, help="How often each case runs.")
@click.option("--orders", "count", default=10_000, show_default=True, help="Orders in one run.")
@_peers.options
def main(peers: _peers.Peers, rounds: int, count: int) -> None:  # noqa: ARG001  options are those of every table
    """Measure and print."""
    half = TARGET * SHARE
    notes: list[str] = []
    cases = [
        *(Case(f"orders, {kind}", partial(orders, notes, kind, count)) for kind in ORDERS),
        Case(f"orders, not filled, at {half:.0f}/s", partial(orders, notes, "not filled", count // 2, half)),
        *(
            Case(f"orders, {kind}{kept}, {many} connections", partial(orders, notes, kind, count, 0, kept, many))
            for kind in ORDERS
            for kept, many in (
                *((", kept", many) for many in (CONNECTIONS, SOME, MANY)),
                (", kept, normal", CONNECTIONS),
            )
        ),
        Case(f"orders, filled, kept, at {half:.0f}/s", partial(orders, notes, "filled", count // 2, half, ", kept")),
        Case(f"frames, {SUBSCRIBERS} subscribers at {EVENTS} events/s", partial(subscribers, notes, 5)),
    ]
    results, skipped = measure(cases, rounds)
    show(
        "Server",
        "times",
        results,
        [
            *notes,
            *skipped,
            (
                f"The target is {TARGET:,} orders/s, and p99 under 20 ms at half; of orders that are kept {KEPT_TARGET:,}/s "
                f"with p99 under {KEPT_TAIL} ms."
            ),
        ],
    )


if __name__ == "__main__":
    main()
