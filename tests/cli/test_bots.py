"""Bots from files, and what the demo does with them."""

from __future__ import annotations

import pytest

#: Buys at the market, sleeps, tidies up: what a bot's end looks like to it.
BUYER = """
import asyncio

async def run(exchange, symbol):
    print("trading", symbol)
    order = await exchange.create_order(symbol, "market", "buy", 0.01)
    try:
        while True:
            await exchange.sleep(1000)
    except asyncio.CancelledError:
        await exchange.create_order(symbol, "market", "sell", order["filled"] * 0.9)
        raise
"""


@pytest.fixture
def bot(tmp_path):
    """A file with what it is called with in it."""

    def write(source):
        path = tmp_path / "bot.py"
        path.write_text(source, encoding="utf-8")
        return path

    return write


def test_run(call, bot):
    """A bot of one's own is cancelled at the end and may still trade then; what it prints goes to stderr."""
    result = call("demo", "--duration", "1m", "--bot", bot(BUYER))
    assert result.exit_code == 0
    assert "Orders          2: 2 filled\n" in result.stdout
    assert "bought 0.01, sold 0.009 BTC" in result.stdout
    assert result.stderr == "trading BTC/USDT\n"


def test_quits(call, bot):
    """A bot that has finished ends the run."""
    result = call("demo", "--bot", bot("async def run(exchange, symbol):\n    await exchange.sleep(60_000)\n"))
    assert "(0:01:00)" in result.stdout


def test_ccxt_error(call, bot):
    """An error of ccxt that the bot does not handle is one line."""
    source = "async def run(exchange, symbol):\n    await exchange.create_order(symbol, 'limit', 'buy', 1, 1)\n"
    result = call("demo", "--bot", bot(source))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: the bot stopped with InvalidOrder: binancepaper" in result.stderr


def test_own_error(call, bot):
    """A mistake in the bot comes with its traceback: that is what its author needs."""
    with pytest.raises(ZeroDivisionError):
        call("demo", "--bot", bot("async def run(exchange, symbol):\n    1 / 0\n"))


@pytest.mark.parametrize("source", ["", "def run(exchange, symbol): ...", "run = 5"])
def test_no_bot(call, bot, source):
    """A file without the coroutine function that is called is refused with its form."""
    result = call("demo", "--bot", bot(source))
    assert result.exit_code == 2
    assert "has no `async def run(exchange, symbol)`" in result.stderr


def test_no_python(call, tmp_path):
    """A file that is no Python at all is refused by name."""
    path = tmp_path / "bot.txt"
    path.write_text(BUYER)
    result = call("demo", "--bot", path)
    assert result.exit_code == 2
    assert "bot.txt is no Python file" in result.stderr


def test_arguments(call, bot):
    """An option that the bot does not take is refused, one that it takes reaches it."""
    refused = call("demo", "--bot", bot(BUYER), "--levels", 3)
    assert refused.exit_code == 2
    assert "--levels: this bot's run() takes no argument 'levels'; it takes exchange, symbol" in refused.stderr
    taken = call("demo", "--levels", 3, "--bot", bot("async def run(exchange, symbol, levels): print(levels)"))
    assert taken.stderr == "3\n"
