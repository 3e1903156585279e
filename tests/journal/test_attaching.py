"""Two processes, one account: a server has it, and a bot that names the same database trades through the server."""

from __future__ import annotations

import asyncio
import copy
import http.client
import json
import logging
import pickle
import subprocess
import sys
import time
from urllib.parse import urlencode

import ccxt
import pytest
from journal.crashing import Server

from exec_plugin.account import HOUSE
from exec_plugin.ccxt_exchange import aio, pro, sync
from exec_plugin.journal import open_store
from exec_plugin.protocol import sign

pytestmark = pytest.mark.slow

SYMBOL = "BTC/USDT"
LOW = (SYMBOL, "limit", "buy", 0.001, 30_000)
#: What has nothing to do with the kind of database is tried on one.
on_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
#: How often a bot tries again before it gives up.
TRIES = 5


class Stand:
    """A server over one database, and what bots of this process are given."""

    def __init__(self, folder, url):
        self.url = url
        self._config = folder / "server.toml"
        self._config.write_text(
            f'db_url = "{url}"\n[paper]\nlimits = false\n[accounts.alice]\napi_key = "alice"\nsecret = "alice"\n'
            '[accounts.bob]\napi_key = "bob"\nsecret = "bob"\n',
            encoding="utf-8",
        )
        self.server = None

    def serve(self):
        """Start a server, with the accounts of alice and bob."""
        self.server = Server(self._config)
        return self.server

    def kill(self):
        """End it without a word."""
        self.server.kill()

    def bot(self, kind=sync.binancepaper, account="alice", **settings):
        """A bot's exchange."""
        return kind({"options": {"paper": {"db_url": self.url, "account": account, **settings}}})


@pytest.fixture
def stand(tmp_path, url):
    """No server yet; afterwards nothing is open."""
    HOUSE.clear()
    stand = Stand(tmp_path, url)
    yield stand
    HOUSE.clear()
    if stand.server is not None:
        stand.server.kill()


def ids(orders):
    """The numbers of ccxt's orders."""
    return [int(order["id"]) for order in orders]


def until_it_works(call):
    """The answer after the network errors that a bot gets while a server is replaced, and how many these were."""
    for failures in range(TRIES):
        try:
            return call(), failures
        except ccxt.NetworkError:
            pass
    raise AssertionError("it never worked")


async def until_it_comes(call):
    """The same for what is awaited."""
    for _ in range(TRIES):
        try:
            return await asyncio.wait_for(call(), 10)
        except ccxt.NetworkError:
            pass
    raise AssertionError("it never came")


def test_blocking(stand):
    """What a bot places through a server any client of that server sees, and the other way round."""
    server = stand.serve()
    bot = stand.bot()
    placed = bot.create_order(*LOW)
    client = server.client("alice")
    seen = client.must("/api/v3/openOrders", symbol="BTCUSDT")
    assert [order["orderId"] for order in seen] == ids([placed])
    assert placed["status"] == "open"
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    assert client.ask("POST", "/api/v3/order", **params, price="31000")[0] == 200
    client.close()
    assert ids(bot.fetch_open_orders(SYMBOL)) == [1, 2]
    assert ids([bot.cancel_order(placed["id"], SYMBOL)]) == [1]
    assert bot.fetch_balance()["USDT"]["used"] == 31
    with pytest.raises(ccxt.InsufficientFunds):
        bot.create_order(SYMBOL, "limit", "buy", 100, 50_000)
    with pytest.raises(ccxt.NotSupported, match="not part of a spot paper account"):
        bot.fetch_deposits()


async def test_waiting(stand):
    """So do those who await, and streams tell them of what somebody else did."""
    stand.serve()
    bot, watcher = stand.bot(aio.binancepaper), stand.bot(pro.binancepaper)
    try:
        fills = asyncio.ensure_future(watcher.watch_my_trades(SYMBOL))
        ticker = await asyncio.wait_for(watcher.watch_ticker(SYMBOL), 10)
        assert ticker["last"] > 0
        order = await bot.create_order(SYMBOL, "market", "buy", 0.001)
        (fill,) = await asyncio.wait_for(fills, 10)
        assert (fill["order"], fill["amount"]) == (order["id"], 0.001)
        placed = await watcher.create_order_ws(*LOW)
        assert ids(await bot.fetch_open_orders(SYMBOL)) == ids([placed])
        assert ids(await watcher.fetch_open_orders_ws(SYMBOL)) == ids([placed])
        book = await asyncio.wait_for(watcher.watch_order_book(SYMBOL), 10)
        assert book["bids"][0][0] < book["asks"][0][0]
    finally:
        await bot.close()
        await watcher.close()


@on_file
def test_loops(stand):
    """One instance lives through several event loops, as it does in process."""
    stand.serve()
    bot = stand.bot(aio.binancepaper)

    async def place():
        return await bot.create_order(*LOW)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert ids([first.run(place()), second.run(place())]) == [1, 2]
        second.run(bot.close())
        # the first loop has yet to end what it began
        while len(asyncio.all_tasks(first.get_loop())):
            first.run(asyncio.sleep(0))


def test_server_killed(stand):
    """When the server is killed a bot's next request fails; the one after it has the account, and all is there."""
    stand.serve()
    bot = stand.bot()
    bot.create_order(*LOW)
    stand.kill()
    with pytest.raises(ccxt.NetworkError):
        bot.fetch_open_orders(SYMBOL)
    assert ids(bot.fetch_open_orders(SYMBOL)) == [1]
    assert ids([bot.create_order(*LOW)]) == [2]
    # and so it keeps it: there is one writer
    with pytest.raises(AssertionError, match=r"'alice' in .* is in use by process \d+ on .* since \S+: stop that one"):
        stand.serve()
    HOUSE.clear()
    client = stand.serve().client("alice")
    assert [order["orderId"] for order in client.must("/api/v3/openOrders", symbol="BTCUSDT")] == [1, 2]
    client.close()


async def test_server_killed_while_watching(stand):
    """Whoever watches gets a network error, and what it watches next comes from the account in its own process."""
    stand.serve()
    bot, watcher = stand.bot(aio.binancepaper), stand.bot(pro.binancepaper)
    try:
        await bot.create_order(*LOW)
        fills = asyncio.ensure_future(watcher.watch_my_trades(SYMBOL))
        await asyncio.wait_for(watcher.watch_ticker(SYMBOL), 10)
        stand.kill()
        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(fills, 10)
        assert ids(await until_it_comes(lambda: bot.fetch_open_orders(SYMBOL))) == [1]
        fills = asyncio.ensure_future(until_it_comes(lambda: watcher.watch_my_trades(SYMBOL)))
        await until_it_comes(lambda: watcher.watch_ticker(SYMBOL))
        order = await bot.create_order(SYMBOL, "market", "buy", 0.001)
        assert (await asyncio.wait_for(fills, 10))[-1]["order"] == order["id"]
    finally:
        await bot.close()
        await watcher.close()


def test_another_server(stand):
    """A bot whose server was replaced finds the new one by the database."""
    stand.serve()
    bot = stand.bot()
    bot.create_order(*LOW)
    stand.kill()
    stand.serve()
    found, failures = until_it_works(lambda: bot.fetch_open_orders(SYMBOL))
    assert ids(found) == [1]
    assert failures == 1
    assert bot._paper().url.endswith(f":{stand.server.place.port}")


@on_file
def test_never(stand):
    """Who does not want to attach gets the error that names the holder and where it serves."""
    server = stand.serve()
    with pytest.raises(ccxt.ExchangeError, match=rf"in use by process {server.process.pid} on .*, served at http://"):
        stand.bot(attach="never").fetch_balance()


def test_no_server(stand):
    """Another process that is no server is named, as before."""
    code = (
        "import sys; from exec_plugin.account import open_account\n"
        f"open_account({{'db_url': {stand.url!r}, 'account': 'alice'}})\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ccxt.ExchangeError, match=rf"in use by process {other.pid} on \S+ since \S+: stop that one"):
            stand.bot().fetch_balance()
    finally:
        other.communicate()
    assert stand.bot().fetch_balance()["USDT"]["total"] == 10_000


def door(stand, account):
    """What the server has left beside an account."""
    store = open_store(stand.url, read_only=True)
    try:
        row = store.find("synthetic 0", account)
        return row, store.door(row)
    finally:
        store.close()


def asked(server, key, secret):
    """What a server answers whoever signs with a key and a secret for open orders."""
    query = urlencode({"timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000})
    line = http.client.HTTPConnection(server.place.hostname, server.place.port, timeout=10)
    line.request("GET", f"/api/v3/openOrders?{query}&signature={sign(secret, query)}", headers={"X-MBX-APIKEY": key})
    told = json.loads(line.getresponse().read())
    line.close()
    return told["code"] if isinstance(told, dict) else [order["orderId"] for order in told]


def test_secrets(stand):
    """What is left beside an account opens it and no other, is signed with its own secret, and ends with the server."""
    server = stand.serve()
    bot = stand.bot(account="bob")
    bot.create_order(*LOW)
    _, alice = door(stand, "alice")
    _, bob = door(stand, "bob")
    assert len({alice.key, alice.secret, bob.key, bob.secret}) == 4
    assert asked(server, bob.key, bob.secret) == [1]
    assert asked(server, alice.key, alice.secret) == []
    assert asked(server, alice.key, bob.secret) == -1022
    stand.kill()
    assert asked(stand.serve(), bob.key, bob.secret) == -2015


@on_file
def test_not_told(stand, caplog, capfd):
    """Neither key nor secret is in a log, a repr, an error, or what the account command prints."""
    stand.serve()
    bot = stand.bot()
    bot.verbose = False
    with caplog.at_level(logging.DEBUG):
        bot.fetch_balance()
        row, left = door(stand, "alice")
        # on a server by other names; and the lease is for whoever looks
        command = [sys.executable, "-m", "exec_plugin", "account"]
        told = [
            subprocess.run([*command, *what, "--db-url", stand.url], capture_output=True, text=True, check=True)
            for what in (("list",), ("show", "alice"), ("export", "alice"), ("verify",))
        ]
        stand.kill()
        with pytest.raises(ccxt.NetworkError) as caught:
            bot.fetch_balance()
    url = f"http://127.0.0.1:{stand.server.place.port}"
    assert f"in use by process {stand.server.process.pid}" in told[0].stdout
    assert f"served at {url}" in told[0].stdout
    assert f"served at {url}" in told[1].stderr
    seen = [caplog.text, repr(left), repr(row), repr(bot._opened), str(caught.value), *capfd.readouterr()]
    seen += [text for each in told for text in (each.stdout, each.stderr)]
    for text in seen:
        assert left.secret not in text
        # ccxt logs the headers of a request at DEBUG, as those of any exchange
        assert left.key not in text or text is seen[0]


@on_file
def test_scripting(stand):
    """A market that is another process's cannot be scripted from here; the error says where it can."""
    server = stand.serve()
    bot = stand.bot()
    for call in (bot.paper.reset, lambda: bot.paper.market([]), lambda: bot.paper.clock(advance=1), bot.paper.events):
        with pytest.raises(Exception, match=rf"served at http://127\.0\.0\.1:{server.place.port}.*/paper/\.\.\."):
            call()


@on_file
def test_other_settings(stand, caplog):
    """Settings that are the server's to make are said not to count, once."""
    stand.serve()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            stand.bot(fees={"maker": "0.5"}, limits=False).fetch_balance()
    told = [record.getMessage() for record in caplog.records if record.name == "exec_plugin.account.attached"]
    assert len(told) == 2
    assert told[1].endswith("count, not fees={'maker': '0.5'}")


@on_file
def test_copies(stand):
    """Instances that are attached are copied and pickled as others are."""
    stand.serve()
    bot = stand.bot()
    bot.create_order(*LOW)
    for other in (copy.deepcopy(bot), pickle.loads(pickle.dumps(bot))):
        assert ids(other.fetch_open_orders(SYMBOL)) == [1]
