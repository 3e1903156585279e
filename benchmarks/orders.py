"""Orders per second: market orders placed and filled, limit orders placed and cancelled, layer by layer."""

from __future__ import annotations

from functools import partial

import _layers
import _market as market
import _peers
import click
from _table import Case, Sample, measure, show

PEER = "nautilus_trader"
KINDS = {"markets": "market, filled", "limits": "limit, cancelled"}
#: Layer -> how many times fewer orders it gets than the core, so that all take about as long.
LAYERS: dict[str, tuple[_layers.Layer, int]] = {
    "core": (_layers.Core(), 1),
    "core with a listener": (_layers.Core(listened=True), 1),
    "PaperBroker": (_layers.Broker(), 2),
    "protocol": (_layers.InProcess(), 10),
    "ccxt async": (_layers.Ccxt(), 25),
    "ccxt async, canned answers": (_layers.Ccxt(canned=True), 25),
}


def by_nautilus(peers: _peers.Peers, kind: str, count: int) -> Sample:
    """The same orders in nautilus_trader's backtest engine."""
    return peers.run("nautilus_trader", "nautilus.py", {"case": kind, "bids": market.walk(count)})


def cases(count: int, peer_count: int, peers: _peers.Peers) -> list[Case]:
    """The table's lines."""
    found = []
    for kind, title in KINDS.items():
        runs = {name: partial(getattr(layer, kind), count // fewer) for name, (layer, fewer) in LAYERS.items()}
        runs[PEER] = partial(by_nautilus, peers, kind, peer_count)
        ratios = {"to the core": f"{title}: core", "to the peer": f"{title}: {PEER}"}
        found += [Case(f"{title}: {name}", run, ratios) for name, run in runs.items()]
    return found


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True, help="How often each case runs.")
@click.option("--orders", default=50_000, show_default=True, help="Orders in one run of the core.")
@click.option("--peer-orders", default=5_000, show_default=True, help="Orders in one run of the peer.")
@_peers.options
def main(peers: _peers.Peers, rounds: int, orders: int, peer_orders: int) -> None:
    """Measure and print."""
    results, skipped = measure(cases(orders, peer_orders, peers), rounds)
    show("Orders", "orders", results, skipped)


if __name__ == "__main__":
    main()
