"""The client over real replies of api.binance.com, recorded by others in 2019 to 2021."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import yaml

from exec_plugin.binance import BinanceError, BinanceFilterError, BinanceRequestError
from exec_plugin.cassettes.scene import Replay
from exec_plugin.cassettes.tape import binance_vcr, offline
from exec_plugin.core.models import SymbolInfo

AMOUNTS = ("tick_size", "step_size", "min_price", "max_price", "min_quantity", "max_quantity", "min_notional")


@pytest.fixture
def real(shared):
    """A client that is not started, over one of the recordings; and the JSON in it."""

    @asynccontextmanager
    async def use(name, **settings):
        path = shared / "data" / "rest" / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
        if name == "exchange_info":
            # the path that it had in 2020
            text = text.replace("/api/v1/exchangeInfo", "/api/v3/exchangeInfo")
        reply = json.loads(yaml.safe_load(text)["interactions"][0]["response"]["body"]["string"])
        client = Replay(**settings).make(max_retries=0)
        try:
            with _cassette(text), offline():
                yield client, reply
        finally:
            await client.close_session()

    return use


def _cassette(text):
    """The recording as vcrpy sees it, from its text."""
    book = binance_vcr()

    class Persister:
        """Gives a text; nothing is written."""

        @staticmethod
        def load_cassette(_path, serializer):
            from vcr.serialize import deserialize

            return deserialize(text, serializer)

    book.register_persister(Persister)
    return book.use_cassette("real.yaml")


async def test_time(real):
    """The server's time is taken over, whatever this machine's clock shows."""
    async with real("time", now=1_900_000_000) as (client, reply):
        await client.start_session()
        assert reply == {"serverTime": 1629602498507}
        assert abs(client._get_timestamp() - 1629602498507) <= 1


@pytest.mark.parametrize(("name", "healthy"), [("ping_success", True), ("ping_error", False)])
async def test_ping(real, name, healthy):
    """A ping is answered or refused."""
    async with real(name) as (client, _):
        assert await client.health_check() is healthy


async def test_strange_error(real):
    """A code that nobody documents is an error with that code and text."""
    async with real("ping_error") as (client, _):
        with pytest.raises(BinanceError, match="-3121: Strange Error") as caught:
            await client._make_request("GET", "/api/v3/ping")
    assert (caught.value.code, caught.value.status, type(caught.value)) == (-3121, 400, BinanceError)


async def test_klines(real):
    """Candles are read digit by digit; the parameters stand in another order than the client sends them."""
    async with real("klines_1h_5") as (client, rows):
        klines = await client.get_klines("BNBUSDT", "1h", limit=5)
    assert [kline.open_time for kline in klines] == [row[0] for row in rows]
    first, row = klines[0], rows[0]
    assert [first.open, first.high, first.low, first.close, first.volume] == [Decimal(text) for text in row[1:6]]
    assert str(first.open) == "34.4949"
    assert (first.close_time, first.trades) == (1561744799999, 2911)
    assert (first.symbol, first.interval, first.info) == ("BNBUSDT", "1h", row)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("klines_bogus_2", lambda client: client.get_klines("BOGUS", "1h", limit=2)),
        ("avg_price_bogus", lambda client: client._make_request("GET", "/api/v3/avgPrice", {"symbol": "BOGUS"})),
        ("trades_2", lambda client: client._make_request("GET", "/api/v3/trades", {"symbol": "BOGUS", "limit": 7})),
        (
            "agg_trades_bogus",
            lambda client: client._make_request("GET", "/api/v3/aggTrades", {"limit": 500, "symbol": "BOGUS"}),
        ),
    ],
)
async def test_bogus(real, name, ask):
    """An unknown symbol is refused with Binance's code, text and status."""
    async with real(name) as (client, _):
        with pytest.raises(BinanceRequestError, match="-1121: Invalid symbol") as caught:
            await ask(client)
    error = caught.value
    assert (type(error), error.code, error.status) == (BinanceRequestError, -1121, 400)
    assert error.response == {"code": -1121, "msg": "Invalid symbol."}


async def test_depth_limit(real):
    """A limit that was refused in its time is told with what was legal."""
    async with real("depth_2") as (client, _):
        with pytest.raises(BinanceRequestError, match="5, 10, 20, 50, 100, 500, 1000, 5000") as caught:
            await client.get_order_book("BNBUSDT", 2)
    assert caught.value.code == -1100


@pytest.mark.parametrize(("symbol", "limit"), [("BNBUSDT", 5), ("BNBUSDT", 10), ("BTCUSDT", 100)])
async def test_depth(real, symbol, limit):
    """The book is the reply, best first."""
    async with real(f"depth_{limit}") as (client, reply):
        book = await client.get_order_book(symbol, limit)
    assert book == reply
    assert len(book["bids"]) == limit
    assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])


async def test_ticker(real):
    """The day's statistics are the reply, under both names."""
    for name in ("get_ticker", "get_24hr_ticker"):
        async with real("twenty_four_hour") as (client, reply):
            ticker = await getattr(client, name)("BNBUSDT")
        assert ticker == reply
        assert ticker["priceChange"] == "-0.90210000"


@pytest.mark.parametrize(
    ("name", "endpoint", "params"),
    [
        ("agg_trades_5", "aggTrades", {"limit": 5, "symbol": "BNBUSDT"}),
        ("agg_trades_5_from_id", "aggTrades", {"limit": 5, "symbol": "BNBUSDT", "fromId": 28432387}),
        ("agg_trades_limit_5", "aggTrades", {"limit": 5, "symbol": "BNBUSDT"}),
        ("avg_price_valid", "avgPrice", {"symbol": "BNBUSDT"}),
        ("book_ticker", "ticker/bookTicker", {"symbol": "BNBUSDT"}),
        ("book_ticker_all", "ticker/bookTicker", {}),
        ("price", "ticker/price", {"symbol": "BNBUSDT"}),
        ("price_all", "ticker/price", {}),
        ("trades_5", "trades", {"limit": 5, "symbol": "BNBUSDT"}),
    ],
)
async def test_other_routes(real, name, endpoint, params):
    """Routes that the client does not wrap are answered as they are."""
    async with real(name) as (client, reply):
        assert await client._make_request("GET", f"/api/v3/{endpoint}", params) == reply


async def test_exchange_info(real):
    """Trading rules of 2019, without the fields that came later, are read for every symbol."""
    async with real("exchange_info") as (client, reply):
        info = await client.get_exchange_info()
    assert list(info.symbols) == [entry["symbol"] for entry in reply["symbols"]]
    assert len(info.symbols) > 400
    assert (info.server_time, info.rate_limits[0]["limit"]) == (1560348411679, 1200)
    symbol = info.symbols["ETHBTC"]
    filters = {entry["filterType"]: entry for entry in reply["symbols"][0]["filters"]}
    assert [getattr(symbol, name) for name in AMOUNTS] == [
        Decimal(filters[kind][field])
        for kind, field in (
            ("PRICE_FILTER", "tickSize"),
            ("LOT_SIZE", "stepSize"),
            ("PRICE_FILTER", "minPrice"),
            ("PRICE_FILTER", "maxPrice"),
            ("LOT_SIZE", "minQty"),
            ("LOT_SIZE", "maxQty"),
            ("MIN_NOTIONAL", "minNotional"),
        )
    ]
    assert all(isinstance(entry, SymbolInfo) for entry in info.symbols.values())


@pytest.mark.parametrize(
    ("quantity", "price", "told"),
    [
        ("0.0005", "0.03", "LOT_SIZE.*0.0005.*0.001"),
        ("1", "0.0300005", "PRICE_FILTER.*0.0300005.*0.03"),
        ("0.001", "0.03", "NOTIONAL"),
    ],
)
async def test_rules(real, quantity, price, told):
    """Orders are checked by rules of 2019 as by today's."""
    async with real("exchange_info") as (client, _):
        await client.get_exchange_info()
        with pytest.raises(BinanceFilterError, match=told):
            await client.place_order("ETHBTC", "BUY", "LIMIT", quantity, price)


@pytest.mark.parametrize(
    ("name", "ask", "used"),
    [
        ("btcusdc_order_book", lambda client: client.get_order_book("BTCUSDC", 500), 46),
        ("btcusdc_trades", lambda client: client._make_request("GET", "/api/v3/trades", {"symbol": "BTCUSDC"}), 1),
    ],
)
async def test_headers(real, name, ask, used):
    """Binance's own rate headers reach the limiter, which then counts what it did not send itself."""
    async with real(name) as (client, reply):
        assert await ask(client) == reply
        status = client.rate_limiter.get_status()
    assert status["buckets"]["weight"]["used"] == used
    assert status["last_report"] is not None
