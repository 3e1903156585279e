"""Matching, and the refusal to write secrets."""

from __future__ import annotations

import asyncio
import socket
import sys

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from vcr.errors import CannotOverwriteExistingCassetteException

from exec_plugin.cassettes.scene import Replay
from exec_plugin.cassettes.tape import SecretLeak, binance_vcr, offline
from exec_plugin.core.errors import ConfigError


@pytest.fixture
async def server():
    """Answers every request with what it was asked."""

    async def answer(request):
        return web.json_response({"path": request.path, "query": dict(request.query), "uid": 7})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as made:
        yield made


async def ask(url):
    """The JSON at an address."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def test_record(server, tmp_path):
    """What was recorded is replayed to any host, in any order of parameters, without a connection."""
    path = str(tmp_path / "new" / "one.yaml")
    with binance_vcr("once", told="From here.").use_cassette(path):
        await ask(f"http://127.0.0.1:{server.port}/api/v3/trades?symbol=BTCUSDT&limit=5&timestamp=1")
    with binance_vcr().use_cassette(path), offline():
        reply = await ask("https://testnet.binance.vision/api/v3/trades?limit=5&timestamp=2&symbol=BTCUSDT")
    assert reply == {"path": "/api/v3/trades", "query": {"symbol": "BTCUSDT", "limit": "5", "timestamp": "1"}, "uid": 0}
    assert (tmp_path / "new" / "one.yaml").read_text(encoding="utf-8").startswith("# From here.\ninteractions:\n")


async def test_unmatched(server, tmp_path):
    """A request that was not recorded tells which comes closest, and in what it differs."""
    path = str(tmp_path / "one.yaml")
    with binance_vcr("once").use_cassette(path):
        await ask(f"http://127.0.0.1:{server.port}/api/v3/trades?symbol=BTCUSDT")
    with (
        binance_vcr().use_cassette(path),
        offline(),
        pytest.raises(CannotOverwriteExistingCassetteException) as caught,
    ):
        await ask("https://api.binance.com/api/v3/trades?symbol=ETHUSDT")
    text = str(caught.value)
    assert "symbol=ETHUSDT" in text
    assert "symbol=BTCUSDT" in text
    assert "query" in text


async def test_refused(server, tmp_path):
    """A cassette with a secret in it is not written, and the error does not tell the secret."""
    path = tmp_path / "one.yaml"
    with (
        pytest.raises(SecretLeak, match=r"one\.yaml was not written: line \d+: a key") as caught,
        binance_vcr("once", secrets=["hunter2"]).use_cassette(str(path)),
    ):
        await ask(f"http://127.0.0.1:{server.port}/api/v3/trades?symbol=hunter2")
    assert "hunter2" not in str(caught.value)
    assert not path.exists()


async def test_offline(server):
    """While a cassette is replayed not even this machine is reached; afterwards it is."""
    before = vars(socket.socket).get("connect"), socket.getaddrinfo
    with offline():
        with pytest.raises(ConnectionRefusedError, match="network is shut"), socket.socket() as client:
            client.connect(("127.0.0.1", server.port))
        with pytest.raises(OSError, match="network is shut"):
            await asyncio.open_connection("localhost", server.port)
    assert (vars(socket.socket).get("connect"), socket.getaddrinfo) == before
    await ask(f"http://127.0.0.1:{server.port}/")


async def test_time(monkeypatch):
    """In a replay time passes where a client waits, and its timestamps with it."""
    scene = Replay(1_000.0)
    client = scene.make(retry_delay=0.25)
    before = client._get_timestamp()
    await client.sleep(2.5)
    assert (before, client._get_timestamp(), scene.now) == (1_000_000, 1_002_500, 1_002.5)
    await client.close_session()


def test_without_vcrpy(monkeypatch):
    """Without vcrpy the line that installs it is told."""
    monkeypatch.setitem(sys.modules, "vcr", None)
    with pytest.raises(ConfigError, match=r"pip install 'exec-plugin\[test\]'"):
        binance_vcr()
