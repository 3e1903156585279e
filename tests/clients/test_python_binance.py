"""python-binance: REST, market streams, user data and the WebSocket API."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

pytest.importorskip("binance.ws", reason="python-binance is not installed")

from binance import AsyncClient, BinanceAPIException, BinanceSocketManager, Client, DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

pytestmark = pytest.mark.slow

BTC = "BTCUSDT"
LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5", "price": "49950"}


def pointed(kind, server):
    """A client class of python-binance that knows the server's addresses."""
    addresses = {
        "API_URL": f"{server.url}/api", "MARGIN_API_URL": f"{server.url}/sapi", "WS_API_URL": f"{server.ws}/ws-api/v3",
    }  # fmt: skip
    return type(kind.__name__, (kind,), addresses)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A socket that ends waits for one message more, or as long as this."""
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)


@contextlib.contextmanager
def connected(server, key, secret):
    """A sync client, closed at the end."""
    client = pointed(Client, server)(key, secret)
    yield client
    client.close_connection()
    # it made one that it does not use
    client.loop.close()


@pytest.fixture
def client(paper):
    """The sync client."""
    with connected(paper, paper.key, paper.secret) as client:
        yield client


@pytest.fixture
async def aio(paper):
    """The client for asyncio."""
    client = await pointed(AsyncClient, paper).create(paper.key, paper.secret)
    yield client
    await client.close_connection()


@pytest.fixture
def streams(aio, paper):
    """Its socket manager."""
    return type("Manager", (BinanceSocketManager,), {"STREAM_URL": f"{paper.ws}/"})(aio)


def test_market_data(client):
    """Every public method reads the market."""
    assert {entry["symbol"] for entry in client.get_exchange_info()["symbols"]} == {BTC, "ETHUSDT", "BNBUSDT"}
    assert client.get_symbol_info(BTC)["baseAsset"] == "BTC"
    assert client.get_order_book(symbol=BTC)["bids"][0] == ["49990.00000000", "2.00000000"]
    assert client.get_recent_trades(symbol=BTC)[0]["price"] == "50000.00000000"
    assert client.get_historical_trades(symbol=BTC)[0]["price"] == "50000.00000000"
    assert [trade["p"] for trade in client.aggregate_trade_iter(BTC, start_str="1 hour ago UTC")] == ["50000.00000000"]
    assert client.get_klines(symbol=BTC, interval="1m")[-1][4] == "50000.00000000"
    assert client.get_historical_klines(BTC, "1m", "1 hour ago UTC")[-1][4] == "50000.00000000"
    assert client.get_avg_price(symbol=BTC)["price"] == "50000.00000000"
    assert client.get_ticker(symbol=BTC)["lastPrice"] == "50000.00000000"
    assert client.get_symbol_ticker(symbol=BTC)["price"] == "50000.00000000"
    assert client.get_orderbook_ticker(symbol=BTC)["askPrice"] == "50010.00000000"
    assert len(client.get_all_tickers()) == 3
    assert client.get_system_status() == {"status": 0, "msg": "normal"}


def test_trade(client, paper):
    """Orders rest, are filled, are found again, and the balance follows."""
    order = client.create_order(**LIMIT)
    assert client.get_open_orders(symbol=BTC)[0]["orderId"] == order["orderId"]
    assert client.get_asset_balance("USDT")["locked"] == "24975.00000000"
    paper.trade("49940", "100")
    assert client.get_order(symbol=BTC, orderId=order["orderId"])["status"] == "FILLED"
    sold = client.order_market_sell(symbol=BTC, quantity="0.5")
    assert [fill["price"] for fill in sold["fills"]] == ["49990.00000000"]
    assert client.order_market_buy(symbol=BTC, quoteOrderQty="100")["status"] == "FILLED"
    assert [order["side"] for order in client.get_all_orders(symbol=BTC)] == ["BUY", "SELL", "BUY"]
    assert [trade["isMaker"] for trade in client.get_my_trades(symbol=BTC)] == [True, False, False]
    assert client.get_account()["canTrade"]


def test_account(client):
    """What is known of the account and its key."""
    assert client.get_trade_fee(symbol=BTC)[0]["takerCommission"] == "0.00100000"
    assert client.get_account_api_permissions()["enableSpotAndMarginTrading"]
    assert {coin["coin"] for coin in client.get_all_coins_info()} >= {"BTC", "USDT", "BNB"}
    assert len(client.get_current_order_count()) == 2
    assert client.v3_get_account_commission(symbol=BTC)["standardCommission"]["taker"] == "0.00100000"


def test_cancel(client):
    """One order, the replacement of another, and all that are open."""
    order = client.order_limit_buy(symbol=BTC, quantity="0.1", price="49000")
    replaced = client.cancel_replace_order(
        **{**LIMIT, "price": "48000"}, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"]
    )
    assert replaced["cancelResult"] == replaced["newOrderResult"] == "SUCCESS"
    told = client.cancel_order(symbol=BTC, orderId=replaced["newOrderResponse"]["orderId"])
    assert told["status"] == "CANCELED"
    client.create_order(symbol=BTC, side="SELL", type="LIMIT_MAKER", quantity="0.1", price="55000")
    assert len(client.cancel_all_open_orders(symbol=BTC)) == 1
    assert client.get_open_orders() == []


def test_oco(client, paper):
    """Of two orders one is filled and the other goes with it; a list is cancelled as a whole."""
    new = client.create_oco_order(
        symbol=BTC, side="SELL", quantity="0.1", aboveType="LIMIT_MAKER", abovePrice="51000",
        belowType="STOP_LOSS_LIMIT", belowStopPrice="49000", belowPrice="48900", belowTimeInForce="GTC",
    )  # fmt: skip
    other = client.create_oco_order(
        symbol=BTC, side="SELL", quantity="0.1", aboveType="LIMIT_MAKER", abovePrice="52000", belowType="STOP_LOSS",
        belowTrailingDelta="500",
    )  # fmt: skip
    assert len(client.get_open_oco_orders()) == 2
    paper.trade("51500", "100", "BUY")
    assert client.v3_get_order_list(orderListId=new["orderListId"])["listOrderStatus"] == "ALL_DONE"
    told = client.v3_delete_order_list(symbol=BTC, orderListId=other["orderListId"])
    assert {report["status"] for report in told["orderReports"]} == {"CANCELED"}
    assert len(client.v3_get_all_order_list()) == 2


def test_otoco(client, paper):
    """An order that sets two others going once it is filled."""
    told = client.v3_post_order_list_otoco(
        symbol=BTC, workingType="LIMIT", workingSide="BUY", workingPrice="49950", workingQuantity="0.1",
        workingTimeInForce="GTC", pendingSide="SELL", pendingQuantity="0.1", pendingAboveType="LIMIT_MAKER",
        pendingAbovePrice="51000", pendingBelowType="STOP_LOSS", pendingBelowStopPrice="49000",
    )  # fmt: skip
    assert [report["status"] for report in told["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    paper.trade("49940", "100")
    rest = {order["type"]: order["status"] for order in client.get_open_orders(symbol=BTC)}
    assert rest == {"LIMIT_MAKER": "NEW", "STOP_LOSS": "NEW"}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"symbol": "NOSUCH"}, 400, -1121),
        ({"quantity": "0"}, 400, -1013),
        ({"quantity": "0.123456"}, 400, -1013),
        ({"quantity": "99"}, 400, -2010),
        ({"price": None}, 400, -1102),
        ({"timeInForce": "GTX"}, 400, -1115),
        ({"type": "LIMIT_MAKER", "price": "51000", "timeInForce": None}, 400, -2010),
    ],
)
def test_errors(client, change, status, code):
    """An error is python-binance's exception with Binance's code in it."""
    order = {name: value for name, value in {**LIMIT, **change}.items() if value is not None}
    with pytest.raises(BinanceAPIException) as caught:
        client.create_order(**order)
    assert (caught.value.status_code, caught.value.code) == (status, code)


@pytest.mark.parametrize(("key", "code"), [("stranger", -2015), ("not a key", -2014)])
def test_stranger(paper, key, code):
    """A key that nobody has."""
    with connected(paper, key, "secret") as client, pytest.raises(BinanceAPIException) as caught:
        client.get_account()
    assert (caught.value.status_code, caught.value.code) == (401, code)


def test_limits(paper):
    """Too much is a 429, and going on a 418, with the headers that tell for how long."""
    minute = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 60}
    paper.reset(clock=1767614390000, rateLimits=[minute])
    seen = set()
    with connected(paper, paper.key, paper.secret) as client:
        for _ in range(60):
            try:
                client.get_order_book(symbol=BTC)
            except BinanceAPIException as error:
                seen.add((error.status_code, error.code, error.response.headers["Retry-After"]))
    assert seen == {(429, -1003, "10"), (418, -1003, "120")}


async def test_trade_async(aio, paper):
    """The same over asyncio."""
    order = await aio.create_order(**LIMIT)
    paper.trade("49940", "100")
    assert (await aio.get_order(symbol=BTC, orderId=order["orderId"]))["status"] == "FILLED"
    with pytest.raises(BinanceAPIException, match="-2011"):
        await aio.cancel_order(symbol=BTC, orderId=order["orderId"])


@pytest.mark.parametrize(
    ("name", "arguments", "event"),
    [
        ("trade_socket", (BTC,), "trade"),
        ("aggtrade_socket", (BTC,), "aggTrade"),
        ("kline_socket", (BTC,), "kline"),
        ("depth_socket", (BTC,), "depthUpdate"),
        ("symbol_ticker_socket", (BTC,), "24hrTicker"),
        ("symbol_miniticker_socket", (BTC,), "24hrMiniTicker"),
    ],
)
async def test_streams(streams, paper, provoke, name, arguments, event):
    """A stream tells what happens."""
    async with getattr(streams, name)(*arguments) as socket:
        told = await provoke(socket.recv(), paper.tick)
    assert (told["e"], told["s"]) == (event, BTC)


async def test_partial_depth(streams, paper, provoke):
    """The top of the book, whole."""
    async with streams.depth_socket(BTC, depth="5") as socket:
        told = await provoke(socket.recv(), paper.tick)
    assert told["asks"][0] == ["50010.00000000", "2.00000000"]


async def test_many_streams(streams, paper, provoke):
    """Several streams over one connection, each named."""
    async with streams.multiplex_socket(["btcusdt@trade", "btcusdt@bookTicker"]) as socket:
        seen = set()
        while len(seen) < 2:
            seen.add((await provoke(socket.recv(), paper.tick))["stream"])
    assert seen == {"btcusdt@trade", "btcusdt@bookTicker"}


async def test_all_tickers(streams, paper, provoke):
    """A list of tickers."""
    async with streams.miniticker_socket() as socket:
        told = await provoke(socket.recv(), paper.tick)
    assert [ticker["s"] for ticker in told] == [BTC]


async def test_user_data(aio, streams, paper):
    """Orders, fills and balances are told as they change."""
    async with asyncio.timeout(20), streams.user_socket() as socket:
        order = await aio.create_order(**LIMIT)
        assert {(await socket.recv())["e"] for _ in range(2)} == {"executionReport", "outboundAccountPosition"}
        paper.trade("49940", "100")
        while (told := await socket.recv())["e"] != "executionReport":
            pass
        assert (told["x"], told["X"], told["i"], told["m"]) == ("TRADE", "FILLED", order["orderId"], True)


async def test_depth_cache(aio, paper, provoke):
    """The book that python-binance keeps is the market's."""
    manager = DepthCacheManager(aio, symbol=BTC)
    manager._bm = type("Manager", (BinanceSocketManager,), {"STREAM_URL": f"{paper.ws}/"})(aio)
    async with manager as cache:
        book = await provoke(cache.recv(), paper.tick)
        paper.book([["49995", "3"]], [["50005", "4"]])
        async with asyncio.timeout(20):
            while book.get_bids() != [[49995, 3]]:
                book = await cache.recv()
        assert book.get_asks() == [[50005, 4]]


async def test_websocket_api(aio, paper):
    """Everything that trades, over the WebSocket API."""
    order = await aio.ws_create_order(**LIMIT)
    assert (await aio.ws_get_order(symbol=BTC, orderId=order["orderId"]))["status"] == "NEW"
    assert len(await aio.ws_get_open_orders(symbol=BTC)) == 1
    replaced = await aio.ws_cancel_and_replace_order(
        **{**LIMIT, "price": "48000"}, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"]
    )
    assert replaced["newOrderResult"] == "SUCCESS"
    assert len(await aio.ws_cancel_all_open_orders(symbol=BTC)) == 1
    assert (await aio.ws_order_market_buy(symbol=BTC, quantity="0.1"))["status"] == "FILLED"
    oco = await aio.ws_create_oco_order(
        symbol=BTC, side="SELL", quantity="0.1", aboveType="LIMIT_MAKER", abovePrice="51000",
        belowType="STOP_LOSS", belowStopPrice="49000",
    )  # fmt: skip
    assert len(await aio.ws_get_oco_open_orders()) == 1
    assert (await aio.ws_cancel_oco_order(symbol=BTC, orderListId=oco["orderListId"]))["listOrderStatus"] == "ALL_DONE"
    assert len(await aio.ws_get_all_orders(symbol=BTC)) == 5
    assert len(await aio.ws_get_my_trades(symbol=BTC)) == 1
    assert (await aio.ws_get_account())["canTrade"]
    assert (await aio.ws_get_commission_rates(symbol=BTC))["symbol"] == BTC
    assert await aio.ws_create_test_order(**LIMIT) == {}
    with pytest.raises(BinanceAPIException, match="-2010"):
        await aio.ws_create_order(**{**LIMIT, "quantity": "99"})


async def test_websocket_market_data(aio):
    """What is public, over the WebSocket API."""
    assert (await aio.ws_get_order_book(symbol=BTC))["bids"][0] == ["49990.00000000", "2.00000000"]
    assert (await aio.ws_get_recent_trades(symbol=BTC))[0]["price"] == "50000.00000000"
    assert (await aio.ws_get_klines(symbol=BTC, interval="1m"))[-1][4] == "50000.00000000"
    assert (await aio.ws_get_symbol_ticker(symbol=BTC))["price"] == "50000.00000000"
    assert (await aio.ws_get_exchange_info(symbol=BTC))["symbols"][0]["symbol"] == BTC
    assert (await aio.ws_get_time())["serverTime"] > 0
