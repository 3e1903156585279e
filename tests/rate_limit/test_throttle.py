"""The doors of ccxt's exchanges, against a server on this machine that answers as Binance would."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import ccxt
import pytest

from exec_plugin import hookimpl, load
from exec_plugin.core.errors import RateLimitError
from exec_plugin.plugins import current, forget
from exec_plugin.rate_limit.throttle import install_throttle, uninstall_throttle
from rate_limit.books import Books
from rate_limit.loopback import FLAVOURS, Canned, Desk, Loopback, make

OLD = [version for version in os.environ.get("EXEC_PLUGIN_OLD_CCXT", "").split(",") if version]
SYMBOL = {"symbol": "BTCUSDT"}
ORDER = {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "1"}
REFUSED = Canned(429, {"Retry-After": "30"}, {"code": -1003, "msg": "Too much request weight used."})
BANNED = Canned(418, {"Retry-After": "120"}, {"code": -1003, "msg": "Way too much request weight used."})
DROPPED = Canned(0)


@pytest.fixture
def loopback():
    """A server of this test's own."""
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def books():
    """A limiter that only writes down."""
    return Books()


@pytest.fixture(params=FLAVOURS)
def flavour(request):
    """Each way to use ccxt."""
    return request.param


@pytest.fixture
def desk(flavour, loopback, books):
    """An exchange of that flavour with its throttle installed."""
    desk = Desk(make(flavour, loopback))
    install_throttle(desk.exchange, books)
    yield desk
    desk.close()


class TestDoors:
    """What a limiter is asked and told."""

    @pytest.mark.parametrize(
        ("call", "params", "asked"),
        [
            ("public_get_depth", {**SYMBOL, "limit": 1000}, ("GET /api/v3/depth", 50, 0, "market")),
            ("public_get_ticker_24hr", {"symbols": '["A","B"]'}, ("GET /api/v3/ticker/24hr", 2, 0, "market")),
            ("private_get_account", {}, ("GET /api/v3/account", 20, 0, "account")),
            ("private_post_order", ORDER, ("POST /api/v3/order", 1, 1, "order")),
            ("private_post_order_oco", ORDER, ("POST /api/v3/order/oco", 1, 2, "order")),
            ("private_delete_order", {**SYMBOL, "orderId": 7}, ("DELETE /api/v3/order", 1, 0, "cancel")),
        ],
    )
    def test_asked(self, desk, books, loopback, call, params, asked):
        """Before it is signed, each request is asked for by endpoint and parameters, and arrives whole."""
        desk.ask(call, params)
        assert books.told[0] == ("reserve", *asked, None)
        assert f"{loopback.seen[0].method} {loopback.seen[0].path}" == asked[0]
        assert params.items() <= {**loopback.seen[0].params, **params}.items()
        assert books.names() == ["reserve", "settle"]

    def test_settled(self, desk, books):
        """An answer is told with the headers that count, as Binance spells them, whoever spelt them."""
        assert desk.ask("fetch_time") == 1_700_000_000_000
        assert books.told[1] == (
            "settle", 1, 200, {"X-MBX-USED-WEIGHT-1M": "7"}, {"serverTime": 1_700_000_000_000},
        )  # fmt: skip

    @pytest.mark.parametrize("refusal", [REFUSED, BANNED])
    def test_refused(self, desk, books, loopback, refusal):
        """A refusal is told before ccxt raises it."""
        loopback.can(refusal)
        with pytest.raises(ccxt.DDoSProtection):
            desk.ask("public_get_depth", SYMBOL)
        assert books.told[1] == ("settle", 1, refusal.status, refusal.headers, refusal.body)

    def test_lost(self, desk, books, loopback):
        """A request whose connection breaks is lost, and only that one."""
        loopback.can(DROPPED)
        with pytest.raises(ccxt.NetworkError):
            desk.ask("private_get_account")
        loopback.can(Canned())
        desk.ask("private_get_account")
        assert books.told[1] == ("lost", 1)
        assert books.names() == ["reserve", "lost", "reserve", "settle"]

    def test_unsent(self, desk, books, loopback):
        """What was reserved for a request that could not be signed is given back."""
        desk.exchange.apiKey = None
        with pytest.raises(ccxt.AuthenticationError):
            desk.ask("private_get_account")
        assert books.names() == ["reserve", "withdraw"]
        assert loopback.seen == []

    def test_limits(self, desk, books, loopback):
        """The limits that exchangeInfo names are taken over."""
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
        loopback.can(Canned(body={"timezone": "UTC", "rateLimits": limits, "symbols": []}))
        desk.ask("public_get_exchangeinfo")
        assert books.told[-1] == ("limits", limits)

    def test_disabled(self, desk, books):
        """Without enableRateLimit nothing waits, but what was sent and answered is known."""
        desk.exchange.enableRateLimit = False
        desk.ask("public_get_depth", {**SYMBOL, "limit": 500})
        books.refusal = RateLimitError("full", 9)
        desk.ask("private_post_order", ORDER)
        asked = [entry for entry in books.told if entry[0] == "reserve"]
        assert asked == [
            ("reserve", "GET /api/v3/depth", 25, 0, "market", 0),
            ("reserve", "POST /api/v3/order", 1, 1, "order", 0),
        ]
        assert [entry[1] for entry in books.told if entry[0] == "settle"] == [1, None]

    def test_too_long(self, desk, books, loopback):
        """Where it would take too long, hosts see the refusal that they know, with the time to wait."""
        books.refusal = RateLimitError("the ban ends later", 77)
        with pytest.raises(ccxt.DDoSProtection, match="binance the ban ends later") as caught:
            desk.ask("public_get_depth", SYMBOL)
        assert caught.value.retry_after == 77
        assert caught.value.__cause__ is books.refusal
        assert loopback.seen == []

    def test_retried(self, desk, books, loopback):
        """A retry of ccxt's own is asked for anew, for no longer than its timestamp is good."""
        desk.exchange.options["maxRetriesOnFailure"] = 2
        loopback.can(Canned(503), Canned(503), Canned())
        desk.ask("public_get_depth", SYMBOL)
        waits = [entry[-1] for entry in books.told if entry[0] == "reserve"]
        assert (waits[0], len(waits)) == (None, 3)
        assert all(0 < wait < 10 for wait in waits[1:])
        assert [entry[0] for entry in books.told if entry[0] != "reserve"] == ["settle"] * 3

    def test_direct(self, desk, books):
        """A request around ccxt's own path is counted, and one more wait is only a wait."""
        desk.ask("fetch", f"{desk.exchange.urls['api']['public']}/depth?limit=5000")
        assert books.told[0] == ("reserve", "GET /api/v3/depth", 250, 0, "market", 0)
        desk.ask("throttle", 0.001)
        assert len(books.told) == 2

    def test_elsewhere(self, desk, books):
        """What is not Binance spot spends nothing of its budget, and keeps ccxt's pace."""
        desk.ask("sapi_get_system_status")
        desk.ask("fapipublic_get_ping")
        assert books.told == []


class TestOnOff:
    """Installing and removing."""

    def test_restored(self, flavour, loopback, books):
        """Uninstalling leaves an exchange as it was, also the second time."""
        exchange = make(flavour, loopback)
        before = dict(exchange.__dict__)
        install_throttle(exchange, books)
        assert exchange.__dict__ != before
        uninstall_throttle(exchange)
        assert exchange.__dict__ == before
        uninstall_throttle(exchange)
        assert exchange.__dict__ == before

    def test_after_use(self, desk, books):
        """An exchange that was used goes on with its own throttle."""
        desk.ask("fetch_time")
        uninstall_throttle(desk.exchange)
        desk.ask("fetch_time")
        assert len(books.told) == 2

    def test_twice(self, desk, books):
        """The newest limiter alone is asked."""
        other = Books()
        assert "binance" in repr(install_throttle(desk.exchange, other))
        desk.ask("fetch_time")
        assert (books.told, other.names()) == ([], ["reserve", "settle"])
        uninstall_throttle(desk.exchange)
        desk.ask("fetch_time")
        assert len(other.told) == 2

    def test_hung_over(self, desk):
        """A door that somebody has hung over ours stays where it is."""
        door = desk.exchange.fetch = lambda *args: ("mine", args)
        uninstall_throttle(desk.exchange)
        assert desk.exchange.fetch is door
        assert "throttle" not in vars(type(desk.exchange))

    def test_no_circle(self, loopback, books):
        """A throttle does not keep its exchange alive."""
        exchange = make("sync", loopback)
        throttle = install_throttle(exchange, books)
        gone = weakref.ref(exchange)
        gc.disable()
        try:
            del exchange
            assert gone() is None
        finally:
            gc.enable()
        with pytest.raises(ReferenceError, match="gone"):
            _ = throttle.exchange

    def test_copied(self, desk, books):
        """A deep copy spends from the same limiter, for itself."""
        copied = copy.deepcopy(desk.exchange)
        assert copied.throttle.exchange is copied
        assert copied.fetch.__self__ is copied.throttle
        other = Desk(copied)
        copied.urls["api"]["public"] = copied.urls["api"]["public"].replace("/v3", "/v9")
        other.ask("public_get_depth")
        assert books.told[0][1] == "GET /api/v9/depth"
        other.close()
        uninstall_throttle(copied)
        assert desk.exchange.throttle is not copied.throttle

    def test_pickled(self, desk):
        """A pickled exchange takes its throttle along, and spends where it wakes up."""
        install_throttle(desk.exchange, store="memory")
        woken = Desk(pickle.loads(pickle.dumps(desk.exchange)))
        assert woken.exchange.throttle.exchange is woken.exchange
        assert woken.ask("fetch_time") == 1_700_000_000_000
        woken.close()


class TestLoopsAndThreads:
    """One instance in many places."""

    @pytest.mark.parametrize("flavour", ["async", "pro"])
    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("closes", [True, False])
    def test_runs(self, flavour, loopback, books, closes):
        """An instance works in one event loop after another, left open or closed in between."""
        exchange = make(flavour, loopback)
        install_throttle(exchange, books)

        async def main(last):
            exchange.open()
            await asyncio.gather(*[exchange.fetch_time() for _ in range(3)])
            if closes or last:
                await exchange.close()

        for last in (False, False, True):
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(main(last))
        assert books.names().count("settle") == 9
        assert exchange.throttle.loop is None
        # what was left open complains here, where it is expected, and not in another test
        gc.collect()

    def test_threads(self, loopback, books):
        """Threads may share a blocking instance; each answer finds its own reservation."""
        desk = Desk(make("sync", loopback))
        install_throttle(desk.exchange, books)
        threads = [threading.Thread(target=desk.ask, args=("public_get_depth", SYMBOL)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(entry[1] for entry in books.told if entry[0] == "settle") == list(range(1, 9))
        desk.close()

    async def test_inside_a_loop(self, loopback, books):
        """A blocking instance works where a loop runs, as in a notebook."""
        exchange = make("sync", loopback)
        install_throttle(exchange, books)
        assert exchange.fetch_time() == 1_700_000_000_000
        assert books.names() == ["reserve", "settle"]
        exchange.session.close()

    @pytest.mark.parametrize("flavour", ["async", "pro"])
    def test_cancelled(self, desk, books, loopback):
        """A task that is cancelled while it waits frees its place; while it is on its way it is lost."""

        async def cancel(task):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        async def main():
            books.gate = asyncio.Event()
            task = asyncio.create_task(desk.exchange.public_get_depth(SYMBOL))
            await asyncio.sleep(0)
            await cancel(task)
            assert (books.given_up, loopback.seen) == (1, [])
            books.gate = None
            loopback.hold.clear()
            task = asyncio.create_task(desk.exchange.public_get_depth(SYMBOL))
            assert await asyncio.to_thread(loopback.arrived.wait, 10)
            await cancel(task)
            loopback.hold.set()

        desk.runner.run(main())
        assert books.names() == ["reserve", "reserve", "lost"]

    @pytest.mark.parametrize("flavour", ["pro"])
    def test_streams(self, desk, books):
        """What a stream sends keeps ccxt's own throttle."""

        async def main():
            client = desk.exchange.client("ws://127.0.0.1:9/ws")
            assert type(client.throttle).__module__.startswith("ccxt.")
            await client.throttle(1)

        desk.runner.run(main())
        assert books.told == []

    @pytest.mark.parametrize("flavour", ["async"])
    def test_side_by_side(self, desk, books):
        """Requests that are on their way at once are each settled with their own answer."""

        async def main():
            limits = (5, 500, 1000, 5000)
            await asyncio.gather(*[desk.exchange.public_get_depth({**SYMBOL, "limit": limit}) for limit in limits])

        desk.runner.run(main())
        asked = [entry[2] for entry in books.told if entry[0] == "reserve"]
        assert asked == [5, 25, 50, 250]
        assert sorted(entry[1] for entry in books.told if entry[0] == "settle") == [1, 2, 3, 4]


@pytest.mark.skipif(not OLD, reason="EXEC_PLUGIN_OLD_CCXT names no versions of ccxt to try, like 4.4.20,4.5.28")
@pytest.mark.parametrize("version", OLD)
def test_versions(version, root, tmp_path):
    """The same tests pass with an older ccxt, which lies before the installed one on the path."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path, f"ccxt=={version}"]
    _run(install, root)
    path = f"{tmp_path}{os.pathsep}{root}"
    found = _run([sys.executable, "-c", "import ccxt; print(ccxt.__version__)"], root, path)
    assert found.strip() == version
    tests = sorted(Path(__file__).parent.glob("test_throttle*.py"))
    _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], root, path)


def _run(command, root, path=""):
    environment = {**os.environ, "EXEC_PLUGIN_OLD_CCXT": "", "PYTHONPATH": path}
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


class Heard:
    """A plugin that only writes down."""

    def __init__(self):
        self.records = []

    @hookimpl
    def exec_request(self, record):
        self.records.append(record)


class Broken:
    """A plugin that always fails."""

    @hookimpl
    def exec_request(self, record):
        raise ValueError(record)


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """What plugins hear of requests."""
    monkeypatch.chdir(tmp_path)
    plugin = Heard()
    load({}).register(plugin)
    yield plugin.records
    forget()


class TestRecords:
    """What plugins hear of each request."""

    def test_answered(self, heard, desk, loopback):
        """Weight, orders and the counter of the answer, and nothing that is secret."""
        desk.ask("private_post_order", ORDER)
        [record] = heard
        assert (record.exchange, record.method, record.endpoint) == ("binance", "POST", "/api/v3/order")
        assert (record.weight, record.orders, record.status, record.used_weight) == (1, 1, 200, 7)
        assert record.waited >= 0
        assert "the-" not in repr(record)

    def test_refused(self, heard, desk, loopback):
        """A refusal says for how long to be silent."""
        loopback.can(REFUSED)
        with pytest.raises(ccxt.DDoSProtection):
            desk.ask("public_get_depth", SYMBOL)
        assert [(record.status, record.refused, record.retry_after) for record in heard] == [(429, True, 30.0)]

    def test_lost(self, heard, desk, loopback):
        """A request that nobody answered has no status."""
        loopback.can(DROPPED)
        with pytest.raises(ccxt.NetworkError):
            desk.ask("public_get_depth", SYMBOL)
        assert {record.status for record in heard} == {0}

    def test_disturbs_nobody(self, heard, desk, caplog):
        """A listener that raises costs a line of the log and no request."""
        current().register(Broken())
        install_throttle(desk.exchange, Books())
        for _ in range(3):
            desk.ask("public_get_depth", SYMBOL)
        assert len(heard) == 3
        assert len(caplog.records) == 1
