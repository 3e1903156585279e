from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import islice, pairwise
from statistics import fmean

import pytest

from exec_plugin.core.clock import DAY, HOUR
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.events import BOOK, DEPTH, TRADE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.feeds import SyntheticFeed
from exec_plugin.feeds.synthetic import LEVELS, PROFILES


def _rows(count, symbols=("BTCUSDT",), **options):
    return list(islice(SyntheticFeed(symbols, **options).rows(), count))


def _books(rows):
    """The sides of one symbol's book after each row that changes it."""
    bids, asks = {}, {}
    for kind, _time, _symbol, *body in rows:
        if kind == BOOK:
            bids, asks = dict(body[0]), dict(body[1])
        elif kind == DEPTH:
            for side, changes in ((bids, body[0]), (asks, body[1])):
                side.update(changes)
                for price in [price for price, quantity in side.items() if not quantity]:
                    del side[price]
        else:
            continue
        yield bids, asks


def _returns(rows):
    mids = [max(bids) + min(asks) for bids, asks in _books(rows)]
    return [after / before - 1 for before, after in pairwise(mids)]


def _autocorrelation(values, lag):
    mean = fmean(values)
    centred = [value - mean for value in values]
    return sum(a * b for a, b in zip(centred, centred[lag:], strict=False)) / sum(a * a for a in centred)


@pytest.mark.parametrize("name", PROFILES)
def test_book_is_sound(name):
    """At every moment the bid is below the ask and each side has all its levels, on the tick and above zero."""
    symbol = SyntheticFeed([name]).symbols[0]
    for bids, asks in _books(_rows(5000, [name], seed=4)):
        assert 0 < max(bids) < min(asks)
        assert len(bids) == len(asks) == LEVELS
        assert all(price > 0 and price % symbol.price.step == 0 for side in (bids, asks) for price in side)
        assert all(qty > 0 and qty % symbol.lot.step == 0 for side in (bids, asks) for qty in side.values())


@pytest.mark.parametrize("name", PROFILES)
def test_trades_are_at_the_touch(name):
    """A trade prints at the best price of its side, for no more than is there."""
    bids, asks = {}, {}
    for row in _rows(5000, [name], seed=5)[1:]:
        if row[0] != TRADE:
            (bids, asks), *_ = list(_books([(BOOK, 0, "", bids, asks, 0), row]))[-1:]
            left = [bids[max(bids)], asks[min(asks)]]
            continue
        price, quantity, taker_is_seller = row[3:6]
        assert price == (max(bids) if taker_is_seller else min(asks))
        left[not taker_is_seller] -= quantity
        assert quantity > 0
        assert min(left) > 0


def test_begins_complete():
    """Each symbol's first rows are a print and a book at the start, so that every price is known at once."""
    rows = _rows(2 * len(PROFILES), None, start=1_000)
    assert {row[1] for row in rows} == {1_000}
    assert [row[0] for row in rows] == [TRADE, BOOK] * len(PROFILES)
    assert {row[2] for row in rows} == set(PROFILES)


def test_time_order():
    """The symbols' rows are merged by time, and update ids only grow."""
    rows = _rows(20_000, None, start=77)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    ids = [row[5] for row in rows if row[2] == "BTCUSDT" and row[0] != TRADE]
    assert ids == list(range(1, len(ids) + 1))


def test_same_seed_same_rows():
    """The seed, the symbol and the start say all: iterating twice gives the same rows."""
    feed = SyntheticFeed(seed=9, start=5)
    assert list(islice(feed.rows(), 3000)) == list(islice(feed.rows(), 3000)) == _rows(3000, None, seed=9, start=5)


def test_other_seed_other_rows():
    """Another seed gives another market."""
    assert _rows(100, seed=1) != _rows(100, seed=2)


def test_symbols_are_independent():
    """A symbol's rows do not depend on which others are generated beside it."""
    alone = list(islice(SyntheticFeed(["ETHUSDT"], seed=3).stream("ETHUSDT"), 500))
    merged = [row for row in _rows(6000, None, seed=3) if row[2] == "ETHUSDT"]
    assert merged[:500] == alone


def test_start_only_shifts_time():
    """The start moves the rows in time and changes nothing else."""
    shifted = [(row[0], row[1] + 1000, *row[2:]) for row in _rows(200, start=0) if row[0] != TRADE]
    assert shifted == [row for row in _rows(200, start=1000) if row[0] != TRADE]


def _digest(rows):
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_same_in_another_process():
    """Another process, with another hash seed, makes the same rows."""
    script = (
        "import hashlib, itertools; from exec_plugin.feeds import SyntheticFeed;"
        "rows = list(itertools.islice(SyntheticFeed(seed=8).rows(), 2000));"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    other = subprocess.check_output([sys.executable, "-c", script], text=True, env={"PYTHONHASHSEED": "77"})
    assert other.strip() == _digest(_rows(2000, None, seed=8))


def test_volatility_clusters():
    """A large move is followed by large ones, while its direction tells nothing."""
    returns = _returns(_rows(60_000, seed=2, interval_ms=5_000))
    sizes = [abs(value) for value in returns]
    assert all(_autocorrelation(sizes, lag) > 0.05 for lag in (1, 5, 20))
    assert abs(_autocorrelation(returns, 1)) < 0.05


def test_returns_are_symmetric():
    """The market goes up about as often and as far as down, with heavier tails than a bell curve."""
    returns = _returns(_rows(60_000, seed=2, interval_ms=5_000))
    rises = sum(value > 0 for value in returns) / sum(value != 0 for value in returns)
    mean, variance = fmean(returns), fmean(value * value for value in returns)
    assert abs(rises - 0.5) < 0.02
    assert abs(mean) < 4 * (variance / len(returns)) ** 0.5
    assert fmean(value**4 for value in returns) > 3.2 * variance**2


def test_price_stays_plausible():
    """Months later the price is still within a factor of two of where it began."""
    rows = _rows(80_000, seed=6, interval_ms=600_000)
    assert rows[-1][1] > 150 * 86_400_000
    prices = [row[3] for row in rows if row[0] == TRADE]
    assert rows[0][3] / 2 < min(prices) < max(prices) < rows[0][3] * 2


def test_sizes_have_heavy_tails():
    """The largest trades are many times the usual one."""
    sizes = sorted(row[4] for row in _rows(30_000, seed=2) if row[0] == TRADE)
    assert sizes[-1] > 20 * sizes[len(sizes) // 2]


def test_arrivals_cluster():
    """Trades come in bursts: their number per second varies more than chance alone would make it."""
    rows = _rows(30_000, seed=2)
    counts = [0] * (rows[-1][1] // 1000 + 1)
    for row in rows:
        counts[row[1] // 1000] += row[0] == TRADE
    mean = fmean(counts)
    assert fmean((count - mean) ** 2 for count in counts) > 1.5 * mean


def test_own_symbol():
    """A symbol of one's own needs a price, and keeps its tick and step."""
    symbol = default_symbol("DOGEUSDT", tick="0.00001", step="1")
    rows = _rows(500, [symbol], prices={"DOGEUSDT": "0.1"})
    assert abs(rows[-1][1]) > 0
    assert all(row[3] % 1000 == 0 and row[4] % 10**8 == 0 for row in rows if row[0] == TRADE)
    assert 9_000_000 < rows[0][3] < 11_000_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: SyntheticFeed(["DOGEUSDT"]),
        lambda: SyntheticFeed(["DOGEUSDT"], prices={"DOGEUSDT": "0"}),
        lambda: SyntheticFeed(interval_ms=0),
        lambda: SyntheticFeed(["BTCUSDT"]).stream("ETHUSDT"),
    ],
)
def test_refuses(make):
    """What cannot be generated is refused when it is asked for."""
    with pytest.raises(ConfigError):
        make()


def test_history():
    """The past is told by trades alone, the market begins with its book, and both hang together."""
    feed = SyntheticFeed(["BTCUSDT"], seed=4, start=DAY, history_ms=2 * HOUR)
    rows = list(islice(feed.rows(), 2 * HOUR // 15_000 + 20))
    past = [row for row in rows if row[1] < DAY]
    assert feed.start == DAY - 2 * HOUR == past[0][1]
    assert {row[0] for row in past} == {TRADE}
    assert [row[0] for row in rows[len(past) : len(past) + 2]] == [TRADE, BOOK]
    assert all(0 < later[1] - row[1] <= 15_000 for row, later in pairwise(past))
    assert abs(past[-1][3] - rows[len(past)][3]) < past[-1][3] // 100


def test_history_size():
    """A negative history is refused."""
    with pytest.raises(ConfigError, match="history_ms was -1"):
        SyntheticFeed(history_ms=-1)
