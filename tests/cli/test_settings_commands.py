"""`exec-plugin plugins` and `exec-plugin config`, and commands that plugins add."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from exec_plugin.plugins import forget

FILE = """
[exec_plugin]
plugins = ["mine", "nowhere"]

[exec_plugin.paper]
seed = 7

[exec_plugin.accounts.octo]
api_key = "abcdefghijklmnopqrstuvwx"

[exec_plugin.binance]
api_key = "zyxwvutsrqponmlkjihgfedc"
api_secret = "never shown"

[exec_plugin.limits]
store = "redis://user:hidden@10.0.0.5/0"

[exec_plugin.mine]
token = "hidden as well"
"""
PLUGIN = """
import click
from exec_plugin import hookimpl

@click.command()
@click.option("--name", default="world")
def hello(name):
    "Say hello."
    click.echo(f"hello {name}")

@click.command("limits")
def other():
    click.echo("not mine to take")

@hookimpl
def exec_commands():
    return [hello, other, "no command"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with settings and a plugin."""
    (tmp_path / "exec_plugin.toml").write_text(FILE, encoding="utf-8")
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    forget()
    yield tmp_path
    forget()
    sys.modules.pop("mine", None)


def test_plugins(call):
    """Each plugin stands there with its package, its hooks, or the reason why it is not active."""
    result = call("plugins")
    assert result.exit_code == 0
    told = result.stdout.splitlines()
    assert told[0].split()[:3] == ["binance", "active", "exec-plugin"]
    assert "exec_exchanges, exec_make_throttle" in told[1]
    assert told[2].split() == ["mine", "active"]
    assert told[3].split() == ["exec_commands"]
    assert told[4].split() == ["nowhere", "failed"]
    assert (
        told[5].strip().startswith("no installed package announces it and there is no such module; known are binance")
    )
    assert result.stderr.count("plugin 'nowhere' is not active") == 1


def test_plugins_json(call):
    """Programs read the same as JSON."""
    states = {state["name"]: state for state in json.loads(call("plugins", "--json").stdout)}
    assert states["mine"]["hooks"] == ["exec_commands"]
    assert (states["nowhere"]["state"], states["paper"]["state"]) == ("failed", "active")


def test_blocked(call, monkeypatch):
    """The environment switches plugins off, and is told as the reason."""
    monkeypatch.setenv("EXEC_PLUGIN__BLOCK", "mine,nowhere,binance")
    states = {state["name"]: state for state in json.loads(call("plugins", "--json").stdout)}
    assert {name: state["state"] for name, state in states.items()} == {
        "binance": "blocked", "mine": "blocked", "nowhere": "blocked", "paper": "active",
    }  # fmt: skip


def test_config(call, monkeypatch):
    """Every setting stands there with where it comes from, and no secret."""
    monkeypatch.setenv("EXEC_PLUGIN__PAPER__SPEED", "60")
    result = call("config")
    told = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert told["paper.seed"] == ["7", "exec_plugin.toml"]
    assert told["paper.speed"] == ["60", "EXEC_PLUGIN__PAPER__SPEED"]
    assert told["paper.feed"] == ['"synthetic"', "default"]
    assert told["binance.timeout"] == ["10.0", "default"]
    assert told["accounts.octo.api_key"] == ['"abcd...uvwx"', "exec_plugin.toml"]
    assert told["limits.store"] == ['"redis://***@10.0.0.5/0"', "exec_plugin.toml"]
    assert told["mine.token"] == ['"***"', "exec_plugin.toml"]
    assert "hidden" not in result.stdout
    assert "never shown" not in result.stdout


def test_config_json(call):
    """Programs read the same as JSON."""
    rows = {row["name"]: row for row in json.loads(call("config", "--json").stdout)}
    assert rows["plugins"] == {"name": "plugins", "value": ["mine", "nowhere"], "origin": "exec_plugin.toml"}
    assert rows["paper.balances"] == {"name": "paper.balances", "value": {"USDT": "10000"}, "origin": "default"}


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("EXEC_PLUGIN__PAPR__SEED", "unknown setting 'papr'; did you mean 'paper'?"),
        ("EXEC_PLUGIN__PAPER__SED", "unknown setting 'sed'; did you mean 'seed'?"),
        ("EXEC_PLUGIN__ACCOUNTS__OCTO__SED", "unknown setting 'sed'; did you mean 'seed'?"),
        ("EXEC_PLUGIN__BINANCE__TIMEOUTS", "binance: unknown setting 'timeouts'; did you mean 'timeout'?"),
        ("EXEC_PLUGIN__LIMITS__STOR", "limits: unknown setting 'stor'; did you mean 'store'?"),
        ("EXEC_PLUGIN__PAPER__FILL_MODEL", "fill_model=1"),
    ],
)
def test_mistakes(call, monkeypatch, variable, said):
    """What is wrong with the settings is one line, with what would be right."""
    monkeypatch.setenv(variable, "1")
    result = call("config")
    assert result.exit_code == 2
    assert said in result.stderr


def test_commands(call):
    """A plugin's commands are commands; those that are built in stay what they are."""
    assert call("hello", "--name", "you").stdout == "hello you\n"
    assert "Say hello." in call("--help").stdout
    assert "not mine to take" not in call("limits").stdout


def test_help_survives(call, folder):
    """Help is shown though the settings are wrong, and an unknown command then tells what is wrong."""
    (folder / "exec_plugin.toml").write_text("[exec_plugin]\nplugin = []\n")
    assert "demo" in call("--help").stdout
    result = call("hello")
    assert (result.exit_code, "did you mean 'plugins'?" in result.stderr) == (2, True)


def test_light(tmp_path):
    """Help needs neither ccxt nor any plugin where the settings name none."""
    (tmp_path / "exec_plugin.toml").unlink()
    script = (
        "import atexit, sys; sys.argv = ['x', '--help'];"
        "atexit.register(lambda: print({'ccxt', 'pluggy', 'exec_plugin.plugins'} & set(sys.modules)));"
        "import runpy; runpy.run_module('exec_plugin', run_name='__main__')"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.splitlines()[-1] == "set()"
