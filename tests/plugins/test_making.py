"""Models, markets, stores, limiters and clients that plugins make, and what is said of those that nobody makes."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import ccxt.async_support
import pytest

import exec_plugin
from exec_plugin.account import PaperExchange, Settings, open_account
from exec_plugin.binance import BinanceClient
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.events import QUOTE
from exec_plugin.core.fill_models import SlippageModel
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import FAR, SCALE
from exec_plugin.limit_store import MemoryStore
from exec_plugin.plugins import current, exchange_specs, throttle
from exec_plugin.rate_limit import AdaptiveRateLimiter
from exec_plugin.rate_limit.throttle import Throttle

START = 1_735_689_600_000


class Percent(SlippageModel):
    """A percentage of the middle."""

    def __init__(self, percent):
        self.percent = Decimal(percent)

    def calculate_slippage(self, order, market_data):
        return market_data.mid_price * self.percent / 100


class Flat:
    """A minute of one quote whose size is unknown."""

    symbols = (default_symbol("BTCUSDT"),)
    start = START

    def rows(self):
        for second in range(60):
            yield (QUOTE, START + 1000 * second, "BTCUSDT", 99 * SCALE, FAR, 101 * SCALE, FAR)


class Fixed:
    """A fee of one, a way of ten ms, a queue that never shrinks."""

    def commission(self, desk, received, is_maker, is_buyer):
        return SCALE, desk.quote

    def leg(self, rng):
        return 10

    def shrink(self, ahead, before, after):
        return ahead


@pytest.fixture
def mine(plugin):
    """A plugin that makes all of these."""

    def make_model(kind, name, params):
        if (kind, name) == ("slippage", "percent"):
            return Percent(**params)
        return Fixed() if name == "fixed" else object() if name == "odd" else None

    def market_source(name, config):
        return {"flat": Flat(), "odd": object()}.get(name)

    plugin("mine", exec_make_model=make_model, exec_market_source=market_source)
    return exec_plugin.load({"plugins": ["mine"]})


def test_models(mine):
    """An account trades with the models that its settings name."""
    models = {"slippage": {"model": "percent", "percent": "2"}, "fees": {"model": "fixed"}}
    account = open_account({"feed": "flat", "speed": "max", **models, "latency": {"model": "fixed"}, "queue": "fixed"})
    venue, exchange = account.exchange.venue, account.exchange
    exchange.move_to(START + 1000)
    order = venue.place(account.account, "BTCUSDT", True, "MARKET", SCALE)
    [fill] = order.desk.fills
    assert (fill.price, fill.commission, fill.commission_asset) == (103 * SCALE, SCALE, "USDT")
    assert (exchange.leg(), exchange.is_near, venue.queue.shrink(7, 10, 1)) == (10, False, 7)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slippage": {"model": "prcent"}}, "no slippage model 'prcent': known are linear, none, and no active plugin"),
        ({"slippage": {"model": "percent", "x": 1}}, "plugin 'mine' failed in exec_make_model: TypeError"),
        ({"slippage": {"model": "odd"}}, "as slippage model 'odd': it has no method units"),
        ({"fees": {"model": "odd"}}, "it has no method commission"),
        ({"latency": {"model": "odd"}}, "it has no method leg"),
        ({"queue": "odd"}, "it has no method shrink"),
        ({"feed": "falt"}, "no feed 'falt': known are live, push, recording, synthetic, and no active plugin makes it"),
        ({"feed": "odd"}, "as feed 'odd': it has no symbols, start, rows"),
    ],
)
def test_refuses(mine, options, said):
    """What nobody makes, or is made wrong, is told when the market opens, with the plugin's name."""
    with pytest.raises(ConfigError) as caught:
        PaperExchange(Settings.read(options), plugins=mine)
    assert said in str(caught.value)


def test_replaced(plugin):
    """A plugin may replace what is built in, under its name."""
    plugin("mine", exec_market_source=lambda name: Flat() if name == "synthetic" else None)
    exec_plugin.load({"plugins": ["mine"]})
    assert open_account({"speed": "max"}).exchange.venue.now == START


def test_markets_apart(plugin):
    """A market belongs to the plugins that were active when it opened."""
    plugin("mine", exec_fill=lambda fill: None)
    before = open_account({"feed": "push"})
    exec_plugin.load({"plugins": ["mine"]})
    after = open_account({"feed": "push"})
    assert after.exchange is open_account({"feed": "push"}).exchange
    assert before.exchange is not after.exchange
    assert not before.exchange.venue.listeners


def test_configured(plugin):
    """An account without options has those of the settings, and the ones bound to its key."""
    octo = {"api_key": "key of octo", "balances": {"USDT": "7"}}
    exec_plugin.load({"paper": {"seed": 3, "balances": {"USDT": "5"}}, "accounts": {"octo": octo}})
    exec_plugin.install()
    plain, bound = open_account({}), open_account({}, "key of octo")
    assert (plain.name, bound.name) == ("default", "octo")
    assert plain.exchange is bound.exchange
    assert plain.exchange.settings.seed == 3
    assert [each.account.balance("USDT").free for each in (plain, bound)] == [5 * SCALE, 7 * SCALE]
    assert open_account({"seed": 4, "account": "octo"}).exchange.settings.seed == 4
    assert ccxt.binancepaper({"apiKey": "key of octo"}).fetch_balance()["USDT"]["total"] == 7


def test_script_of_bound(plugin):
    """The market that a test scripts is the one that the exchange trades on, also where settings bind its key."""
    exec_plugin.load({"paper": {"seed": 3}})
    exec_plugin.install()
    exchange = ccxt.binancepaper()
    exchange.paper.reset(symbols=[default_symbol("BTCUSDT").to_exchange_info()], clock=START)
    assert exchange.fetch_time() == START


def test_unknown_setting():
    """A misspelt setting of the file is told by its reader."""
    exec_plugin.load({"paper": {"sed": 3}})
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        open_account({})


def test_limit_store(plugin):
    """A budget is kept where a plugin says, for URLs that nobody else knows."""
    store = MemoryStore()
    plugin("mine", exec_limit_store=lambda url, host: store if url.startswith("dict://") else None)
    exec_plugin.load({"plugins": ["mine"]})
    assert AdaptiveRateLimiter(store="dict://here").store is store
    with pytest.raises(ConfigError, match="is not known"):
        AdaptiveRateLimiter(store="list://here")


def test_throttle(tmp_path):
    """The limiter is installed through the hooks, with the settings of its table."""
    table = {"store": str(tmp_path / "budget"), "account": "me", "weight_per_minute": 500}
    plugins = exec_plugin.load({"limits": table})
    installed = throttle(plugins, exchange := ccxt.binance())
    assert isinstance(installed, Throttle)
    assert exchange.throttle is installed
    assert (installed._settings.store, installed._settings.account) == (str(tmp_path / "budget"), "me")
    assert installed._settings.config.weight_per_minute == 500
    with pytest.raises(ConfigError, match="limits: unknown setting 'acount'; did you mean 'account'"):
        throttle(plugins, exchange, {"acount": "me"})


def test_no_throttle():
    """Where nobody makes one, that is an error: an exchange without a limiter was not asked for."""
    plugins = exec_plugin.load({"block": ["binance"]})
    with pytest.raises(ConfigError, match="no active plugin makes a throttle"):
        throttle(plugins, ccxt.binance())


async def test_exchanges(monkeypatch, tmp_path):
    """Every exchange that a host may name makes its client from the host's configuration."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    plugins = exec_plugin.load({"binance": {"timeout": 3, "recv_window": 4000}})
    made = exec_plugin.exchanges(plugins)
    assert set(made) == {"binance", "binancepaper"}
    config = {"exchange": "binance", "apiKey": "k" * 20, "secret": "s" * 20, "timeout": 5, "stake": 3, "testnet": None}
    live = made["binance"](config)
    paper = made["binancepaper"]({"paper": {"balances": {"USDT": "7"}, "account": "host"}})
    assert isinstance(live, BinanceClient)
    assert (live.config.timeout, live.config.recv_window, live.exchange.id) == (5, 4000, "binance")
    assert live.config.api_key.reveal() == "k" * 20
    async with paper:
        account = await paper.get_account_info()
    assert {"asset": "USDT", "free": "7.00000000", "locked": "0.00000000"} in account["balances"]
    await live.close_session()


def test_wrong_client_setting():
    """A misspelt setting of the client's table is told with the nearest."""
    plugins = exec_plugin.load({"binance": {"time_out": 3}})
    with pytest.raises(ConfigError, match="binance: unknown setting 'time_out'; did you mean 'timeout'"):
        exec_plugin.exchanges(plugins)["binance"]({})


async def test_flavours(monkeypatch, tmp_path):
    """ccxt's own classes are had in all three styles, the live ones with the limiter on them."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    specs = exchange_specs(exec_plugin.load({}))
    for name in ("binance", "binancepaper"):
        spec = specs[name]
        flavours = [make({"apiKey": "k", "secret": "s"}) for make in (spec.sync, spec.aio, spec.pro)]
        assert [exchange.id for exchange in flavours] == [name] * 3
        assert {isinstance(exchange.throttle, Throttle) for exchange in flavours} == {name == "binance"}
        assert {exchange.apiKey for exchange in flavours} == {"k"}
        for exchange in flavours[1:]:
            await exchange.close()


def test_bad_exchanges(plugin, caplog):
    """A plugin whose exchanges cannot be had takes nobody else's away."""
    plugin("mine", exec_exchanges=lambda: 1 / 0)
    assert set(exec_plugin.exchanges(exec_plugin.load({"plugins": ["mine"]}))) == {"binance", "binancepaper"}
    assert "plugin 'mine' failed in exec_exchanges" in caplog.text


def test_one_for_all():
    """What is opened without a load finds the plugins of the process."""
    assert open_account({"feed": "push"}).exchange.plugins is current()
