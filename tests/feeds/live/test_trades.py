"""Each public trade once and in order, whatever the connection does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exec_plugin.core.events import TRADE
from exec_plugin.core.units import SCALE
from exec_plugin.feeds.live import trades as module

from .upstream import NAME, NOW, Bench, Upstream


def plain(count, first=100):
    """Trades a millisecond apart, each of another taker."""
    return [(first + i, NOW + i, 100 + i, 1 + i, bool(i % 2)) for i in range(count)]


def seen(bench):
    """The trades that came out, as the upstream knows them."""
    return [(row[6], row[7], row[3] // SCALE, row[4] // SCALE, row[5]) for row in bench.take_rows() if row[0] == TRADE]


@pytest.fixture
def small_pages(monkeypatch):
    """Lists of three entries, so that little makes a gap."""
    monkeypatch.setattr(module, "PAGE", 3)


def test_opening():
    """The trades since the candles end are told one by one, older ones belong to the candles."""
    bench = Bench(Upstream(plain(5)))
    bench.line.since = NOW + 3
    bench.connect()
    assert seen(bench) == plain(5)[3:]
    assert bench.line.begin_id == 103


def test_opening_without_trades():
    """A symbol that has never traded is open all the same."""
    bench = Bench()
    bench.connect()
    assert bench.line.is_open
    assert bench.line.begin_id == 1


def test_opening_quiet():
    """Where nothing traded since the candles, the last trade's id is known for those to come."""
    bench = Bench(Upstream(plain(3), shown=2))
    bench.line.since = NOW + 2
    bench.connect()
    assert seen(bench) == []
    bench.hear(bench.upstream.trade_text(2))
    assert seen(bench) == plain(3)[2:]
    assert bench.market.asks == []


@pytest.mark.usefixtures("small_pages")
def test_opening_busy():
    """A minute of more trades than one list holds is completed by aggregates, from its begin on."""
    upstream = Upstream(plain(9))
    bench = Bench(upstream)
    bench.line.since = NOW + 1
    bench.connect()
    assert seen(bench) == plain(9)[1:]
    assert [ask.path for ask in upstream.asked] == ["trades", "depth", "aggTrades", "aggTrades"]


def test_stream():
    """Trades of the stream go through at once, with the time they were received and the time they happened."""
    bench = Bench(Upstream(plain(2), shown=1))
    bench.connect()
    bench.take_rows()
    bench.now += 50
    bench.hear(bench.upstream.trade_text(1))
    assert bench.take_rows() == [(TRADE, NOW + 50, NAME, 101 * SCALE, 2 * SCALE, True, 101, NOW + 1)]


def test_twice():
    """A trade that is told twice counts once."""
    bench = Bench(Upstream(plain(3), shown=2))
    bench.connect()
    bench.hear(*[bench.upstream.trade_text(i) for i in (1, 2, 2, 0)])
    assert seen(bench) == plain(3)


def test_gap():
    """What a lost connection missed comes before what the next one tells."""
    upstream = Upstream(plain(6), shown=2)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 5
    bench.connect(answer=False)
    bench.hear(upstream.trade_text(5))
    assert seen(bench) == plain(6)[:2]
    bench.answer_all()
    assert seen(bench) == plain(6)[2:]
    assert bench.notes == []


def test_gap_in_silence():
    """What was missed is told although no trade follows."""
    upstream = Upstream(plain(4), shown=2)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 4
    bench.connect()
    assert seen(bench) == plain(4)


def test_gap_in_stream():
    """A trade that one connection left out is fetched as well."""
    upstream = Upstream(plain(4), shown=1)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 4
    bench.hear(upstream.trade_text(3))
    bench.answer_all()
    assert seen(bench) == plain(4)


@pytest.mark.usefixtures("small_pages")
def test_wide_gap():
    """A gap wider than a list is bridged by aggregates, and what is known of one of them one by one is taken out."""
    burst = [(100 + i, NOW, 100, 1 + i, True) for i in range(8)]
    upstream = Upstream(burst, shown=2)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 8
    bench.connect()
    told = seen(bench)
    assert [trade[0] for trade in told] == [100, 101, 104, 105, 106, 107]
    assert told[2] == (104, NOW, 100, 3 + 4 + 5, True)
    assert sum(trade[3] for trade in told) == sum(trade[3] for trade in burst)


@pytest.mark.usefixtures("small_pages")
def test_known_in_the_middle():
    """A trade of the stream that lies within an aggregate of the gap is taken out of it, and the rest stays."""
    upstream = Upstream([(100 + i, NOW, 100, 1 + i, True) for i in range(9)], shown=2)
    bench = Bench(upstream)
    bench.connect()
    bench.connect(answer=False)
    bench.hear(upstream.trade_text(4))
    upstream.shown = 9
    bench.answer_all()
    told = seen(bench)
    assert [trade[0] for trade in told] == [100, 101, 104, 105, 106, 107, 108]
    assert told[3] == (105, NOW, 100, 3 + 4 + 6, True)
    assert sum(trade[3] for trade in told) == sum(range(1, 10))


def test_late_list():
    """A list that lags behind the stream is asked for again, a little later."""
    upstream = Upstream(plain(6), shown=2)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 4
    bench.connect(answer=False)
    bench.hear(upstream.trade_text(5))
    for ask in bench.take_asks():
        bench.answer(ask)
    assert seen(bench) == plain(6)[:4]
    (again,) = bench.take_asks()
    assert (again.path, again.delay) == ("trades", module.LATER)
    upstream.shown = 6
    bench.answer(again)
    assert seen(bench) == plain(6)[4:]
    assert bench.notes == []


def test_never_there():
    """What no list ever shows is left out after some tries, and told once."""
    upstream = Upstream(plain(5), shown=2)
    bench = Bench(upstream)
    bench.connect()
    bench.connect(answer=False)
    bench.hear(upstream.trade_text(4))
    bench.answer_all()
    assert seen(bench) == [*plain(5)[:2], plain(5)[4]]
    assert bench.notes == [f"{NAME}: trades 102 to 103 could not be had and are left out"]
    assert len([ask for ask in upstream.asked if ask.path == "trades"]) == 1 + 1 + module.TRIES


def test_missing_numbers():
    """Ids that no trade has are no gap; one asks for them less and less often."""
    trades = [(100 + 2 * i, NOW + i, 100, 1, True) for i in range(6)]
    upstream = Upstream(trades, shown=1)
    bench = Bench(upstream)
    bench.connect()
    delays = []
    for shown in range(2, 7):
        upstream.shown = shown
        bench.hear(upstream.trade_text(shown - 1))
        (ask,) = bench.take_asks()
        delays.append(ask.delay)
        bench.answer(ask)
    assert seen(bench) == trades
    assert delays == [0, 1, 3, 7, 15]
    assert bench.notes == []


@pytest.mark.usefixtures("small_pages")
def test_too_wide(monkeypatch):
    """A gap that would cost too many requests is bridged as far as they reach, and the rest is told."""
    monkeypatch.setattr(module, "MOST_PAGES", 2)
    upstream = Upstream(plain(20), shown=1)
    bench = Bench(upstream)
    bench.connect()
    upstream.shown = 20
    bench.connect()
    assert seen(bench) == [*plain(20)[:6], *plain(20)[17:]]
    assert bench.notes == [f"{NAME}: trades 106 to 116 are too many to fetch and left out"]


def test_refused():
    """Where trades cannot be fetched the stream goes on, and what is missing is told."""
    upstream = Upstream(plain(4), shown=1)
    bench = Bench(upstream)
    bench.connect()
    bench.hear(upstream.trade_text(3))
    (ask,) = bench.take_asks()
    bench.rows += bench.market.refuse(ask, "HTTP 403", NOW)
    assert seen(bench) == [plain(4)[0], plain(4)[3]]
    assert bench.notes == [
        f"{NAME}: trades cannot be had: HTTP 403",
        f"{NAME}: trades 101 to 102 could not be had and are left out",
    ]
    assert bench.line.is_open


def test_bounded(monkeypatch):
    """Trades that wait for older ones are not gathered without end."""
    monkeypatch.setattr(module, "MOST_HELD", 2)
    upstream = Upstream(plain(6), shown=1)
    bench = Bench(upstream)
    bench.connect()
    bench.connect(answer=False)
    bench.hear(*[upstream.trade_text(i) for i in (2, 3, 4)])
    assert seen(bench) == [plain(6)[0], *plain(6)[2:5]]
    bench.answer_all()
    bench.hear(upstream.trade_text(5))
    assert seen(bench) == plain(6)[5:]


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(0, 2), st.integers(100, 102), st.integers(1, 9), st.booleans()),
        st.sampled_from(["lose", "connect", "answer", "say"]),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(moves=MOVES, page=st.integers(2, 6))
def test_nothing_lost_nothing_twice(moves, page):
    """Whenever connections break and however late answers come, all that traded is told once, in order, in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAGE", page)
        upstream = Upstream(plain(3))
        bench = Bench(upstream)
        bench.line.since = NOW
        bench.connect()
        said = len(upstream.trades)
        is_up = True
        for move in moves:
            if move == "lose":
                is_up = False
                bench.take_asks()
            elif move == "connect":
                is_up = True
                said = len(upstream.trades)
                bench.connect(answer=False)
            elif move == "answer" and is_up and bench.market.asks:
                bench.answer(bench.market.asks.pop(0))
            elif move == "say" and is_up and said < len(upstream.trades):
                bench.hear(upstream.trade_text(said))
                said += 1
            elif isinstance(move, tuple):
                _, later, *rest = move
                number, time = upstream.trades[-1][:2]
                upstream.trades.append((number + 1, time + later, *rest))
                upstream.shown = len(upstream.trades)
        bench.connect()
        bench.answer_all()
        told = seen(bench)
        numbers = [trade[0] for trade in told]
        assert numbers == sorted(set(numbers))
        assert volumes(told) == volumes(upstream.trades)
        assert bench.notes == []


def volumes(trades):
    """How much traded at each moment, price and side, in the order of time."""
    found = {}
    for _, time, price, qty, seller in trades:
        key = (time, price, seller)
        found[key] = found.get(key, 0) + qty
    return found
