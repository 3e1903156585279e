"""freqtrade, unmodified: its own commands and its own bot loop on a paper account, and on a limiter."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest

from exec_plugin.cli.limits import Budget

HOST = "freqtrade"
FILES = Path(__file__).parent / "freqtrade_files"
#: How long the bot of the stranger's path runs.
RUNNING = 120
FEW = 3
MOST_LOOKS = 500


# The configuration's account, opened as freqtrade does.
ACCOUNT = """
import ccxt, json, sys
config = json.load(open(sys.argv[1]))["exchange"]
exchange = ccxt.binancepaper({**config["ccxt_config"], "apiKey": config["key"], "secret": "any"})
fills = [trade["info"] for pair in config["pair_whitelist"] for trade in exchange.fetch_my_trades(pair, None, 1000)]
held = {entry["asset"]: entry["free"] for entry in exchange.fetch_balance()["info"]["balances"]}
print(json.dumps({"fills": fills, "held": held}))
"""


@pytest.fixture
def user(shell, documented):
    """A user's folder with the strategy, and a shell in it; ``write`` puts a documented configuration there."""
    shell.run("freqtrade", "create-userdir", "--userdir", "user_data")
    shutil.copy(FILES / "often.py", shell.folder / "user_data" / "strategies" / "often.py")
    return User(shell, [json.loads(block) for block in documented("freqtrade", "json")])


class User:
    """
    Somebody who has pasted what the page says.

    Args:
        shell: where they type.
        blocks: the configurations of the page, whole and changes to it.
    """

    def __init__(self, shell, blocks):
        self.shell = shell
        self.paper, changes = blocks
        self.binance = {**self.paper, **changes}

    def write(self, config, **changes):
        """A configuration's file."""
        path = self.shell.folder / "config.json"
        path.write_text(json.dumps({**config, **changes}), encoding="utf-8")
        return path.name

    def trade(self, *mode, until, timeout=240, ending=signal.SIGINT):
        """What the bot logs."""
        command = ["exec-plugin", "run", *mode, "--", "freqtrade", "trade", "-v", "--config", "config.json"]
        more = ["--strategy", "Often", "--db-url", "sqlite:///trades.sqlite"]
        return self.shell.run_until(until, *command, *more, timeout=timeout, ending=ending)

    def rows(self, query):
        """What the bot's own database has."""
        database = sqlite3.connect(self.shell.folder / "trades.sqlite")
        database.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in database.execute(query)]
        finally:
            database.close()

    def account(self):
        """What another process finds in the account's file when the bot has ended, as Binance would tell it."""
        printed = self.shell.run("exec-plugin", "run", "--", "python", "-c", ACCOUNT, "config.json")
        return json.loads(printed.splitlines()[-1])


def closed_trades(number):
    """True when so many trades have been closed since the start."""
    count = 0

    def enough(line):
        nonlocal count
        count += "Marking Trade" in line and "as closed" in line
        return count >= number

    return enough


def after(seconds):
    """True when the log's own clock has gone on for so many seconds since the bot began to run."""
    begun = None

    def over(line):
        nonlocal begun
        if (found := re.match(r"\d+-\d+-\d+ (\d+):(\d+):(\d+),", line)) is None:
            return False
        hours, minutes, rest = map(int, found.groups())
        now = hours * 3600 + minutes * 60 + rest
        if begun is None and "RUNNING" in line:
            begun = now
        return begun is not None and (now - begun) % 86_400 >= seconds

    return over


def test_pins(environment):
    """Our wheel changes no package of freqtrade's environment."""
    assert environment.before - environment.after == set()
    assert {line.split("==")[0] for line in environment.after - environment.before} <= {"exec-plugin", "pluggy"}


def test_untouched(shell):
    """With the wheel merely installed freqtrade and ccxt are what they were."""
    assert "binancepaper" not in shell.run("freqtrade", "list-exchanges", "--all")
    told = shell.run(
        "python", "-c", "import ccxt, sys; print(ccxt.binance.__module__, *[n for n in sys.modules if 'exec_pl' in n])"
    )
    assert told.split() == ["ccxt.binance"]


def test_list_exchanges(shell):
    """The paper exchange is among those that freqtrade can use, and no instance is left unclosed."""
    told = shell.run("exec-plugin", "run", "--", "freqtrade", "list-exchanges", "--one-column")
    assert "binancepaper" in told.split()
    assert "unclosed" not in told.lower()


def test_list_markets(user):
    """Its markets are those of the paper exchange."""
    told = user.shell.run(
        *"exec-plugin run -- freqtrade list-markets --exchange binancepaper --quote USDT --one-column".split()
    )
    assert {"BTC/USDT", "ETH/USDT"} <= set(told.split())


def test_download_data(user):
    """Candles come in whole days, none missing."""
    words = "--exchange binancepaper --pairs BTC/USDT --timeframes 1m 1h --days 1 --data-format-ohlcv json"
    user.shell.run("exec-plugin", "run", "--", "freqtrade", "download-data", *words.split())
    data = user.shell.folder / "user_data" / "data" / "binancepaper"
    minutes = [candle[0] for candle in json.loads((data / "BTC_USDT-1m.json").read_text())]
    assert len(minutes) >= 24 * 60
    assert {later - earlier for earlier, later in pairwise(minutes)} == {60_000}


def test_stranger(user):
    """Two minutes of the documented configuration: every closed trade of the bot's is the account's to the last digit."""
    user.write(user.paper)
    log = user.trade(until=after(RUNNING), timeout=RUNNING + 120)
    assert "Traceback" not in log, log
    closed = user.rows("select * from trades where is_open = 0")
    assert len(closed) >= FEW, log
    account = check_books(user)
    # the balance of the page's ccxt options, and nothing but what the bot did with it
    assert Decimal(account["held"]["USDT"]) == 1000 - sum(worth_of(fill) for fill in account["fills"])
    assert "exchange_ws" in log


def worth_of(fill):
    """What a fill has cost, in quote; less than nothing where it has brought something."""
    worth = Decimal(fill["quoteQty"])
    return worth if fill["isBuyer"] else Decimal(fill["commission"]) - worth


def test_as_binance(user):
    """With --paper freqtrade's own Binance class trades on paper, with its stop-loss on exchange and its streams."""
    user.write(user.binance)
    log = user.trade("--paper", until=closed_trades(2))
    assert "Traceback" not in log, log
    assert len(user.rows("select * from trades where is_open = 0")) >= 2, log
    stops = user.rows("select * from orders where ft_order_side = 'stoploss'")
    assert {stop["status"] for stop in stops} <= {"open", "canceled"}
    assert stops
    check_books(user)
    assert "Traceback" not in log
    assert "officially supported" in log


def check_books(user):
    """Price, amount and fee of every order that the bot has booked are those of the account's fills."""
    account, trades = user.account(), {row["id"]: row for row in user.rows("select * from trades")}
    fills = {}
    for fill in account["fills"]:
        fills.setdefault((fill["symbol"], fill["orderId"]), []).append(fill)
    orders = user.rows("select * from orders where filled > 0")
    told = {}
    for order in orders:
        mine = fills[order["symbol"].replace("/", ""), int(order["order_id"])]
        quantity = sum(Decimal(fill["qty"]) for fill in mine)
        worth = sum(Decimal(fill["quoteQty"]) for fill in mine)
        fee = sum(Decimal(fill["commission"]) for fill in mine)
        assert (order["filled"], order["cost"]) == (float(quantity), float(worth))
        assert order["average"] == pytest.approx(float(worth / quantity), rel=1e-12)
        trade = trades[order["ft_trade_id"]]
        if order["side"] == "buy":
            # taken from what was bought, so less is left to sell
            assert order["ft_fee_base"] == float(fee)
            assert trade["open_rate"] == pytest.approx(float(worth / quantity), rel=1e-9)
        elif not trade["is_open"]:
            assert trade["fee_close_cost"] == float(fee)
            assert trade["amount"] == float(quantity)
            assert trade["close_rate"] == pytest.approx(float(worth / quantity), rel=1e-9)
        told[order["symbol"].replace("/", ""), int(order["order_id"])] = mine
    assert told == fills
    return account


def test_killed(user):
    """A bot that was killed with a trade open finds its money again, and sells what it had bought."""
    user.write(user.paper)
    user.trade(until=lambda line: "LIMIT_BUY has been fulfilled" in line, ending=signal.SIGKILL)
    (first, *_) = user.rows("select * from trades where is_open = 1")
    log = user.trade(until=closed_trades(1))
    assert user.rows(f"select is_open from trades where id = {first['id']}") == [{"is_open": 0}], log
    assert "Not enough" not in log
    check_books(user)


def test_throttle(user):
    """Real Binance with our limiter: the three exchanges of freqtrade's spend one budget, which exec-plugin limits shows."""
    with user.shell.serving() as server:
        url, socket = server["BINANCE_BASE_URL"], server["BINANCE_BASE_URL"].replace("http", "ws", 1)
        api = dict.fromkeys(("public", "private"), f"{url}/api/v3") | {"v1": f"{url}/api/v1"}
        wallet = {name: f"{url}/sapi/v{name[5:] or 1}" for name in ("sapi", "sapiV2", "sapiV3", "sapiV4")}
        streams = {"ws": {"spot": f"{socket}/ws", "ws-api": {"spot": f"{socket}/ws-api/v3"}}}
        options = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
        ccxt_config = {"urls": {"api": {**api, **wallet, **streams}}, "options": options}
        live = {**user.binance, "exchange": {**user.binance["exchange"], "ccxt_config": ccxt_config}}
        user.write(live, dry_run=True, dry_run_wallet=1000)
        host = url.removeprefix("http://")
        counted, enough = [], closed_trades(2)
        with ThreadPoolExecutor(1) as aside:

            def seen(line):
                # aside: a bot whose log nobody reads stands still
                if enough(line) and not counted:
                    counted.append(aside.submit(weights, user.shell, host))
                return bool(counted) and counted[0].done()

            log = user.trade("--throttle", until=seen)
        shown = user.shell.run("exec-plugin", "limits", "--host", host)
    assert len(user.rows("select * from trades where is_open = 0")) >= 2, log
    mine, theirs = counted[0].result()
    # all that reached the server in this minute went through the one budget
    assert mine == theirs > 0, shown
    assert re.search(r"requests .* [1-9]\d* of 300,000", shown), shown
    assert "DDoSProtection" not in log


def weights(shell, host, patience=100):
    """How much weight the shared budget and the server have counted in the same minute, the bot being at work."""
    look = Budget(host, "default", str(shell.folder / "home" / "limits" / f"{host.replace(':', '_')}.budget"))
    asked, end = 0, time.monotonic() + patience
    last = look.status()["buckets"]["weight"]
    try:
        while time.monotonic() < end:
            before = look.status()["buckets"]["weight"]
            if before["resets_in"] > last["resets_in"]:
                asked = 0
            last = before
            # between two of the bot's requests, and not so often that the server has enough of us
            if not before["used"] or before["in_flight"] or asked > MOST_LOOKS:
                continue
            with urlopen(f"http://{host}/api/v3/ping", timeout=10) as reply:
                there = int(reply.headers["X-MBX-USED-WEIGHT-1M"])
            asked += 1
            after = look.status()["buckets"]["weight"]
            same = before["used"] == after["used"] and before["resets_in"] >= after["resets_in"]
            if same and not after["in_flight"]:
                # the server has counted our own looks as well, each of which weighs 1
                return int(after["used"]), there - asked
    finally:
        look.close()
    raise AssertionError("the bot was never quiet")
