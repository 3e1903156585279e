"""The names of the streams."""

from __future__ import annotations

import pytest

from exec_plugin.protocol.periods import WIDTHS
from exec_plugin.protocol.streams.names import make_topic

from .listening import Place

PLACE = Place()
KNOWN = [
    "trade", "aggTrade", "bookTicker", "avgPrice", "referencePrice", "miniTicker", "ticker",
    *(f"ticker_{size}" for size in ("1h", "4h", "1d")),
    *(f"kline_{interval}" for interval in WIDTHS),
    *(f"kline_{interval}@+08:00" for interval in WIDTHS),
    "depth", "depth@100ms", "depth@1000ms", *(f"depth{levels}{speed}" for levels in (5, 10, 20) for speed in ("", "@100ms")),
]  # fmt: skip
WHOLE = ["!miniTicker@arr", "!ticker@arr", "!bookTicker", *(f"!ticker_{size}@arr" for size in ("1h", "4h", "1d"))]


@pytest.mark.parametrize("name", [*(f"btcusdt@{kind}" for kind in KNOWN), *WHOLE])
def test_known(name):
    """Every stream of the documents exists for every symbol."""
    topic = make_topic(PLACE.hub, name)
    assert topic is not None
    assert topic.name == name


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT@trade", "nosuch@trade", "btcusdt", "btcusdt@", "@trade", "btcusdt@kline_2m", "btcusdt@kline_1m@+09:00",
        "btcusdt@depth7", "btcusdt@depth@500ms", "btcusdt@ticker_2h", "!ticker_2h@arr", "btcusdt@trade@100ms",
        "btcusdt@blockTrade", "!trade@arr", "", "btcusdt@kline_1m\n",
    ],
)  # fmt: skip
def test_unknown(name):
    """What is no stream, or one where nothing ever happens here, is accepted and silent, as on Binance."""
    assert make_topic(PLACE.hub, name) is None
    ear = PLACE.listen()
    assert ear.say("SUBSCRIBE", name)["result"] is None
    assert ear.say("LIST_SUBSCRIPTIONS")["result"] == [name]
    assert not PLACE.hub.busy
    ear.session.close()


def test_escaped_zone():
    """A plus sign that was not escaped in the URL's query still means the time zone."""
    ear = PLACE.listen("btcusdt@kline_1d@ 08:00")
    assert ear.say("LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@kline_1d@+08:00"]
    ear.session.close()
