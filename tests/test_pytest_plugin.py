"""The fixtures that users of the package get, in a test run of a user's."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import yaml

TEST = """
import pytest
from exec_plugin.binance import BinanceClient, BinanceConfig

URL = {url!r}

async def test_price(binance_cassette):
    with binance_cassette():
        config = BinanceConfig(api_key="aKeyOfMine", api_secret="aSecretOfMine", base_url=URL)
        async with BinanceClient(config) as client:
            book = await client.get_order_book("BTCUSDT", 5)
            account = await client.get_account_info()
            order = await client.place_order("BTCUSDT", "BUY", "MARKET", quote_quantity="25")
            again = await client.get_order("BTCUSDT", client_order_id=order.client_order_id)
    assert again.client_order_id == order.client_order_id
    assert len(book["bids"]) == 5
    assert account["uid"] == 0 or URL

def test_config(binance_vcr_config):
    assert binance_vcr_config["record_mode"] == {mode!r}
"""


@pytest.fixture
def user(tmp_path):
    """Runs pytest in a folder with one test file, as its user would; the package's home is there too."""

    def run(url, *words, mode="none"):
        (tmp_path / "test_mine.py").write_text(TEST.format(url=url, mode=mode), encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        environment = {"PATH": "", "HOME": str(tmp_path), "EXEC_PLUGIN_HOME": str(tmp_path / "home")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture
def server():
    """A paper exchange as its user starts it."""
    command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0", "--db-url", "sqlite://"]
    command += ["--api-key", "aKeyOfMine", "--api-secret", "aSecretOfMine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().partition("=")[2].strip()
        process.terminate()


@pytest.mark.slow
def test_record_and_replay(user, server, tmp_path):
    """A cassette is recorded by the test's name without its key, and replayed for another host without touching its budget."""
    recorded = user(server, "--binance-record=once", mode="once")
    assert recorded.returncode == 0, recorded.stdout
    path = tmp_path / "cassettes" / "test_price.yaml"
    text = path.read_text(encoding="utf-8")
    assert "aKeyOfMine" not in text
    assert len(yaml.safe_load(text)["interactions"]) == 6
    replayed = user(None)
    assert replayed.returncode == 0, replayed.stdout
    assert path.read_text(encoding="utf-8") == text
    budgets = {path.name for path in (tmp_path / "home").rglob("*.budget")}
    assert budgets
    assert "api.binance.com.budget" not in budgets


@pytest.mark.slow
def test_missing(user):
    """A cassette that is not there is told with the words that record it."""
    result = user("http://127.0.0.1:9")
    assert result.returncode == 1
    assert "run pytest with --binance-record=once" in result.stdout


def test_light():
    """The plugin that every run of pytest loads brings none of the heavy libraries."""
    script = textwrap.dedent("""
        import sys
        import pytest
        before = set(sys.modules)
        import exec_plugin.pytest_plugin
        print(*{name.split(".")[0] for name in set(sys.modules) - before})
    """)
    told = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert told.split() == ["exec_plugin"]


def test_registered(pytestconfig):
    """pytest finds the plugin by its entry point."""
    assert pytestconfig.pluginmanager.has_plugin("exec_plugin")
    assert pytestconfig.getoption("--binance-record") == "none"
