"""What to serve: files, accounts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exec_plugin.account import PaperExchange
from exec_plugin.core.errors import ConfigError
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import ServerSettings
from exec_plugin.server.config import AccountPlan, Plan, read_faults, read_plan

WHOLE = """
db_url = "sqlite://"
[server]
host = "127.0.0.2"
port = 0
control_token = "t"
tls_cert = "cert.pem"
[paper]
feed = "push"
symbols = ["BTCUSDT", "LTCBTC"]
limits = false
fees = {maker = 0, taker = "0.001"}
[accounts.alice]
balances = {USDT = 5}
api_key = "a"
secret = "sa"
[accounts.bob]
api_key = "b"
secret = "sb"
[faults]
seed = 3
rules = [{fault = "timeout", path = "ping"}]
"""


def written(folder, text, name="server.toml"):
    """A file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_whole(tmp_path):
    """A file says where to listen, what to trade, for whom, and what goes wrong."""
    plan = read_plan(written(tmp_path, WHOLE)).checked()
    assert plan.server == ServerSettings("127.0.0.2", 0, control_token="t", tls_cert=tmp_path / "cert.pem")
    exchange = plan.open()
    assert isinstance(exchange, ScriptedExchange)
    assert list(exchange.venue.markets) == ["BTCUSDT", "LTCBTC"]
    assert exchange.gateway.keys["a"].account.balances["USDT"].free == 5 * 10**8
    assert exchange.gateway.keys["b"].account.name == "bob"
    assert exchange.gateway.limits.entries == []
    assert json.loads(exchange.gateway.handle("GET", "/api/v3/ping", {}).text)["code"] == -1007


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "cannot be read"),
        ("[sever]", "did you mean 'server'"),
        ("server = 5", "server=5 is a table"),
        ("[server]\nprt = 1", "did you mean 'port'"),
        ("[server]\nport = '1'", "port='1' is no int"),
        ("[server]\nport = true", "port=True is no int"),
        ("[server]\ncontrol = 1", "control=1 is no bool"),
        ("[accounts]\nx = 5", "x=5 is a table"),
        ("[accounts.x]\nkey = 'k'", "did you mean 'api_key'"),
        ("[accounts.x]\nbalances = {USDT = -1}", "must be a number of 0 or more"),
        ("[accounts.x]\npublic_key_file = 'none.pem'", "cannot be read"),
        ("[paper]\nsymbls = 'x'", "did you mean 'symbols'"),
        ("[paper]\nspeed = 'max'", "needs a factor"),
        ("[paper]\nfeed = 'live'\nspeed = 60", "leave speed out"),
        ("[paper]\nfeed = 'live'\nlive_url = 'ftp://x'", "no address such as"),
        ("[paper]\nlive_url = 'https://x'", "follows no live_url"),
        ("db_url = 'mysql://u:hush@x'", r"mysql://u:\*\*\*@x' is sqlite:// \(memory\)"),
        ("db_url = 'sqlite:///x'\n[paper]\nfeed = 'push'", "leave db_url out"),
        ("durability = 'high'", "full, normal, off"),
        ("[faults]\nrules = [{fault = 'x'}]", "fault"),
        ("[server]\nhost = '0.0.0.0'", "give every account its api_key and secret"),
        ("[server]\nhost = '0.0.0.0'\n[accounts.x]\napi_key = 'k'", "give every account its api_key and secret"),
    ],
)
def test_refused(tmp_path, text, told):
    """What cannot be served is refused by what is wrong with it."""
    with pytest.raises(ConfigError, match=told):
        read_plan(written(tmp_path, text)).checked().open()


def test_missing(tmp_path):
    """A file that is not there is told."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_faults(tmp_path / "none.toml")


def test_own_file_of_faults(tmp_path):
    """Faults may stand in a file of their own."""
    assert read_faults(written(tmp_path, "seed = 1\n[[rules]]\nfault = 'drop'")) == {
        "seed": 1, "rules": [{"fault": "drop"}],
    }  # fmt: skip


def test_default():
    """Plainly started, it serves several symbols to one funded account whose key nobody could guess."""
    plan, other = Plan().checked(), Plan().checked()
    (account,) = plan.accounts
    assert len(account.api_key) == len(account.secret) == 64
    assert account.secret != other.accounts[0].secret
    assert account.secret not in repr(plan)
    exchange = plan.open()
    assert isinstance(exchange, PaperExchange)
    assert {"BTCUSDT", "ETHUSDT"} < set(exchange.venue.markets)
    assert exchange.gateway.keys[account.api_key].timed


def test_elsewhere():
    """Beyond this machine every account brings its own key."""
    told = AccountPlan("a", {}, "k", "s")
    assert Plan(server=ServerSettings("0.0.0.0"), accounts=(told,)).checked().accounts == (told,)


def test_public_key(tmp_path):
    """An account may have a public key instead of a secret."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    written(tmp_path, pem, "key.pem")
    text = '[paper]\nfeed = "push"\n[accounts.a]\napi_key = "k"\npublic_key_file = "key.pem"'
    exchange = read_plan(written(tmp_path, text)).checked().open()
    assert exchange.gateway.keys["k"].kind == "ED25519"


@pytest.mark.parametrize("given", [{"tls_cert": Path("x")}, {"tls_key": Path("x")}])
def test_half_tls(given):
    """A certificate needs its key."""
    with pytest.raises(ConfigError, match="both"):
        ServerSettings(**given).tls()


def test_no_tls(tmp_path):
    """What is no certificate is refused."""
    path = written(tmp_path, "x", "cert.pem")
    with pytest.raises(ConfigError, match="PEM"):
        ServerSettings(tls_cert=path, tls_key=path).tls()
    assert ServerSettings().tls() is None
