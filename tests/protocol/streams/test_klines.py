"""The streams of candles."""

from __future__ import annotations

import pytest

from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND

from .listening import Place


@pytest.fixture
def place():
    """A fresh exchange, at 12:00 UTC."""
    return Place()


def candles(ear):
    """The candles that were told."""
    return [event["k"] for event in ear.heard()]


def test_kline(place):
    """A candle has the documents' fields, and the values that REST lists."""
    ear = place.listen("kline_1m")
    place.trade("100", "2", taker="BUY")
    place.trade("99.5", "1")
    place.wait(2000)
    event = ear.one()
    start = place.venue.now - 2000
    assert (event["e"], event["E"], event["s"]) == ("kline", place.venue.now, "BTCUSDT")
    assert list(event) == ["e", "E", "s", "k"]
    assert list(event["k"].items()) == [
        ("t", start), ("T", start + MINUTE - 1), ("s", "BTCUSDT"), ("i", "1m"), ("f", 1), ("L", 2),
        ("o", "100.00000000"), ("c", "99.50000000"), ("h", "100.00000000"), ("l", "99.50000000"),
        ("v", "3.00000000"), ("n", 2), ("x", False), ("q", "299.50000000"), ("V", "2.00000000"),
        ("Q", "200.00000000"), ("B", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize(("interval", "speed"), [("1s", 1000), ("1m", 2000), ("1M", 2000)])
def test_speed(place, interval, speed):
    """Seconds come every second, all others every other second, and only when something has happened."""
    ear = place.listen(f"kline_{interval}")
    place.trade("100")
    place.wait(speed - 1)
    assert ear.heard() == []
    place.wait(1)
    assert len(ear.heard()) >= 1
    if interval != "1s":
        place.wait(4 * speed)
        assert ear.heard() == []


def test_end(place):
    """A candle's end is told when it is over, also where nothing traded in it."""
    ear = place.listen("kline_1m")
    place.trade("100")
    place.wait(2 * MINUTE)
    told = candles(ear)
    assert [(candle["x"], candle["n"]) for candle in told] == [(False, 1), (True, 1), (True, 0)]
    empty = told[-1]
    assert {empty[name] for name in "ohlc"} == {"100.00000000"}
    assert (empty["f"], empty["L"], empty["v"]) == (-1, -1, "0.00000000")


def test_before_trades(place):
    """Before the first trade there are no candles."""
    ear = place.listen("kline_1m")
    place.wait(5 * MINUTE)
    assert ear.heard() == []
    place.trade("100")
    place.wait(2000)
    assert [candle["n"] for candle in candles(ear)] == [1]


def test_newcomer(place):
    """Who joins is told the current candle at the next turn, who has it is not told again."""
    ear = place.listen("kline_1m")
    place.trade("100")
    place.wait(2000)
    ear.heard()
    late = place.listen("kline_1m")
    place.wait(2000)
    assert [candle["n"] for candle in candles(late)] == [1]
    assert ear.heard() == []


def test_zone(place):
    """Days of UTC+8 begin at 16:00 UTC; the moments stay those of UTC."""
    ear = place.listen("kline_1d", "kline_1d@+08:00")
    place.trade("100")
    place.wait(2000)
    utc, china = candles(ear)
    noon = place.venue.now - 2000
    assert (utc["t"], china["t"]) == (noon - 12 * HOUR, noon - 20 * HOUR)
    assert china["i"] == "1d"
    assert china["T"] - china["t"] == DAY - 1


def test_micros(place):
    """In microseconds a candle ends with its last microsecond."""
    ear = place.listen("kline_1s", micros=True)
    place.trade("100")
    place.wait(1000)
    candle = candles(ear)[0]
    assert candle["T"] - candle["t"] == SECOND * 1000 - 1
    assert candle["T"] % 1000 == 999


def test_late(place):
    """A trade that a feed brings late changes the candle before the current one, which is told again."""
    ear = place.listen("kline_1m")
    place.trade("100")
    place.wait(MINUTE)
    ear.heard()
    late = place.venue.now - 5
    place.venue.apply([(1, place.venue.now, "BTCUSDT", 10**10, 10**8, True, 0, late)])
    place.wait(2000)
    told = candles(ear)
    assert [(candle["x"], candle["n"]) for candle in told] == [(True, 2)]
    assert told[0]["v"] == place.ask("GET", "klines", symbol="BTCUSDT", interval="1m")[0][5]


def test_leap(place):
    """A clock that leaps over days tells of the candles that it leapt over, in order and without end."""
    ear = place.listen("kline_1s")
    place.trade("100")
    place.wait(30 * DAY)
    starts = [candle["t"] for candle in candles(ear) if candle["x"]]
    assert starts == sorted(starts)
    assert len(starts) >= 10_000
