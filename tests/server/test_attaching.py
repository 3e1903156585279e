"""What a server leaves in the database for other processes of its owner, and exchanges that come in by it."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from dataclasses import dataclass

import ccxt
import ccxt.pro
import pytest

from exec_plugin.account import HOUSE, PaperExchange, Settings
from exec_plugin.account.attached import find_door
from exec_plugin.ccxt_exchange import aio, pro, sync
from exec_plugin.core.errors import JournalError
from exec_plugin.server import PaperServer, ServerSettings
from exec_plugin.server.attaching import open_doors
from server.conftest import in_thread
from server.test_app import certificate

ORDER = ("BTC/USDT", "limit", "buy", 0.001, 30_000)


@dataclass
class Served:
    """An account in a file, and how its server is set up."""

    settings: Settings
    exchange: PaperExchange

    def door(self):
        """What others find."""
        return find_door(self.settings, "alice")

    def bot(self, kind=sync.binancepaper, **settings):
        """An exchange that names the same account."""
        paper = {"db_url": self.settings.db_url, "symbols": "BTCUSDT", "account": "alice", **settings}
        return kind({"options": {"paper": paper}})


@pytest.fixture
def served(tmp_path):
    """An account that nobody serves yet."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/a.sqlite", "symbols": "BTCUSDT", "limits": False})
    exchange = PaperExchange(settings)
    exchange.open_accounts({"alice": {"USDT": "1000"}})
    HOUSE.clear()
    yield Served(settings, exchange)
    exchange.close()
    HOUSE.clear()


async def test_doors(served):
    """There is one while the server listens, with a key of its own, and none once it has closed its exchange."""
    server = PaperServer(served.exchange, ServerSettings(port=0))
    await server.start()
    door = served.door()
    assert door.url == server.url
    assert served.exchange.gateway.keys[door.key].account.name == "alice"
    assert served.exchange.gateway.keys[door.key].kind == "HMAC"
    assert door.certificate == ""
    await server.stop()
    served.exchange.close()
    assert served.door() is None


async def test_reset(served):
    """A market that is reset is another one: what was let in before is not any more, and the account is free."""
    server = PaperServer(served.exchange, ServerSettings(port=0))
    await server.start()
    key = served.door().key
    with server.stage.lock:
        server.stage.reset({"symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"}]})
    assert served.door() is None
    assert key not in server.stage.gateway.keys
    await server.stop()


def test_memory():
    """Accounts in memory have no door, and need none."""
    exchange = PaperExchange(Settings.read({"symbols": "BTCUSDT"}))
    open_doors(exchange, "http://127.0.0.1:1", ServerSettings())
    assert exchange.gateway.keys == {}
    exchange.close()


def test_not_written(served, monkeypatch, caplog):
    """Where it cannot be written down that is logged without what is secret, and the server serves all the same."""

    def full(account, holder, door):
        raise JournalError("the disk is full")

    monkeypatch.setattr(served.exchange.journal.store, "open_door", full)
    with caplog.at_level(logging.WARNING):
        open_doors(served.exchange, "http://127.0.0.1:1", ServerSettings())
    assert caplog.messages == ["other processes cannot attach to the accounts: the disk is full"]


@pytest.fixture
def tls(tmp_path):
    """A server's certificate and key, in one file."""
    pytest.importorskip("cryptography")
    cert, key = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return ServerSettings(port=0, tls_cert=both, tls_key=both)


async def ask_all(served):
    """What a waiting exchange and a stream of it answer."""
    bot, watcher = served.bot(aio.binancepaper), served.bot(pro.binancepaper)
    try:
        ticker = asyncio.ensure_future(watcher.watch_ticker("BTC/USDT"))
        orders = await bot.fetch_open_orders("BTC/USDT")
        return [order["id"] for order in orders], (await asyncio.wait_for(ticker, 10))["symbol"]
    finally:
        await bot.close()
        await watcher.close()


def test_tls(served, tls):
    """With TLS the server's own certificate is left, never its key, and all three classes trust it."""
    with in_thread(served.exchange, tls):
        certificate = served.door().certificate
        assert certificate.startswith("-----BEGIN CERTIFICATE-----")
        assert "PRIVATE" not in certificate
        bot = served.bot()
        placed = bot.create_order(*ORDER)
        for other in (copy.deepcopy(bot), pickle.loads(pickle.dumps(bot))):
            assert other.fetch_open_orders("BTC/USDT")[0]["id"] == placed["id"]
            other.session.close()
        bot.session.close()
        assert asyncio.run(ask_all(served)) == ([placed["id"]], "BTC/USDT")


def test_other_certificate(served, tls, tmp_path):
    """Whoever listens there with another certificate is not talked to."""
    (tmp_path / "other").mkdir()
    cert, key = certificate(tmp_path / "other")
    with in_thread(served.exchange, tls) as server:
        door = served.door()
        forged = door.__class__(door.url, door.machine, door.key, door.secret, cert.read_text(encoding="utf-8"))
        with server.stage.lock:
            served.exchange.journal.serve({"alice": forged})
        bot = served.bot()
        with pytest.raises(ccxt.NetworkError):
            bot.fetch_open_orders("BTC/USDT")
        bot.session.close()
        with pytest.raises(ccxt.NetworkError):
            asyncio.run(ask_all(served))
    assert key.exists()


def test_proxies(served):
    """No proxy is asked the way to a server of one's own."""
    with in_thread(served.exchange):
        bot = served.bot()
        bot.httpProxy = "http://127.0.0.1:9"
        assert bot.fetch_open_orders("BTC/USDT") == []
        bot.session.close()


def test_plugins_hear(served):
    """Plugins hear of each request to the server, and of what it answered, once."""
    heard = []
    with in_thread(served.exchange):
        bot = served.bot()
        bot._paper()._heard = lambda record: heard.append((record.exchange, record.endpoint, record.status))
        bot.fetch_open_orders("BTC/USDT")
        with pytest.raises(ccxt.InsufficientFunds):
            bot.create_order("BTC/USDT", "limit", "buy", 1, 30_000)
        bot.session.close()
    assert heard == [
        ("binancepaper", "/api/v3/exchangeInfo", 200),
        ("binancepaper", "/api/v3/openOrders", 200),
        ("binancepaper", "/api/v3/order", 400),
    ]


def test_taken_over(served):
    """While whoever has taken over does not serve yet, a bot is told that the exchange is not available, and whose it is."""
    with in_thread(served.exchange):
        bot = served.bot()
        bot.fetch_open_orders("BTC/USDT")
    with pytest.raises(ccxt.NetworkError):
        bot.fetch_open_orders("BTC/USDT")
    store = served.exchange.journal.store
    store.close_door(store.rows()[0].id)
    for _ in range(2):
        with pytest.raises(ccxt.ExchangeNotAvailable, match=r"'alice' in .* is in use by process"):
            bot.fetch_open_orders("BTC/USDT")
    with in_thread(served.exchange):
        assert bot.fetch_open_orders("BTC/USDT") == []
    bot.session.close()


def test_ill_server(served, monkeypatch):
    """A server that cannot write its accounts down is asked again: it may have lost them to another one."""
    with in_thread(served.exchange):
        bot = served.bot()
        bot.load_markets()

        def full(*_):
            raise JournalError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(served.exchange.journal.store, "begin", full)
            with pytest.raises(ccxt.OperationFailed):
                bot.create_order(*ORDER)
            assert bot._opened[1].is_over
        assert bot._paper() is bot._opened[1]
        assert not bot._opened[1].is_over
        bot.session.close()


def test_listen_keys(served, monkeypatch):
    """A ccxt that knows listen keys only is told what a user's events through a server need."""
    monkeypatch.delattr(ccxt.pro.binance, "ensure_user_data_stream_ws_subscribe_signature")

    async def watch():
        bot = served.bot(pro.binancepaper)
        try:
            with pytest.raises(ccxt.NotSupported, match="upgrade ccxt"):
                await bot.watch_orders("BTC/USDT")
            return (await asyncio.wait_for(bot.watch_ticker("BTC/USDT"), 10))["symbol"]
        finally:
            await bot.close()

    with in_thread(served.exchange):
        assert asyncio.run(watch()) == "BTC/USDT"
