"""What docs/security.md promises of the code as a whole."""

from __future__ import annotations

import ast
import json
import logging
import os
import stat
from pathlib import Path

import pytest
from protocol.signing_client import LIMIT, NOW, SETUP, form
from server.conftest import in_thread

import exec_plugin
from exec_plugin.binance import mask_api_key
from exec_plugin.cassettes.tape import binance_vcr
from exec_plugin.core.errors import ConfigError
from exec_plugin.journal import open_store
from exec_plugin.limit_store import MappedStore, state_path
from exec_plugin.protocol import Key, sign
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import ServerSettings
from exec_plugin.server.config import AccountPlan, read_plan
from exec_plugin.server.doors import ATTEMPTS, ATTEMPTS_IN, MOST_ADDRESSES, Attempts

PACKAGE = Path(exec_plugin.__file__).parent
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
#: What makes objects, or runs code, of bytes.
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "marshal", "shelve", "jsonpickle", "xmlrpc", "telnetlib"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "mktemp", "unsafe_load", "full_load"}
SECRET = "correct-horse-battery-staple-0123456789"
LONG_KEY = "AKeyThatIsLongEnoughToHaveAMiddle0123456789"


def _modules(node):
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def _called(node):
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


@pytest.mark.parametrize("name", TREES)
def test_deserialisation(name):
    """No module makes objects of bytes otherwise than by JSON, TOML, safe YAML and tables, or starts a shell."""
    for node in ast.walk(TREES[name]):
        assert not _modules(node) & UNSAFE_MODULES
        called = _called(node)
        # regular expressions are compiled, not programs
        is_regex = called == "compile" and ast.unparse(node.func).startswith("re.")
        assert called not in UNSAFE_CALLS or is_regex, ast.unparse(node)
        if isinstance(node, ast.Call):
            assert not any(word.arg == "shell" for word in node.keywords), ast.unparse(node)
            if ast.unparse(node.func) == "yaml.load":
                assert "SafeLoader" in ast.unparse(node)


def test_guard():
    """The test above sees what it looks for."""
    tree = ast.parse("import pickle\nfrom marshal import loads\nos.system('x')\neval('1')")
    found = [_modules(node) & UNSAFE_MODULES for node in ast.walk(tree)]
    assert {"pickle"} in found
    assert {"marshal"} in found
    assert {"system", "eval"} <= {_called(node) for node in ast.walk(tree)}


@pytest.mark.parametrize("name", [name for name in TREES if name.startswith(("protocol/", "server/"))])
def test_constant_time(name):
    """No signature, secret or token is compared by ==, which tells by its time how much was right."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            operands = {getattr(part, "id", getattr(part, "attr", "")) for part in (node.left, *node.comparators)}
            assert not operands & {"secret", "token", "signature", "shown", "control_token", "metrics_token"}


def test_reprs():
    """Secrets, tokens and the middle of keys are in no repr."""
    settings = ServerSettings(control_token=SECRET, metrics_token=SECRET)
    exchange = ScriptedExchange({**SETUP, "apiKey": LONG_KEY, "secretKey": SECRET})
    plan = AccountPlan("a", {}, LONG_KEY, SECRET)
    for thing in (settings, plan, exchange.gateway.keys[LONG_KEY], Key(exchange.account, SECRET)):
        assert SECRET not in repr(thing)
    assert LONG_KEY not in repr(plan)


@pytest.fixture
def exchange():
    """An exchange whose key and secret are easily found again."""
    return ScriptedExchange({**SETUP, "apiKey": LONG_KEY, "secretKey": SECRET})


def test_nothing_told(exchange, caplog):
    """Whatever is asked, right or wrong, and however much is logged: neither secret nor key nor signature comes back."""
    import requests

    caplog.set_level(logging.DEBUG)
    text = form({**LIMIT, "timestamp": NOW})
    good = sign(SECRET, text)
    bad = good[::-1]
    told = []
    with in_thread(exchange, ServerSettings(port=0, control_token=SECRET, metrics_token=SECRET)) as server:
        for method, path in (
            ("POST", f"/api/v3/order?{text}&signature={good}"),
            ("POST", f"/api/v3/order?{text}&signature={bad}"),
            ("POST", f"/api/v3/order?signature={good}&signature={bad}"),
            ("GET", f"/nowhere?signature={good}"),
            ("POST", "/paper/reset"),
            ("POST", "/paper/faults"),
            ("GET", "/paper/events?after=0"),
            ("GET", "/api/v3/account?" + form({"timestamp": NOW}) + f"&signature={bad}"),
            ("PATCH", f"/api/v3/order?signature={good}"),
            ("GET", "/metrics"),
            ("GET", "/ready"),
            ("GET", "/health"),
        ):
            headers = {"X-MBX-APIKEY": LONG_KEY, "X-Paper-Token": SECRET, "Authorization": f"Bearer {SECRET}"}
            body = json.dumps({"apiKey": 5, "secretKey": [SECRET], "symbols": [SECRET]}) if "/paper/" in path else None
            reply = requests.request(method, server.url + path, headers=headers, data=body, timeout=5)
            told.append(f"{reply.headers} {reply.text}")
    answers, logged = (
        "\n".join(told),
        "\n".join(
            f"{record.getMessage()} {record.__dict__.get('told', '')} {record.exc_text}"
            for record in caplog.records
            if record.name.startswith(("exec_plugin", "aiohttp", "asyncio"))
        ),
    )
    assert logged.count("/api/v3/order") >= 3
    # what a control call itself has brought may be quoted to it, but not into the log
    for secret in (SECRET, good, bad, LONG_KEY):
        assert secret not in logged
    for secret in (good, bad, LONG_KEY):
        assert secret not in answers
    assert mask_api_key(LONG_KEY) in logged


@pytest.mark.parametrize(
    "host", ["../../etc/passwd", "/etc/passwd", "..", "a/../../b", "a\\..\\b", "a\0b", "%2e%2e%2f", "C:\\x"]
)
def test_traversal(tmp_path, monkeypatch, host):
    """The file of a budget is in its folder, whatever the host is called."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    path = state_path(host)
    assert path.parent == tmp_path / "limits"
    assert path.resolve().parent == (tmp_path / "limits").resolve()


def test_control_reads_no_files(exchange):
    """No control route takes the name of a file: what a reset calls a recording is not opened."""
    import requests

    with in_thread(exchange) as server:
        payload = {"symbols": SETUP["symbols"], "recording": "/etc/passwd", "feed": "recording"}
        assert requests.post(f"{server.url}/paper/reset", json=payload, timeout=5).status_code == 200
        for path in ("/paper/../etc/passwd", "/paper/%2e%2e/etc/passwd", "/../../etc/passwd", "/paper//etc/passwd"):
            reply = requests.get(server.url + path, timeout=5)
            assert reply.status_code in {404, 405}
            assert "root:" not in reply.text


def mode(path):
    """A file's rights."""
    return stat.S_IMODE(path.stat().st_mode)


def test_permissions(tmp_path):
    """State is its owner's alone, folders that are made for it as well, whatever the umask allows."""
    former = os.umask(0o022)
    try:
        budget, accounts = tmp_path / "home" / "limits" / "x.budget", tmp_path / "other" / "folder" / "x.sqlite"
        MappedStore(budget).close()
        open_store(f"sqlite:///{accounts}").close()
    finally:
        os.umask(former)
    for path in (budget, accounts):
        assert mode(path) == 0o600
        assert {mode(folder) for folder in (path.parent, path.parent.parent)} == {0o700}


def test_tls(tmp_path):
    """TLS begins at 1.2; a key that needs a password, or a path that is none, is refused and nobody is asked."""
    import ssl
    from datetime import UTC, datetime, timedelta

    x509 = pytest.importorskip("cryptography.x509", reason="pip install 'exec-plugin[server]'")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=3650))
    cert = tmp_path / "cert.pem"
    cert.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    paths = {}
    for word, how in (("plain", serialization.NoEncryption()), ("locked", serialization.BestAvailableEncryption(b"x"))):
        paths[word] = tmp_path / f"{word}.pem"
        paths[word].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    context = ServerSettings(tls_cert=cert, tls_key=paths["plain"]).tls()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for bad in (paths["locked"], Path("a\0b")):
        with pytest.raises(ConfigError):
            ServerSettings(tls_cert=cert, tls_key=bad).tls()


def test_odd_path(tmp_path):
    """A path that no system has is refused in one line."""
    path = tmp_path / "server.toml"
    path.write_text('[accounts.a]\npublic_key_file = "a\\u0000b"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="public_key_file cannot be read"):
        read_plan(path)


def test_cassettes_are_data(tmp_path):
    """A cassette that would run something is refused."""
    pytest.importorskip("vcr", reason="pip install 'exec-plugin[test]'")
    path = tmp_path / "bad.yaml"
    path.write_text(f"interactions: !!python/object/apply:os.mkdir ['{tmp_path}/made']\nversion: 1\n", encoding="utf-8")
    with pytest.raises(Exception, match="could not determine a constructor"), binance_vcr().use_cassette(str(path)):
        pass
    assert not (tmp_path / "made").exists()


def test_addresses_are_forgotten():
    """Who tries to connect from ever new addresses fills no memory, and who tried too often is still refused."""
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for number in range(MOST_ADDRESSES):
        attempts.note(f"10.{number}")
    now[0] = ATTEMPTS_IN + 1
    tries = [attempts.note("192.0.2.1") for _ in range(ATTEMPTS + 1)]
    for number in range(MOST_ADDRESSES):
        attempts.note(f"11.{number}")
    assert tries == [True] * ATTEMPTS + [False]
    assert not attempts.note("192.0.2.1")
    assert len(attempts._tried) <= MOST_ADDRESSES + 2
