"""The examples of the seed, as written there, run against paper; and what its table says of the client."""

from __future__ import annotations

import ast
import inspect
import os
import pickle
import re
from decimal import Decimal
from random import Random

import ccxt.async_support
import pytest

from exec_plugin import ccxt_exchange
from exec_plugin.account import HOUSE
from exec_plugin.binance import (
    BinanceClient,
    BinanceConfig,
    BinanceError,
    BinanceMaintenanceError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceRequestError,
    create_binance_client,
)
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.models import ExchangeInfo, KlineData, Order
from exec_plugin.rate_limit import AdaptiveRateLimiter

# The seed's prose for binance.py, example by example.
EXAMPLES = {
    "__init__": """
config = BinanceConfig(
    api_key="your_api_key",
    api_secret="your_secret",
    testnet=True
)
client = BinanceClient(config)
""",
    "get_account_info": """
account_info = await client.get_account_info()
# Returns: {'balances': [{'asset': 'USDC', 'free': '1000.0', ...}], ...}
""",
    "place_order": """
order = await client.place_order(
    symbol="BTCUSDC",
    side="BUY",
    order_type="LIMIT",
    quantity=Decimal("0.001"),
    price=Decimal("50000")
)
# Returns: Order object with execution details
""",
    "cancel_order": """
result = await client.cancel_order("BTCUSDC", "12345")
# Returns: {'orderId': '12345', 'status': 'CANCELED', ...}
""",
    "get_open_orders": """
orders = await client.get_open_orders("BTCUSDC")
# Returns: [Order(id='123', symbol='BTCUSDC', side='BUY', ...), ...]
""",
    "get_klines": """
klines = await client.get_klines("BTCUSDC", "1h", limit=100)
# Returns: [KlineData(open=50000, high=50100, low=49900, close=50050, ...), ...]
""",
    "get_24hr_ticker": """
ticker = await client.get_24hr_ticker("BTCUSDC")
# Returns: {'symbol': 'BTCUSDC', 'priceChange': '100.0', 'volume': '1000', ...}
""",
    "get_exchange_info": """
info = await client.get_exchange_info("BTCUSDC")
# Returns: ExchangeInfo with filters, precision, min quantities, etc.
""",
}
KEY, SECRET = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "s" * 64
# rest-api.md, SIGNED Endpoint Examples
DOCUMENTED_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAYLOAD = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"

PAPER = {
    "account": "seed",
    "balances": {"USDC": "1000", "BTC": "0.1"},
    "symbols": ["BTCUSDC"],
    "feed": "synthetic",
}


@pytest.fixture
def paper():
    """A paper exchange of ccxt on which BTCUSDC is traded, with 1000 USDC to trade it for."""
    before = ccxt_exchange.installed()
    ccxt_exchange.install()
    yield ccxt.async_support.binancepaper({"options": {"paper": PAPER}})
    HOUSE.clear()
    if not before:
        ccxt_exchange.uninstall()


@pytest.fixture
async def client(paper):
    """The client over it."""
    async with BinanceClient(exchange=paper) as made:
        yield made
    await paper.close()


async def run(name, **known):
    """Run an example as it is written; answers the names that it has defined."""
    code = compile(EXAMPLES[name], name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    scope = {"BinanceClient": BinanceClient, "BinanceConfig": BinanceConfig, "Decimal": Decimal, **known}
    result = eval(code, scope)
    if inspect.iscoroutine(result):
        await result
    return scope


@pytest.mark.parametrize("name", EXAMPLES)
def test_as_written(shared, name):
    """The examples of this file are the seed's, to the letter."""
    section = (shared / "SEED.md").read_text(encoding="utf-8").split("### binance.py")[1].split("### rate_limit.py")[0]
    heading = "BinanceClient.__init__" if name == "__init__" else name
    written = re.search(rf"^#### `{re.escape(heading)}\(.*?```python\n(.*?)```", section, re.DOTALL | re.MULTILINE)
    assert written[1].strip() == EXAMPLES[name].strip()


async def test_init():
    """A client is made from a configuration, and knows its limiter before anything is asked."""
    made = (await run("__init__"))["client"]
    assert isinstance(made.rate_limiter, AdaptiveRateLimiter)
    assert "testnet" in made.exchange.urls["api"]["public"]
    assert "your_secret" not in repr(made)
    await made.close_session()


async def test_account(client):
    """Balances are texts, as the exchange's own."""
    info = (await run("get_account_info", client=client))["account_info"]
    held = {entry["asset"]: entry["free"] for entry in info["balances"]}
    assert held["USDC"] == "1000.00000000"


async def test_place(client):
    """What is placed is an Order with Decimals, and its reply."""
    order = (await run("place_order", client=client))["order"]
    assert isinstance(order, Order)
    assert (order.symbol, order.side, order.quantity, order.price) == ("BTCUSDC", "BUY", Decimal("0.001"), 50000)
    assert str(order.info["orderId"]) == order.id
    assert order.to_dict()["quantity"] == "0.001"


async def test_cancel(client, paper, monkeypatch):
    """The reply to a cancel is the exchange's."""
    order = await client.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(40000))
    monkeypatch.setitem(EXAMPLES, "cancel_order", EXAMPLES["cancel_order"].replace("12345", order.id))
    result = (await run("cancel_order", client=client))["result"]
    assert (str(result["orderId"]), result["status"]) == (order.id, "CANCELED")


async def test_cancel_unknown(client):
    """An order that does not exist is Binance's -2011."""
    with pytest.raises(BinanceOrderNotFoundError) as caught:
        await run("cancel_order", client=client)
    assert caught.value.code == -2011


async def test_open_orders(client):
    """Open orders are Orders."""
    placed = await client.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(40000))
    orders = (await run("get_open_orders", client=client))["orders"]
    assert orders == await client.get_open_orders() == [await client.get_order("BTCUSDC", placed.id)]
    assert repr(orders[0]).startswith(f"Order(id='{placed.id}', symbol='BTCUSDC', side='BUY'")


async def test_klines(client):
    """Candles are KlineData."""
    klines = (await run("get_klines", client=client))["klines"]
    assert klines
    assert all(isinstance(kline, KlineData) and kline.low <= kline.open <= kline.high for kline in klines)


async def test_ticker(client):
    """The statistics are the exchange's own dict."""
    ticker = (await run("get_24hr_ticker", client=client))["ticker"]
    assert ticker["symbol"] == "BTCUSDC"
    assert Decimal(ticker["volume"]) > 0
    assert isinstance(ticker["priceChange"], str)


async def test_exchange_info(client):
    """Rules are at hand as Decimals, with the reply beside them."""
    info = (await run("get_exchange_info", client=client))["info"]
    assert isinstance(info, ExchangeInfo)
    assert list(info.symbols) == ["BTCUSDC"]
    assert info.symbols["BTCUSDC"].min_quantity > 0
    assert info.info["symbols"][0]["symbol"] == "BTCUSDC"


# ---------------------------------------------------------------------- the table


async def test_signature():
    """The documents' example gives the documents' signature."""
    client = BinanceClient(BinanceConfig(api_key=KEY, api_secret=DOCUMENTED_SECRET))
    assert client._generate_signature(PAYLOAD) == SIGNATURE
    await client.close_session()


async def test_timestamp(client, paper):
    """A timestamp is the server's time in whole ms, as far ahead of the local clock as it was measured to be."""
    moment = paper.milliseconds()
    paper.milliseconds = lambda: moment - 7_000
    await client._sync_server_time()
    assert abs(client._get_timestamp() - moment) < 1_000
    assert isinstance(client._get_timestamp(), int)


@pytest.mark.parametrize("seed", range(5))
async def test_retry_delay(seed):
    """Each delay is twice the one before, up to the longest, and at least half of that is waited."""
    config = BinanceConfig(retry_delay=0.5, max_retry_delay=3.0)
    client = BinanceClient(config, rng=Random(seed))
    for attempt in (0, 1, 2, 3, 10_000):
        most = min(0.5 * 2 ** min(attempt, 10), 3.0)
        delays = [client._calculate_retry_delay(attempt) for _ in range(200)]
        assert most / 2 <= min(delays) < most * 0.6
        assert most * 0.9 < max(delays) <= most
    await client.close_session()


async def test_requests(client):
    """The three steps of a request answer the exchange's JSON."""
    for ask in (client._make_request, client._make_request_single, client._make_request_with_retry):
        assert await ask("GET", "/api/v3/ping") == {}
        assert (await ask("GET", "/api/v3/depth", {"symbol": "BTCUSDC", "limit": 5}))["bids"]


@pytest.mark.parametrize("call", ["get_order", "cancel_order"])
async def test_no_id(client, call):
    """An order without an id is refused before anything is asked."""
    client.wire.send = None
    with pytest.raises(BinanceRequestError, match="order_id or client_order_id"):
        await getattr(client, call)("BTCUSDC")


@pytest.mark.parametrize("call", ["get_order", "cancel_order"])
async def test_either_id(client, call):
    """An order is named by either id, as a text or a number."""
    for which in ("text", "number", "own"):
        placed = await client.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(40000))
        names = {"text": (placed.id,), "number": (int(placed.id),), "own": (None, placed.client_order_id)}[which]
        reply = await getattr(client, call)("BTCUSDC", *names)
        assert (reply.id if call == "get_order" else str(reply["orderId"])) == placed.id


async def test_book(client):
    """A book has its best prices first."""
    book = await client.get_order_book("BTCUSDC", 5)
    prices = [[Decimal(price) for price, _ in book[side]] for side in ("bids", "asks")]
    assert prices[0] == sorted(prices[0], reverse=True)
    assert prices[1] == sorted(prices[1])


async def test_history(client):
    """The history has every order, up to a limit."""
    placed = [await client.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(40000)) for _ in range(3)]
    assert [order.id for order in await client.get_order_history("BTCUSDC", 2)] == [order.id for order in placed[1:]]


async def test_convert(client):
    """An order of the exchange's JSON is the client's Order."""
    placed = await client.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(40000))
    assert BinanceClient.convert_order_to_internal(placed.info) == placed


async def test_health(client):
    """A client is healthy while the exchange answers."""
    assert await client.health_check() is True

    async def down(*_):
        raise BinanceMaintenanceError("the exchange sleeps")

    client.wire.send = down
    assert await client.health_check() is False


async def test_sessions(client):
    """A session is started once and closed once; afterwards the client says that it was closed."""
    await client.start_session()
    await client.close_session()
    await client.close_session()
    with pytest.raises(BinanceError, match="was closed"):
        await client.get_server_time()


def test_errors():
    """An error keeps message, code and reply, and survives a pickle; a limit's also how long to wait."""
    error = BinanceError("no", -2010, {"code": -2010, "msg": "no"})
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.code, again.response, str(again)) == ("no", -2010, error.response, "no")
    limited = BinanceRateLimitError("slow down")
    assert isinstance(limited, BinanceError)
    assert (limited.message, limited.retry_after) == ("slow down", None)


# ---------------------------------------------------------------------- the factory


@pytest.fixture
def environment(monkeypatch):
    """Sets the environment's credentials, and nothing else of the kind is in it."""
    for name in os.environ:
        if name.startswith("BINANCE_"):
            monkeypatch.delenv(name)

    def put(**named):
        for name, value in named.items():
            monkeypatch.setenv(f"BINANCE_{name}", value)

    return put


@pytest.fixture
def quiet(monkeypatch):
    """Sessions start without asking anybody."""

    async def nothing(_):
        return None

    monkeypatch.setattr(BinanceClient, "_know_time", nothing)


CASES = [
    ({"API_KEY": "k1", "API_SECRET": "s1"}, False, ("k1", "s1")),
    ({"APIKEY": "k2", "SECRET": "s2"}, False, ("k2", "s2")),
    ({"API_KEY": "k1", "APIKEY": "k2", "API_SECRET": "s1", "SECRET": "s2"}, False, ("k1", "s1")),
    ({"API_KEY": "", "APIKEY": "k2", "API_SECRET": "", "SECRET": "s2"}, False, ("k2", "s2")),
    ({"API_KEY": "k1", "API_SECRET": "s1"}, True, ("", "")),
    ({"TESTNET_API_KEY": "k3", "TESTNET_API_SECRET": "s3"}, True, ("k3", "s3")),
    ({"TESTNET_API_KEY": "k3", "TESTNET_API_SECRET": "s3"}, False, ("", "")),
    ({}, False, ("", "")),
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("named", "testnet", "found"), CASES)
async def test_environment(environment, named, testnet, found):
    """Credentials that are not passed are the environment's, under ccxt's names too, and those of the right network."""
    environment(**named)
    async with await create_binance_client(testnet=testnet) as client:
        config = client.config
        assert (config.api_key.reveal(), config.api_secret.reveal()) == found
        assert (client.exchange.apiKey or "", client.exchange.secret or "") == found
        assert ("testnet" in client.exchange.urls["api"]["public"]) is testnet


@pytest.mark.usefixtures("quiet")
async def test_passed(environment):
    """Credentials that are passed win, and settings are the configuration's."""
    environment(API_KEY="k1", API_SECRET="s1")
    async with await create_binance_client("k9", "s9", recv_window=1_000) as client:
        assert (client.config.api_key.reveal(), client.config.recv_window) == ("k9", 1_000)


async def test_half(environment):
    """Half of a pair is refused, wherever it comes from."""
    environment(API_KEY="k1")
    with pytest.raises(ConfigError, match="belong together"):
        await create_binance_client()


async def test_paper_factory(paper):
    """The factory takes an exchange, and its client is started; the exchange stays open when the client closes."""
    async with await create_binance_client(exchange=paper) as client:
        assert client.wire.time.is_known
        assert "started" in repr(client)
    assert await paper.fetch_time()
    await paper.close()


async def test_quick_start(root, paper, capsys):
    """The first example of the client's page trades on paper as it does on the testnet."""
    page = (root / "docs" / "binance.md").read_text(encoding="utf-8")
    source = re.search(r"```python\n(.*?)\nasyncio\.run", page, re.DOTALL)[1]
    scope = {"paper": paper}
    exec(source.replace("testnet=True", "exchange=paper"), scope)
    await scope["main"]()
    assert capsys.readouterr().out.startswith("NEW ")
    await paper.close()
