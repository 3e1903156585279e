"""``exec-plugin serve``: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from exec_plugin.cli import main


def run(*arguments, **env):
    """The command's result, where it does not get so far as to serve."""
    return CliRunner().invoke(main, ["serve", *arguments], env=env)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--feed", "live", "--speed", "2"], "leave speed out"),
        (["--live-url", "https://testnet.binance.vision"], "follows no live_url"),
        (["--feed", "live", "--live-url", "https://user:secret@host"], "no address such as"),
        (["--db-url", "mysql://u:hush@x"], "postgresql://user@host/database"),
        (["--feed", "push", "--db-url", "sqlite:///x.sqlite"], "leave db_url out"),
        (["--host", "0.0.0.0"], "give every account"),
        (["--api-key", "k"], "come together"),
        (["--speed", "max"], "needs a factor"),
        (["--symbols", "NOPE"], "NOPE"),
        (["--feed", "push", "--recording", "README.md"], "reads no recording"),
    ],
)
def test_refused(arguments, told):
    """What cannot be served is one line and exit code 2."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_file_and_options(tmp_path):
    """An account comes from the file or from the options."""
    path = tmp_path / "server.toml"
    path.write_text("[accounts.a]", encoding="utf-8")
    assert "the file names its own" in run("--config", str(path), "--api-key", "k", "--api-secret", "s").stderr


@pytest.fixture
def serving():
    """Starts the command and reads what it prints."""
    started = []

    def start(*arguments, lines):
        command = [sys.executable, "-m", "exec_plugin", "-v", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        printed = dict(process.stdout.readline().strip().split("=", 1) for _ in range(lines))
        return process, printed

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves(serving, number):
    """It prints address, key and secret once, answers, and ends well at a signal."""
    process, printed = serving("--feed", "push", lines=3)
    assert list(printed) == ["BINANCE_BASE_URL", "BINANCE_API_KEY", "BINANCE_API_SECRET"]
    with urllib.request.urlopen(f"{printed['BINANCE_BASE_URL']}/api/v3/exchangeInfo", timeout=10) as reply:
        assert [entry["symbol"] for entry in json.load(reply)["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert printed["BINANCE_API_SECRET"] not in err
    assert "Traceback" not in err


def test_given_secret(serving):
    """A secret that was given is not printed."""
    process, printed = serving("--feed", "push", "--api-key", "k", "--api-secret", "hush", lines=2)
    assert printed["BINANCE_API_KEY"] == "k"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, "hush" in err) == ("", False)


def test_lines_for_a_shell(serving, tmp_path):
    """What is printed for a shell runs nothing there, whatever accounts and keys are called."""
    path = tmp_path / "server.toml"
    text = '[accounts.first]\napi_key = "$(touch x)"\nsecret = "s"\n[accounts."a b;c"]\napi_key = "k2"\nsecret = "s"\n'
    path.write_text(text, encoding="utf-8")
    _, printed = serving("--feed", "push", "--config", str(path), lines=3)
    assert printed["BINANCE_API_KEY"] == "'$(touch x)'"
    assert printed["BINANCE_API_KEY_A_B_C"] == "k2"
