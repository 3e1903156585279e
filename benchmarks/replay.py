"""Rows per second of a recorded market, from its JSON text and from rows already read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import _peers
import click
from _table import Case, Sample, measure, show

from exec_plugin.core.events import BOOK, DEPTH, QUOTE, plain_levels
from exec_plugin.core.units import SCALE
from exec_plugin.core.venue import Venue
from exec_plugin.feeds import open_recording

if TYPE_CHECKING:
    from exec_plugin.core.events import Row
    from exec_plugin.core.symbols import Symbol

RECORDING = Path(__file__).resolve().parents[2] / "shared/data/market/btcusdt_20240808.gz"
NOTE = """\
A row of ours is a line of the recording; both engines replay all of the file. hftbacktest turns a line into one event
for each price level, as floats, and passes over the book tickers, two thirds of the lines; its times hold no
compilation. Ours apply every line, book tickers included, in integers. From JSON, our levels behind the touch are
checked but turned into numbers only where somebody looks; the parsed form holds them as numbers."""


def from_json(path: Path) -> Sample:
    """Gunzip, parse and apply the file."""
    began = perf_counter()
    feed = open_recording(path)
    venue = Venue(feed.symbols, now=feed.start)
    venue.apply(feed.rows())
    return Sample(feed.rows_read, perf_counter() - began)


def parse_only(path: Path) -> Sample:
    """Gunzip and parse the file."""
    began = perf_counter()
    feed = open_recording(path)
    for _ in feed.rows():
        pass
    return Sample(feed.rows_read, perf_counter() - began)


def parsed(path: Path, resting: int) -> Sample:
    """Apply rows that are in memory, beside a grid of resting orders."""
    feed = open_recording(path)
    rows = [_plain(row) for row in feed.rows()]
    venue = Venue(feed.symbols, now=feed.start)
    touch = next(row[3] for row in rows if row[0] == QUOTE)
    _rest(venue, feed.symbols[0], touch, resting)
    began = perf_counter()
    venue.apply(rows)
    seconds = perf_counter() - began
    assert len(venue.accounts["default"].open_orders) == resting
    return Sample(len(rows), seconds)


def _plain(row: Row) -> Row:
    """A row whose levels are read now, not when somebody looks."""
    return (*row[:3], *map(plain_levels, row[3:5]), *row[5:]) if row[0] in (DEPTH, BOOK) else row


def _rest(venue: Venue, symbol: Symbol, touch: int, count: int) -> None:
    """Half of the orders a fifth below the market and lower, half of them a fifth above it and higher."""
    account = venue.open_account("default", dict.fromkeys((symbol.base, symbol.quote), 10**9 * SCALE))
    tick = symbol.price.step
    for index in range(count):
        is_buy = index % 2 == 0
        price = touch * 4 // 5 - index * tick if is_buy else touch * 6 // 5 + index * tick
        venue.place(account, symbol.name, is_buy, "LIMIT", SCALE, price // tick * tick)


def by_hftbacktest(peers: _peers.Peers, case: str, path: Path) -> Sample:
    """The same file in hftbacktest."""
    return peers.run("hftbacktest", "hft.py", {"case": case, "recording": str(path)})


def cases(path: Path, peers: _peers.Peers) -> list[Case]:
    """The table's lines."""
    runs = {
        "from JSON": ("json", partial(from_json, path)),
        "from JSON, reading alone": ("json", partial(parse_only, path)),
        "from JSON, hftbacktest": ("json", partial(by_hftbacktest, peers, "json", path)),
        "parsed": ("parsed", partial(parsed, path, 0)),
        "parsed, 100 orders resting": ("parsed", partial(parsed, path, 100)),
        "parsed, hftbacktest": ("parsed", partial(by_hftbacktest, peers, "parsed", path)),
    }
    peer = {"json": "from JSON, hftbacktest", "parsed": "parsed, hftbacktest"}
    return [Case(name, run, {"to the peer": peer[kind]}) for name, (kind, run) in runs.items()]


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True, help="How often each case runs.")
@click.option(
    "--recording", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=RECORDING,
    help="A capture of Binance's spot streams; by default the Bitcoin one in the folder shared beside the checkout.",
)  # fmt: skip
@_peers.options
def main(peers: _peers.Peers, rounds: int, recording: Path) -> None:
    """Measure and print."""
    results, skipped = measure(cases(recording, peers), rounds)
    show(f"Replay of {recording.name}", "rows", results, [NOTE, *skipped])


if __name__ == "__main__":
    main()
