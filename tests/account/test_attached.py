"""The way to a server that has an account: URLs, signatures, time, and what is found of it."""

from __future__ import annotations

import json
import ssl
from urllib.parse import parse_qsl, urlsplit

import pytest

from exec_plugin.account import HOUSE, AttachedAccount, PaperExchange, Settings, open_account, served_at
from exec_plugin.account.attached import find_door
from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.ledger import Account
from exec_plugin.journal.doors import Door, this_machine
from exec_plugin.protocol import Key, sign
from exec_plugin.protocol.security import check_signature
from exec_plugin.protocol.ws_api.frames import read_frame

KEY, SECRET = "k" * 64, "s" * 64
START = 1_767_614_400_000


def attached(url="http://127.0.0.1:8080", clock=(START, START, 1), now=START, **settings):
    """An account behind a door."""
    door = Door(url, this_machine(), KEY, SECRET, clock=clock, market=Settings().noticed())
    return AttachedAccount("alice", Settings.read(settings), door, lambda: now)


@pytest.mark.parametrize(
    ("url", "asked", "led"),
    [
        ("http://127.0.0.1:8080", "https://api.binance.com/api/v3/time", "http://127.0.0.1:8080/api/v3/time"),
        ("https://10.0.0.7:443", "https://api.binance.com/sapi/v1/x?a=1", "https://10.0.0.7:443/sapi/v1/x?a=1"),
        ("http://127.0.0.1:1", "wss://stream.binance.com:9443/ws/1", "ws://127.0.0.1:1/ws/1"),
        ("https://h:1", "wss://ws-api.binance.com:443/ws-api/v3?returnRateLimits=false", "wss://h:1/ws-api/v3?returnRateLimits=false"),
        ("http://127.0.0.1:1", "https://evil.example/@10.0.0.1/api", "http://127.0.0.1:1/@10.0.0.1/api"),
    ],
)  # fmt: skip
def test_lead(url, asked, led):
    """Whatever host is asked, the server is."""
    assert attached(url).lead(asked) == led


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signed_anew(method):
    """A request that was signed with any key is signed with the server's, over the same parameters."""
    text = f"symbol=BTCUSDT&x=%5B%22a%22%5D&timestamp=1&signature={sign('mine', 'x')}"
    url, body = "https://api.binance.com/api/v3/order", None
    if method == "GET":
        url += f"?{text}"
    else:
        body = text
    url, headers, body = attached().address(url, {"X-MBX-APIKEY": "mine", "User-Agent": "u"}, body)
    assert headers == {"X-MBX-APIKEY": KEY, "User-Agent": "u"}
    query = urlsplit(url).query
    sent = dict(parse_qsl(query or body))
    assert (sent["symbol"], sent["x"]) == ("BTCUSDT", '["a"]')
    check_signature(Key(Account("alice"), SECRET), sent, query, body or "")


def test_public():
    """What was not signed is not signed, and shows no key that it did not show."""
    told = attached().address("https://api.binance.com/api/v3/depth?symbol=BTCUSDT", None, None)
    assert told == ("http://127.0.0.1:8080/api/v3/depth?symbol=BTCUSDT", None, None)


@pytest.mark.parametrize("as_text", [False, True])
def test_frame(as_text):
    """So it is with requests of the WebSocket API; other frames and other connections are left alone."""
    api = "wss://ws-api.binance.com:443/ws-api/v3"
    params = {"timestamp": START, "symbol": "BTCUSDT", "is": True, "apiKey": "mine", "signature": "x"}
    message = {"id": "1", "method": "order.place", "params": params}
    signed = attached().frame(api, json.dumps(message) if as_text else message)
    assert isinstance(signed, str) is as_text
    read = read_frame(signed if as_text else json.dumps(signed)).params
    payload = "&".join(f"{name}={read[name]}" for name in sorted(read) if name != "signature")
    assert read["apiKey"] == KEY
    Key(Account("alice"), SECRET).check(payload, read["signature"])
    assert params["apiKey"] == "mine"
    assert attached().frame("wss://stream.binance.com/ws/1", message) is message
    plain = {"id": "1", "method": "time", "params": {}}
    assert attached().frame(api, plain) == plain


def test_clock():
    """The market's time goes on as fast as the server's does, and so do pauses."""
    account = attached(clock=(START, 5_000, 60.0), now=START + 1_000)
    assert account.milliseconds() == 65_000
    assert account.sleep_plan(60_000) == 1.0


def test_reprs():
    """Neither key nor secret is shown."""
    account = attached()
    assert repr(account) == "<AttachedAccount 'alice' at http://127.0.0.1:8080>"
    assert KEY not in str(vars(account))
    assert SECRET not in str(vars(account))


def test_listen():
    """Nobody listens to an account of another process; it is told how to subscribe instead."""
    with pytest.raises(ConfigError, match=r"'alice' is served at http.*, and listener 'bot' cannot listen from here"):
        attached().listen("bot", print)


def test_plain_has_no_tls():
    """Without TLS nothing is trusted, and nothing needs to be."""
    assert attached().tls is None
    door = Door("https://127.0.0.1:1", this_machine(), KEY, SECRET, "no certificate")
    with pytest.raises(ssl.SSLError):
        _ = AttachedAccount("alice", Settings(), door).tls


# ---------------------------------------------------------------------- found in the database


@pytest.fixture
def served(tmp_path):
    """Settings of an account that somebody serves, and what changes where."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/accounts.sqlite", "symbols": "BTCUSDT"})
    exchange = PaperExchange(settings)
    exchange.open_account("alice", {"USDT": "1"})

    def serve(url="http://127.0.0.1:8080", machine=None):
        exchange.journal.serve({"alice": Door(url, machine or this_machine(), KEY, SECRET)})
        return settings

    HOUSE.clear()
    yield serve
    exchange.close()
    HOUSE.clear()


def test_found(served):
    """It is found by database, market and name, and is the same one for all instances."""
    settings = served()
    options = {"db_url": settings.db_url, "symbols": "BTCUSDT", "account": "alice"}
    first, second = open_account(options), open_account(options)
    assert first is second
    assert (first.is_remote, first.url) == (True, "http://127.0.0.1:8080")
    assert served_at(options) == "http://127.0.0.1:8080"
    assert find_door(settings, "bob") is None
    assert find_door(Settings.read({"db_url": settings.db_url, "seed": 1}), "alice") is None


def test_found_anew(served):
    """Another door is another account; the same one is looked at again and stays."""
    settings = served()
    options = {"db_url": settings.db_url, "symbols": "BTCUSDT", "account": "alice"}
    first = open_account(options)
    first.is_over = True
    assert open_account(options) is first
    assert not first.is_over
    served("http://127.0.0.1:8081")
    assert open_account(options).url == "http://127.0.0.1:8081"


def test_not_wanted(served):
    """Who says never is told whose it is, and where."""
    settings = served()
    options = {"db_url": settings.db_url, "symbols": "BTCUSDT", "account": "alice", "attach": "never"}
    assert served_at(options) == ""
    with pytest.raises(JournalError, match=r"in use by process .* served at http://127\.0\.0\.1:8080: stop that one"):
        open_account(options)


def test_other_machine(served):
    """A server on loopback of another machine is an error that says why it cannot be reached."""
    settings = served(machine="elsewhere")
    with pytest.raises(JournalError, match=rf"in use by .*: only elsewhere itself reaches .* this is {this_machine()}"):
        find_door(settings, "alice")


def test_nowhere(tmp_path):
    """Where there is no database yet, or none that can be read, nobody serves anything."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/none.sqlite"})
    assert find_door(settings, "alice") is None
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "none.sqlite").write_text("no database at all" * 100)
    assert find_door(settings, "alice") is None
    assert find_door(Settings(), "alice") is None


def test_attach_values():
    """Other words than the two are refused."""
    with pytest.raises(ConfigError, match="attach='maybe'"):
        Settings.read({"attach": "maybe"})
