"""What everybody sees of the book: whole, and price by price."""

from __future__ import annotations

from harness import Run
from hypothesis import given
from strategies import price_at, streams

from exec_plugin.core.matching import level_view
from exec_plugin.core.units import FAR


@given(streams)
def test_level_view(steps):
    """One level shows what the whole book shows at its price, and nothing where the book shows none."""
    run = Run()
    for step in steps:
        run.step(step)
        bids, asks = run.market.depth_view(FAR)
        for is_bid, levels in ((True, dict(bids)), (False, dict(asks))):
            for price in {*map(price_at, range(16)), *levels}:
                assert level_view(price, run.market, is_bid=is_bid) == levels.get(price, 0)


@given(streams)
def test_order_of_levels(steps):
    """However often the levels are looked at between updates, they are sorted and none is empty or missing."""
    looking, waiting = Run(), Run()
    for step in steps:
        for run in (looking, waiting):
            run.step(step)
        for depth in (looking.market.bids, looking.market.asks):
            ordered = depth.best_first()
            assert ordered == sorted(set(ordered), reverse=depth.is_bid)
            assert all(depth.shown(price) for price in ordered)
            assert depth.within(price_at(9), price_at(3)) == [p for p in ordered if price_at(3) <= p <= price_at(9)]
    for one, other in ((looking.market.bids, waiting.market.bids), (looking.market.asks, waiting.market.asks)):
        assert one.best_first() == other.best_first()
        assert one.touch() == other.touch()
