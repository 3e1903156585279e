"""Candles and window statistics against the plainest way to compute them."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interruptions import everywhere

import exec_plugin.core.tape as tape_module
from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND
from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.tape import Tape
from exec_plugin.core.units import SCALE, to_text
from exec_plugin.protocol.candles import CandleStore
from exec_plugin.protocol.periods import WIDTHS, Period, chosen, parse_size, parse_zone
from exec_plugin.protocol.statistics import Statistics, rounded

START = 1767614400000  # 2026-01-05 12:00 UTC, a Monday

# A step in time, a price and a quantity, and the side: steps cover the same moment, seconds, minutes and days.
STEPS = st.sampled_from((0, 1, 999, 1000, 30_000, 59_999, 60_000, 61_001, 15 * MINUTE, HOUR + 7, DAY, 9 * DAY))
TRADES = st.lists(
    st.tuples(STEPS, st.integers(1, 50), st.integers(1, 9), st.booleans()), min_size=1, max_size=120
)  # fmt: skip
ZONES = st.sampled_from((0, 8 * HOUR, -HOUR, 5 * HOUR + 45 * MINUTE, -12 * HOUR, 7 * MINUTE))


@pytest.fixture(scope="module", autouse=True)
def packed():
    """All but a few of the newest trades are packed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape_module, "FRESH", 2)
        yield


def filled(trades, limit=1000, keep=66_000, *, poll=None):
    """A tape and its store after trades of (step, price, quantity, taker sells); ``poll`` sees every state."""
    tape = Tape(limit, 2 * limit)
    store = CandleStore(tape, keep)
    moment = START
    for number, (step, price, qty, taker_is_seller) in enumerate(trades, 1):
        moment += step
        quote = price * qty * SCALE
        tape.records.append((number, moment, price * SCALE, qty * SCALE, quote, taker_is_seller))
        if len(tape.records) >= tape.room:
            tape.trim()
        tape.pack()
        if poll is not None:
            poll(store, moment)
    return tape, store, moment


def records_of(trades):
    """All trades as records, trimmed or not."""
    return filled(trades, limit=10_000)[0][:]


def totals(records):
    """Open, high, low, close, volume, quote, count, taker buy volume and quote, the plain way."""
    prices = [record[2] for record in records]
    buys = [record for record in records if not record[5]]
    return [
        prices[0], max(prices), min(prices), prices[-1],
        sum(record[3] for record in records), sum(record[4] for record in records), len(records),
        sum(record[3] for record in buys), sum(record[4] for record in buys),
    ]  # fmt: skip


def brute(records, period, now):
    """Every candle from the first trade's to that of now, flat where nothing traded, as numbers."""
    groups = {}
    for record in records:
        groups.setdefault(period.start(record[1]), []).append(record)
    found, close = [], 0
    moment, last = period.start(records[0][1]), period.start(max(now, records[-1][1]))
    while moment <= last:
        row = totals(groups[moment]) if moment in groups else [close, close, close, close, 0, 0, 0, 0, 0]
        close = row[3]
        found.append((moment, *row))
        moment = period.following(moment)
    return found


def as_numbers(kline):
    """A kline's numbers in the order of ``brute``."""
    start, *prices, volume, _end, quote, count, buy_volume, buy_quote, _ = kline
    money = [int(text.replace(".", "")) for text in (*prices, volume, quote, buy_volume, buy_quote)]
    return (start, *money[:6], count, *money[6:])


@given(TRADES, st.sampled_from(sorted(WIDTHS)), ZONES, st.sampled_from((1, 3, 1000)), st.booleans())
def test_brute_force(trades, interval, zone, limit, often):
    """Candles are what grouping all trades gives, however short the tape and however often somebody asks."""
    if interval == "1s" and limit < 1000:
        limit = 1000  # seconds reach back as far as the tape alone
    period = Period.of(interval, zone)

    def poll(store, now):
        store.klines(period, now, None, None, 2)

    _, store, now = filled(trades, limit, poll=poll if often else None)
    shown = store.klines(period, now + 61_000, None, None, 500)
    assert [as_numbers(row) for row in shown] == brute(records_of(trades), period, now + 61_000)[-500:]


@given(TRADES, st.integers(0, 30 * DAY), st.sampled_from((1, 4, 1000)))
def test_statistics(trades, back, limit):
    """A window's statistics are those of its trades, to the ms while the tape has them, else to the minute."""
    tape, store, now = filled(trades, limit)
    start = now - back
    found = Statistics.since(store, start, now)
    held = not tape.trimmed or tape[0][1] < start
    records = records_of(trades)
    exact = [record for record in records if record[1] >= start]
    by_minute = [record for record in records if record[1] >= start - start % MINUTE]
    numbers = [
        found.open, found.high, found.low, found.last, found.volume, found.quote, found.count,
        found.first_id, found.last_id,
    ]  # fmt: skip
    legal = [exact] if held else [exact, by_minute]
    assert numbers in [
        [*totals(inside)[:7], inside[0][0], inside[-1][0]] if inside else [0] * 7 + [-1, -1] for inside in legal
    ]


def test_edge_gone():
    """A minute that the tape holds only the end of counts whole, unless the window begins within what is held."""
    _, store, now = filled([(0, 10, 1, True)] + [(1000, 20, 1, True)] * 8, limit=3)
    assert store.tape[0][1] == START + 6000
    assert Statistics.since(store, START + 2000, now).count == 9
    assert Statistics.since(store, START + 6000, now).count == 9
    assert Statistics.since(store, START + 7000, now).count == 2
    assert store.previous_close(START + 2000) == 0
    assert store.previous_close(START + 7000) == 20 * SCALE


def test_edge_emptied():
    """A minute whose trades all lie before the window gives nothing to it."""
    _, store, now = filled([(0, 10, 1, True), (MINUTE, 20, 1, True)])
    found = Statistics.since(store, START + 1, now)
    assert (found.open, found.count) == (20 * SCALE, 1)


# Shorter gaps, and more than the tape and the minutes hold.
MANY = st.lists(
    st.tuples(
        st.sampled_from((0, 999, 30_000, 60_000, 61_001, 4 * MINUTE, 15 * MINUTE, HOUR + 7, DAY)),
        st.integers(1, 50), st.sampled_from((1, 9, 10**11, 10**13)), st.booleans(),
    ),
    min_size=1, max_size=60,
)  # fmt: skip
INTERVALS = st.sampled_from(("1m", "3m", "15m", "1h", "1d", "1M"))
MOMENTS = st.none() | st.integers(0, 3 * DAY)
KEPT = st.sampled_from((4, 7, 30))


@given(MANY, INTERVALS, KEPT, st.booleans(), st.tuples(MOMENTS, MOMENTS, st.integers(1, 500)))
def test_forgotten(trades, interval, keep, often, asked):
    """However much was forgotten and whatever the amounts, what is left of the candles is what all trades give."""
    period = Period.of(interval)
    since, until, limit = asked
    start, end = (moment if moment is None else START + moment for moment in (since, until))

    def poll(store, now):
        store.klines(period, now, None, None, 1 + now % 5)

    _, store, now = filled(trades, 3, keep, poll=poll if often else None)
    now += 61_000
    opened = store.klines(period, now, 0, None, 1)[0][0]
    rows = [row for row in brute(records_of(trades), period, now) if row[0] >= opened]
    wanted = [row for row in rows if (start is None or row[0] >= start) and (end is None or row[0] <= end)]
    expected = wanted[-limit:] if start is None else wanted[:limit]
    for _ in range(2):
        assert [as_numbers(row) for row in store.klines(period, now, start, end, limit)] == expected
    if period.width >= 15 * MINUTE or not period.width:
        assert opened == period.start(START + trades[0][0])
    elif often or interval == "1m":
        traded = len({period.start(record[1]) for record in records_of(trades)})
        assert min(keep, traded) <= sum(row[6] > 0 for row in rows) < 2 * keep + 6


@given(MANY, KEPT, st.integers(0, 5 * DAY), st.booleans())
def test_forgotten_statistics(trades, keep, back, often):
    """Whatever was asked before, a window that begins within the minutes that are kept has all its trades."""

    def poll(store, now):
        Statistics.since(store, now - back, now)

    tape, store, now = filled(trades, 3, keep, poll=poll if often else None)
    start = max(now - back, store.klines(Period.of("1m"), now, 0, None, 1)[0][0])
    records = records_of(trades)
    held = not tape.trimmed or tape[0][1] < start
    edges = [start] if held else [start, start - start % MINUTE]
    legal = [[record for record in records if record[1] >= edge] for edge in edges]
    found = Statistics.since(store, start, now)
    assert found == Statistics.since(store, start, now)
    numbers = [found.open, found.high, found.low, found.last, found.volume, found.quote, found.count]
    assert numbers in [totals(inside)[:7] if inside else [0] * 7 for inside in legal]


@given(TRADES, st.integers(0, 3 * DAY))
def test_previous_close(trades, back):
    """The price before a window is that of the last trade before it, 0 when there was none."""
    _, store, now = filled(trades)
    before = [record[2] for record in records_of(trades) if record[1] < now - back]
    assert store.previous_close(now - back) == (before[-1] if before else 0)


@given(TRADES, st.integers(0, 2 * DAY), st.integers(0, 2 * DAY), st.integers(1, 9))
def test_ranges(trades, begin, span, limit):
    """A start gives the oldest candles from it, an end alone the newest up to it, both never leave the range."""
    _, store, now = filled(trades)
    period = Period.of("5m")
    start, end = START + begin, START + begin + span
    opened = [row[0] for row in brute(records_of(trades), period, now)]

    def asked(start, end):
        return [row[0] for row in store.klines(period, now, start, end, limit)]

    assert asked(start, None) == [moment for moment in opened if moment >= start][:limit]
    assert asked(None, end) == [moment for moment in opened if moment <= end][-limit:]
    assert asked(start, end) == [moment for moment in opened if start <= moment <= end][:limit]
    assert asked(0, None) == opened[:limit]


def test_shape():
    """A kline has Binance's twelve elements."""
    _, store, now = filled([(5, 10, 1, True), (7, 12, 2, False)])
    assert store.klines(Period.of("1m"), now, None, None, 500) == [
        [
            START, "10.00000000", "12.00000000", "10.00000000", "12.00000000", "3.00000000", START + 59_999,
            "34.00000000", 2, "2.00000000", "24.00000000", "0",
        ]
    ]  # fmt: skip


def test_flat():
    """Minutes without trades stay at the close before them, also when the range begins inside the gap."""
    _, store, now = filled([(0, 10, 1, True), (5 * MINUTE, 12, 1, True)])
    rows = store.klines(Period.of("1m"), now, START + 2 * MINUTE, START + 3 * MINUTE, 500)
    price = to_text(10 * SCALE)
    assert [row[1:6] for row in rows] == [[price, price, price, price, to_text(0)]] * 2
    assert [row[8] for row in rows] == [0, 0]


def test_current():
    """The candle in progress is the last one, flat until something trades."""
    _, store, now = filled([(0, 10, 1, True)])
    rows = store.klines(Period.of("1m"), now + 90_000, None, None, 500)
    assert [(row[0], row[8]) for row in rows] == [(START, 1), (START + MINUTE, 0)]


def test_rendered_anew():
    """A candle that was shown and then traded in is shown with the trade."""
    tape, store, now = filled([(0, 10, 1, True)])
    for period in (Period.of("1m"), Period.of("1h")):
        store.klines(period, now, None, None, 1)
    tape.records.append((2, now + 1, 30 * SCALE, SCALE, 30 * SCALE, True))
    for period in (Period.of("1m"), Period.of("1h")):
        assert store.klines(period, now, None, None, 1)[0][2] == to_text(30 * SCALE)


def test_rendered_once():
    """Candles that are over are rendered once, however often something trades in between."""
    tape, store, now = filled([(MINUTE, 10, 1, True)] * 50)
    first = store.klines(Period.of("1m"), now, None, None, 20)
    tape.records.append((51, now + MINUTE, SCALE, SCALE, SCALE, True))
    second = store.klines(Period.of("1m"), now + MINUTE, None, None, 20)
    assert [one is other for one, other in zip(first[1:], second, strict=False)] == [True] * 18 + [False]
    assert first[-1] == second[-2]


def test_asked_all_along():
    """What is remembered of candles and of windows stays theirs when older candles leave."""
    trades = [(MINUTE, 1 + number % 47, 1 + number % 7, True) for number in range(90)]
    records = records_of(trades)

    def check(store, now):
        passed = [record for record in records if record[1] <= now]
        rows = store.klines(Period.of("1m"), now, None, None, 4)
        assert [as_numbers(row) for row in rows] == brute(passed, Period.of("1m"), now)[-4:]
        assert Statistics.since(store, now - 2 * MINUTE, now).volume == sum(record[3] for record in passed[-3:])

    _, store, _ = filled(trades, limit=1, keep=5, poll=check)
    assert store.minutes.dropped == 85


def test_interrupted():
    """What Ctrl-C interrupts, wherever, is done again: no trade is lost, and none counts twice."""
    places = (
        "TradeSeries.refresh",
        "MergedSeries.",
        "Series._finish",
        "Series.trim",
        "Columns.",
        "Packed.",
        "Aggregates.",
    )

    def asked(store, moment):
        rows = [store.klines(Period(width * MINUTE), moment, None, None, 1000) for width in (1, 2, 30)]
        return rows, store.aggregates.from_id(1, 1000)

    for interruption in everywhere(*places):
        (tape, store, _), (other, plain, moment) = (filled([(40_000, 1, 1, True)] * 6, limit=12, keep=5) for _ in "ab")
        assert asked(store, moment) == asked(plain, moment)
        for number in range(7, 17):
            moment += 40_000
            for each in (tape, other):
                each.records.append((number, moment, number * SCALE, SCALE, number * SCALE, False))

        def act(store=store, tape=tape, moment=moment):
            asked(store, moment)
            tape.trim()

        is_cut = interruption.cuts(act)
        act(plain, other)
        if not tape.trimmed:
            act()
        assert asked(store, moment) == asked(plain, moment)
        if not is_cut:
            break


def test_rendered_few():
    """No more candles stay rendered than were asked for at once, also when all of them are paged through."""
    _, store, now = filled([(MINUTE, 10, 1, True)] * 500)
    for start in range(START, now, 20 * MINUTE):
        store.klines(Period.of("1m"), now, start, None, 20)
    assert len(store.minutes.rendered) == 20


def test_small():
    """What is remembered of a minute that is over is little more than its numbers, whatever was asked of it."""

    def ask(store, now):
        Statistics.since(store, now - HOUR, now)
        store.klines(Period.of("1m"), now, None, None, 5)

    tape, store, now = filled([(MINUTE, 10, 1, True)] * 300, limit=10, poll=ask)
    tracemalloc.start()
    for number in range(301, 2301):
        now += MINUTE
        tape.records.append((number, now, 10 * SCALE, SCALE, 10 * SCALE, True))
        if len(tape.records) >= tape.room:
            tape.trim()
        ask(store, now)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(store.minutes.rows) == 2299
    assert grown / 2000 < 150


def test_no_trades():
    """Before the first trade there is nothing to list."""
    store = CandleStore(Tape())
    assert store.klines(Period.of("1m"), START, None, None, 500) == []
    assert store.since(START) == []
    assert store.previous_close(START) == 0


def test_backwards():
    """A trade stamped before its predecessor counts where the predecessor does: what is over stays as it was."""
    tape, store, _ = filled([(MINUTE, 10, 1, True)])
    tape.records.append((2, START + MINUTE - 1, 11 * SCALE, SCALE, 11 * SCALE, True))
    rows = store.klines(Period.of("1m"), START + MINUTE, None, None, 500)
    assert [(row[0], row[8]) for row in rows] == [(START + MINUTE, 2)]


def test_bounded():
    """Minutes are forgotten after a while, hours are not."""
    trades = [(MINUTE, 10, 1, True)] * 300
    _, store, now = filled(trades, limit=5, keep=20)
    assert len(store.minutes.rows) < 40
    assert len(store.klines(Period.of("1m"), now, 0, None, 1000)) < 40
    assert sum(row[8] for row in store.klines(Period.of("1h"), now, 0, None, 1000)) == 300


def test_late_interval():
    """An interval first asked for when minutes are gone begins with a whole candle."""
    _, store, now = filled([(MINUTE, 10, 1, True)] * 300, limit=5, keep=20)
    assert store.klines(Period.of("5m"), now, 0, None, 1000)[0][8] == 5


def test_many_zones():
    """However many time zones are asked for, only so many are kept up to date, and all answer."""
    _, store, now = filled([(MINUTE, 10, 1, True)] * 30)
    for minutes in range(120):
        rows = store.klines(Period.of("1d", minutes * MINUTE), now, None, None, 1)
        assert rows[0][8] == 30
    assert len(store._series) < 50


@pytest.mark.parametrize(
    ("interval", "zone", "opened"),
    [
        ("1s", 0, datetime(2026, 3, 4, 5, 37, 8, tzinfo=UTC)),
        ("3m", 0, datetime(2026, 3, 4, 5, 36, tzinfo=UTC)),
        ("30m", 15 * MINUTE, datetime(2026, 3, 4, 5, 15, tzinfo=UTC)),
        ("8h", 0, datetime(2026, 3, 4, 0, tzinfo=UTC)),
        ("12h", 8 * HOUR, datetime(2026, 3, 4, 4, tzinfo=UTC)),
        ("1d", 0, datetime(2026, 3, 4, tzinfo=UTC)),
        ("1d", 8 * HOUR, datetime(2026, 3, 3, 16, tzinfo=UTC)),
        ("1d", -6 * HOUR, datetime(2026, 3, 3, 6, tzinfo=UTC)),
        ("1w", 0, datetime(2026, 3, 2, tzinfo=UTC)),
        ("1w", HOUR, datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ("1M", 0, datetime(2026, 3, 1, tzinfo=UTC)),
        ("1M", 14 * HOUR, datetime(2026, 2, 28, 10, tzinfo=UTC)),
    ],
)
def test_grid(interval, zone, opened):
    """Candles open on the clock of their time zone: weeks on Monday, months on the first."""
    moment = int(datetime(2026, 3, 4, 5, 37, 8, 250_000, tzinfo=UTC).timestamp() * 1000)
    assert Period.of(interval, zone).start(moment) == int(opened.timestamp() * 1000)


@given(st.sampled_from(sorted(WIDTHS)), ZONES, st.integers(0, 4_000_000_000_000))
def test_grid_is_whole(interval, zone, moment):
    """Every moment lies in exactly one candle, whose successor starts right after it."""
    period = Period.of(interval, zone)
    start = period.start(moment)
    following = period.following(start)
    assert start <= moment < following
    assert period.start(start) == period.start(following - 1) == start
    assert period.start(following) == following


@pytest.mark.parametrize("interval", ["7m", "1H", "1mo", "", "60s", "2d"])
def test_bad_interval(interval):
    """Only Binance's intervals exist, in their case."""
    with pytest.raises(RequestRejected, match="Invalid interval") as caught:
        Period.of(interval)
    assert caught.value.code == -1120


@pytest.mark.parametrize(
    ("text", "shift"),
    [("0", 0), ("8", 8 * HOUR), ("-1:00", -HOUR), ("05:45", 5 * HOUR + 45 * MINUTE), ("+14:00", 14 * HOUR),
     (" 9", 9 * HOUR), ("-12:00", -12 * HOUR), ("-00:30", -30 * MINUTE)],
)  # fmt: skip
def test_zone(text, shift):
    """Zones are hours, or hours and minutes, with or without a sign."""
    assert parse_zone(text) == shift


@pytest.mark.parametrize("text", ["14:01", "-12:01", "15", "UTC", "", "8:5", "8:60", "1.5", "--1", "100"])
def test_bad_zone(text):
    """Anything else, and anything beyond -12:00 and +14:00, is refused."""
    with pytest.raises(RequestRejected) as caught:
        parse_zone(text)
    assert caught.value.code == -1130


@pytest.mark.parametrize(("text", "size"), [("1m", MINUTE), ("59m", 59 * MINUTE), ("23h", 23 * HOUR), ("7d", 7 * DAY)])
def test_size(text, size):
    """Window sizes are minutes, hours or days."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["60m", "24h", "8d", "0m", "1d2h", "d", "01h", "1w", "1M", "-1m", ""])
def test_bad_size(text):
    """Sizes beyond a unit's range and combined units are refused."""
    with pytest.raises(RequestRejected) as caught:
        parse_size(text)
    assert caught.value.code == -1130


def test_chosen_months():
    """Ranges work on grids without a fixed width too."""
    period = Period.of("1M")
    first = period.start(START)
    starts = period.starts(first, first + 100 * DAY)
    assert list(chosen(starts, None, None, 2)) == list(starts[-2:])
    assert [datetime.fromtimestamp(start / SECOND, UTC).month for start in starts] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("dividend", "divisor", "nearest"), [(5, 2, 3), (-5, 2, -3), (4, 3, 1), (-4, 3, -1), (-2, 3, -1), (7, 0, 0)]
)
def test_rounded(dividend, divisor, nearest):
    """Quotients go to the nearest whole number, halves away from zero, and nothing by nothing is nothing."""
    assert rounded(dividend, divisor) == nearest
