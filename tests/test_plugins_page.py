"""The page about plugins: each hook has a heading with an example, and each example does what the page says."""

from __future__ import annotations

import re
import sys
import tomllib
from types import ModuleType

import ccxt
import ccxt.async_support
import pytest
from click.testing import CliRunner

import exec_plugin
from exec_plugin.account import HOUSE, open_account
from exec_plugin.cli import main
from exec_plugin.core.errors import OrderRejected
from exec_plugin.core.units import SCALE
from exec_plugin.plugins import forget, throttle
from exec_plugin.plugins.manager import hook_names
from exec_plugin.rate_limit import AdaptiveRateLimiter

HOOK = re.compile(r"^### (exec_\w+)\n(.*?)(?=^### |\Z)", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def process(tmp_path, monkeypatch):
    """A process without plugins, before and after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    forget()
    HOUSE.clear()
    yield
    forget()
    HOUSE.clear()


@pytest.fixture(scope="module")
def page(root):
    """The page's text."""
    return (root / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sections(page):
    """What the page says about each hook."""
    return dict(HOOK.findall(page))


@pytest.fixture
def example(sections, monkeypatch):
    """Loads the example of a hook as a plugin, with the settings beside it; answers it and the process's plugins."""

    def load(hook):
        text = sections[hook]
        [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        settings = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        module = ModuleType("mine")
        exec(compile(code, f"docs/plugins.md, {hook}", "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, "mine", module)
        table = tomllib.loads(settings[0])["exec_plugin"] if settings else {}
        plugins = exec_plugin.load({"plugins": ["mine"], "strict": True, **table})
        assert hook in {state.name: state.hooks for state in plugins.states}["mine"]
        return module, plugins

    return load


def buy(account, qty=SCALE // 100):
    """A market order on the account's market."""
    venue = account.exchange.venue
    return venue.place(account.account, "BTCUSDT", True, "MARKET", qty)


def configure(mine, plugins):
    """The example keeps what its own table says."""
    assert mine.limit == {"most": 3}


def unconfigure(mine, plugins):
    """The example notes that it was let go of."""
    forget()
    assert mine.closed == [True]


def exchanges(mine, plugins):
    """A host may name the example's exchange."""
    assert exec_plugin.exchanges(plugins)["nowhere"]({"exchange": "nowhere"}) == "a client of nowhere"


def make_client(mine, plugins):
    """The example makes one exchange's client, and leaves the other alone."""
    made = exec_plugin.exchanges(plugins)
    assert made["binancepaper"]({"api_key": "k"}) == {"asks": "binancepaper", "key": "k"}
    assert made["binance"]({}).exchange.id == "binance"


def make_throttle(mine, plugins):
    """The example takes the limiter's place."""
    exchange = ccxt.binance()
    assert throttle(plugins, exchange) == "no throttle for binance"
    assert exchange.enableRateLimit is False


def limit_store(mine, plugins):
    """Limiters of one URL share the example's store."""
    first, second = (AdaptiveRateLimiter(store="dict://bots") for _ in range(2))
    assert first.store is second.store is mine.stores["dict://bots", "api.binance.com"]


def make_model(mine, plugins):
    """Requests take as long as the example says."""
    legs = {open_account({"seed": 3}).exchange.leg() for _ in range(50)}
    assert len(legs) > 5
    assert max(legs) <= 50


def market_source(mine, plugins):
    """The account trades on the example's market."""
    account = open_account({})
    account.exchange.step()
    assert buy(account).quote_filled == 101 * SCALE // 100


def check_order(mine, plugins):
    """The example refuses what is too much, and the fourth order."""
    account = open_account({"feed": "push", "balances": {"USDT": "1000"}})
    venue = account.exchange.venue
    venue.quote("BTCUSDT", 99 * SCALE, 50 * SCALE, 101 * SCALE, 50 * SCALE)
    with pytest.raises(OrderRejected, match=r"'mine': 505.00 is more than half of what default has"):
        buy(account, 5 * SCALE)
    for _ in range(3):
        venue.place(account.account, "BTCUSDT", True, "LIMIT", SCALE, 50 * SCALE)
    with pytest.raises(OrderRejected, match="three orders are enough"):
        venue.place(account.account, "BTCUSDT", True, "LIMIT", SCALE // 10, 50 * SCALE)


def order_event(mine, plugins):
    """The example has seen the order placed and filled."""
    buy(open_account({"speed": "max"}))
    assert mine.seen == [("NEW", "BUY", "NEW"), ("TRADE", "BUY", "FILLED")]


def fill(mine, plugins):
    """The example adds up what was bought."""
    account = open_account({"speed": "max"})
    for _ in range(2):
        buy(account)
    assert {name: str(bought) for name, bought in mine.bought.items()} == {"BTCUSDT": "0.02"}


def request(mine, plugins):
    """The example adds up what requests weigh."""
    exec_plugin.install()
    ccxt.binancepaper({"options": {"paper": {"speed": "max"}}}).fetch_balance()
    assert mine.weights == {"/api/v3/exchangeInfo": 20, "/api/v3/account": 20}


def commands(mine, plugins):
    """The command line has the example's command, where the settings name it."""
    run = CliRunner(env={"EXEC_PLUGIN__PLUGINS": "mine"}).invoke(main, ["hello"])
    assert (run.exit_code, run.stdout) == (0, "hello\n")


EXAMPLES = {
    f"exec_{check.__name__}": check
    for check in (
        configure, unconfigure, exchanges, make_client, make_throttle, limit_store, make_model, market_source, check_order,
        order_event, fill, request, commands,
    )
}  # fmt: skip


def test_documented(sections):
    """Every hook has a heading with an example, and every example a test of what it does."""
    assert sorted(sections) == hook_names() == sorted(EXAMPLES)


@pytest.mark.parametrize("hook", EXAMPLES)
def test_example(example, hook):
    """An example runs as it stands on the page."""
    EXAMPLES[hook](*example(hook))


def test_file(page, tmp_path):
    """The page's file of settings can be read, and says what its comments say."""
    [text] = re.findall(r"```toml\n(\[exec_plugin\]\nplugins.*?)```", page, re.DOTALL)
    (tmp_path / "exec_plugin.toml").write_text(text.replace("strict = true ", "strict = false"), encoding="utf-8")
    plugins = exec_plugin.load()
    told = {state.name: state.state for state in plugins.states}
    assert (told["binance"], told["my_package.my_plugin"]) == ("blocked", "failed")
    name, settings = plugins.config.account("the key in the host's own configuration", "")
    assert (name, settings["balances"], settings["slippage"]["impact"]) == ("octobot", {"USDT": "5000"}, "0.02")
