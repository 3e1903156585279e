"""
A server that trades for long: ten accounts on twenty symbols of an accelerated synthetic market, all of it written down.

Every account keeps grids that are refilled as they fill, cancels and replaces, trades at the market, places pairs that
cancel one another, asks for its past, and listens to its events. What is shown is the server's: memory, open files, tasks
and the size of its database. Exits with 1 where memory grows by more than 5 % after the warm-up (a fifth of the time, ten
minutes at most), where tasks or files grow, or where a request failed that should not.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import click
from _soak_market import PRICES

from exec_plugin.protocol import sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).resolve().parent
ACCOUNTS = 10
#: Seconds between two looks at the server, and the share of them that each end is judged by.
EVERY, SHARE = 2.0, 0.1
#: Seconds between two looks at the market, and of how many symbols streams are read.
WATCH_EVERY, STREAMED = 0.25, 2
#: The metric that tells the tasks.
TASKS = "exec_plugin_server_tasks "
WARM_UP, LONGEST_WARM_UP, MOST_GROWTH = 0.2, 600.0, 0.05
#: How many orders a grid has on each side, how far apart in ticks, and the worth of each in quote.
DEPTH, GAP, WORTH = 2, 4, 20.0
#: What an account does, in turn.
DEEDS = ("grid", "grid", "grid", "replace", "grid", "market", "grid", "pair", "cancel", "past")
#: Refusals that belong to trading: what moved meanwhile would have matched or triggered, or is no longer open.
USUAL = (-2010, -2011, -2021, -2022, -1013)
CONFIG = """
db_url = "{url}"
durability = "{durability}"
[paper]
feed = "soak"
speed = {factor}
"""
ACCOUNT = """
[accounts.soak{number}]
api_key = "soak-{number}"
secret = "secret-{number}"
balances = {{{balances}}}
"""


class Look(NamedTuple):
    """The server at one moment."""

    seconds: float
    orders: int
    fills: int
    memory: int
    files: int
    tasks: int
    size: int


class Bot:
    """One account: what it has open, as its events tell, and the next thing that it does."""

    def __init__(self, house: House, number: int) -> None:
        self.house = house
        self.key, self.secret = f"soak-{number}", f"secret-{number}"
        self.turn = number * 7
        #: open grid orders by symbol and side, oldest first, and the open pair by symbol
        self.open: dict[tuple[str, str], dict[int, None]] = {}
        self.pairs: dict[str, int] = {}
        #: its first order on each symbol
        self.first: dict[str, int] = {}

    @property
    def lap(self) -> int:
        """How often it has done all that it does."""
        return self.turn // len(DEEDS)

    async def trade(self, until: float, pause: float) -> None:
        """Do one thing after the other at a steady pace."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while due < until:
            await asyncio.sleep(due - loop.time())
            self.turn += 1
            symbol = self.house.symbols[self.lap % len(self.house.symbols)]
            await getattr(self, DEEDS[self.turn % len(DEEDS)])(symbol)
            # what is late is left out
            due = max(due + pause, loop.time())

    # ------------------------------------------------------------------ deeds

    async def grid(self, symbol: str) -> None:
        """Place what the grid lacks, or put its oldest order where the market is now."""
        for side in ("BUY", "SELL"):
            if len(self.rungs(symbol, side)) < DEPTH:
                await self.ask("POST", "order", **self.rung(symbol, side))
                return
        await self.replace(symbol)

    async def replace(self, symbol: str) -> None:
        """Cancel the grid's oldest order on one side and place another."""
        side = "SELL" if self.lap // len(self.house.symbols) % 2 else "BUY"
        if mine := self.rungs(symbol, side):
            order = {**self.rung(symbol, side), "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": min(mine)}
            await self.ask("POST", "order/cancelReplace", **order)

    async def market(self, symbol: str) -> None:
        """Buy or sell at once."""
        side = "SELL" if self.lap % 2 else "BUY"
        await self.ask("POST", "order", symbol=symbol, side=side, type="MARKET", quantity=self.size(symbol))

    async def pair(self, symbol: str) -> None:
        """Place an OCO pair, or cancel the one that is open."""
        if (known := self.pairs.pop(symbol, None)) is not None:
            await self.ask("DELETE", "orderList", symbol=symbol, orderListId=known)
            return
        bid, ask = self.house.touch[symbol]
        placed = await self.ask(
            "POST", "orderList/oco", symbol=symbol, side="SELL", quantity=self.size(symbol), aboveType="LIMIT_MAKER",
            abovePrice=f"{ask * 1.002:.2f}", belowType="STOP_LOSS", belowStopPrice=f"{bid * 0.998:.2f}",
        )  # fmt: skip
        if placed:
            self.pairs[symbol] = placed["orderListId"]

    async def cancel(self, symbol: str) -> None:
        """Cancel a grid order, or all of a symbol now and then."""
        if not self.lap % 29:
            await self.ask("DELETE", "openOrders", symbol=symbol)
        elif mine := self.rungs(symbol, "BUY"):
            await self.ask("DELETE", "order", symbol=symbol, orderId=max(mine))

    async def past(self, symbol: str) -> None:
        """Ask for something that was: an order, orders, executions or lists."""
        asked: tuple[tuple[str, dict[str, Any]], ...] = (
            ("order", {"symbol": symbol, "orderId": self.first.get(symbol, 1)}),
            ("allOrders", {"symbol": symbol, "limit": 20}),
            ("myTrades", {"symbol": symbol, "fromId": 1, "limit": 20}),
            ("allOrderList", {"limit": 20}),
            ("openOrders", {"symbol": symbol}),
            ("myTrades", {"symbol": symbol, "limit": 20}),
        )
        if symbol not in self.first:
            return
        path, params = asked[self.lap % len(asked)]
        await self.ask("GET", path, **params)

    async def ask(self, method: str, path: str, **params: Any) -> Any:
        """The answer to a signed request; None for one that was refused."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        query = f"{query}&timestamp={now()}"
        url = f"{self.house.url}/api/v3/{path}?{query}&signature={sign(self.secret, query)}"
        async with self.house.session.request(method, url, headers={"X-MBX-APIKEY": self.key}) as reply:
            answer = await reply.json()
        if reply.status == HTTPStatus.OK:
            return answer
        self.house.refused[answer["code"], answer["msg"]] += 1
        return None

    # ------------------------------------------------------------------ orders

    def rungs(self, symbol: str, side: str) -> dict[int, None]:
        """The open orders of a grid on one side."""
        return self.open.setdefault((symbol, side), {})

    def rung(self, symbol: str, side: str) -> dict[str, Any]:
        """A grid order a little away from the market."""
        bid, ask = self.house.touch[symbol]
        away = 0.01 * GAP * (1 + len(self.rungs(symbol, side)))
        price = f"{bid - away if side == 'BUY' else ask + away:.2f}"
        return {
            "symbol": symbol, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": self.size(symbol),
            "price": price, "newOrderRespType": "ACK", "newClientOrderId": f"rung-{self.turn}",
        }  # fmt: skip

    def size(self, symbol: str) -> str:
        """What an order trades."""
        return f"{WORTH / self.house.touch[symbol][0]:.3f}"

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the account."""
        if event["e"] != "executionReport":
            return
        number, place = event["i"], (event["s"], event["S"])
        self.house.orders += event["x"] == "NEW"
        self.house.fills += event["x"] == "TRADE"
        self.first.setdefault(place[0], number)
        if event["x"] == "NEW" and event["c"].startswith("rung"):
            self.rungs(*place)[number] = None
        elif event["X"] not in ("NEW", "PARTIALLY_FILLED"):
            self.rungs(*place).pop(number, None)

    async def listen(self) -> None:
        """Hear of what happens to the account, to the end."""
        async with self.house.session.ws_connect(f"{self.house.url.replace('http', 'ws')}/ws-api/v3") as socket:
            params = {"apiKey": self.key, "timestamp": str(now())}
            params["signature"] = sign(self.secret, "&".join(f"{name}={value}" for name, value in params.items()))
            await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            async for message in socket:
                told = message.json()
                if "event" in told:
                    self.hear(told["event"])
                elif told.get("status") != HTTPStatus.OK:
                    msg = f"no user stream: {told}"
                    raise RuntimeError(msg)


class House:
    """All accounts, what they know of the market, and what they have done."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.symbols = tuple(PRICES)
        self.touch: dict[str, tuple[float, float]] = {}
        self.orders = self.fills = 0
        self.refused: Counter[tuple[int, str]] = Counter()
        self.frames = 0

    async def see(self) -> None:
        """Look where the market is."""
        async with self.session.get(f"{self.url}/api/v3/ticker/bookTicker") as reply:
            for row in await reply.json():
                self.touch[row["symbol"]] = float(row["bidPrice"]), float(row["askPrice"])

    async def watch(self) -> None:
        """Look again and again, to the end."""
        while True:
            await self.see()
            await asyncio.sleep(WATCH_EVERY)

    async def read_streams(self) -> None:
        """Read market streams, to the end."""
        names = "/".join(f"{symbol.lower()}@kline_1m/{symbol.lower()}@trade" for symbol in self.symbols[:STREAMED])
        async with self.session.ws_connect(f"{self.url.replace('http', 'ws')}/stream?streams={names}") as socket:
            async for _ in socket:
                self.frames += 1

    async def tasks(self) -> int:
        """How many tasks the server runs, as its metrics tell."""
        async with self.session.get(f"{self.url}/metrics") as reply:
            text = await reply.text()
        return int(float(next(line for line in text.splitlines() if line.startswith(TASKS)).split()[1]))


def now() -> int:
    """The wall clock in ms."""
    return time.time_ns() // 1_000_000


@contextmanager
def serving(folder: Path, url: str, durability: str, factor: float) -> Iterator[tuple[int, str]]:
    """A server in a process of its own: its id and its address."""
    balances = ", ".join(f'{symbol.removesuffix("USDT")} = "1000000"' for symbol in PRICES)
    text = CONFIG.format(url=url, durability=durability, factor=factor)
    for number in range(ACCOUNTS):
        text += ACCOUNT.format(number=number, balances=f'USDT = "100000000", {balances}')
    config = folder / "server.toml"
    config.write_text(text, encoding="utf-8")
    (folder / "exec_plugin.toml").write_text('[exec_plugin]\nplugins = ["_soak_market"]\n', encoding="utf-8")
    command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0", "--config", str(config)]
    paths = os.pathsep.join(filter(None, (str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as process:
        try:
            told = process.stdout.readline().strip() if process.stdout is not None else ""
            yield process.pid, told.partition("=")[2]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def size_of(folder: Path) -> int:
    """The bytes of the database and its log, where they are files here."""
    return sum(path.stat().st_size for path in folder.glob("accounts.sqlite*"))


def used(process: int) -> tuple[int, int]:
    """The resident memory of a process in bytes, and how many files it has open."""
    place = Path(f"/proc/{process}")
    pages = int((place / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), sum(1 for _ in (place / "fd").iterdir())


async def look(house: House, process: int, folder: Path, began: float) -> Look:
    """See how the server does."""
    tasks = await house.tasks()
    memory, files = used(process)
    return Look(time.monotonic() - began, house.orders, house.fills, memory, files, tasks, size_of(folder))


async def soak(server: tuple[int, str], folder: Path, minutes: float, rate: float) -> tuple[House, list[Look]]:
    """Trade for some minutes, and look at the server meanwhile."""
    process, url = server
    looks: list[Look] = []
    connector = aiohttp.TCPConnector(limit=4 * ACCOUNTS)
    async with aiohttp.ClientSession(connector=connector) as session:
        house = House(url, session)
        await house.see()
        bots = [Bot(house, number) for number in range(ACCOUNTS)]
        listening = [asyncio.create_task(bot.listen()) for bot in bots]
        listening += [asyncio.create_task(house.watch()), asyncio.create_task(house.read_streams())]
        began, until = time.monotonic(), asyncio.get_running_loop().time() + 60 * minutes
        trading = [asyncio.create_task(bot.trade(until, ACCOUNTS / rate)) for bot in bots]
        shown = 0
        while not all(task.done() for task in trading):
            done, _ = await asyncio.wait([*trading, *listening], timeout=EVERY, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            looks.append(await look(house, process, folder, began))
            if looks[-1].seconds >= shown:
                shown += 60
                show(looks[-1])
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    return house, looks


COLUMNS = ("minute", "orders", "fills", "memory, MB", "files", "tasks", "database, MB")


def show(seen: Look) -> None:
    """One line of the table."""
    cells = (
        f"{seen.seconds / 60:.0f}", f"{seen.orders:,}", f"{seen.fills:,}", f"{seen.memory / 1e6:.1f}",
        str(seen.files), str(seen.tasks), f"{seen.size / 1e6:.0f}",
    )  # fmt: skip
    print("  ".join(cell.rjust(len(name)) for name, cell in zip(COLUMNS, cells, strict=True)), flush=True)


def judge(looks: list[Look], house: House) -> list[str]:
    """What is not as it should be, in words."""
    warm = min(WARM_UP * looks[-1].seconds, LONGEST_WARM_UP)
    after = [seen for seen in looks if seen.seconds >= warm]
    count = max(1, int(SHARE * len(after)))
    first, last = after[:count], after[-count:]
    begun, ended = (median(seen.memory for seen in part) for part in (first, last))
    print(
        f"\nFrom minute {warm / 60:.1f} on memory went from {begun / 1e6:.1f} to {ended / 1e6:.1f} MB: {ended / begun - 1:+.1%}."
    )
    wrong = []
    if ended > (1 + MOST_GROWTH) * begun:
        wrong.append(f"memory grew by more than {MOST_GROWTH:.0%}")
    for name in ("files", "tasks"):
        # those of requests on their way come and go: what is left behind raises the least there is
        least = [min(getattr(seen, name) for seen in part) for part in (first, last)]
        if least[1] > least[0]:
            wrong.append(f"{name} grew from {least[0]} to {least[1]}")
    for (code, text), times in sorted(house.refused.items()):
        print(f"{times:>8,}  refused: {code} {text}")
        if code not in USUAL:
            wrong.append(f"{times:,} requests failed with {code} {text}")
    return wrong


@click.command(help=__doc__)
@click.option("--minutes", default=10.0, show_default=True, help="How long it trades.")
@click.option("--url", help="Where accounts are kept. Default: an SQLite file that is removed afterwards.")
@click.option("--factor", default=10.0, show_default=True, help="How much faster than the clock the market goes.")
@click.option("--rate", default=300.0, show_default=True, help="Requests a second of all accounts.")
@click.option("--durability", default="full", show_default=True, type=click.Choice(("full", "normal", "off")))
def main(minutes: float, url: str | None, factor: float, rate: float, durability: str) -> None:
    """Trade, and print one table."""
    where = "SQLite" if url is None else url.partition(":")[0]
    print(f"Soak ({where}, durability {durability}, {factor:g} times as fast, {rate:g} requests/s)\n")
    for line in (COLUMNS, ["-" * len(name) for name in COLUMNS]):
        print("  ".join(line))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, url or f"sqlite:///{folder}/accounts.sqlite", durability, factor) as server:
            house, looks = asyncio.run(soak(server, folder, minutes, rate))
    show(looks[-1])
    wrong = judge(looks, house)
    for problem in wrong:
        print(problem)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
