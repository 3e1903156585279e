"""The example host and the plugin template: used as a stranger would, in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

MOST_LINES = 100
TRADE = """
import asyncio, logging, sys
from decimal import Decimal
import exec_plugin
from exec_plugin.account import open_account
from exec_plugin.core.events import QUOTE
from exec_plugin.core.units import FAR, SCALE

logging.basicConfig(stream=sys.stdout, format="%(name)s %(message)s")
exec_plugin.load()
account = open_account({"feed": "push", "balances": {"USDT": "1000"}})
venue = account.exchange.venue
venue.apply([(QUOTE, venue.now, "BTCUSDT", 99 * SCALE, FAR, 101 * SCALE, FAR)])
venue.place(account.account, "BTCUSDT", True, "MARKET", SCALE)
"""


def run(*words, cwd, **environment):
    """Run a command as a user would, without this process's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXEC_PLUGIN")}
    environment = {**kept, "EXEC_PLUGIN_HOME": str(cwd), **environment}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def host(root):
    """The folder of the example host."""
    return root / "docs" / "examples" / "example_host"


@pytest.mark.slow
def test_host(host, tmp_path):
    """The host trades on paper as its configuration says, with two lines of this package."""
    code, out, err = run(host / "host.py", cwd=tmp_path)
    assert (code, err) == (0, "")
    first, *balances = out.splitlines()
    assert first.startswith("bought 0.00")
    assert float(first.split()[-1]) <= 250
    held = dict(line.split() for line in balances)
    assert float(held["USDT"]) == pytest.approx(1000 - float(first.split()[-1]))
    # the same seed, the same market
    assert run(host / "host.py", cwd=tmp_path) == (code, out, err)
    ours = [
        line for line in (host / "host.py").read_text().splitlines() if "exec_plugin." in line or "import exec" in line
    ]
    assert len([line for line in ours if not line.lstrip().startswith("#")]) <= 5


@pytest.mark.slow
def test_host_with_plugin(host, tmp_path):
    """The host's user switches a plugin on without a change of the host."""
    plugin = "from exec_plugin import hookimpl\n@hookimpl\ndef exec_fill(fill): print('told', fill.side, fill.symbol)\n"
    (tmp_path / "mine.py").write_text(plugin)
    text = (host / "config.toml").read_text().replace("plugins = []", 'plugins = ["mine"]')
    (tmp_path / "config.toml").write_text(text)
    code, out, err = run(host / "host.py", tmp_path / "config.toml", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "told BUY BTCUSDT"


@pytest.mark.slow
def test_host_with_failing_plugin(host, tmp_path):
    """A plugin that cannot be loaded is one line on stderr, and the host trades."""
    text = (host / "config.toml").read_text().replace("plugins = []", 'plugins = ["nowhere"]')
    (tmp_path / "config.toml").write_text(text)
    code, out, err = run(host / "host.py", tmp_path / "config.toml", cwd=tmp_path)
    assert (code, len(err.splitlines())) == (0, 1)
    assert "plugin 'nowhere' is not active" in err
    assert out.startswith("bought")


@pytest.fixture(scope="module")
def template(root):
    """The folder of the plugin template."""
    return root / "docs" / "examples" / "plugin_template"


@pytest.fixture(scope="module")
def installed(template, tmp_path_factory):
    """A folder with the template's package in it, built and installed by pip."""
    folder = tmp_path_factory.mktemp("template")
    source, target = folder / "source", folder / "target"
    shutil.copytree(template, source)
    # what it is built with is there or on the package index
    alone = ["--no-build-isolation"] if all(map(importlib.util.find_spec, ("setuptools", "wheel"))) else []
    words = ["-m", "pip", "install", "--quiet", "--no-deps", *alone, "--target", target, source]
    code, _, err = run(*words, cwd=folder)
    if code and not alone:
        pytest.skip(f"setuptools and wheel are not installed, and pip cannot fetch it: {err.strip().splitlines()[-1]}")
    assert code == 0, err
    return target


def test_template_is_short(template):
    """All of the template is under a hundred lines."""
    texts = [path.read_text(encoding="utf-8") for path in template.iterdir() if path.is_file()]
    assert sum(len(text.splitlines()) for text in texts) < MOST_LINES


@pytest.mark.slow
def test_not_named(installed, tmp_path):
    """Installed alone, the package changes nothing: it is listed, and why it is not active."""
    code, out, _ = run("-m", "exec_plugin", "plugins", "--json", cwd=tmp_path, PYTHONPATH=str(installed))
    [state] = [state for state in json.loads(out) if state["name"] == "square_root"]
    assert code == 0
    assert (state["state"], state["hooks"]) == ("not named", [])
    assert (state["distribution"], state["version"]) == ("exec-plugin-square-root", "1.0.0")
    code, out, _ = run("-c", TRADE, cwd=tmp_path, PYTHONPATH=str(installed))
    assert (code, out) == (0, "")


@pytest.mark.slow
def test_named(installed, tmp_path):
    """Named, it is active; its model decides the price, and its listener hears of the fill."""
    text = """
        [exec_plugin]
        plugins = ["square_root"]

        [exec_plugin.paper]
        slippage = {model = "square_root", impact = "0.1", volume = "100"}
    """
    (tmp_path / "exec_plugin.toml").write_text(textwrap.dedent(text))
    code, out, err = run("-m", "exec_plugin", "plugins", cwd=tmp_path, PYTHONPATH=str(installed))
    assert (code, err) == (0, "")
    assert "square_root  active     exec-plugin-square-root 1.0.0" in out
    assert "exec_fill, exec_make_model" in out
    code, out, err = run("-c", TRADE, cwd=tmp_path, PYTHONPATH=str(installed))
    assert (code, err) == (0, "")
    # 100 x 0.1 x sqrt(1 / 100) above the ask
    assert out == "exec_plugin_square_root default: BUY 1 BTCUSDT at 102\n"
