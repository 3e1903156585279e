"""What ``binancepaper`` says about itself."""

import ccxt
import pytest

from exec_plugin.ccxt_exchange import aio, pro, sync

FREQTRADE = ["fetchOrder", "fetchL2OrderBook", "cancelOrder", "createOrder", "fetchBalance", "fetchOHLCV"]
SPOT_ONLY = ["margin", "swap", "future", "option", "fetchCurrencies", "fetchPositions", "withdraw", "transfer"]


def test_one_name(flavour):
    """Class name, id and module attribute are one word, so that hosts find the class and share markets."""
    assert flavour.__name__ == flavour().id == "binancepaper"


def test_kinship(flavour):
    """Every flavour is a Binance class of ccxt, and the pro class is an async one, as ccxt's own are."""
    assert issubclass(sync.binancepaper, ccxt.binance)
    assert issubclass(pro.binancepaper, aio.binancepaper)
    assert flavour.__mro__[-1] is object


@pytest.mark.parametrize("name", FREQTRADE)
def test_required(flavour, name):
    """The capabilities that freqtrade demands are literally True."""
    assert flavour().has[name] is True


@pytest.mark.parametrize("name", SPOT_ONLY)
def test_absent(flavour, name):
    """A spot account on paper denies every other market and wallet."""
    assert flavour().has[name] is False


def test_no_streams(flavour):
    """No flavour promises a stream while none is there."""
    has = flavour().has
    assert not [name for name, value in has.items() if value is True and (name.startswith("watch") or name == "ws")]


def test_options(flavour):
    """Loading markets asks for the spot market alone."""
    options = flavour().options
    assert options["defaultType"] == "spot"
    assert options["fetchMarkets"] in ({"types": ["spot"]}, ["spot"], {"types": ["spot"], "loadAllOptions": False})
    assert [options["fetchMargins"], options["fetchCurrencies"]] == [False, False]
    assert options["warnOnFetchOpenOrdersWithoutSymbol"] is False


def test_kept(flavour):
    """What hosts read of Binance's own description stays: test urls, timeframes, features, precision mode."""
    paper, live = flavour(), ccxt.binance()
    assert paper.urls["test"] == paper.urls["test"] | live.urls["test"]
    assert paper.timeframes == live.timeframes
    assert getattr(paper, "features", None) == getattr(live, "features", None)
    assert paper.precisionMode == ccxt.TICK_SIZE
    assert [paper.certified, paper.pro, paper.alias] == [False, True, False]


def test_credentials(flavour):
    """No key is demanded, and none is missing when ccxt checks."""
    exchange = flavour()
    assert not any(exchange.requiredCredentials.values())
    assert exchange.check_required_credentials()
    assert exchange.apiKey
    assert exchange.secret


@pytest.mark.parametrize("blank", [None, ""])
def test_blank_keys(bank, blank):
    """Hosts that blank the keys in a dry run reach the default account and can sign."""
    sync.binancepaper({"apiKey": blank, "secret": blank}).fetch_balance()
    assert bank.opened[0][1] is None


def test_rate_limit(flavour):
    """ccxt's rate limiter is off by default, and a user's setting wins."""
    assert flavour().enableRateLimit is False
    assert flavour({"enableRateLimit": True}).enableRateLimit is True


def test_cheap(flavour, bank):
    """Making and dropping an instance opens no account and no session."""
    exchange = flavour()
    assert bank.opened == []
    if flavour is not sync.binancepaper:
        assert exchange.session is None
