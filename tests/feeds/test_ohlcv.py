from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.clock import HOUR, MINUTE
from exec_plugin.core.errors import FeedError
from exec_plugin.core.events import QUOTE, TRADE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.feeds import open_recording
from exec_plugin.feeds.ohlcv import Candle, candle_rows, checked, moment, path, rounded_units

BTC = default_symbol("BTCUSDT")
T0 = 1_704_067_200_000
UP = [T0, 100, 110, 95, 108, 4.00002]
DOWN = [T0 + HOUR, 108, 109, 90, 91, 2]


@pytest.fixture
def candles(tmp_path):
    """Write text under a name and open it."""

    def make(text, name="BTC_USDT-1h.json", **options):
        file = tmp_path / name
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        return open_recording(file, **options)

    return make


def _prints(rows):
    return [row for row in rows if row[0] == TRADE]


@st.composite
def any_candle(draw):
    """A candle whose numbers agree."""
    low, open_, close, high = sorted(draw(st.lists(st.integers(10**6, 10**13), min_size=4, max_size=4)))
    open_, close = draw(st.permutations([open_, close]))
    return Candle(T0, open_, high, low, close, draw(st.one_of(st.integers(0, 10), st.integers(0, 10**12))))


@given(candle=any_candle(), interval=st.integers(1, HOUR), before=st.integers(10**6, 10**13))
def test_every_candle(candle, interval, before):
    """Prints lie inside the candle in time and price, in order, and their volume is the candle's to the last unit."""
    rows = candle_rows(BTC, candle, interval, before)
    prints = _prints(rows)
    assert sum(row[4] for row in prints) == candle.volume
    assert all(row[4] > 0 and candle.low <= row[3] <= candle.high for row in prints)
    times = [row[1] for row in rows]
    assert times == sorted(times)
    assert candle.time <= times[0] <= times[-1] < candle.time + interval


@given(candle=any_candle(), other=any_candle())
def test_no_look_ahead(candle, other):
    """What is shown at the open is the same whatever the candle does next; high, low and close come in their turn."""
    other = checked(
        other._replace(
            open=candle.open,
            high=max(candle.open, other.high),
            low=min(candle.open, other.low),
            volume=candle.volume,
        )
    )
    ours, theirs = (candle_rows(BTC, some, HOUR, candle.open) for some in (candle, other))
    opening = [row for row in ours if row[1] == candle.time]
    assert opening == [row for row in theirs if row[1] == candle.time]
    assert {row[3] for row in opening if row[0] == TRADE} <= {candle.open}


@pytest.mark.parametrize(
    ("candle", "expected"),
    [
        (Candle(0, 100, 110, 95, 108, 1), (100, 95, 110, 108)),
        (Candle(0, 108, 109, 90, 91, 1), (108, 109, 90, 91)),
        (Candle(0, 100, 110, 90, 100, 1), (100, 90, 110, 100)),
    ],
)
def test_path(candle, expected):
    """The extreme farther from the close comes first, the low where both are as far."""
    assert path(candle) == expected


@given(candle=any_candle())
def test_quote_before_print(candle):
    """Each print follows a quote one tick around it, so that neither side touches the print."""
    rows = candle_rows(BTC, candle._replace(volume=400), HOUR, candle.open)
    assert [row[0] for row in rows] == [QUOTE, TRADE] * 4
    for quote, print_ in zip(rows[::2], rows[1::2], strict=True):
        assert quote[1] == print_[1]
        assert quote[3] < print_[3] < quote[5]


def test_takers(candles):
    """The taker sells when the price falls and buys when it rises, from candle to candle too."""
    feed = candles([UP, DOWN])
    assert [row[5] for row in _prints(feed.rows())] == [False, True, False, True, True, False, True, False]


def test_times(candles):
    """The prints are spread over the candle: begin, quarter, half, last millisecond."""
    times = [row[1] - T0 for row in _prints(candles([UP, DOWN]).rows())]
    assert times == [0, HOUR // 4, HOUR // 2, HOUR - 1, HOUR, HOUR * 5 // 4, HOUR * 3 // 2, 2 * HOUR - 1]


def test_volume_on_the_lots(candles):
    """The volume is split on the lot step, the rest goes to the close."""
    quantities = [row[4] for row in _prints(candles([UP, DOWN]).rows())][:4]
    assert quantities == [100_000_000] * 3 + [100_002_000]


def test_without_volume(candles):
    """A candle in which nothing was traded makes quotes only."""
    assert {row[0] for row in candles([[*UP[:5], 0]]).rows()} == {QUOTE}


TABLES = {
    "bare": f"{T0},100,110,95,108,4.00002\n{T0 + HOUR},108,109,90,91,2\n",
    "header": f"timestamp,open,high,low,close,volume\n{T0},100,110,95,108,4.00002\n{T0 + HOUR},108,109,90,91,2\n",
    "order": f"open,close,low,high,volume,time\n100,108,95,110,4.00002,{T0}\n108,91,90,109,2,{T0 + HOUR}\n",
    "more": f"date,open,high,low,close,volume,n\n{T0},100,110,95,108,4.00002,9\n{T0 + HOUR},108,109,90,91,2,9\n",
    "dates": "date,open,high,low,close,volume\n2024-01-01,100,110,95,108,4.00002\n2024-01-01 01:00:00+00:00,108,109,90,91,2",
    "seconds": f"{T0 // 1000},100,110,95,108,4.00002\r\n{T0 // 1000 + 3600},108,109,90,91,2\r\n",
    "floats": f"{T0},1e2,110.0,95.0,108.00000000000001,4.000020000000001\n{T0 + HOUR},108,109,90,91,2.0",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_csv(candles, text):
    """CSV files say the same in many ways."""
    expected = list(candles([UP, DOWN]).rows())
    assert list(candles(text, "BTCUSDT.csv").rows()) == expected


def test_counts(candles):
    """Counts add up to the file, header and blank lines included."""
    feed = candles(TABLES["header"] + "\n", "BTCUSDT.csv")
    list(feed.rows())
    assert feed.rows_by_kind == {"header": 1, "candle": 2, "blank": 1}
    assert (feed.rows_read, feed.rows_skipped) == (4, 2)


BAD = {
    "high": [T0 + 1, 100, 99, 95, 98, 1],
    "low": [T0 + 1, 100, 110, 101, 105, 1],
    "zero": [T0 + 1, 100, 110, 0, 105, 1],
    "volume": [T0 + 1, 100, 110, 90, 105, -1],
    "same time": UP,
    "earlier": [T0 - 1, *UP[1:]],
    "short": [T0 + 1, 100],
    "null": [T0 + 1, None, 110, 90, 105, 1],
    "no list": 7,
    "time": ["soon", 100, 110, 90, 105, 1],
    "infinite": [T0 + 1, 100, float("inf"), 90, 105, 1],
    "nan": [T0 + 1, 100, 110, 90, 105, float("nan")],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_candle(candles, bad):
    """A candle whose numbers do not agree is refused by its number, or skipped, counted and kept."""
    with pytest.raises(FeedError, match="candle 2"):
        list(candles([UP, bad, DOWN]).rows())
    feed = candles([UP, bad, DOWN], on_bad="skip")
    assert len(_prints(feed.rows())) == 8
    assert feed.rows_by_kind == {"candle": 2, "bad": 1}
    assert len(feed.problems) == 1


@pytest.mark.parametrize("text", ["[[1,2,3", "[]", '[{"a": 1}]', "[1, 2]"])
def test_unreadable_json(candles, text):
    """A JSON file without a readable candle is refused at opening."""
    with pytest.raises(FeedError):
        candles(text)


def test_interval(candles):
    """The interval is the shortest step seen; a single candle is taken for a minute."""
    assert candles([UP, [T0 + 3 * HOUR, *DOWN[1:]], [T0 + 4 * HOUR, *DOWN[1:]]]).interval == HOUR
    assert candles([UP]).interval == MINUTE


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5", 150_000_000), ("1e-05", 1_000), ("0.30000000000000004", 30_000_000), ("-2", -200_000_000)],
)
def test_rounded_units(text, expected):
    """Float noise is rounded off, exponents are read."""
    assert rounded_units(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "Infinity", "1e21", "1e999990", "9e999999999", "-1e9999", "0" * 9 + "x"]
)
def test_no_units(text):
    """What is no number that a price may have is refused at once."""
    with pytest.raises(ValueError, match="is not a number"):
        rounded_units(text)


@pytest.mark.parametrize("text", ["1970-01-02", "1970-01-02T00:00:00Z", "1970-01-02 01:00:00+01:00"])
def test_moment(text):
    """Dates are UTC unless they say otherwise."""
    assert moment(text) == 86_400_000
