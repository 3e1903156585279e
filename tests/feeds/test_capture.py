from __future__ import annotations

import gzip
import itertools
import json
import logging
from collections import Counter

import pytest
from captures import (
    BEHIND,
    T0,
    SlowFeed,
    agg_trade,
    combined,
    diff,
    snapshot,
    stamped,
    ticker,
    trade,
    write,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exec_plugin.core.errors import FeedError
from exec_plugin.core.events import BOOK, DEPTH, QUOTE, TRADE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import FAR
from exec_plugin.feeds import open_recording
from exec_plugin.feeds.capture import CaptureFeed

RECORDINGS = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"]
ONE = 10**8


@pytest.fixture
def capture(tmp_path):
    """Write lines to a file and open it."""
    return lambda *lines, name="x.gz", **options: open_recording(write(tmp_path / name, lines), **options)


def _kinds(feed):
    return [row[0] for row in feed.rows()]


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_line_is_lost(shared, name):
    """On the real recordings the counts equal the file's, kind by kind."""
    path = shared / "data" / "market" / name
    with gzip.open(path, "rt") as file:
        messages = [json.loads(line.partition(" ")[2]) for line in file]
    expected = Counter(message.get("stream", "@snapshot").split("@")[1] for message in messages)
    feed = open_recording(path)
    rows = list(feed.rows())
    assert feed.rows_read == len(messages) == sum(feed.rows_by_kind.values())
    assert len(rows) == feed.rows_read - feed.rows_skipped
    assert feed.rows_by_kind == {
        "bookTicker": expected["bookTicker"],
        "depthUpdate": expected["depth"],
        "snapshot": 1,
        "trade": expected["trade"],
    }
    assert feed.rows_skipped == 0
    assert feed.problems == ()
    assert rows[0][1] == feed.start


@pytest.mark.parametrize("name", RECORDINGS)
def test_fast_is_slow_on_recordings(shared, name):
    """The fast path makes of the real recordings exactly what the general one makes."""
    path = shared / "data" / "market" / name
    fast, slow = CaptureFeed(path), SlowFeed(path)
    assert list(fast.rows()) == list(slow.rows())
    assert fast.rows_by_kind == slow.rows_by_kind


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_are_in_order(shared, name):
    """Time never goes back, and the clock is the exchange's to within a few milliseconds."""
    rows = list(open_recording(shared / "data" / "market" / name).rows())
    assert all(before[1] <= after[1] for before, after in itertools.pairwise(rows))
    late = [row[1] - row[7] for row in rows if row[0] == TRADE]
    assert min(late) > -10
    assert max(late) < 1000


@pytest.mark.parametrize("name", RECORDINGS)
def test_snapshot_meets_the_touch(shared, name):
    """The book at the snapshot begins where the best bid and ask then stood."""
    quote = ()
    for row in open_recording(shared / "data" / "market" / name).rows():
        if row[0] == QUOTE:
            quote = row
        if row[0] == BOOK:
            break
    assert (max(row[3]), min(row[4])) == (quote[3], quote[5])


@pytest.mark.parametrize(("name", "step"), list(zip(RECORDINGS, [1000, 10_000], strict=True)))
def test_tick_and_step_are_seen(shared, name, step):
    """Tick and step follow from the data, base and quote from the name."""
    (symbol,) = open_recording(shared / "data" / "market" / name).symbols
    assert (symbol.price.step, symbol.lot.step, symbol.quote) == (1_000_000, step, "USDT")


def test_rows(capture):
    """Each kind of message becomes its row, in units, at the exchange's time."""
    feed = capture(
        diff(0, 5, 9, [["99.00000000", "3.00000000"]], [["101.00000000", "0.00000000"]]),
        ticker(10, "99.50000000", "100.50000000", last_id=12),
        trade(20, "100.50000000", "0.25000000", number=7, maker=False),
    )
    assert list(feed.rows()) == [
        (DEPTH, T0, "BTCUSDT", {99 * ONE: 3 * ONE}, {101 * ONE: 0}, 9),
        (QUOTE, T0 + 10, "BTCUSDT", 9_950_000_000, ONE, 10_050_000_000, 2 * ONE),
        (TRADE, T0 + 20, "BTCUSDT", 10_050_000_000, 25_000_000, False, 7, T0 + 19),
    ]
    assert feed.start == T0


def test_offset_is_fixed(capture):
    """The two clocks' difference is taken once, so that a late message is late on the venue's clock too."""
    late = trade(500).replace(f"{T0 + 500 - BEHIND}000000", f"{T0 + 900 - BEHIND}000000", 1)
    assert [row[1] - T0 for row in capture(trade(0), late, trade(1000)).rows()] == [0, 900, 1000]


def test_time_never_goes_back(capture):
    """A receive time before the last one is lifted to it."""
    assert [row[1] - T0 for row in capture(trade(0), trade(50), trade(20), trade(60)).rows()] == [0, 50, 50, 60]


def test_empty_sides(capture):
    """A missing bid or ask has the price that no order meets."""
    (row, *_) = capture(ticker(0, "0.00000000", "0.00000000"), trade(1)).rows()
    assert (row[3], row[5]) == (0, FAR)


def test_plain_lines(capture):
    """Lines without a receive time take the exchange's; a ticker, which has none, takes the last known."""
    lines = [line.partition(" ")[2] for line in (trade(0), ticker(5, "1.00000000", "2.00000000"), trade(9))]
    assert [row[1] - T0 for row in capture(*lines, name="x.jsonl").rows()] == [0, 0, 9]


def test_raw_streams(capture):
    """A message without the combined stream's wrapper is read as well."""
    message = json.loads(trade(0).partition(" ")[2])["data"]
    assert _kinds(capture(stamped(0, message))) == [TRADE]


def test_snapshot_joins_diffs(capture):
    """The book at the snapshot holds the diffs newer than it; diffs before it also came out, older ones later do not."""
    feed = capture(
        diff(0, 8, 10, [["98.00000000", "9.00000000"]]),
        diff(1, 11, 12, [["99.00000000", "5.00000000"], ["97.00000000", "0.00000000"]]),
        snapshot(2, 10, [["99.00000000", "1.00000000"], ["97.00000000", "1.00000000"]], [["100.00000000", "1.0"]]),
        diff(3, 12, 12, [["99.00000000", "7.00000000"]]),
        diff(4, 13, 14, [["99.00000000", "8.00000000"]]),
    )
    rows = list(feed.rows())
    assert [row[0] for row in rows] == [DEPTH, DEPTH, BOOK, DEPTH]
    assert rows[2][3:] == ({99 * ONE: 5 * ONE}, {100 * ONE: ONE}, 12)
    assert rows[3][5] == 14
    assert (feed.rows_read, feed.rows_skipped) == (5, 1)


@pytest.mark.parametrize(("last_id", "bids"), [(11, {98: 1, 97: 4}), (9, {99: 3, 98: 2, 97: 4})])
def test_snapshot_is_clipped(capture, last_id, bids):
    """A best bid and ask newer than the snapshot cut off what is better; an older one says nothing."""
    sides = [["99.00000000", "3.0"], ["98.00000000", "2.0"], ["97.00000000", "4.0"]], [["100.00000000", "1.0"]]
    feed = capture(trade(0), ticker(1, "98.00000000", "100.00000000", last_id=last_id), snapshot(2, 10, *sides))
    book = list(feed.rows())[-1]
    assert book[3] == {price * ONE: quantity * ONE for price, quantity in bids.items()}
    assert book[4] == {100 * ONE: (2 if last_id > 10 else 1) * ONE}


def test_snapshot_finds_its_symbol(capture):
    """Among several symbols a snapshot belongs to the one whose update ids are near."""
    levels = [["9.00000000", "1.0"]], [["10.00000000", "1.0"]]
    feed = capture(
        ticker(0, "9.00000000", "10.00000000", last_id=5_000_000_000, symbol="ETHUSDT"),
        ticker(0, "9.00000000", "10.00000000", last_id=90_000_000_000),
        trade(1),
        snapshot(2, 5_000_000_010, *levels),
        snapshot(3, 89_999_999_000, *levels),
    )
    assert [row[2] for row in feed.rows() if row[0] == BOOK] == ["ETHUSDT", "BTCUSDT"]


def test_gap_is_told(capture, caplog):
    """Missing updates are logged and kept as a problem; the rows go on."""
    lines = snapshot(0, 10, [], []), diff(1, 11, 12), diff(2, 15, 16)
    with caplog.at_level(logging.WARNING, "exec_plugin"):
        feed = capture(*lines)
        assert _kinds(feed) == [BOOK, DEPTH, DEPTH]
    assert "line 3" in feed.problems[0]
    assert "13 to 14" in caplog.text


def test_single_trades_win(capture):
    """Where single trades are recorded, the aggregates of the same trades are left out, and counted."""
    feed = capture(agg_trade(0), trade(0), agg_trade(1), trade(1))
    assert len(list(feed.rows())) == 2
    assert feed.rows_by_kind == {"aggTrade": 2, "trade": 2}
    assert feed.rows_skipped == 2


def test_aggregates_alone(capture):
    """An aggregate trade is known by its last trade's id."""
    assert [row[6] for row in capture(agg_trade(0, last=30), agg_trade(1, number=2, last=33)).rows()] == [30, 33]


def test_one_symbol(capture):
    """Asked for one symbol, the feed leaves out the others and counts them."""
    lines = trade(0), trade(1, symbol="ETHUSDT"), ticker(2, "1.00000000", "2.00000000", symbol="ETHUSDT"), trade(3)
    feed = capture(*lines, symbol="BTCUSDT")
    assert [row[2] for row in feed.rows()] == ["BTCUSDT"] * 2
    assert (feed.rows_read, feed.rows_skipped) == (4, 2)
    assert feed.rows_by_kind == {"trade": 3, "bookTicker": 1}


def test_own_symbol(capture):
    """A symbol handed in whole keeps its filters."""
    symbol = default_symbol("BTCUSDT", tick="0.5")
    feed = capture(trade(0), symbol=symbol)
    assert feed.symbols == (symbol,)
    assert _kinds(feed) == [TRADE]


def test_unknown_symbol(capture):
    """Asking for a symbol that is not there names those that are."""
    with pytest.raises(FeedError, match="BTCUSDT"):
        capture(trade(0), symbol="ETHUSDT")


def test_unused_streams(capture):
    """Streams that a venue has no use for are counted, not refused."""
    candle = stamped(1, combined("kline_1m", {"e": "kline", "E": T0, "s": "BTCUSDT", "k": {}}))
    reply = stamped(2, {"result": None, "id": 1})
    feed = capture(trade(0), candle, reply, "", trade(3))
    assert _kinds(feed) == [TRADE, TRADE]
    assert feed.rows_by_kind == {"trade": 2, "kline": 1, "control": 1, "blank": 1}


BAD = {
    "cut": trade(1)[:90],
    "no JSON": "hello",
    "stamp": "x" + trade(1),
    "stream": stamped(1, combined("surprise", {"e": "surprise"})),
    "list": stamped(1, combined("x", [1])),
    "price": trade(1, "1x.00000000"),
    "negative": trade(1, "-1.00000000"),
    "zero": trade(1, "0.00000000"),
    "no quantity": trade(1, quantity="0.00000000"),
    "float": trade(1).replace('"100.00000000"', "100.0"),
    "nine decimals": trade(1, "1.000000001"),
    "missing": trade(1).replace('"p":', '"x":'),
    "null": trade(1).replace('"BTCUSDT"', "null"),
    "maker": trade(1).replace('"m":true', '"m":1'),
    "levels": diff(1, 1, 2, [["1.00000000"]]),
    "zero level": diff(1, 1, 2, [["0.00000000", "1.00000000"]]),
    "deep": f"{T0}000000 " + '{"a":' * 100_000,
    "bytes": "\x00",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_bad_line_is_refused(capture, line):
    """A line that cannot be read ends the rows, naming file and line; what stood before it came out."""
    rows = capture(trade(0), line, trade(2)).rows()
    assert next(rows)[1] == T0
    with pytest.raises(FeedError, match=r"x\.gz, line 2: "):
        next(rows)


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_bad_line_is_skipped(capture, caplog, line):
    """Skipped, it is counted, kept and logged, and the rest is read."""
    feed = capture(trade(0), line, trade(2), on_bad="skip")
    assert [row[1] - T0 for row in feed.rows()] == [0, 2]
    assert feed.rows_by_kind["bad"] == feed.rows_skipped == len(feed.problems) == 1
    assert feed.rows_read == 3
    assert "line 2" in caplog.text


def test_late_symbol(capture, monkeypatch):
    """A symbol that the head did not show is a problem, not a surprise for the venue."""
    monkeypatch.setattr("exec_plugin.feeds.capture.HEAD_LINES", 1)
    with pytest.raises(FeedError, match="ETHUSDT was not seen"):
        list(capture(trade(0), trade(1, symbol="ETHUSDT")).rows())


def test_reading_again(capture):
    """Every call of rows() starts over, counts included."""
    feed = capture(trade(0), trade(1))
    assert list(feed.rows()) == list(feed.rows())
    assert feed.rows_read == 2


amounts = st.one_of(
    st.integers(0, 10**12).map(lambda n: f"{n // ONE}.{n % ONE:08d}"),
    st.sampled_from(["0.00000000", "1.5", "12", "0.00000001", "1.000000001", "x", "-1.00000000", "1_0.00000000", ""]),
)
names = st.sampled_from(["BTCUSDT", "ETHUSDT", "1INCHUSDT"])
ids = st.integers(0, 200)
sides = st.lists(st.tuples(amounts, amounts).map(list), max_size=4)
times = st.integers(0, 5000)
messages = st.one_of(
    st.builds(ticker, times, amounts, amounts, last_id=ids, sizes=st.tuples(amounts, amounts), symbol=names),
    st.builds(trade, times, amounts, amounts, number=ids, maker=st.booleans(), symbol=names),
    st.builds(diff, times, ids, ids, sides, sides, names),
    st.builds(snapshot, times, ids, sides, sides),
    st.builds(agg_trade, times, symbol=names),
    st.sampled_from(["", "hello", trade(5)[:80], trade(7) + " ", trade(7) + "\r"]),
    st.builds(lambda line, cut: line[:cut], st.builds(trade, times), st.integers(0, 300)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(messages, max_size=12), asked=st.sampled_from([None, "BTCUSDT"]))
def test_fast_is_slow(tmp_path, lines, asked):
    """Whatever is in a file, both paths make the same rows, counts and problems of it."""
    path = write(tmp_path / "made.jsonl", [trade(0), *lines])
    fast, slow = CaptureFeed(path, asked, "skip"), SlowFeed(path, asked, "skip")
    assert list(fast.rows()) == list(slow.rows())
    assert (fast.rows_read, fast.rows_skipped) == (slow.rows_read, slow.rows_skipped)
    assert +fast.rows_by_kind == +slow.rows_by_kind
    assert fast.problems == slow.problems


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_stray_characters(tmp_path, data):
    """A digit, or another character, anywhere in a line of levels: the fast path and the general one agree on it."""
    line = diff(
        10, 2, 3, [["99.00000000", "3.00000000"], ["0.98000000", "0.00000000"]], [["101.00000000", "0.10000000"]]
    )
    place = data.draw(st.integers(line.index('"b":'), len(line)))
    bad = line[:place] + data.draw(st.sampled_from(list('0123456789[],"'))) + line[place:]
    path = write(tmp_path / "x.txt", [ticker(0, "99.00000000", "101.00000000"), bad])
    fast, slow = (kind(path, "BTCUSDT", "skip") for kind in (CaptureFeed, SlowFeed))
    assert list(map(_plain, fast.rows())) == list(map(_plain, slow.rows()))
    assert (fast.rows_by_kind, fast.problems) == (slow.rows_by_kind, slow.problems)


def _plain(row):
    """A row whose levels are dicts."""
    return tuple(dict(part) if hasattr(part, "keys") else part for part in row)
