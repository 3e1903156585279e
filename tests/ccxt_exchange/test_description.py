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


STREAMS = [
    "watchTicker", "watchTickers", "watchBidsAsks", "watchOrderBook", "watchTrades", "watchOHLCV", "watchOrders",
    "watchMyTrades", "watchBalance", "createOrderWs", "cancelOrderWs", "fetchOpenOrdersWs", "ws",
]  # fmt: skip


def streaming(has):
    """The capabilities that need a WebSocket and are promised."""
    return {
        name for name, value in has.items()
        if value and (name == "ws" or name.startswith(("watch", "unWatch")) or name.endswith("Ws"))
    }  # fmt: skip


@pytest.mark.parametrize("face", [sync.binancepaper, aio.binancepaper])
def test_no_streams(face):
    """The classes that cannot stream promise no stream."""
    assert streaming(face().has) == set()


def test_streams():
    """The pro class promises the streams of a spot market, and nothing that needs futures."""
    promised = streaming(pro.binancepaper().has)
    assert promised >= set(STREAMS)
    assert not {name for name in promised if "Mark" in name or "Position" in name or "Liquidation" in name}


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
