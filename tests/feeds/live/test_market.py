"""What messages and replies mean together."""

from __future__ import annotations

import json

import pytest

from exec_plugin.core.events import BOOK, TRADE
from exec_plugin.feeds.live.market import LiveMarket

from .upstream import NAME, NOW, Bench, Upstream, diff_text, stream


def kinds(rows):
    """What the rows are, trades by their ids."""
    return [row[6] if row[0] == TRADE else row[0] for row in rows]


def trades(count):
    """A trade a millisecond."""
    return [(100 + i, NOW + i, 100, 1, True) for i in range(count)]


def test_streams():
    """Three streams a symbol, by names in lower case."""
    market = LiveMarket(["BTCUSDT", "ETHBTC"], [].append)
    assert market.streams == (
        "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms",
        "ethbtc@trade", "ethbtc@bookTicker", "ethbtc@depth@100ms",
    )  # fmt: skip


def test_missing():
    """It tells what has not been there yet, symbol by symbol."""
    bench = Bench(Upstream(trades(1)))
    assert bench.market.missing() == ["BTCUSDT trades", "BTCUSDT book"]
    bench.connect(answer=False)
    bench.answer(bench.take_asks()[0])
    assert bench.market.missing() == ["BTCUSDT book"]
    bench.connect()
    assert bench.market.missing() == []


def test_trades_first():
    """After a gap the missed trades come before the book, whichever reply is first."""
    upstream = Upstream(trades(4), shown=1)
    bench = Bench(upstream)
    bench.connect()
    bench.take_rows()
    upstream.shown = 3
    bench.connect(answer=False)
    ask_trades, ask_depth = bench.take_asks()
    bench.answer(ask_depth)
    assert bench.take_rows() == []
    bench.hear(upstream.trade_text(3))
    bench.answer(ask_trades)
    assert kinds(bench.take_rows()) == [101, 102, 103, BOOK]


def test_book_after_given_up():
    """Where trades cannot be had, the book comes all the same."""
    bench = Bench(Upstream(trades(2)))
    bench.connect(answer=False)
    ask_trades, ask_depth = bench.take_asks()
    bench.answer(ask_depth)
    assert kinds(bench.market.refuse(ask_trades, "HTTP 451", NOW)) == [BOOK]


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        stream("trade", {"e": "trade", "E": NOW, "s": NAME, "t": 5}),
        stream("trade", {"e": "trade", "E": NOW, "s": NAME, "t": 5, "p": "0", "q": "1", "T": NOW, "m": True}),
        stream("depth@100ms", {"e": "depthUpdate", "E": NOW, "s": NAME, "U": 11, "u": 11, "b": [5], "a": []}),
    ],
)
def test_unreadable(text):
    """A message that cannot be read is left out, and told of once."""
    bench = Bench()
    bench.connect()
    bench.take_rows()
    bench.hear(text, text)
    assert bench.take_rows() == []
    assert len(bench.notes) == 1
    assert "cannot be read" in bench.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"result": None, "id": 1}),
        stream("kline_1m", {"e": "kline", "E": NOW, "s": NAME}),
        diff_text(11, 11).replace(NAME, "ETHUSDT"),
    ],
)
def test_not_ours(text):
    """What nobody asked for is no trouble."""
    bench = Bench()
    bench.connect()
    bench.take_rows()
    bench.hear(text)
    assert bench.take_rows() == []
    assert bench.notes == []


@pytest.mark.parametrize("name", ["", "!serverShutdown"])
def test_shutdown(name):
    """A server that is about to end the connection says so; the next connection knows nothing of it."""
    bench = Bench()
    bench.connect()
    data = {"e": "serverShutdown", "E": NOW}
    bench.hear(json.dumps({"stream": name, "data": data} if name else data))
    assert bench.market.is_ending
    bench.connect()
    assert not bench.market.is_ending


@pytest.mark.parametrize("path", ["trades", "depth"])
@pytest.mark.parametrize("payload", [None, 5, [5], {"bids": []}, "text"])
def test_bad_reply(path, payload):
    """A reply that is none is a ValueError."""
    bench = Bench()
    bench.connect(answer=False)
    ask = next(ask for ask in bench.take_asks() if ask.path == path)
    with pytest.raises(ValueError, match=r"no list of trades|unknown stream|is missing"):
        bench.market.answer(ask, payload, NOW)
