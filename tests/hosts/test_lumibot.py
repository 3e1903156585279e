"""LumiBot: a strategy that knows of no broker, on a paper account, by the script that its page shows."""

from __future__ import annotations

import json
import re

HOST = "lumibot"

# At the end, what the account itself says it has traded.
AFTER = """
import ccxt, json, os, sys
exchange = ccxt.binancepaper({"apiKey": "my-bot", "secret": "any"})
print("ACCOUNT", json.dumps([[t["side"], t["order"], t["price"], t["amount"]] for t in exchange.fetch_my_trades("BTC/USDT")]), flush=True)
# LumiBot's threads would go on
os._exit(0)
"""


def test_pins(environment):
    """Our wheel changes no package of LumiBot's environment."""
    assert environment.before - environment.after == set()


def test_strategy(shell, documented):
    """The page's strategy buys and sells; what it is told of its fills is what the account has traded."""
    (script,) = documented("lumibot", "python")
    (exports,) = (block for block in documented("lumibot", "console") if "TRADING_BROKER" in block)
    variables = dict(re.findall(r"export (\w+)=(\S+)", exports))
    indented = "".join(f"            {line}\n" for line in AFTER.strip().splitlines())
    (shell.folder / "bot.py").write_text(
        script.replace(
            '        self.side = "sell" if order.side == "buy" else None\n',
            f'        self.side = "sell" if order.side == "buy" else None\n        if self.side is None:\n{indented}',
        ),
        encoding="utf-8",
    )
    log = shell.run("exec-plugin", "run", "--", "python", "bot.py", timeout=240, **variables)
    filled = [line.split()[1:] for line in log.splitlines() if line.startswith("FILLED")]
    (account,) = (json.loads(line[8:]) for line in log.splitlines() if line.startswith("ACCOUNT"))
    assert [side for side, *_ in filled] == ["buy", "sell"], log
    assert [[side, number, float(price), float(amount)] for side, number, price, amount in filled] == account
