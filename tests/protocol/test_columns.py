"""Candles column by column against candles as objects."""

from __future__ import annotations

import sys
from array import array
from itertools import pairwise

from attrs import astuple, fields
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.protocol.columns import Candle, Columns

# Of every field small numbers, the last and first that do and do not fit into 64 bits, and far larger ones.
NUMBERS = st.sampled_from((0, 1, 7 * 10**8, 2**63 - 1, 2**63, 10**25))
CANDLES = st.lists(st.lists(NUMBERS, min_size=12, max_size=12), max_size=12).map(
    lambda rows: [Candle(start, *row) for start, row in enumerate(rows)]
)


def plain(candles):
    """Candles as tuples, which compare."""
    return [astuple(candle) for candle in candles]


def filled(candles):
    """The columns of candles."""
    columns = Columns()
    for candle in candles:
        columns.follow(candle)
    return columns


def unpacked(columns):
    """All candles of columns."""
    return [columns.candle(place) for place in range(len(columns))]


def one_by_one(candles):
    """Candles merged as objects."""
    merged = candles[0].copy(candles[0].start)
    for later in candles[1:]:
        merged.merge(later)
    return merged


@given(CANDLES, st.integers(0, 12))
def test_kept(candles, leaving):
    """What was taken in is given back, also what outgrows 64 bits, before and after the oldest left."""
    columns = filled(candles)
    assert plain(unpacked(columns)) == plain(candles)
    columns.columns = columns.after(leaving)
    assert plain(unpacked(columns)) == plain(candles[leaving:])
    assert list(columns.starts) == [candle.start for candle in candles[leaving:]]
    later = [candle.copy(candle.start + 100) for candle in candles]
    for candle in later:
        columns.follow(candle)
    assert plain(unpacked(columns)) == plain(candles[leaving:] + later)


@given(CANDLES.filter(bool), st.data())
def test_merged(candles, data):
    """Any neighbours merge to what they do as objects, and merging leaves them as they are."""
    first = data.draw(st.integers(0, len(candles) - 1))
    stop = data.draw(st.integers(first + 1, len(candles)))
    columns = filled(candles)
    assert plain([columns.merged(first, stop)]) == plain([one_by_one(candles[first:stop])])
    assert plain(unpacked(columns)) == plain(candles)


@given(CANDLES, CANDLES, st.sets(st.integers(0, 12)))
def test_taken(known, candles, cuts):
    """Many candles merged at once are those merged one after the other, opened when they are said to."""
    bounds = sorted(cut for cut in cuts if cut <= len(candles))
    spans = list(pairwise(bounds))
    columns = filled(known)
    columns.take(filled(candles), bounds, [1000 + first for first, _ in spans])
    expected = [one_by_one(candles[first:stop]).copy(1000 + first) for first, stop in spans]
    assert plain(unpacked(columns)) == plain([*known, *expected])


def test_outgrown():
    """One number beyond 64 bits turns its own column into a list, and no other."""
    candle = Candle(*range(13))
    candle.volume = 2**63
    columns = filled([Candle(*range(13)), candle, Candle(*range(13))])
    lists = [
        field.name
        for field, column in zip(fields(Candle), columns.columns, strict=True)
        if not isinstance(column, array)
    ]
    assert lists == ["volume"]


def test_small():
    """A candle that is over takes little more than its thirteen numbers."""
    columns = filled([Candle(place, *[10**15] * 12) for place in range(5000)])
    assert sum(sys.getsizeof(column) for column in columns.columns) / len(columns) < 120
