from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.units import to_text
from exec_plugin.feeds import shapes

amounts = st.integers(0, 10**18 - 1)


@given(side=st.dictionaries(amounts, amounts, max_size=8), orjson=st.booleans())
def test_levels(side, orjson):
    """A side's text becomes its integers, with the quick library or without."""
    text = ",".join(f'["{to_text(price)}","{to_text(quantity)}"]' for price, quantity in side.items())
    assert (shapes.levels if orjson else shapes.plain_levels)(text) == side


def test_without_orjson(monkeypatch):
    """Where orjson is not installed the standard library does."""
    monkeypatch.setattr(shapes, "_loads", None)
    assert shapes.levels('["1.00000000","0.50000000"]') == {100_000_000: 50_000_000}


@pytest.mark.parametrize("line", ["", "hello", '1723161253937085768 {"stream":"btcusdt@trade","data":{}}'])
def test_other_lines(line):
    """A line of another form comes back empty, so that it is read the general way."""
    (found,) = shapes.find_lines(line + "\n")
    assert not any(found)


LEVELS = st.lists(st.tuples(amounts.filter(bool), amounts), max_size=3)


def _side(levels):
    return ",".join(f'["{to_text(price)}","{to_text(quantity)}"]' for price, quantity in levels)


@given(LEVELS, LEVELS)
def test_sides(bids, asks):
    """Bids and asks in the usual form are told apart."""
    assert shapes.sides(f'{_side(bids)}],"a":[{_side(asks)}') == (_side(bids), _side(asks))


@pytest.mark.parametrize("price", ["0.00000000", "00.00000000", "00.50000000"])
@pytest.mark.parametrize("side", ['%s],"a":[["1.00000000","1.00000000"]', '],"a":[%s'])
def test_no_price(price, side):
    """A level that may have no price is left to those who say what is wrong with it."""
    assert shapes.sides(side % f'["{price}","1.00000000"]') is None


@given(LEVELS, LEVELS, st.data())
def test_other_sides(bids, asks, data):
    """With a character more anywhere it is the usual form only where that is one more digit of a whole number."""
    text = f'{_side(bids)}],"a":[{_side(asks)}'
    place = data.draw(st.integers(0, len(text)))
    more = text[:place] + data.draw(st.sampled_from(list('0123456789[],".:a '))) + text[place:]
    usual = re.fullmatch(
        r'(\["\d+\.\d{8}","\d+\.\d{8}"\](,(?=\[)|(?=\]|$)))*\],"a":\[(\["\d+\.\d{8}","\d+\.\d{8}"\](,(?=\[)|$))*', more
    )
    assert (shapes.sides(more) is not None) == (usual is not None)
