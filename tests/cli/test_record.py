"""`exec-plugin record`: what it says, what it refuses, and what it writes."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
import yaml

from exec_plugin.cassettes.plays import PLAYS
from exec_plugin.cassettes.scrubbing import leaks
from exec_plugin.server import PaperServer
from exec_plugin.server.config import FUNDS, AccountPlan, Plan
from exec_plugin.server.settings import ServerSettings

KEY, SECRET = "aKeyOfTheLoopbackServer", "aSecretOfTheLoopbackServer"
NAMES = ("BINANCE_API_KEY", "BINANCE_APIKEY", "BINANCE_API_SECRET", "BINANCE_SECRET")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch):
    """The environment of whoever runs the tests has no keys."""
    for name in (*NAMES, "BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    """A paper exchange in a thread of its own."""
    plan = Plan(ServerSettings(port=0), {"seed": 3}, (AccountPlan("default", FUNDS, KEY, SECRET),))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    made = PaperServer(plan.open(), plan.server)
    run(made.start())
    yield made
    run(made.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _uris(path):
    return [pair["request"]["uri"] for pair in yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]]


def test_paper(call, tmp_path):
    """Without a target a server of its own is asked, also for what goes wrong; what is written is what was asked for."""
    names = ("get_ticker", "get_server_time_failure", "place_order_lost_answer")
    words = [word for name in names for word in ("--only", name)]
    result = call("record", "--out", tmp_path, *words)
    assert result.exit_code == 0, result.stderr
    assert {path.stem for path in tmp_path.iterdir()} == set(names)
    text = (tmp_path / "get_ticker.yaml").read_text(encoding="utf-8")
    assert text.startswith("# A day's statistics.\n# Recorded from the paper exchange of `exec-plugin serve` on 20")
    assert _uris(tmp_path / "get_ticker.yaml")[1:] == ["https://api.binance.com/api/v3/ticker/24hr?symbol=BTCUSDT"]


def test_address(call, tmp_path, server, monkeypatch):
    """A server is reached by its address with the keys of the environment, of which none is written."""
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    words = ["--only", "place_order", "--only", "get_account_info", "--only", "get_ticker_failure"]
    result = call("record", "--target", server.url, "--out", tmp_path, *words)
    assert result.exit_code == 0, result.stderr
    assert {path.stem for path in tmp_path.iterdir()} == {"place_order", "get_account_info"}
    for path in tmp_path.iterdir():
        assert list(leaks(path.read_text(encoding="utf-8"), [KEY, SECRET])) == []
    assert "get_ticker_failure: left out, it needs a server that fails on demand" in result.stdout
    assert "small orders will be placed" in result.stderr
    assert SECRET not in result.output
    assert KEY not in result.output


def test_failed(call, tmp_path, server, monkeypatch):
    """A play that ends otherwise than it should leaves the old cassette as it was."""
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("BINANCE_API_SECRET", "another secret")
    old = tmp_path / "get_account_info.yaml"
    old.write_text("old", encoding="utf-8")
    result = call("record", "--target", server.url, "--out", tmp_path, "--only", "get_account_info")
    assert result.exit_code == 2
    assert "get_account_info should go well, but: BinanceAuthError: -1022" in result.stderr
    assert old.read_text(encoding="utf-8") == "old"


def test_list(call, tmp_path):
    """--list says what would be done, asks nobody and writes nothing."""
    result = call("record", "--target", "testnet", "--out", tmp_path, "--list")
    assert result.exit_code == 0
    told = dict(line.strip().split(": ", 1) for line in result.stdout.splitlines())
    assert set(told) == set(PLAYS)
    assert told["get_klines"] == "public"
    assert told["get_account_info"] == "left out, it needs a key and its secret in the environment"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "left out, it would place orders with real money: --trade-for-real"), (("--trade-for-real",), "trading")],
)
def test_live(call, tmp_path, monkeypatch, words, told):
    """On the live exchange orders are placed only when that is said in so many words."""
    monkeypatch.setenv("BINANCE_APIKEY", KEY)
    monkeypatch.setenv("BINANCE_SECRET", SECRET)
    result = call("record", "--target", "live", "--out", tmp_path, "--list", *words)
    lines = dict(line.strip().split(": ", 1) for line in result.stdout.splitlines())
    assert {name: lines[name] for name, play in PLAYS.items() if play.needs == "trading" and not play.faults} == {
        name: told for name, play in PLAYS.items() if play.needs == "trading" and not play.faults
    }
    assert lines["get_account_info"] == "account"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only", "get_tickr"), "did you mean 'get_ticker'?"),
        (("--target", "live", "--only", "place_order"), "nothing can be recorded so"),
        (("--target", "nowhere"), "base_url='nowhere' must be an address"),
    ],
)
def test_refused(call, tmp_path, words, told):
    """What cannot be done is told before anything is."""
    result = call("record", "--out", tmp_path, *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_vcrpy(call, monkeypatch, tmp_path):
    """Without the extra that is all it says: nothing is announced that will not be done; --list needs no extra."""
    monkeypatch.setitem(sys.modules, "vcr", None)
    result = call("record", "--target", "live", "--out", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: cassettes need vcrpy: pip install 'exec-plugin[test]'\n"
    assert "get_ticker" in call("record", "--list", "--out", tmp_path).stdout
