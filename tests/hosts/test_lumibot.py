"""LumiBot: a strategy that knows of no broker, on a paper account, by the script that its page shows."""

from __future__ import annotations

import json
import re
from textwrap import indent

HOST = "lumibot"

# Between the lines of LumiBot's threads a line of its own is not safe.
BEFORE = """
def print(*words, **_):
    with open("told", "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")
"""
# At the end, what the account itself says it has traded.
AFTER = """
import ccxt, json, os
exchange = ccxt.binancepaper({"apiKey": "my-bot", "secret": "any"})
trades = exchange.fetch_my_trades("BTC/USDT")
print("ACCOUNT", json.dumps([[trade["side"], trade["order"], trade["price"], trade["amount"]] for trade in trades]))
# LumiBot's threads would go on
os._exit(0)
"""
LAST = '        self.side = "sell" if order.side == "buy" else None\n'


def test_pins(environment):
    """Our wheel changes no package of LumiBot's environment."""
    assert environment.before - environment.after == set()


def test_strategy(shell, documented):
    """The page's strategy buys and sells; what it is told of its fills is what the account has traded."""
    (script,) = documented("lumibot", "python")
    (exports,) = (block for block in documented("lumibot", "console") if "TRADING_BROKER" in block)
    variables = dict(re.findall(r"export (\w+)=(\S+)", exports))
    assert LAST in script
    ending = f"{LAST}        if self.side is None:\n{indent(AFTER.strip(), ' ' * 12)}\n"
    (shell.folder / "bot.py").write_text(BEFORE + script.replace(LAST, ending), encoding="utf-8")
    log = shell.run("exec-plugin", "run", "--", "python", "bot.py", timeout=240, **variables)
    *filled, account = (shell.folder / "told").read_text().splitlines()
    told = [line.split()[1:] for line in filled]
    assert [side for side, *_ in told] == ["buy", "sell"], log
    assert [[side, number, float(price), float(amount)] for side, number, price, amount in told] == json.loads(
        account[8:]
    )
