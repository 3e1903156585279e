"""Orders that are written down, with what their account is told of them: what a commit costs by durability and by how many
orders share it, what a bot's tasks or threads gain by sharing, and how long it takes to open an account with a long past.
"""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import _market as market
import _peers
import ccxt.async_support
import click
from _table import Case, Sample, measure, show

import exec_plugin
from exec_plugin.account import HOUSE
from exec_plugin.core.venue import Venue
from exec_plugin.core.venue.chronicle import Chronicle
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.journal import LEVELS, Journal, open_store
from exec_plugin.journal.commit import hand_over
from exec_plugin.protocol.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.ledger import Account

#: How many orders share a commit: one, as in a bot's own process, and as many as reach a busy server together.
BATCHES = (1, 16, 64)
#: How many do where a server goes on while another thread waits for the disk.
MEANWHILE = (64, 256)
#: Price of the limit orders in cents.
LOW = 50_000_00
CORE = "core, nothing written"


class Numbering:
    """Nobody else numbers anything; orders are counted as an exchange does."""

    client_ids = 0

    def __init__(self) -> None:
        limits = Limits(RATE_LIMITS)
        self.order_use = limits.told
        self.resume_order_use = partial(limits.go_on, now=market.START)


def kept(url: str, durability: str, *, told: bool = False) -> tuple[Venue, Account, Journal | None]:
    """A venue whose one account is written down; in memory without a URL."""
    venue = Venue([market.symbol()], now=market.START)
    store = open_store(url, durability) if url else None
    if store is None:
        return venue, venue.open_account("default", market.BALANCES), None
    chronicle = Chronicle(on_demand=True)
    chronicle.attend(venue.listeners)
    journal = Journal(store, "benchmark", venue, Numbering(), chronicle=chronicle)
    journal.open({"default": market.BALANCES})
    if told:
        chronicle.begin("default")
    return venue, venue.accounts["default"], journal


def settled(journal: Journal) -> None:
    """Write down what has changed."""
    if not journal.settle():
        raise RuntimeError(journal.failure)


def begun(writer: ThreadPoolExecutor, journal: Journal) -> None:
    """Begin to write down what has changed, once what was begun before is written."""
    commit = journal.start()
    if commit is None:
        raise RuntimeError(journal.failure)
    hand_over(commit, writer)


def orders(
    kind: str, durability: str, batch: int, count: int, *, told: bool = False, meanwhile: bool = False
) -> Sample:
    """
    Orders that are filled or cancelled at once, one a tick, written down in groups; with their events, or without.

    ``meanwhile`` is whether they go on while another thread waits for the disk.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as writer:
        write = partial(begun, writer) if meanwhile else settled
        url = f"sqlite:///{folder}/accounts.sqlite" if durability else ""
        venue, account, journal = kept(url, durability, told=told)
        rows, price, is_buy = market.quotes(count), LOW * market.CENT, True
        began = perf_counter()
        for number, row in enumerate(rows, 1):
            venue.apply((row,))
            if kind == "market":
                venue.place(account, market.NAME, is_buy, "MARKET", market.QTY)
            else:
                venue.cancel(venue.place(account, market.NAME, is_buy, "LIMIT", market.QTY, price))
            if journal is not None and not number % batch:
                write(journal)
        if journal is not None and not journal.finish():
            raise RuntimeError(journal.failure)
        seconds = perf_counter() - began
        if journal is not None:
            journal.close()
    if len(account.desks[market.NAME].orders) != count:
        msg = "orders are missing"
        raise RuntimeError(msg)
    return Sample(count, seconds)


def bot_tasks(url: str, count: int, tasks: int) -> float:
    """Seconds that an asyncio bot takes for so many orders, placed by so many tasks at a time."""

    async def trade() -> float:
        exchange = ccxt.async_support.binancepaper(bot(url))
        numbers = iter(range(count))

        async def place() -> None:
            for _ in numbers:
                await exchange.create_order("BTC/USDT", "market", "buy", 0.001)

        await exchange.load_markets()
        began = perf_counter()
        await asyncio.gather(*[place() for _ in range(tasks)])
        seconds = perf_counter() - began
        await exchange.close()
        return seconds

    return asyncio.run(trade())


def bot_threads(url: str, count: int, threads: int) -> float:
    """The same of threads, with an exchange each."""
    exchanges = [ccxt.binancepaper(bot(url)) for _ in range(threads)]
    for exchange in exchanges:
        exchange.load_markets()

    def place(exchange: ccxt.Exchange) -> None:
        for _ in range(count // threads):
            exchange.create_order("BTC/USDT", "market", "buy", 0.001)

    with ThreadPoolExecutor(threads) as pool:
        began = perf_counter()
        for _ in pool.map(place, exchanges):
            pass
        return perf_counter() - began


def bot(url: str) -> dict[str, Any]:
    """What a bot is configured with."""
    paper = {"db_url": url, "free_orders": True, "balances": {"USDT": "1000000000"}}
    return {"apiKey": "benchmark", "secret": "s", "enableRateLimit": False, "options": {"paper": paper}}


def bots(run: Callable[[str, int, int], float], at_a_time: int, count: int, *, is_kept: bool) -> Sample:
    """Orders of a bot through ccxt in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(f"sqlite:///{folder}/accounts.sqlite" if is_kept else "sqlite://", count, at_a_time)
        # nothing of it is left for the next one
        HOUSE.clear()
    return Sample(count, seconds)


def openings(count: int, rounds: int) -> str:
    """How long it takes to open an account with so many orders, of which a hundred rest."""
    with tempfile.TemporaryDirectory() as folder:
        url, is_buy = f"sqlite:///{folder}/accounts.sqlite", True
        venue, account, journal = kept(url, "off")
        for number, row in enumerate(market.quotes(count)):
            venue.apply((row,))
            name = f"bot-order-{number}"
            if number % (count // 100) == 0:
                venue.place(account, market.NAME, is_buy, "LIMIT", market.QTY, LOW * market.CENT, client_id=name)
            else:
                venue.place(account, market.NAME, is_buy, "MARKET", market.QTY, client_id=name)
            if journal is not None and not number % 64:
                journal.settle()
        if journal is not None:
            journal.close()
        took = []
        for _ in range(rounds):
            began = perf_counter()
            _, account, journal = kept(url, "full")
            took.append(perf_counter() - began)
            if len(account.desks[market.NAME].orders) != count or len(account.open_orders) != 100:
                msg = "orders are missing"
                raise RuntimeError(msg)
            if journal is not None:
                journal.close()
        size = sum(path.stat().st_size for path in Path(folder).glob("accounts.sqlite")) / 1e6
    return f"An account with {count:,} orders ({size:.0f} MB) opens in {min(took):.2f} s (median {median(took):.2f} s)."


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True, help="How often each case runs.")
@click.option("--orders", "count", default=20_000, show_default=True, help="Orders in one run; fewer where each waits.")
@click.option("--past", default=100_000, show_default=True, help="Orders of the account that is opened.")
@_peers.options
def main(peers: _peers.Peers, rounds: int, count: int, past: int) -> None:  # noqa: ARG001  options are those of every table
    """Measure and print."""
    exec_plugin.install()
    cases = []
    for kind in ("market", "limit"):
        title = f"{kind}, {'filled' if kind == 'market' else 'cancelled'}"
        ratios = {"to the core": f"{title}: {CORE}"}
        cases.append(Case(f"{title}: {CORE}", partial(orders, kind, "", 1, count), ratios))
        for level in reversed(LEVELS):
            for batch in BATCHES:
                # each of them waits for the disk
                few = count // 10 // BATCHES[-1] * BATCHES[-1] if (level, batch) == ("full", 1) else count // 64 * 64
                run = partial(orders, kind, level, batch, few)
                cases.append(Case(f"{title}: {level}, {batch} a commit", run, ratios))
        for batch in MEANWHILE:
            run = partial(orders, kind, "full", batch, count // batch * batch, meanwhile=True)
            cases.append(Case(f"{title}: full, {batch} a commit, going on meanwhile", run, ratios))
        run = partial(orders, kind, "full", BATCHES[-1], count // 64 * 64, told=True)
        cases.append(Case(f"{title}: full, {BATCHES[-1]} a commit, with events", run, ratios))
    for name, run, most in (("tasks", bot_tasks, 64), ("threads", bot_threads, 16)):
        memory = f"ccxt, {most} {name}: in memory"
        few = count // 10 // most * most
        cases.append(Case(memory, partial(bots, run, most, few, is_kept=False), {"to memory": memory}))
        for at_a_time in (1, most):
            told = f"ccxt, {at_a_time} {name}: full"
            cases.append(Case(told, partial(bots, run, at_a_time, few, is_kept=True), {"to memory": memory}))
    results, skipped = measure(cases, rounds)
    show("Commits", "orders", results, [*skipped, openings(past, rounds)])


if __name__ == "__main__":
    main()
