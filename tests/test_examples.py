"""The examples of the docs: what they are made of, and what they do."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path

import ccxt.async_support as ccxt
import pytest

import exec_plugin.cli.grid_bot

LEVELS = 3


@pytest.fixture(scope="module")
def path(root):
    """The grid bot's file."""
    return root / "docs" / "examples" / "grid_bot.py"


@pytest.fixture(scope="module")
def bot(path):
    """The grid bot as a module."""
    spec = importlib.util.spec_from_file_location("grid_bot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FakeExchange:
    """An exchange without a market: a test fills and cancels its orders by hand between two looks."""

    def __init__(self, base=1.0, quote=100.0):
        self.balance = {"ETH": base, "USDT": quote}
        self.orders = {}
        self.refuse = {}
        self.looks = []

    async def load_markets(self):
        return {"ETH/USDT": {"base": "ETH", "quote": "USDT", "limits": {"cost": {"min": 5.0}}}}

    async def fetch_ticker(self, symbol):
        return {"bid": 99.0, "ask": 101.0}

    async def fetch_balance(self):
        return {"free": self.balance}

    def amount_to_precision(self, symbol, amount):
        return f"{amount:.4f}"

    def price_to_precision(self, symbol, price):
        return f"{price:.2f}"

    async def create_order(self, symbol, kind, side, amount, price=None):
        if price in self.refuse:
            raise self.refuse[price]
        order = {"id": str(len(self.orders)), "type": kind, "side": side, "amount": amount, "price": price}
        self.orders[order["id"]] = order | {"status": "open", "average": price}
        return order

    async def fetch_open_orders(self, symbol):
        return [order for order in self.orders.values() if order["status"] == "open" and order["type"] == "limit"]

    async def fetch_order(self, order_id, symbol):
        return self.orders[order_id]

    async def cancel_all_orders(self, symbol):
        if not self.open:
            raise ccxt.OrderNotFound("none")
        self.set(self.open, "canceled")

    async def sleep(self, milliseconds):
        if not self.looks:
            raise asyncio.CancelledError
        self.looks.pop(0)()

    @property
    def open(self):
        """The open orders as ``(side, price)``, cheapest first."""
        found = [(order["side"], order["price"]) for order in self.orders.values() if order["status"] == "open"]
        return sorted((pair for pair in found if pair[1]), key=lambda pair: float(pair[1]))

    def set(self, pairs, status):
        """Fill or cancel the open orders of these sides and prices."""
        for order in self.orders.values():
            if order["status"] == "open" and (order["side"], order["price"]) in pairs:
                order["status"] = status


async def _play(bot, exchange, *looks):
    """Run the bot; between its looks at the orders the given things happen. What was open at each, and at the end."""
    seen = []

    def watched(happen):
        def step():
            seen.append(exchange.open)
            happen()

        return step

    exchange.looks = [watched(look) for look in (*looks, lambda: None)]
    with pytest.raises(asyncio.CancelledError):
        await bot.run(exchange, "ETH/USDT", levels=LEVELS, spacing=0.01)
    return [*seen, exchange.open]


START = [
    ("buy", "97.06"),
    ("buy", "98.03"),
    ("buy", "99.01"),
    ("sell", "101.00"),
    ("sell", "102.01"),
    ("sell", "103.03"),
]


def test_watching_bot(root):
    """The bot that only listens runs as it stands in the documentation, and makes its trips."""
    script = root / "docs" / "examples" / "watching_bot.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [line.split()[1] for line in done.stdout.splitlines()[:-1]] == ["buy", "sell"] * 2


def test_short(path):
    """The grid bot is short, and imports nothing but ccxt and the standard library, this package only as a script."""
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    tree = ast.parse(source)
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {name.split(".")[0] for node in found for name in _names(node)}
    assert names - sys.stdlib_module_names == {"ccxt", "exec_plugin"}
    above = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not any("exec_plugin" in _names(node) for node in above)


def _names(node):
    return [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]


def test_shipped(path):
    """The bot that the demo runs is the example, to the letter."""
    assert Path(exec_plugin.cli.grid_bot.__file__).read_bytes() == path.read_bytes()


async def test_grid(bot):
    """Orders stand on both sides of the price, and none is left behind at the end."""
    assert await _play(bot, FakeExchange()) == [START, []]


async def test_filled(bot):
    """A filled order is answered by one of the other side, a step further on."""
    exchange = FakeExchange()
    seen = await _play(bot, exchange, lambda: exchange.set([("buy", "99.01")], "closed"))
    assert seen[1] == [("buy", "97.06"), ("buy", "98.03"), ("sell", "100.00"), *START[3:]]


async def test_several_filled(bot):
    """Orders that filled between two looks are all answered, each on its own level."""
    exchange = FakeExchange()
    seen = await _play(bot, exchange, lambda: exchange.set([("buy", "99.01"), ("buy", "98.03")], "closed"))
    assert seen[1] == [("buy", "97.06"), ("sell", "99.01"), ("sell", "100.00"), *START[3:]]


async def test_there_and_back(bot):
    """A price that goes down a step and up again leaves the grid as it was."""
    exchange = FakeExchange()
    looks = [lambda: exchange.set([("buy", "99.01")], "closed"), lambda: exchange.set([("sell", "100.00")], "closed")]
    assert (await _play(bot, exchange, *looks))[2] == START


async def test_cancelled(bot):
    """An order that somebody else cancelled is placed again."""
    exchange = FakeExchange()
    seen = await _play(bot, exchange, lambda: exchange.set([("sell", "102.01")], "canceled"))
    assert seen[1] == START


@pytest.mark.parametrize("error", [ccxt.InsufficientFunds("poor"), ccxt.InvalidOrder("odd"), ccxt.NetworkError("busy")])
async def test_refused(bot, error):
    """An order that cannot be placed now is placed at a later look."""
    exchange = FakeExchange()
    exchange.refuse = {"97.06": error}
    seen = await _play(bot, exchange, exchange.refuse.clear)
    assert ("buy", "97.06") not in seen[0]
    assert seen[1] == START


async def test_fatal(bot):
    """What waiting does not mend ends the bot, and its orders are taken back."""
    exchange = FakeExchange()
    exchange.refuse = {"103.03": ccxt.AuthenticationError("who?")}
    with pytest.raises(ccxt.AuthenticationError):
        await bot.run(exchange, "ETH/USDT", levels=LEVELS, spacing=0.01)
    assert exchange.open == []


async def test_buys_first(bot):
    """Without anything to sell the bot buys it, and not more than half of its share."""
    exchange = FakeExchange(base=0.0, quote=200.0)
    await _play(bot, exchange)
    first = next(iter(exchange.orders.values()))
    assert (first["type"], first["side"], first["amount"]) == ("market", "buy", "0.9500")
    assert {order["amount"] for order in exchange.orders.values()} == {"0.9500", "0.3167"}
