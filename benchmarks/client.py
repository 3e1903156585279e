"""
What the documented client costs a call: beside bare ccxt async and python-binance's AsyncClient, on one loopback server.

Blocks of one's calls are followed by blocks of the others', so that all meet the same machine. In turns call by call they
would be strangers to one another's limiters, who each spend the same budget. Medians are compared.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import _peers
import click
from _table import Skipped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HERE = Path(__file__).resolve().parent
KEY, SECRET = "benchmark-key", "benchmark-secret"
_PLENTY = 10**9
#: How many calls of one come in a row.
BLOCK = 25
#: As Binance has them, so that every answer carries the usual headers; nobody reaches these.
_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": _PLENTY},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": _PLENTY},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": _PLENTY},
]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.1", "price": "90"}

#: The server's process: answers on a port that it prints, until its input ends.
SERVER = f"""
import asyncio, sys, time
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import PaperServer, ServerSettings
async def main():
    exchange = ScriptedExchange({{
        "symbols": [{{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"}}],
        "balances": {{"USDT": "1000000000", "BTC": "1000"}}, "rateLimits": {_LIMITS!r},
        "apiKey": {KEY!r}, "secretKey": {SECRET!r},
    }}, lambda: time.time_ns() // 1_000_000)
    exchange.market([{{"type": "book", "symbol": "BTCUSDT", "bids": [("99", "9")], "asks": [("101", "9")]}}])
    server = PaperServer(exchange, ServerSettings(port=0))
    await server.start()
    print(server.url, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
asyncio.run(main())
"""


def _bare(url: str, *, limited: bool) -> Any:
    """ccxt's own class as it is, with its limiter at a rate at which it need not wait, or without one."""
    import ccxt.async_support

    config = {"apiKey": KEY, "secret": SECRET, "enableRateLimit": limited, "rateLimit": 1e-6}
    exchange = ccxt.async_support.binance(config)
    exchange.urls["api"].update(public=f"{url}/api/v3", private=f"{url}/api/v3")
    exchange.timeout_on_exit = 0
    # what create_order reads first, once
    exchange.options.update(fetchMarkets={"types": ["spot"]}, fetchMargins=False)
    exchange.has["fetchCurrencies"] = False
    return exchange


def _ours(url: str, store: str) -> Any:
    from exec_plugin.binance import BinanceClient, BinanceConfig
    from exec_plugin.rate_limit import AdaptiveRateLimiter, RateLimitConfig

    limits = RateLimitConfig(
        requests_per_minute=_PLENTY, weight_per_minute=_PLENTY, orders_per_second=_PLENTY,
        orders_per_10_seconds=_PLENTY, orders_per_day=_PLENTY,
    )  # fmt: skip
    limiter = AdaptiveRateLimiter(limits, store=store)
    client = BinanceClient(BinanceConfig(api_key=KEY, api_secret=SECRET, base_url=url), limiter)
    client.exchange.timeout_on_exit = 0
    return client


def _alone(url: str) -> Any:
    """The client over the same exchange as the bare one: what it costs itself."""
    from exec_plugin.binance import BinanceClient

    return BinanceClient(exchange=_bare(url, limited=False))


def _calls(url: str, ours: Any, alone: Any) -> tuple[list[Any], dict[str, dict[str, Callable[[], Awaitable[Any]]]]]:
    """What is compared: the same request by each; and what is to be closed."""
    one = Decimal("0.1"), Decimal(90)
    calls: dict[str, dict[str, Callable[[], Awaitable[Any]]]] = {
        "get_ticker": {},
        "get_account_info": {},
        "place_order": {},
        "create_order": {},
    }
    for name, client in (("client", ours), ("alone", alone)):
        calls["get_ticker"][name] = partial(client.get_ticker, "BTCUSDT")
        calls["get_account_info"][name] = client.get_account_info
        place = partial(client.place_order, "BTCUSDT", "BUY", "LIMIT", *one, "IOC")
        calls["place_order"][name] = calls["create_order"][name] = place
    made = {"bare": _bare(url, limited=False), "ccxt": _bare(url, limited=True)}
    for name, each in made.items():
        calls["get_ticker"][name] = partial(each.public_get_ticker_24hr, {"symbol": "BTCUSDT"})
        calls["get_account_info"][name] = each.private_get_account
        calls["place_order"][name] = partial(_order, each)
        more = {"timeInForce": "IOC"}
        calls["create_order"][name] = partial(each.create_order, "BTC/USDT", "limit", "buy", 0.1, 90, more)
    return list(made.values()), calls


async def _order(exchange: Any) -> Any:
    # ccxt writes into what it is given
    return await exchange.private_post_order(dict(ORDER))


async def _compare(url: str, store: str, calls: int) -> dict[str, dict[str, list[float]]]:
    ours = _ours(url, store)
    took: dict[str, dict[str, list[float]]] = {}
    alone = _alone(url)
    async with ours, alone:
        made, table = _calls(url, ours, alone)
        for name, kinds in table.items():
            took[name] = {kind: [] for kind in kinds}
            for number in range(max(calls // BLOCK, 1) + 1):
                # none is always the one that comes second
                for kind in sorted(kinds, reverse=bool(number % 2)):
                    took[name][kind] += await _block(kinds[kind])
            for each in took[name].values():
                # the first block connects, imports and fills caches
                del each[:BLOCK]
    for each in (*made, alone.exchange):
        await each.close()
    return took


async def _block(call: Callable[[], Awaitable[Any]]) -> list[float]:
    times = []
    for _ in range(BLOCK):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return times


def _peer(peers: _peers.Peers, url: str, calls: int) -> dict[str, float]:
    request = {"url": url, "key": KEY, "secret": SECRET, "calls": calls, "order": ORDER}
    return json.loads(peers.run("python-binance", "python_binance.py", request).by)  # type: ignore[no-any-return]


@click.command()
@click.option("--calls", default=1000, show_default=True, help="How often each call is made.")
@click.option("--rounds", default=3, show_default=True, help="How often all of it is done; the best round counts.")
@_peers.options
def main(calls: int, rounds: int, peers: _peers.Peers) -> None:
    """Compare the client with bare ccxt and python-binance, call by call."""
    command = [sys.executable, "-c", SERVER]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        best: dict[str, dict[str, float]] = {}
        notes = []
        for number in range(rounds):
            took = asyncio.run(_compare(url, f"{folder}/{number}", calls))
            found = {name: {kind: median(each) for kind, each in kinds.items()} for name, kinds in took.items()}
            try:
                for name, seconds in _peer(peers, url, calls).items():
                    found[name]["python-binance"] = seconds
            except Skipped as reason:
                notes = [f"python-binance: skipped, {reason}"]
            for name, kinds in found.items():
                if name not in best or kinds["alone"] / kinds["bare"] < best[name]["alone"] / best[name]["bare"]:
                    best[name] = kinds
        assert server.stdin is not None
        server.stdin.close()
    _show(best, notes, rounds)


def _show(best: dict[str, dict[str, float]], notes: list[str], rounds: int) -> None:
    print(f"The client on loopback (median us a call, best of {rounds} rounds)\n")
    heads = ("ccxt, no limiter", "client on it", "over", "ccxt", "client", "over", "python-binance")
    print(f"{'':18}" + "".join(f"{head:>18}" for head in heads))
    for name, kinds in best.items():
        cells = []
        for kind, client in (("bare", "alone"), ("ccxt", "client")):
            cells += [
                f"{kinds[kind] * 1e6:.0f}",
                f"{kinds[client] * 1e6:.0f}",
                f"{kinds[client] / kinds[kind] - 1:+.1%}",
            ]
        cells.append(f"{kinds['python-binance'] * 1e6:.0f}" if "python-binance" in kinds else "-")
        print(f"{name:18}" + "".join(f"{cell:>18}" for cell in cells))
    for note in notes:
        print(f"\n{note}")


if __name__ == "__main__":
    main()
