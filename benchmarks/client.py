"""
What the documented client costs a call: beside bare ccxt async and python-binance's AsyncClient, on one loopback server.

Blocks of one's calls are followed by blocks of the others', so that all meet the same machine. In turns call by call they
would be strangers to one another's limiters, who each spend the same budget. What is compared are blocks of one group, whose
moments the machine's moods have in common.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import _peers
import click
from _table import Skipped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

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

PEERS_CALLS = ("get_ticker", "get_account_info", "place_order")

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


async def _compare(url: str, store: str, calls: int, peer: Peer | None) -> dict[str, dict[str, list[float]]]:
    """By call and kind the median of each block, in the order of the groups that they were made in."""
    ours = _ours(url, store)
    took: dict[str, dict[str, list[float]]] = {}
    alone = _alone(url)
    async with ours, alone:
        made, table = _calls(url, ours, alone)
        for name, kinds in table.items():
            blocks = {kind: partial(_block, call) for kind, call in kinds.items()}
            if peer is not None and name in PEERS_CALLS:
                blocks["peer"] = partial(peer.block, name)
            took[name] = {kind: [] for kind in blocks}
            for number in range(max(calls // BLOCK, 1) + 1):
                # none is always the one that comes second
                for kind in sorted(blocks, reverse=bool(number % 2)):
                    took[name][kind].append(await blocks[kind]())
            for each in took[name].values():
                # the first block connects, imports and fills caches
                del each[0]
    for each in (*made, alone.exchange):
        await each.close()
    return took


async def _block(call: Callable[[], Awaitable[Any]]) -> float:
    times = []
    for _ in range(BLOCK):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return median(times)


class Peer:
    """python-binance in a process of its own, which makes a block of calls when it is told to."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self._tell({"url": url, "key": KEY, "secret": SECRET, "order": ORDER, "block": BLOCK})

    async def block(self, name: str) -> float:
        """The median of a block of calls; nothing else happens in this process meanwhile."""
        self._tell(name)
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def _tell(self, what: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()


@contextmanager
def _peer(peers: _peers.Peers, url: str) -> Iterator[Peer]:
    """
    The peer, by the interpreter that runs this: a newer one would decide more than what is compared.

    Raises:
        Skipped: it is not wanted or cannot be installed.
    """
    python = peers.alike().python_of("python-binance")
    command = [str(python), str(HERE / "peers" / "python_binance.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Peer(process, url)
        process.communicate()


@click.command()
@click.option("--calls", default=1000, show_default=True, help="How often each call is made.")
@_peers.options
def main(calls: int, peers: _peers.Peers) -> None:
    """Compare the client with bare ccxt and python-binance, call by call."""
    notes = ""
    with _server() as url, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        try:
            peer = stack.enter_context(_peer(peers, url))
        except Skipped as reason:
            peer, notes = None, f"\npython-binance: skipped, {reason}"
        took = asyncio.run(_compare(url, f"{folder}/budget", calls, peer))
    _show(took)
    print(notes)


#: Heads of the columns, whose times they are, and to whose they are held.
COLUMNS = (
    ("ccxt, no limiter", "bare", ""),
    ("client on it", "alone", "bare"),
    ("ccxt", "ccxt", ""),
    ("client", "client", "ccxt"),
    ("python-binance", "peer", "alone"),
)


def _show(took: dict[str, dict[str, list[float]]]) -> None:
    print(
        "The client on loopback: median us a call, and how much more than its neighbour in the same group of blocks\n"
    )
    print(f"{'':18}" + "".join(f"{head:>{26 if beside else 18}}" for head, _, beside in COLUMNS))
    for name, kinds in took.items():
        cells = []
        for _, kind, beside in COLUMNS:
            cell = f"{median(kinds[kind]) * 1e6:.0f}" if kind in kinds else "-"
            if beside and kind in kinds:
                over = median(mine / other - 1 for mine, other in zip(kinds[kind], kinds[beside], strict=True))
                cell = f"{cell}  {over:+.1%}"
            cells.append(f"{cell:>{26 if beside else 18}}")
        print(f"{name:18}" + "".join(cells))


if __name__ == "__main__":
    main()
