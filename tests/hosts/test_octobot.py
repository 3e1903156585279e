"""OctoBot: the whole bot with its real trader, on a paper account that it takes for Binance."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

HOST = "octobot"
PROFILE = "simple_dca"

# The keys of an exchange stand encrypted in OctoBot's configuration; it has the means to do so itself.
KEYS = """
import json
from octobot_commons.configuration import encrypt
print(json.dumps([key if isinstance(key, str) else key.decode() for key in map(encrypt, ("my-bot", "any"))]))
"""


# Another process that opens the same account.
ACCOUNT = """
import ccxt, json
exchange = ccxt.binancepaper({"apiKey": "my-bot", "secret": "any"})
print(json.dumps([trade["info"] for trade in exchange.fetch_my_trades("BTC/USDT")]))
"""


@pytest.fixture
def bot(shell, documented):
    """A folder with a bot in it: tentacles installed, keys set, and the profile as the page says."""
    package = os.environ.get("EXEC_PLUGIN_OCTOBOT_TENTACLES")
    where = ("--location", str(Path(package).resolve())) if package else ()
    told = shell.run("OctoBot", "tentacles", "--install", "--all", "--force", *where, timeout=300, check=False)
    path = shell.folder / "user" / "profiles" / PROFILE / "profile.json"
    if not path.exists():
        why = told.strip().splitlines()[-1]
        pytest.skip(f"OctoBot's tentacles are neither on its site nor in EXEC_PLUGIN_OCTOBOT_TENTACLES: {why}")
    profile = json.loads(path.read_text())
    (changes,) = documented("octobot", "json")
    for name, values in json.loads(changes).items():
        profile["config"][name].update(values)
    path.write_text(json.dumps(profile))
    key, secret = json.loads(shell.run("python", "-c", KEYS).splitlines()[-1])
    exchange = {"binance": {"api-key": key, "api-secret": secret, "enabled": True}}
    settings = {"accepted_terms": True, "profile": PROFILE, "exchanges": exchange, "services": {}}
    more = {"backtesting": {"files": []}, "notification": {"notification-type": []}}
    (shell.folder / "user" / "config.json").write_text(json.dumps({**settings, **more}))
    (file,) = documented("octobot", "toml")
    (shell.folder / "exec_plugin.toml").write_text(file, encoding="utf-8")
    return shell


def test_pins(environment):
    """Our wheel changes no package of OctoBot's environment."""
    assert environment.before - environment.after == set()


def test_trades(bot):
    """It buys with its real trader for a share of the configured balance; the order is filled, and pays its commission."""
    log = bot.run_until(
        lambda line: "[CloseOrderState]" in line,
        *"exec-plugin run --paper --config exec_plugin.toml -- OctoBot --no_web --no-telegram".split(),
    )
    log = re.sub(r"\x1b\[[0-9;]*m", "", log)
    assert "Starting OctoBot with real trader on binance[spot]" in log, log
    assert "Subscribing to candle" in log, log
    (closed,) = re.findall(
        r"CloseOrderState\] BuyMarketOrder .* Price : ([\d.]+) \| Quantity : ([\d.]+) .*Fees : ([\d.]+) BTC", log
    )
    price, quantity, fee = map(Decimal, closed)
    assert fee == quantity / 1000
    words = "exec-plugin run --config exec_plugin.toml -- python -c".split()
    fills = json.loads(bot.run(*words, ACCOUNT).splitlines()[-1])
    assert sum(Decimal(fill["qty"]) for fill in fills) == quantity
    assert sum(Decimal(fill["commission"]) for fill in fills) == fee
    assert abs(sum(Decimal(fill["quoteQty"]) for fill in fills) - price * quantity) < Decimal("0.001")
    # the profile buys for 5 % of what is there, in steps of the market
    assert 125 - price * Decimal("0.00002") <= price * quantity <= 125
