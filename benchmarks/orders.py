"""Orders per second: market orders placed and filled, limit orders placed and cancelled, layer by layer."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import _market as market
import _peers
import click
from _table import Case, Sample, measure, show

from exec_plugin.core.orders import CANCELED, FILLED
from exec_plugin.core.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.orders import LiveOrder

#: The limit orders' price in cents: far below the market.
FAR_BELOW = 50_000_00


def opened() -> tuple[Venue, Account]:
    """A venue and a rich account."""
    venue = Venue([market.symbol()], now=market.START)
    return venue, venue.open_account("default", market.BALANCES)


def core_markets(count: int, *, listened: bool = False) -> Sample:
    """A quote tick and a market order to buy, again and again: what the peer does as well."""
    venue, account = opened()
    if listened:
        venue.listeners.append(lambda _event: None)
    quote, place = venue.markets[market.NAME].quote, venue.place
    bids = [bid * market.CENT for bid in market.walk(count)]
    began = perf_counter()
    for bid in bids:
        quote(bid, market.SHOWN, bid + market.CENT, market.SHOWN)
        place(account, market.NAME, True, "MARKET", market.QTY)  # noqa: FBT003
    seconds = perf_counter() - began
    _check(account, FILLED, count)
    return Sample(count, seconds)


def core_limits(count: int) -> Sample:
    """A quote tick, a limit order far from the market and its cancellation."""
    venue, account = opened()
    quote, place, cancel = venue.markets[market.NAME].quote, venue.place, venue.cancel
    bids = [bid * market.CENT for bid in market.walk(count)]
    price = FAR_BELOW * market.CENT
    began = perf_counter()
    for bid in bids:
        quote(bid, market.SHOWN, bid + market.CENT, market.SHOWN)
        cancel(place(account, market.NAME, True, "LIMIT", market.QTY, price))  # noqa: FBT003
    seconds = perf_counter() - began
    _check(account, CANCELED, count)
    return Sample(count, seconds)


def _check(account: Account, status: str, count: int) -> None:
    orders: list[LiveOrder] = account.desks[market.NAME].orders
    assert [order.status for order in orders] == [status] * count


def by_nautilus(peers: _peers.Peers, case: str, count: int) -> Sample:
    """The same in nautilus_trader's backtest engine: one order at every quote tick."""
    return peers.run("nautilus_trader", "nautilus.py", {"case": case, "bids": market.walk(count)})


def cases(count: int, peer_count: int, peers: _peers.Peers) -> list[Case]:
    """The table's lines."""
    runs: dict[str, tuple[str, Callable[[], Sample]]] = {
        "market, core": ("markets", partial(core_markets, count)),
        "market, core with a listener": ("markets", partial(core_markets, count, listened=True)),
        "market, nautilus_trader": ("markets", partial(by_nautilus, peers, "markets", peer_count)),
        "limit and cancel, core": ("limits", partial(core_limits, count)),
        "limit and cancel, nautilus_trader": ("limits", partial(by_nautilus, peers, "limits", peer_count)),
    }
    core = {"markets": "market, core", "limits": "limit and cancel, core"}
    peer = {"markets": "market, nautilus_trader", "limits": "limit and cancel, nautilus_trader"}
    return [
        Case(name, run, {"to the core": core[kind], "to the peer": peer[kind]}) for name, (kind, run) in runs.items()
    ]


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
