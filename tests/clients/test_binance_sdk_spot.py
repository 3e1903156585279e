"""The official SDK, ``binance-sdk-spot``: REST, WebSocket API and streams, each reply read into its declared type."""

from __future__ import annotations

import asyncio
import logging

import pytest

pytest.importorskip("binance_sdk_spot", reason="binance-sdk-spot is not installed")

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError, RateLimitBanError, TooManyRequestsError, UnauthorizedError
from binance_sdk_spot.spot import Spot
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

pytestmark = [
    pytest.mark.slow,
    # aiohttp's complaint about how the SDK calls it
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float' is deprecated:DeprecationWarning"),
]

BTC = "BTCUSDT"
LIMIT = {
    "symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.5, "price": 49950,
}  # fmt: skip
OCO = {
    "symbol": BTC, "side": "SELL", "quantity": 0.1, "above_type": "LIMIT_MAKER", "above_price": 51000,
    "below_type": "STOP_LOSS_LIMIT", "below_stop_price": 49000, "below_price": 48900, "below_time_in_force": "GTC",
}  # fmt: skip
WORKING = {
    "symbol": BTC, "working_type": "LIMIT", "working_side": "BUY", "working_price": 49900, "working_quantity": 0.1,
    "working_time_in_force": "GTC", "pending_side": "SELL",
}  # fmt: skip
PENDING = {"pending_type": "LIMIT", "pending_price": 52000, "pending_time_in_force": "GTC"}
PENDING_OCO = {
    "pending_above_type": "LIMIT_MAKER", "pending_above_price": 52000, "pending_below_type": "STOP_LOSS",
    "pending_below_stop_price": 48000,
}  # fmt: skip


def spot(server, key=None, secret=None, **more):
    """The SDK, led to the server."""
    who = {"api_key": key or server.key, "api_secret": server.secret if secret is None else secret, **more}
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=server.url, **who),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{server.ws}/ws-api/v3", **who),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=server.ws),
    )


@pytest.fixture(autouse=True)
def understood(caplog):
    """The SDK warns of what is not of the type that it declares; nothing may be."""
    yield
    told = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    assert [text for text in told if "declared types" in text or "Failed to parse" in text] == []


@pytest.fixture
def rest(paper):
    """Its REST client."""
    return spot(paper).rest_api


@pytest.fixture
async def api(paper):
    """A connection to the WebSocket API."""
    connection = await spot(paper).websocket_api.create_connection()
    yield connection
    await connection.close_connection(close_session=True)


@pytest.fixture
async def streams(paper):
    """A connection for market streams."""
    connection = await spot(paper).websocket_streams.create_connection()
    yield connection
    await connection.close_connection(close_session=True)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("ping", {}),
        ("time", {}),
        ("exchange_info", {}),
        ("exchange_info", {"symbol": BTC}),
        ("exchange_info", {"symbols": [BTC, "ETHUSDT"]}),
        ("execution_rules", {}),
        ("agg_trades", {"symbol": BTC}),
        ("avg_price", {"symbol": BTC}),
        ("depth", {"symbol": BTC, "limit": 5}),
        ("get_trades", {"symbol": BTC}),
        ("historical_trades", {"symbol": BTC}),
        ("historical_block_trades", {"symbol": BTC, "from_id": 0}),
        ("klines", {"symbol": BTC, "interval": "1m"}),
        ("ui_klines", {"symbol": BTC, "interval": "1h"}),
        ("ticker", {"symbol": BTC}),
        ("ticker", {"symbols": [BTC, "ETHUSDT"], "window_size": "1h"}),
        ("ticker24hr", {"symbol": BTC}),
        ("ticker24hr", {"type": "MINI"}),
        ("ticker_book_ticker", {}),
        ("ticker_price", {"symbol": BTC}),
        ("ticker_price", {}),
        ("ticker_trading_day", {"symbol": BTC}),
        ("account_commission", {"symbol": BTC}),
        ("all_order_list", {}),
        ("all_orders", {"symbol": BTC}),
        ("get_account", {}),
        ("get_open_orders", {}),
        ("my_allocations", {"symbol": BTC}),
        ("my_filters", {"symbol": BTC}),
        ("my_prevented_matches", {"symbol": BTC, "order_id": 1}),
        ("my_trades", {"symbol": BTC}),
        ("open_order_list", {}),
        ("order_amendments", {"symbol": BTC, "order_id": 1}),
        ("rate_limit_order", {}),
        ("order_test", LIMIT),
        ("order_test", {**LIMIT, "compute_commission_rates": True}),
    ],
)
def test_queries(rest, name, params):
    """Every query is answered in the declared type, also after the account has traded."""
    rest.new_order(**LIMIT)
    rest.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.1)
    rest.order_list_oco(**OCO)
    reply = getattr(rest, name)(**params)
    assert reply.status == 200
    assert reply.data() is not None


def test_trade(rest, paper):
    """An order rests, is filled, and is found again."""
    order = rest.new_order(**LIMIT).data()
    assert rest.get_order(symbol=BTC, order_id=order.order_id).data().status == "NEW"
    paper.trade("49940", "100")
    assert rest.get_order(symbol=BTC, order_id=order.order_id).data().status == "FILLED"
    sold = rest.new_order(symbol=BTC, side="SELL", type="MARKET", quantity=0.5)
    assert [fill.price for fill in sold.data().fills] == ["49990.00000000"]
    assert {limit.rateLimitType for limit in sold.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}
    assert [trade.is_maker for trade in rest.my_trades(symbol=BTC).data()] == [True, False]


def test_cancel(rest):
    """Amended, replaced, cancelled, and all at once."""
    order = rest.new_order(**LIMIT).data()
    amended = rest.order_amend_keep_priority(symbol=BTC, order_id=order.order_id, new_qty=0.3).data()
    assert amended.amended_order.qty == "0.30000000"
    assert len(rest.order_amendments(symbol=BTC, order_id=order.order_id).data()) == 1
    replaced = rest.order_cancel_replace(
        **{**LIMIT, "price": 48000}, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=order.order_id
    ).data()
    assert (replaced.cancel_result, replaced.new_order_result) == ("SUCCESS", "SUCCESS")
    told = rest.delete_order(symbol=BTC, order_id=replaced.new_order_response.order_id).data()
    assert told.status == "CANCELED"
    rest.new_order(**LIMIT)
    rest.order_list_oco(**OCO)
    assert len(rest.delete_open_orders(symbol=BTC).data()) == 2
    assert rest.get_open_orders().data() == []


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("order_list_oco", OCO, 2),
        ("order_oco", {"symbol": BTC, "side": "SELL", "quantity": 0.1, "price": 51000, "stop_price": 49000}, 2),
        ("order_list_oto", {**WORKING, **PENDING, "pending_quantity": 0.1}, 2),
        ("order_list_otoco", {**WORKING, **PENDING_OCO, "pending_quantity": 0.1}, 3),
        ("order_list_opo", {**WORKING, **PENDING}, 2),
        ("order_list_opoco", {**WORKING, **PENDING_OCO}, 3),
    ],
)
def test_lists(rest, name, params, count):
    """Every order list is placed, found and cancelled."""
    paper_list = getattr(rest, name)(**params).data()
    assert len(paper_list.orders) == count
    found = rest.get_order_list(order_list_id=paper_list.order_list_id).data()
    assert found.list_order_status == "EXECUTING"
    told = rest.delete_order_list(symbol=BTC, order_list_id=paper_list.order_list_id).data()
    assert told.list_order_status == "ALL_DONE"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"quantity": 0}, -1013),
        ({"quantity": 0.1234567}, -1013),
        ({"quantity": 99}, -2010),
        ({"price": None}, -1102),
        ({"time_in_force": "GTX"}, -1115),
    ],
)
def test_errors(rest, change, code):
    """A refusal is the SDK's error with Binance's code."""
    with pytest.raises(BadRequestError) as caught:
        rest.new_order(**{**LIMIT, **change})
    assert caught.value.status_code == code


def test_stranger(paper):
    """An unknown key, and a wrong secret."""
    with pytest.raises(UnauthorizedError) as caught:
        spot(paper, key="stranger").rest_api.get_account()
    assert caught.value.status_code == -2015
    with pytest.raises(BadRequestError) as caught:
        spot(paper, secret="wrong").rest_api.get_account()
    assert caught.value.status_code == -1022


def made(kind):
    """A private key, and the public one as the exchange is given it; both in PEM form."""
    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def keyed(paper, tmp_path, request):
    """The SDK with a private key of some kind, whose public half the server knows."""
    private, public = made(request.param)
    (tmp_path / "key.pem").write_bytes(private)
    paper.reset(secretKey=public)
    return spot(paper, secret="", private_key=str(tmp_path / "key.pem"))


@pytest.mark.parametrize("keyed", ["ed25519", "rsa"], indirect=True)
def test_private_key(keyed):
    """Requests may be signed with a private key of either kind."""
    assert keyed.rest_api.new_order(**LIMIT).data().status == "NEW"
    assert len(keyed.rest_api.delete_open_orders(symbol=BTC).data()) == 1


@pytest.mark.parametrize("keyed", ["ed25519"], indirect=True)
async def test_session(keyed, paper):
    """Who has logged on signs no more, and hears of what its account does."""
    api = await keyed.websocket_api.create_connection()
    heard = asyncio.Queue()
    async with asyncio.timeout(20):
        assert (await api.session_logon()).data().result.api_key == paper.key
        (await api.user_data_stream_subscribe()).stream.on("message", heard.put_nowait)
        number = (await api.order_place(**LIMIT)).data().result.order_id
        assert (await heard.get()).actual_instance.i == number
        assert (await api.session_logout()).data().result.api_key is None
    await api.close_connection(close_session=True)


def test_limits(paper):
    """Too much is one error of the SDK, going on another, and both say for how long."""
    minute = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 60}
    paper.reset(clock=1767614390000, rateLimits=[minute])
    rest = spot(paper).rest_api
    seen = set()
    for _ in range(60):
        try:
            rest.depth(symbol=BTC)
        except (TooManyRequestsError, RateLimitBanError) as error:
            seen.add((type(error), error.retry_after))
    assert seen == {(TooManyRequestsError, 10), (RateLimitBanError, 120)}


@pytest.mark.parametrize(
    ("name", "params", "event"),
    [
        ("trade", {"symbol": BTC}, "trade"),
        ("agg_trade", {"symbol": BTC}, "aggTrade"),
        ("kline", {"symbol": BTC, "interval": "1m"}, "kline"),
        ("kline_offset", {"symbol": BTC, "interval": "1m"}, "kline"),
        ("mini_ticker", {"symbol": BTC}, "24hrMiniTicker"),
        ("ticker", {"symbol": BTC}, "24hrTicker"),
        ("rolling_window_ticker", {"symbol": BTC, "window_size": "1h"}, "1hTicker"),
        ("avg_price", {"symbol": BTC}, "avgPrice"),
        ("diff_book_depth", {"symbol": BTC}, "depthUpdate"),
        ("book_ticker", {"symbol": BTC}, None),
        ("partial_book_depth", {"symbol": BTC, "levels": 5}, None),
        ("all_mini_ticker", {}, None),
        ("all_market_rolling_window_ticker", {"window_size": "1h"}, None),
    ],
)
async def test_streams(streams, paper, provoke, name, params, event):
    """Each stream tells what happens, in the declared type."""
    heard = asyncio.get_running_loop().create_future()
    stream = await getattr(streams, name)(**params)
    stream.on("message", lambda data: heard.done() or heard.set_result(data))
    told = await provoke(heard, paper.tick)
    assert not isinstance(told, dict)
    assert getattr(told, "e", None) == event
    assert [part for part in await listed(streams) if "btcusdt" in part or part.startswith("!")]
    await stream.unsubscribe()


async def listed(streams):
    """The subscriptions of a connection."""
    reply = await streams.list_subscribe()
    return reply["result"] if isinstance(reply, dict) else reply.data()


async def test_user_data(api, paper):
    """Orders, fills and balances are told as they change."""
    heard = asyncio.Queue()
    reply = await api.user_data_stream_subscribe_signature()
    reply.stream.on("message", heard.put_nowait)
    async with asyncio.timeout(20):
        order = (await api.order_place(**LIMIT)).data().result
        events = [(await heard.get()).actual_instance for _ in range(2)]
        assert [type(event).__name__ for event in events] == ["ExecutionReport", "OutboundAccountPosition"]
        assert (events[0].x, events[0].i) == ("NEW", order.order_id)
        paper.trade("49940", "100")
        report = (await heard.get()).actual_instance
        assert (report.x, report.X, report.m) == ("TRADE", "FILLED", True)


async def test_websocket_api(api, paper):
    """An order's life over the WebSocket API."""
    placed = await api.order_place(**LIMIT)
    number = placed.data().result.order_id
    assert {limit.rateLimitType for limit in placed.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}
    assert (await api.order_status(symbol=BTC, order_id=number)).data().result.status == "NEW"
    amended = await api.order_amend_keep_priority(symbol=BTC, order_id=number, new_qty=0.3)
    assert amended.data().result.amended_order.qty == "0.30000000"
    replaced = await api.order_cancel_replace(
        **{**LIMIT, "price": 48000}, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=number
    )
    number = replaced.data().result.new_order_response.order_id
    assert (await api.order_cancel(symbol=BTC, order_id=number)).data().result.status == "CANCELED"
    placed = (await api.order_list_place_oco(**OCO)).data().result
    told = await api.order_list_cancel(symbol=BTC, order_list_id=placed.order_list_id)
    assert told.data().result.list_order_status == "ALL_DONE"
    refused = (await api.order_place(**{**LIMIT, "quantity": 99})).data()
    assert refused["error"]["code"] == -2010


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("ping", {}),
        ("time", {}),
        ("exchange_info", {"symbol": BTC}),
        ("execution_rules", {}),
        ("avg_price", {"symbol": BTC}),
        ("depth", {"symbol": BTC}),
        ("klines", {"symbol": BTC, "interval": "1m"}),
        ("ui_klines", {"symbol": BTC, "interval": "1m"}),
        ("ticker", {"symbol": BTC}),
        ("ticker24hr", {"symbol": BTC}),
        ("ticker_book", {"symbol": BTC}),
        ("ticker_price", {"symbol": BTC}),
        ("ticker_trading_day", {"symbol": BTC}),
        ("trades_aggregate", {"symbol": BTC}),
        ("trades_historical", {"symbol": BTC}),
        ("trades_recent", {"symbol": BTC}),
        ("account_commission", {"symbol": BTC}),
        ("account_rate_limits_orders", {}),
        ("account_status", {}),
        ("all_order_lists", {}),
        ("all_orders", {"symbol": BTC}),
        ("my_allocations", {"symbol": BTC}),
        ("my_filters", {"symbol": BTC}),
        ("my_prevented_matches", {"symbol": BTC, "order_id": 1}),
        ("my_trades", {"symbol": BTC}),
        ("open_order_lists_status", {}),
        ("open_orders_status", {}),
        ("order_amendments", {"symbol": BTC, "order_id": 1}),
        ("order_test", LIMIT),
        ("session_status", {}),
        ("session_subscriptions", {}),
    ],
)
async def test_websocket_queries(api, name, params):
    """Every query is answered in the declared type, also after the account has traded."""
    await api.order_place(symbol=BTC, side="BUY", type="MARKET", quantity=0.1)
    await api.order_list_place_oco(**OCO)
    reply = (await getattr(api, name)(**params)).data()
    # what cannot be read, and errors, are dicts
    assert not isinstance(reply, dict)
    assert getattr(reply, "actual_instance", reply) is not None
