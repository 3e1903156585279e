"""What a paper account may be opened with, and what is said about the rest."""

from __future__ import annotations

import pytest

from exec_plugin.account import PaperExchange, Settings
from exec_plugin.account.parts import make_model
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import LinearSlippageModel, NoSlippage, UniformLatency
from exec_plugin.endpoints import RATE_LIMITS


def key(**options):
    """What tells the market of these options from others."""
    return Settings.read(options).market_key()


def made(settings, kind):
    """The built-in model that the settings name."""
    return make_model(kind, *settings.model(kind))


def test_defaults():
    """Nothing need be set."""
    settings = Settings.read({})
    assert settings == Settings()
    assert (settings.feed, settings.speed, settings.balances) == ("synthetic", "1", {"USDT": "10000"})
    assert isinstance(made(settings, "slippage"), NoSlippage)
    assert made(settings, "fee").standard.maker == made(settings, "fee").standard.taker == 100_000


def test_none():
    """None is as good as left out: hosts write null into their files."""
    names = ["account", "balances", "feed", "recording", "symbols", "seed", "speed", "fees", "latency", "limits"]
    assert Settings.read(dict.fromkeys(names)) == Settings()


def test_recording():
    """A recording is its own feed and is played as fast as the bot waits."""
    settings = Settings.read({"recording": "market.gz"})
    assert (settings.feed, settings.speed) == ("recording", "max")
    assert Settings.read({"recording": "market.gz", "speed": "60"}).speed == "60"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("balance", "did you mean 'balances'?"),
        ("Seed", "did you mean 'seed'?"),
        ("fill-model", "did you mean 'fill_model'?"),
        ("xyz", "known are account, attach, balances, db_url, durability, faults, feed"),
        (5, "known are account, attach, balances, db_url, durability, faults, feed"),
    ],
)
def test_unknown(name, hint):
    """An unknown name is refused with the one that was probably meant."""
    with pytest.raises(ConfigError) as caught:
        Settings.read({name: 1})
    assert f"unknown setting {name!r}" in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"balances": 5}, "balances=5 is no table"),
        ({"balances": "USDT"}, "balances='USDT' is no table"),
        ({"balances": {"USDT": "-1"}}, "USDT='-1' must be a number of 0 or more with at most 8 decimals"),
        ({"balances": {"USDT": "much"}}, "USDT='much' must be"),
        ({"balances": {"USDT": None}}, "USDT=None must be"),
        ({"balances": {"USDT": float("nan")}}, "USDT=nan must be"),
        ({"balances": {"USDT": float("inf")}}, "USDT=inf must be"),
        ({"balances": {"USDT": 0.1 + 0.2}}, "USDT=0.30000000000000004 must be"),
        ({"balances": {"USDT": "1e30"}}, "USDT='1e30' must be"),
        ({"feed": 5}, "feed=5 is no name such as 'synthetic'"),
        ({"feed": "recording"}, "recording='path/to/file'"),
        ({"feed": "push", "recording": "a.gz"}, "feed='push' reads no recording='a.gz'"),
        ({"feed": "live", "speed": 2}, "speed='2': a live feed is in real time"),
        ({"feed": "live", "recording": "a.gz"}, "feed='live' reads no recording"),
        ({"live_url": "https://x"}, "feed='synthetic' follows no live_url"),
        *(({"history": text}, f"history={str(text)!r} is 0 or a time of at most 30d")
          for text in ("3", "3s", "31d", "721h", "-1d", "1.5d", 5, True)),
        ({"symbols": 5}, "symbols=5 is no list"),
        ({"seed": "abc"}, "seed='abc' must be a whole number"),
        ({"seed": 1.5}, "seed=1.5 must be"),
        ({"seed": True}, "seed=True must be"),
        *(({"speed": speed}, f"speed={speed!r} is 'max', 'real' or a factor of 0.001 to 1000000")
          for speed in (0, -1, "fast", "nan", "inf", "1e400", "1e-400", 10**7, True, [])),
        ({"fill_model": "que"}, "did you mean 'queue'?"),
        ({"queue": 5}, "queue=5 is no table"),
        ({"queue": {"patience": 5}}, "queue={'patience': 5} names no model"),
        ({"fees": 0.001}, "fees=0.001 is no table"),
        ({"fees": {"makers": "0.1"}}, "fees: unknown setting 'makers'; did you mean 'maker'?"),
        ({"fees": {"maker": "free"}}, "fees: maker='free' must be a number with at most 8 decimals"),
        ({"fees": {"taker": None}}, "fees: taker=None must be a number"),
        ({"fees": {"maker": "1"}}, "maker=1 must lie in 0 <= rate < 1"),
        ({"fees": {"maker": -0.001}}, "maker=-0.001 must lie in 0 <= rate < 1"),
        ({"fees": {"bnb_discount": "no"}}, "bnb_discount='no' is True or False"),
        ({"slippage": 1}, "slippage=1 is no table"),
        ({"slippage": {"base_slip": "1"}}, "slippage: unknown setting 'base_slip'; did you mean 'base_slippage'?"),
        ({"slippage": {"base_slippage": "x"}}, "base_slippage='x' must be a number"),
        ({"slippage": {"size_impact": -1}}, "size_impact=-1 must be a finite share"),
        ({"latency": "slow"}, "latency='slow' is no table"),
        ({"latency": 1.5}, "latency=1.5 is no table"),
        ({"latency": -1}, "0 <= min_ms <= max_ms, not min_ms=-1"),
        ({"latency": {"min_ms": 5}}, "not min_ms=5, max_ms=0"),
        ({"latency": {"min_ms": 5, "max_ms": "9"}}, "max_ms='9' must be a whole number of milliseconds"),
        ({"latency": {"mean": 5}}, "latency: unknown setting 'mean'"),
        ({"limits": "yes"}, "limits='yes' is True, False or left out"),
        ({"limits": 1}, "limits=1 is True, False"),
        ({"on_bad": "ignore"}, "on_bad='ignore': known are raise, skip"),
    ],
)  # fmt: skip
def test_refuses(options, said):
    """A bad value is refused by name, with what would do."""
    with pytest.raises(ConfigError) as caught:
        Settings.read(options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"feed": "synthetics"}, "did you mean 'synthetic'? known are live, push, recording, synthetic"),
        ({"queue": "impatient"}, "no queue model 'impatient': did you mean 'patient'? known are patient, proportional"),
        ({"queue": {"model": "patient", "x": 1}}, "queue model 'patient' cannot be made with x"),
        ({"slippage": {"model": "linaer"}}, "no slippage model 'linaer': did you mean 'linear'?"),
        ({"fees": {"model": "vip"}}, "no fee model 'vip': known are binance"),
        ({"latency": {"model": "normal", "mean": 5}}, "no latency model 'normal': did you mean 'uniform'?"),
    ],
)
def test_unknown_parts(options, said):
    """A feed or a model that nobody makes is refused when the market opens, with the nearest that there is."""
    with pytest.raises(ConfigError) as caught:
        PaperExchange(Settings.read(options))
    assert said in str(caught.value)
    assert "no active plugin makes it (binance, paper)" in str(caught.value) or "cannot be made" in said


@pytest.mark.parametrize(
    ("options", "kind", "model"),
    [
        ({"slippage": {"model": "linear", "size_impact": "0"}}, "slippage", ("linear", {"size_impact": "0"})),
        ({"slippage": {"model": "none"}}, "slippage", ("none", {})),
        ({"fees": {"model": "binance", "maker": 0}}, "fee", ("binance", {"maker": "0"})),
        ({"fees": {"model": "vip", "tier": 3}}, "fee", ("vip", {"tier": 3})),
        ({"latency": {"model": "uniform", "max_ms": 5}}, "latency", ("uniform", {"min_ms": 0, "max_ms": 5})),
        ({"latency": {"model": "normal", "mean": 5}}, "latency", ("normal", {"mean": 5})),
        ({"queue": {"model": "mine", "share": "0.5"}}, "queue", ("mine", {"share": "0.5"})),
    ],
)
def test_models(options, kind, model):
    """A model may be named, a built-in one or anybody's."""
    assert Settings.read(options).model(kind) == model


@pytest.mark.parametrize("options", [None, 5, "feed", ["feed"]])
def test_no_table(options):
    """Settings are a table."""
    with pytest.raises(ConfigError, match=r"paper=.* is no table"):
        Settings.read(options)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"USDT": 1000}, {"USDT": "1000"}),
        ({"USDT": "1000.50"}, {"USDT": "1000.50"}),
        ({"USDT": 1e-5}, {"USDT": "0.00001"}),
        ({"usdt": 7}, {"USDT": "7"}),
        ({}, {}),
    ],
)
def test_balances(given, kept):
    """Amounts may be numbers or texts, assets in any case."""
    assert Settings.read({"balances": given}).balances == kept


@pytest.mark.parametrize(
    "given", ["BTC/USDT, ethusdt", ["BTCUSDT", "ETH/USDT"], ("btcusdt", " ETHUSDT "), "BTCUSDT,,ETHUSDT,"]
)
def test_symbols(given):
    """Symbols may be written as ccxt or as Binance does, as a list or as one text."""
    assert Settings.read({"symbols": given}).symbols == ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize(("given", "kept"), [("real", "1"), (1, "1"), (60.0, "60.0"), ("max", "max"), ("0.5", "0.5")])
def test_speed(given, kept):
    """Speed is a factor of the wall clock's, or none."""
    assert Settings.read({"speed": given}).speed == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, (0, 0)), (30, (30, 30)), ({"min_ms": 5, "max_ms": 9}, (5, 9)), (UniformLatency(1, 2), (1, 2))],
)
def test_latency(given, kept):
    """Latency is one number or two."""
    latency = Settings.read({"latency": given}).latency
    assert (latency.min_ms, latency.max_ms) == kept


def test_fees():
    """Rates may be texts or numbers; the discount needs to be wanted."""
    fees = Settings.read({"fees": {"maker": 0, "taker": "0.00075", "bnb_discount": True}})
    fees = made(fees, "fee")
    assert (fees.standard.maker, fees.standard.taker, fees.enabled_for_account) == (0, 75_000, True)
    assert made(Settings.read({}), "fee").enabled_for_account is False


def test_slippage():
    """A slippage that is set is linear; what is left out of it has its default."""
    model = made(Settings.read({"slippage": {"base_slippage": 0.0002}}), "slippage")
    assert isinstance(model, LinearSlippageModel)
    assert (str(model.base_slippage), str(model.size_impact)) == ("0.0002", "0.001")


@pytest.mark.parametrize(
    ("options", "enforced"),
    [
        ({}, True),
        ({"speed": "60"}, True),
        ({"speed": "max"}, False),
        ({"recording": "a.gz"}, False),
        ({"speed": "max", "limits": True}, True),
        ({"limits": False}, False),
    ],
)
def test_limits(options, enforced):
    """Limits hold where a clock goes on, unless told otherwise."""
    assert Settings.read(options).rate_limits() == (RATE_LIMITS if enforced else ())


@pytest.mark.parametrize(
    ("text", "ms"), [("0", 0), (0, 0), ("90m", 5_400_000), ("12h", 43_200_000), ("30d", 2_592_000_000)]
)
def test_history(text, ms):
    """How far back candles reach is a time in minutes, hours or days."""
    assert Settings.read({"feed": "live", "history": text}).history_ms == ms


def test_live_url():
    """Live markets of different places are different markets."""
    one, other = (key(feed="live", live_url=url) for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"))
    assert one != other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"account": "a"}, {"account": "b"}),
        ({"balances": {"USDT": 1}}, {"balances": {"BTC": 1}}),
        ({"fees": {"maker": "0.001"}}, {"fees": {"maker": 0.001}}),
        ({"fees": {"maker": "0", "taker": "0"}}, {"fees": {"taker": "0", "maker": "0"}}),
        ({"speed": "real"}, {"speed": 1}),
        ({"symbols": "BTC/USDT"}, {"symbols": ["BTCUSDT"]}),
        ({"latency": 5}, {"latency": {"min_ms": 5, "max_ms": 5}}),
        ({"recording": "a.gz"}, {"recording": "x/../a.gz"}),
        ({}, {"limits": None}),
    ],
)
def test_same_market(one, other):
    """Who asks for the same market in other words gets the same."""
    assert key(**one) == key(**other)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"symbols": "BTCUSDT"},
        {"speed": "2"},
        {"speed": "max"},
        {"feed": "push"},
        {"recording": "a.gz"},
        {"fill_model": "touch"},
        {"queue": "patient"},
        {"fees": {"maker": "0"}},
        {"slippage": {"size_impact": "0"}},
        {"latency": 1},
        {"limits": False},
        {"on_bad": "skip"},
        {"feed": "live"},
        {"history": "1d"},
    ],
)
def test_other_market(options):
    """Everything that changes what happens makes another market."""
    assert key(**options) != key()
