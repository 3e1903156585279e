"""The fixtures that users of the package get, in a test run of a user's."""

from __future__ import annotations

import re
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
        return run_pytest(tmp_path, *words)

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


@pytest.fixture
def page(root):
    """The examples of the page about tests, but for that of a cassette, which needs one."""
    text = (root / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "paper_" in block]
    assert len(blocks) == 3
    return "\n".join(["import ccxt", "import json", "from urllib.request import urlopen", "import pytest", *blocks])


@pytest.mark.slow
def test_page(page, tmp_path):
    """The tests of the page run as they stand there, with warnings as errors, and the first is a bot in ten lines."""
    (tmp_path / "test_page.py").write_text(page, encoding="utf-8")
    done = run_pytest(tmp_path, "--strict-markers", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    first = page[page.index("def bot") : page.index("@pytest.mark.paper")]
    assert len([line for line in first.splitlines() if line.strip()]) <= 10


MARKETS = """
import pytest, ccxt
from exec_plugin.account import HOUSE, open_account
from exec_plugin.core.errors import ConfigError, RequestRejected

kept = []

@pytest.mark.parametrize("turn", [1, 2])
def test_own(paper_exchange, paper_market, turn):
    "Each test has a market of its own, which nothing of another is left in."
    assert paper_exchange.sync.fetch_balance()["USDT"]["free"] == 10000
    with pytest.raises(ccxt.InsufficientFunds):
        paper_exchange.sync.create_order("BTC/USDT", "limit", "buy", 1000, 90)
    paper_market.book("BTCUSDT", [(99, 1)], [(101, 1)])
    paper_exchange.sync.create_order("BTC/USDT", "market", "buy", 1)
    assert [report["x"] for report in paper_market.reports() if "x" in report] == ["NEW", "TRADE"]
    kept.append(paper_exchange.sync)

def test_gone():
    "A market ends with its test: nothing of it is found any more."
    assert not HOUSE.scripts
    with pytest.raises(ConfigError, match="moves by itself"):
        kept[0].paper.market([])

def test_clock(paper_exchange, paper_market):
    "Time passes when the test says so."
    before = paper_market.now
    assert paper_market.advance(1500) == before + 1500 == paper_market.now == paper_exchange.sync.milliseconds()

@pytest.mark.paper(balances={"USDT": "5"})
class TestMarked:
    @pytest.mark.paper(symbols=["BNBUSDT"])
    def test_marks(self, paper_exchange):
        "Marks of class and function add up."
        assert list(paper_exchange.sync.load_markets()) == ["BNB/USDT"]
        assert paper_exchange.sync.fetch_balance()["USDT"]["free"] == 5

async def test_streams(paper_exchange, paper_market):
    "Streams tell what the test moves, and orders placed by another flavour."
    paper_market.book("BTCUSDT", [(99, 1)], [(101, 1)])
    pro = paper_exchange.pro
    assert (await pro.watch_order_book("BTC/USDT"))["asks"] == [[101, 1]]
    paper_market.book("BTCUSDT", [(99, 1)], [(100, 1)])
    paper_market.advance(1000)
    assert (await pro.watch_order_book("BTC/USDT"))["asks"] == [[100, 1]]
    await paper_exchange.aio.create_order("BTC/USDT", "limit", "buy", 1, 98)
    assert (await paper_exchange.aio.fetch_open_orders("BTC/USDT"))[0]["price"] == 98
    await pro.close()

def test_server_error(paper_server):
    "What cannot be read is told where it was asked for."
    with pytest.raises(RequestRejected):
        paper_server.market.book("NOPE", [(1, 1)])

def test_signed(paper_server):
    "Its key signs, and moves what its market shows."
    exchange = ccxt.binance({"apiKey": paper_server.api_key, "secret": paper_server.api_secret,
        "options": {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}})
    exchange.urls["api"].update({name: paper_server.url + "/api/v3" for name in ("public", "private")})
    exchange.milliseconds = lambda: paper_server.market.now
    paper_server.market.book("BTCUSDT", [(99, 1)], [(101, 1)])
    assert exchange.create_order("BTC/USDT", "market", "buy", 1)["average"] == 101
    assert paper_server.market.reports()[-1]["e"] == "outboundAccountPosition"

async def test_latency(paper_broker):
    "The broker's waiting takes no time."
    paper_broker.set_latency_simulation(60_000, 60_000)
    paper_broker.update_market_data("BTCUSDT", price=100)
    order = await paper_broker.place_order("BTCUSDT", "BUY", "MARKET", 1)
    assert order.created_at == 1_767_614_460_000
"""


@pytest.mark.slow
def test_markets(tmp_path):
    """The fixtures keep what the page says, also in a folder whose settings say otherwise."""
    (tmp_path / "test_markets.py").write_text(MARKETS, encoding="utf-8")
    (tmp_path / "exec_plugin.toml").write_text('[exec_plugin.paper]\nfeed = "live"\nbalances = {ETH = "1"}\n')
    done = run_pytest(tmp_path, "--strict-markers", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def run_pytest(folder, *words):
    """Run pytest in a folder as its user would."""
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    environment = {"PATH": "", "HOME": str(folder), "EXEC_PLUGIN_HOME": str(folder / "home")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


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
