"""Streams as iterators: the shapes of the queries, connecting again, and gaps that are told."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from binance_client.faulty import FaultyBinance, Line
from binance_client.loopback import client_of, serving
from ccxt.base.errors import AuthenticationError, BadSymbol, InvalidNonce, NetworkError
from rate_limit.virtual import run

from exec_plugin.binance import BinanceAuthError, BinanceClient, BinanceError, BinanceRequestError
from exec_plugin.binance.connecting import has_streams, twin
from exec_plugin.binance.watching import report_of
from exec_plugin.core.errors import ConfigError


def raw_trade(number):
    """As the stream tells it."""
    return {"e": "trade", "s": "BTCUSDT", "t": number, "p": "100.50", "q": "2.00", "T": 1000 + number, "m": True}


class FakePro:
    """Streams that tell what they are given, in order: lists of trade numbers, errors, and then nothing for ever."""

    def __init__(self, *script):
        self.script = list(script)

    async def watch_trades(self, symbol, since, limit, params):
        await asyncio.sleep(1)
        if not self.script:
            await asyncio.Event().wait()
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return [{"info": raw_trade(number)} for number in step]


def watched(*script, count):
    """The trades that come, and the gaps that are told."""

    async def main():
        client = BinanceClient(exchange=FaultyBinance(Line()))
        client._streams = FakePro(*script)
        gaps, trades = [], []
        stream = client.watch_trades("BTCUSDT", on_gap=gaps.append)
        async for trade in stream:
            trades.append(trade)
            if len(trades) == count:
                break
        await stream.aclose()
        return trades, gaps

    return run(main())


def test_trades():
    """Trades come each once, in order, with the taker's side."""
    trades, gaps = watched([1, 2], [3], count=3)
    assert [trade.id for trade in trades] == ["1", "2", "3"]
    assert (trades[0].price, trades[0].quantity, trades[0].side) == (Decimal("100.5"), Decimal(2), "SELL")
    assert gaps == []


@pytest.mark.parametrize("error", [NetworkError("binance lost signature=abc"), InvalidNonce("binance out of step")])
def test_again(error):
    """A connection that breaks is made again; what was missed is told, by time and by ids, and nothing twice."""
    trades, gaps = watched([1, 2], error, error, [2, 3, 7], count=4)
    assert [trade.id for trade in trades] == ["1", "2", "3", "7"]
    assert len(gaps) == 2
    assert type(error).__name__ in gaps[0].cause
    assert "abc" not in gaps[0].cause
    assert gaps[0].stream == "trades of BTCUSDT"
    # two tries and their pauses
    assert gaps[0].until - gaps[0].since > 3000
    assert (gaps[1].first_id, gaps[1].last_id) == (4, 6)


def test_gap_is_logged(caplog):
    """A gap that nobody asked for is logged."""

    async def main():
        client = BinanceClient(exchange=FaultyBinance(Line()))
        client._streams = FakePro([1], [5])
        stream = client.watch_trades("BTCUSDT")
        await anext(stream)
        await anext(stream)
        await stream.aclose()

    run(main())
    assert "trades 2 to 4 did not come" in caplog.text


@pytest.mark.parametrize(
    ("error", "kind"), [(AuthenticationError("no"), BinanceAuthError), (BadSymbol("no"), BinanceRequestError)]
)
def test_hopeless(error, kind):
    """What trying again cannot help is raised."""
    with pytest.raises(kind, match="trades of BTCUSDT cannot be watched"):
        watched(error, count=1)


async def some(stream, count=1):
    """The next few of a stream."""
    found = []
    async with asyncio.timeout(20):
        async for each in stream:
            found.append(each)
            if len(found) == count:
                break
    await stream.aclose()
    return found


async def test_over_http():
    """Book, ticker, trades and orders come over a real WebSocket, in the shapes of the queries; closing ends them."""
    async with serving() as (server, exchange):
        client = client_of(server.url)

        async def market():
            for number in range(10**6):
                with exchange.lock:
                    exchange.market([
                        {"type": "trade", "symbol": "BTCUSDT", "price": "100", "qty": "1", "taker": "BUY"},
                        {"type": "book", "symbol": "BTCUSDT", "bids": [("99.5", str(500 + number))],
                         "asks": [("101", "0.00001")]},
                    ])  # fmt: skip
                await asyncio.sleep(0.02)

        moving = asyncio.create_task(market())
        async with client:
            book, trades, ticker = await asyncio.gather(
                some(client.watch_order_book("BTCUSDT", 5), 2),
                some(client.watch_trades("BTCUSDT"), 3),
                some(client.watch_ticker("BTCUSDT")),
            )
            assert book[1]["asks"] == [["101.0", "0.00001"]]
            assert book[1]["bids"][0][0] == "99.5"
            assert int(trades[2].id) == int(trades[0].id) + 2
            assert set(await client.get_ticker("BTCUSDT")) == set(ticker[0])
            stream = client.watch_orders("BTCUSDT")
            report = asyncio.create_task(anext(stream))
            placed = {}
            async with asyncio.timeout(20):
                # the subscription takes a moment
                while not report.done():
                    order = await client.place_order("BTCUSDT", "BUY", "LIMIT", 1, 90, validate=False)
                    placed[order.id] = order
                    await asyncio.wait([report], timeout=0.05)
            found = report.result()
            assert (found.client_order_id, found.status) == (placed[found.id].client_order_id, "NEW")
            assert (found.price, found.quantity) == (Decimal(90), Decimal(1))
            last = asyncio.create_task(anext(stream, None))
            await asyncio.sleep(0)
        await asyncio.wait_for(last, 5)
        moving.cancel()
        with pytest.raises(BinanceError, match="closed"):
            await anext(client.watch_ticker("BTCUSDT"))


def test_report():
    """A report of a cancel names the order by its own id, not by the cancel's."""
    raw = {
        "i": 5, "s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "q": "2.00000000", "p": "10.50000000", "X": "CANCELED",
        "f": "GTC", "z": "1.00000000", "Z": "10.50000000", "P": "0.00000000", "C": "mine", "c": "the-cancel",
        "O": 1, "T": 2,
    }  # fmt: skip
    order = report_of(raw)
    assert (order.client_order_id, order.status, order.average_price) == ("mine", "CANCELED", Decimal("10.5"))
    assert (order.stop_price, order.remaining_quantity) == (None, Decimal(1))
    assert report_of(raw | {"C": ""}).client_order_id == "the-cancel"


async def test_twin():
    """The twin of an exchange has its keys, options and addresses, and streams."""
    import ccxt.async_support

    exchange = ccxt.async_support.binance({"apiKey": "k", "secret": "s", "options": {"recvWindow": 123}})
    exchange.urls["api"]["public"] = "http://127.0.0.1:1/api/v3"
    found = twin(exchange)
    assert has_streams(found)
    assert not has_streams(exchange)
    assert (found.apiKey, found.options["recvWindow"]) == ("k", 123)
    assert found.urls["api"]["public"] == "http://127.0.0.1:1/api/v3"
    assert isinstance(found.urls["api"]["ws"], dict)
    exchange.id = "nothing-like-it"
    with pytest.raises(ConfigError, match="nothing-like-it"):
        twin(exchange)
    await found.close()
    await exchange.close()
