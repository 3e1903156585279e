"""Sessions: many calls at a time, closing, forgetting to, clocks, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from contextlib import asynccontextmanager

import pytest
from binance_client.faulty import KEY, SECRET, FaultyBinance, Line
from binance_client.loopback import client_of, serving
from rate_limit.virtual import run

from exec_plugin.binance import BinanceClient, BinanceConfig, BinanceError, mask_api_key
from exec_plugin.binance.config import Secret, shown_address
from exec_plugin.core.errors import ConfigError


def tasks():
    """Those that exist, but for the server's."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task)}


async def test_thousand_at_once():
    """A thousand calls through one client leave no task, no socket and no warning behind."""
    async with serving() as (server, _):
        before = tasks()
        async with client_of(server.url, timeout=30.0) as client:
            tickers = await asyncio.gather(*[client.get_ticker("BTCUSDT") for _ in range(1000)])
            assert tasks() == before
            assert not client._waiting
        assert len(tickers) == 1000
        assert all(ticker["symbol"] == "BTCUSDT" for ticker in tickers)
        assert client.rate_limiter.open == 0
        assert client.exchange.session is None
    # a session or a socket that was left open warns when it is collected, and warnings are errors
    gc.collect()


@asynccontextmanager
async def silence(count):
    """A server that never answers: its address, and an event for when so many requests have come."""
    arrived, writers = asyncio.Event(), []

    async def hear(reader, writer):
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if len(writers) == count:
            arrived.set()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrived
    server.close()
    for writer in writers:
        writer.close()
    await server.wait_closed()


async def test_close_during_requests():
    """Closing gives up what is under way: its callers get an error and go on."""
    async with silence(20) as (url, arrived):
        client = client_of(url)
        calls = [asyncio.create_task(client.get_ticker("BTCUSDT")) for _ in range(20)]
        await arrived.wait()
        await client.close_session()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, BinanceError) for each in results)
        assert all("closed" in str(each) for each in results)
        assert not any(task.cancelling() for task in calls)
        assert client.rate_limiter.open == 0
        with pytest.raises(BinanceError, match="closed"):
            await client.get_ticker("BTCUSDT")
    gc.collect()


async def test_cancelled_and_closed():
    """A caller that was cancelled by somebody else as well stays cancelled."""
    async with silence(1) as (url, arrived):
        client = client_of(url)
        call = asyncio.create_task(client.get_ticker("BTCUSDT"))
        await arrived.wait()
        call.cancel()
        await client.close_session()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_forgotten():
    """A client that is not closed says where it was made."""
    async with serving() as (server, _):
        client = client_of(server.url)
        await client.start_session()
        await client.exchange.close()
        with pytest.warns(ResourceWarning, match=r"loopback\.py:\d+ was not closed"):
            del client


async def test_start_fails():
    """A session that cannot be started is closed again."""
    client = client_of("http://127.0.0.1:9", max_retries=0)
    with pytest.raises(BinanceError):
        async with client:
            pass
    assert client._closed
    assert client.exchange.session is None


def test_one_comparison():
    """Many requests that meet another clock compare it once, together."""

    async def main():
        line = Line(paths=("/api/v3/account",))
        async with BinanceClient(exchange=FaultyBinance(line), clock=line.loop.time) as client:
            line.script = ["clock"] * 10
            line.asked.clear()
            await asyncio.gather(*[client.get_account_info() for _ in range(10)])
        return line

    line = run(main())
    assert 1 <= sum(path == "/api/v3/time" for _, path in line.asked) <= 3


@pytest.mark.parametrize("skew", [-20.0, -0.7, 0.7, 20.0])
def test_skew(skew):
    """A clock that is seconds off is made up for from the first answer on."""

    async def main():
        line = Line(skew=skew)
        async with BinanceClient(exchange=FaultyBinance(line), clock=line.loop.time) as client:
            await client.get_account_info()
            assert abs(client._get_timestamp() - line.now()) < 200
        return line

    assert run(main()).asked == [("GET", "/api/v3/time"), ("GET", "/api/v3/account")]


def test_drift():
    """A clock that drifts is followed by the dates of ordinary answers; nothing else is asked."""

    async def main():
        line = Line()
        async with BinanceClient(exchange=FaultyBinance(line), clock=line.loop.time) as client:
            for _ in range(60):
                line.skew += 0.2
                await asyncio.sleep(60)
                await client.get_account_info()
        return line

    assert {path for _, path in run(main()).asked[1:]} <= {"/api/v3/account", "/api/v3/time"}
    assert sum(path == "/api/v3/time" for _, path in run(main()).asked) <= 10


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (None, "(none)"),
        ("", "(none)"),
        ("  ", "(none)"),
        ("a", "********"),
        ("short-key", "********"),
        ("x" * 15, "********"),
        ("abcdefghijklmnop", "abcd...mnop"),
        (Secret("abcdefghijklmnop"), "abcd...mnop"),
    ],
)
def test_mask(key, shown):
    """A key is shown by its ends, a short one not at all, and one that is missing as such."""
    assert mask_api_key(key) == shown


def test_config_shows_nothing():
    """No way of showing a configuration shows its secrets."""
    config = BinanceConfig(api_key=KEY, api_secret=SECRET, base_url="http://user:pw@127.0.0.1:1")
    for text in (repr(config), str(config), f"{config}", f"{config.api_secret}", f"{config.api_secret!r:>9}"):
        assert SECRET not in text
        assert KEY not in text
        assert "pw" not in text
    assert config.api_secret == SECRET
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(config)
    assert copy.deepcopy(config) == config


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": float("nan")}, "finite"),
        ({"recv_window": 60_001}, "1 to 60000"),
        ({"recv_window": 30_000}, "does not fit into retry_budget=30.0 s"),
        ({"retry_budget": 5.0}, "certain only after its window"),
        ({"max_retries": -1}, "max_retries=-1"),
        ({"base_url": "ftp://x"}, "base_url='ftp://x'"),
        ({"base_url": "http://[", "api_key": ""}, "base_url"),
        ({"proxy": "socks://user:pw@h"}, r"socks://\*\*\*@h"),
        ({"testnet": True, "demo": True}, "choose one"),
        ({"api_key": "a"}, "belong together"),
        ({"api_key": 5, "api_secret": "x"}, "not a int"),
    ],
)
def test_config_is_checked(settings, told):
    """What cannot be is refused when it is made, by name, without showing passwords."""
    with pytest.raises(ConfigError, match=told) as caught:
        BinanceConfig(**settings)
    assert "pw" not in str(caught.value)


def test_keys_are_stripped():
    """The end of the line that was copied with a key is no part of it."""
    assert BinanceConfig(api_key=" k\n", api_secret="s\n").api_key == "k"


def test_addresses():
    """An address is shown without its password."""
    assert shown_address("http://u:p@h:1/x") == "http://***@h:1/x"
    assert shown_address("http://h:1/x") == "http://h:1/x"
