from __future__ import annotations

import gzip
from fractions import Fraction
from itertools import pairwise

import pytest
from harness import RICH, Run
from reference import Reference

from exec_plugin.core.errors import VenueError
from exec_plugin.core.events import BOOK, DEPTH, QUOTE, TRADE, Execution
from exec_plugin.core.symbols import Symbol
from exec_plugin.core.units import FAR

recording = pytest.importorskip("exec_plugin.feeds.recording")

CHECK_EVERY = 250
COMPARED_ROWS = 2000


@pytest.fixture(scope="module", params=["btcusdt_20240808.gz", "ethusdt_20240808.gz"])
def capture(request, shared):
    """A recording: its path, its feed and all its rows."""
    path = shared / "data" / "market" / request.param
    feed = recording.open_recording(path)
    return path, feed, list(feed.rows())


class Grid:
    """Fifty buys below and fifty sells above; each fill is replaced by an order one step away on the other side."""

    def __init__(self, run, middle, tick, lot):
        self.run = run
        self.tick = tick
        self.lot = lot
        self.replaced = self.refused = 0
        for number in range(1, 51):
            self.place(True, middle - number * tick)
            self.place(False, middle + number * tick)
        run.venue.listeners.append(self)

    def place(self, is_buy, price):
        """Rest an order, or take when the price has gone on."""
        self.run.venue.place(self.run.accounts[0], self.run.name, is_buy, "LIMIT", self.lot, price)

    def __call__(self, event):
        if isinstance(event, Execution) and event.status == "FILLED":
            order = event.order
            try:
                self.place(not order.is_buy, order.price + (self.tick if order.is_buy else -self.tick))
                self.replaced += 1
            except VenueError:
                self.refused += 1


def _lines(path):
    with gzip.open(path) as file:
        return sum(1 for _ in file)


def _run(feed, rows, **options):
    pair = feed.symbols[0]
    run = Run(pair=pair, balances={pair.base: RICH["AAA"], pair.quote: RICH["AAA"] * 10}, **options)
    position = 0
    while not 0 < run.market.bid < run.market.ask < FAR:
        run.venue.apply(rows[position : position + 1])
        position += 1
    step = pair.price.step
    middle = (run.market.bid + run.market.ask) // 2 // step * step
    lot = pair.lot.step * (10 * 10**8 * 10**8 // middle // pair.lot.step + 1)
    grid = Grid(run, middle, step * max(1, middle // 20_000 // step), lot)
    return run, grid, position


def test_no_row_lost(capture):
    """Every line of the file is a row or is counted among those that make none, and every row is played."""
    path, feed, rows = capture
    assert feed.rows_read == sum(feed.rows_by_kind.values()) == _lines(path)
    assert feed.rows_read - feed.rows_skipped == len(rows)
    assert all(before[1] <= after[1] for before, after in pairwise(rows))
    run = Run(pair=feed.symbols[0])
    assert run.venue.apply(rows) == len(rows)
    kinds = [row[0] for row in rows]
    assert all(kinds.count(kind) for kind in (QUOTE, TRADE, DEPTH))
    assert run.market.trade_id == [row[6] for row in rows if row[0] == TRADE][-1]
    tape = run.market.tape
    assert tape.end == kinds.count(TRADE)
    bid, _, ask, _ = [row[3:7] for row in rows if row[0] == QUOTE][-1]
    if rows[-1][0] != BOOK:
        assert (run.market.bid, run.market.ask) == (bid, ask)


@pytest.mark.parametrize("fill_model", ["queue", "touch", "through"])
def test_grid(capture, fill_model):
    """A grid of 100 orders trades through the whole recording, and all that must hold does."""
    _, feed, rows = capture
    run, grid, position = _run(feed, rows, fill_model=fill_model)
    assert len(run.open) == 100
    played = position
    for start in range(position, len(rows), CHECK_EVERY):
        before = len(run.fills)
        run.steps += 1
        played += run.venue.apply(rows[start : start + CHECK_EVERY])
        run.check()
        run.check_turns(run.fills[before:])
    assert played == len(rows)
    assert grid.refused == 0
    assert grid.replaced > 20
    assert len(run.open) == 100
    assert [event.seq for event in run.events] == list(range(1, run.venue.outbox.seq + 1))


def test_reference(capture):
    """The slow and obvious matcher agrees on every fill of the recording's first rows."""
    _, feed, rows = capture
    run, _, position = _run(feed, rows)
    rates = dict.fromkeys([(False, False), (False, True), (True, False), (True, True)], Fraction("0.001"))
    reference = Reference(rates)
    placed = 0
    for number, row in enumerate(rows[:COMPARED_ROWS]):
        if number >= position:
            run.venue.apply([row])
        _show(reference, row)
        if number >= position - 1:
            for order in run.orders[placed:]:
                placed += 1
                reference.place(order.id, 0, "NONE", order.is_buy, order.kind, order.qty, order.price)
    fills = [event.fill for event in run.events if isinstance(event, Execution) and event.fill]
    assert len(fills) > 5
    assert reference.fills == [(fill.order_id, fill.price, fill.qty, fill.is_maker, fill.commission) for fill in fills]


def _show(reference, row):
    kind, _, _, *body = row
    if kind == TRADE:
        reference.trade(*body[:3])
    elif kind == QUOTE:
        reference.quote(*body)
    else:
        (reference.depth if kind == DEPTH else reference.book)(*body[:2])


def test_models_by_caution(capture):
    """The more cautious the fill model, the fewer the fills."""
    _, feed, rows = capture
    filled = {}
    for fill_model in ("through", "queue", "touch"):
        run, grid, position = _run(feed, rows, fill_model=fill_model)
        run.venue.apply(rows[position:])
        filled[fill_model] = grid.replaced
    assert filled["through"] <= filled["queue"] <= filled["touch"]


def test_same_again(capture):
    """The same recording gives the same events, byte by byte."""
    _, feed, rows = capture
    told = []
    for _ in range(2):
        run, _, position = _run(feed, rows)
        run.venue.apply(rows[position:])
        told.append(repr(run.events).encode())
    assert told[0] == told[1]


def test_whole_symbol(capture):
    """The symbol of a recording survives as an exchangeInfo entry."""
    _, feed, _ = capture
    pair = feed.symbols[0]
    assert Symbol.from_exchange_info(pair.to_exchange_info()).price == pair.price
