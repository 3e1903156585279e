"""Candles become a past whose candles are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.clock import MINUTE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.feeds.live.history import history_rows
from exec_plugin.feeds.live.payloads import Minute, read_aggregates, read_minutes, read_trades
from exec_plugin.feeds.ohlcv import Candle

BTC = default_symbol("BTCUSDT")
#: JSON knows no infinity, but 1e999 is one.
ENDLESS = [dict.fromkeys(["id", "time", "T", "a", "f", "l"], 1e999) | {"price": "1", "qty": "1", "p": "1", "q": "1"}]
START = 1_700_000_040_000


def minute(number, prices, volume, trades):
    """A candle in whole coins: open, high, low, close."""
    return Minute(Candle(START + number * MINUTE, *(price * SCALE for price in prices), volume * SCALE), trades)


def folded(rows):
    """The candles that the prints make, in whole coins."""
    found = {}
    for _, _, _, price, qty, _, _, time in rows:
        found.setdefault(time // MINUTE * MINUTE, []).append((price // SCALE, qty))
    return {
        start: (
            prints[0][0], max(p for p, _ in prints), min(p for p, _ in prints), prints[-1][0],
            sum(q for _, q in prints) // SCALE,
        )
        for start, prints in found.items()
    }  # fmt: skip


@st.composite
def minutes(draw):
    """Candles as trades make them: no more different prices than trades."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        prices = draw(st.lists(st.integers(90, 110), max_size=6))
        if prices:
            shape = (prices[0], max(prices), min(prices), prices[-1])
            found.append(minute(number, shape, draw(st.integers(1, 9)), len(prices)))
        else:
            found.append(minute(number, (100, 100, 100, 100), 0, 0))
    return found


@given(minutes())
def test_same_candles(past):
    """Open, high, low, close and volume survive; prints are no more than trades, under ids that grow and fit."""
    begin = 5000
    rows = history_rows(BTC, past, begin)
    told = [each for each in past if each.trades]
    assert folded(rows) == {
        each.candle.time: (*(price // SCALE for price in each.candle[1:5]), each.candle.volume // SCALE)
        for each in told
    }
    ids = [row[6] for row in rows]
    assert ids == sorted(set(ids))
    number = begin - sum(each.trades for each in told)
    for each in told:
        own = [row[6] for row in rows if row[7] // MINUTE * MINUTE == each.candle.time]
        assert own[-1] == number + each.trades - 1
        assert min(own) >= number
        assert len(own) == 1 or own[0] == number
        number += each.trades
    assert number == begin


def test_times():
    """Prints stand within their minute, and rows are of the time of their prints."""
    rows = history_rows(BTC, [minute(0, (100, 104, 99, 101), 8, 9)], 100)
    assert [row[1] - START for row in rows] == [0, MINUTE // 4, MINUTE // 2, MINUTE - 1]
    assert [row[1] for row in rows] == [row[7] for row in rows]
    assert [row[3] // SCALE for row in rows] == [100, 104, 99, 101]
    assert [row[5] for row in rows] == [False, False, True, False]
    assert [row[6] for row in rows] == [91, 92, 93, 99]


def test_unknown_ids():
    """Where ids would begin before the first of all, the venue numbers the prints."""
    rows = history_rows(BTC, [minute(0, (100, 104, 99, 101), 8, 9)], 5)
    assert [row[6] for row in rows] == [0, 0, 0, 4]


def test_minutes():
    """Klines are read with their number of trades."""
    row = [START, "1.5", "2", "1", "1.75", "3", START + MINUTE - 1, "5", 7, "1", "2", "0"]
    assert read_minutes([row]) == [
        Minute(Candle(START, 150_000_000, 200_000_000, 100_000_000, 175_000_000, 300_000_000), 7)
    ]


@pytest.mark.parametrize("read", [read_minutes, read_trades, read_aggregates])
@pytest.mark.parametrize("payload", [None, {"code": -1}, [[]], [{}], [5], ENDLESS, [[1e999] * 9]])
def test_unreadable(read, payload):
    """Other replies are refused."""
    with pytest.raises(ValueError, match="no list of"):
        read(payload)
