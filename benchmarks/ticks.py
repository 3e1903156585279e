"""Ticks per second beside 0, 100 and 10,000 resting orders that no tick crosses."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import _market as market
import _peers
import click
from _table import Case, Sample, measure, show

from exec_plugin.core.units import to_decimal
from exec_plugin.core.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exec_plugin.paper_broker import PaperBroker

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
    quotes = [row[3:] for row in market.quotes(ticks)]
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
    rows = market.quotes(ticks)
    began = perf_counter()
    venue.apply(rows)
    seconds = perf_counter() - began
    check(venue, resting)
    return Sample(ticks, seconds)


def at_broker(ticks: int, resting: int) -> Sample:
    """The seed's door: ``PaperBroker.update_market_data``, Decimals in."""
    broker = asyncio.run(broker_with(resting))
    values = market.decimals(ticks)
    update = broker.update_market_data
    began = perf_counter()
    for bid, ask, last, volume in values:
        update(market.NAME, bid, ask, last, volume)
    seconds = perf_counter() - began
    assert len(asyncio.run(broker.get_open_orders())) == resting
    return Sample(ticks, seconds)


async def broker_with(resting: int) -> PaperBroker:
    """A broker with that many orders far from the market."""
    broker = market.broker()
    broker.update_market_data(market.NAME, *market.decimals(1)[0])
    qty = to_decimal(market.QTY)
    for order in market.walls(resting):
        side, price = "BUY" if order.is_buy else "SELL", to_decimal(order.price * market.CENT)
        await broker.place_order(market.NAME, side, "LIMIT", qty, price)
    return broker


def by_nautilus(peers: _peers.Peers, ticks: int, resting: int) -> Sample:
    """The same ticks and orders in nautilus_trader's backtest engine."""
    request = {
        "case": "ticks",
        "bids": market.walk(ticks),
        "orders": [(order.is_buy, order.price) for order in market.walls(resting)],
    }
    return peers.run("nautilus_trader", "nautilus.py", request)


def cases(ticks: int, peer_ticks: int, peers: _peers.Peers) -> list[Case]:
    """The table's lines; the peer takes minutes to accept 10,000 orders, so it is spared them."""
    layers: dict[str, tuple[Callable[[int], Sample], Sequence[int]]] = {
        "core, Market.quote": (partial(at_market, ticks), RESTING),
        "core, Venue.apply": (partial(at_venue, ticks), RESTING),
        "PaperBroker": (partial(at_broker, ticks // 5), RESTING),
        PEER: (partial(by_nautilus, peers, peer_ticks), RESTING[:2]),
    }
    return [
        Case(
            f"{layer}, {resting:,} resting",
            partial(run, resting),
            {"to none resting": f"{layer}, 0 resting", "to the peer": f"{PEER}, {resting:,} resting"},
        )
        for layer, (run, sizes) in layers.items()
        for resting in sizes
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
