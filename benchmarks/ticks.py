"""Ticks per second beside 0, 100 and 10,000 resting orders that no tick crosses."""

from __future__ import annotations

from functools import partial
from time import perf_counter

import _market as market
import _peers
import click
from _table import Case, Sample, measure, show

from exec_plugin.core.events import QUOTE
from exec_plugin.core.venue import Venue

PEER = "nautilus_trader"
RESTING = (0, 100, 10_000)


def venue_with(resting: int) -> Venue:
    """A venue whose only account has that many orders on the book, far from the market."""
    venue = Venue([market.symbol()], now=market.START)
    account = venue.open_account("default", market.BALANCES)
    venue.quote(market.NAME, 60_000_00 * market.CENT, market.SHOWN, 60_000_01 * market.CENT, market.SHOWN)
    for order in market.walls(resting):
        venue.place(account, market.NAME, order.is_buy, "LIMIT", market.QTY, order.price * market.CENT)
    return venue


def check(venue: Venue, resting: int) -> None:
    """Every order must still be there: nothing was crossed."""
    assert len(venue.accounts["default"].open_orders) == resting


def at_market(ticks: int, resting: int) -> Sample:
    """The tick path itself: ``Market.quote``."""
    venue = venue_with(resting)
    quotes = [(bid * market.CENT, market.SHOWN, (bid + 1) * market.CENT, market.SHOWN) for bid in market.walk(ticks)]
    quote = venue.markets[market.NAME].quote
    began = perf_counter()
    for bid, bid_qty, ask, ask_qty in quotes:
        quote(bid, bid_qty, ask, ask_qty)
    seconds = perf_counter() - began
    check(venue, resting)
    return Sample(ticks, seconds)


def at_venue(ticks: int, resting: int) -> Sample:
    """As a replay does it: rows with times through ``Venue.apply``."""
    venue = venue_with(resting)
    rows = [
        (QUOTE, time, market.NAME, bid * market.CENT, market.SHOWN, (bid + 1) * market.CENT, market.SHOWN)
        for time, bid in enumerate(market.walk(ticks), market.START)
    ]
    began = perf_counter()
    venue.apply(rows)
    seconds = perf_counter() - began
    check(venue, resting)
    return Sample(ticks, seconds)


def by_nautilus(peers: _peers.Peers, ticks: int, resting: int) -> Sample:
    """The same ticks and orders in nautilus_trader's backtest engine."""
    request = {
        "case": "ticks",
        "bids": market.walk(ticks),
        "orders": [(order.is_buy, order.price) for order in market.walls(resting)],
    }
    return peers.run("nautilus_trader", "nautilus.py", request)


def cases(ticks: int, peer_ticks: int, peers: _peers.Peers) -> list[Case]:
    """The table's lines; the peer's ticks get slower with every order, so it gets fewer of them."""
    layers = {
        "core, Market.quote": lambda resting: at_market(ticks, resting),
        "core, Venue.apply": lambda resting: at_venue(ticks, resting),
        PEER: lambda resting: by_nautilus(peers, peer_ticks // (50 if resting > 100 else 1), resting),
    }
    return [
        Case(
            f"{layer}, {resting:,} resting",
            partial(run, resting),
            {"to none resting": f"{layer}, 0 resting", "to the peer": f"{PEER}, {resting:,} resting"},
        )
        for layer, run in layers.items()
        for resting in RESTING
    ]


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True, help="How often each case runs.")
@click.option("--ticks", default=500_000, show_default=True, help="Ticks in one run of ours.")
@click.option("--peer-ticks", default=100_000, show_default=True, help="Ticks in one run of the peer.")
@_peers.options
def main(peers: _peers.Peers, rounds: int, ticks: int, peer_ticks: int) -> None:
    """Measure and print."""
    results, skipped = measure(cases(ticks, peer_ticks, peers), rounds)
    show("Ticks that cross nothing", "ticks", results, skipped)


if __name__ == "__main__":
    main()
