"""A book that joins its snapshot, and begins again when an update was missed."""

from __future__ import annotations

import json

import pytest

from exec_plugin.core.events import BOOK, DEPTH, QUOTE
from exec_plugin.core.units import SCALE
from exec_plugin.feeds.live.books import PROVEN
from exec_plugin.feeds.live.trades import LATER

from .upstream import NAME, NOW, Bench, diff_text, ticker_text


def levels(**sides):
    """Levels in whole coins, in units."""
    return {int(price[1:]) * SCALE: qty * SCALE for price, qty in sides.items()}


@pytest.fixture
def bench():
    """A market whose trades are there and whose snapshot, of update 10, is not."""
    bench = Bench()
    bench.connect(answer=False)
    trades, depth = bench.take_asks()
    bench.answer(trades)
    bench.depth = depth
    return bench


def test_snapshot(bench):
    """The snapshot comes out with the diffs that are newer than it, and later diffs follow as they are."""
    bench.hear(diff_text(8, 9, bids=[(98, 7)]), diff_text(10, 12, bids=[(99, 5)], asks=[(101, 0), (102, 4)]))
    assert bench.take_rows() == []
    bench.answer(bench.depth)
    bench.hear(diff_text(13, 13, asks=[(103, 1)]))
    assert bench.take_rows() == [
        (BOOK, NOW, NAME, levels(p99=5), levels(p102=4), 12),
        (DEPTH, NOW, NAME, {}, levels(p103=1), 13),
    ]


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(
    "sides", [((), ()), (((98, 7), (97, 0)), ()), ((), ((103, 1),)), (((98, 7),), ((101, 0), (102, 3)))]
)
def test_any_form(bench, spaced, sides):
    """A diff means the same in the form that Binance writes and in any other."""
    bench.answer(bench.depth)
    bench.take_rows()
    text = diff_text(11, 12, *sides)
    bench.hear(json.dumps(json.loads(text)) if spaced else text)
    told = [{price * SCALE: qty * SCALE for price, qty in side} for side in sides]
    assert bench.take_rows() == [(DEPTH, NOW, NAME, *told, 12)]
    assert bench.notes == []


def test_old_diffs(bench):
    """Diffs that the snapshot includes are left out."""
    bench.answer(bench.depth)
    bench.take_rows()
    bench.hear(diff_text(7, 9, bids=[(98, 7)]), diff_text(10, 10, bids=[(98, 7)]))
    assert bench.take_rows() == []


def test_old_snapshot(bench):
    """A snapshot from before the first diff is asked for again, a little later."""
    bench.hear(diff_text(12, 13, bids=[(98, 7)]))
    bench.answer(bench.depth)
    assert bench.take_rows() == []
    (again,) = bench.take_asks()
    assert (again.path, again.delay) == ("depth", LATER)
    bench.answer(again, {"lastUpdateId": 12, "bids": [["97", "1"]], "asks": []})
    assert bench.take_rows() == [(BOOK, NOW, NAME, levels(p97=1, p98=7), {}, 13)]


def test_missed_update(bench):
    """A diff that does not continue the book makes it begin again, and until then the old one stands."""
    bench.answer(bench.depth)
    bench.take_rows()
    bench.hear(diff_text(11, 11), diff_text(13, 14, bids=[(98, 7)]), diff_text(15, 15, bids=[(97, 2)]))
    assert bench.take_rows()[1:] == []
    (again,) = bench.take_asks()
    bench.answer(again, {"lastUpdateId": 14, "bids": [["99", "3"]], "asks": [["101", "1"]]})
    assert bench.take_rows() == [(BOOK, NOW, NAME, levels(p97=2, p99=3), levels(p101=1), 15)]
    assert bench.market.missing() == []


def test_ever_later(bench):
    """Snapshots that never fit, and updates missed again and again, are asked for less and less often."""
    bench.hear(diff_text(50, 50))
    delays = []
    ask = bench.depth
    for _ in range(8):
        bench.answer(ask)
        (ask,) = bench.take_asks()
        delays.append(ask.delay)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_missed_again(bench):
    """A book that misses updates soon after its snapshot waits longer for the next, one that was sound does not."""
    bench.answer(bench.depth)
    delays, number = [], 10
    for good in (0, 5, 5, PROVEN):
        bench.hear(*[diff_text(number + n, number + n) for n in range(1, good + 1)])
        number += good + 2
        bench.hear(diff_text(number, number))
        (ask,) = bench.take_asks()
        delays.append(ask.delay)
        bench.answer(ask, {"lastUpdateId": number, "bids": [], "asks": []})
    assert delays == [0, 2, 4, 0]
    assert bench.market.missing() == []


def test_ticker(bench):
    """Best prices count once the book is there, and not where they are older than it."""
    bench.hear(ticker_text(9, 90, 110))
    bench.answer(bench.depth)
    assert bench.take_rows() == [(BOOK, NOW, NAME, levels(p99=1), levels(p101=1), 10)]
    bench.hear(ticker_text(9, 95, 105), ticker_text(11, 99, 100))
    assert bench.take_rows() == [(QUOTE, NOW, NAME, 99 * SCALE, SCALE, 100 * SCALE, SCALE)]


def test_newer_ticker(bench):
    """Best prices that are newer than the snapshot hold in it already."""
    bench.hear(ticker_text(11, 97, 98))
    bench.answer(bench.depth)
    assert bench.take_rows() == [(BOOK, NOW, NAME, levels(p97=1), levels(p98=1, p101=1), 10)]


def test_new_connection(bench):
    """What an earlier connection told of the book joins nothing any more."""
    bench.hear(diff_text(10, 12, bids=[(99, 5)]))
    bench.answer(bench.depth)
    bench.take_rows()
    bench.connect()
    assert bench.take_rows() == [(BOOK, NOW, NAME, levels(p99=1), levels(p101=1), 10)]


def test_refused(bench):
    """A snapshot that cannot be had is told, and the book stays open to be asked for."""
    bench.rows += bench.market.refuse(bench.depth, "HTTP 400", NOW)
    assert bench.notes == [f"{NAME}: depth cannot be had: HTTP 400"]
    assert bench.market.missing() == [f"{NAME} book"]
