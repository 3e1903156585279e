"""What an entry says: read as it was written, and refused where it was not."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import JournalError
from exec_plugin.journal.entries import Step, chain, dump, list_line, merge, order_line, read_step, seal, unseal

ORDER = [7, "mine", "BTCUSDT", True, *["x"] * 15, "NEW", *[None] * 10]
GROUP = [3, "", "BTCUSDT", [7, 8], None, False, "ALL_DONE", 5, None]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_dump(value):
    """Compact JSON, as the standard library writes it."""
    assert dump(value) == json.dumps(value, separators=(",", ":"))


def test_no_json():
    """What is no JSON is refused."""
    with pytest.raises(TypeError, match="cannot be written down"):
        dump({"x": object()})


def test_lines():
    """Orders and lists tell their columns; an order of an older version was named when it was placed."""
    assert order_line(ORDER) == (7, "BTCUSDT", "mine", 7, None, 1, dump(ORDER))
    assert order_line([*ORDER, 4]) == (7, "BTCUSDT", "mine", 4, None, 1, dump([*ORDER, 4]))
    assert list_line(GROUP) == (3, "", 7, 0, 5, dump(GROUP))


def test_body():
    """A step is read as it was written."""
    step = Step({"now": 5, "balances": {"USDT": [1, 2, 3]}})
    step.add("orders", [order_line(ORDER)])
    step.add("lists", [list_line(GROUP)])
    step.add_records("fills", "BTCUSDT", 4, [[1, 7], [2, 7]])
    again = read_step(step.body())
    assert (again.numbers, again.lines) == (step.numbers, step.lines)
    assert again.weight == 4


def test_follow():
    """Later steps replace what they tell anew, and add the rest."""
    first, second = Step({"now": 1, "balances": {"A": [1], "B": [2]}}), Step({"now": 2, "balances": {"B": [3]}})
    first.add("orders", [order_line(ORDER)])
    first.add_records("fills", "BTCUSDT", 0, [[1]])
    changed = [*ORDER[:19], "FILLED", *ORDER[20:]]
    second.add("orders", [order_line(changed)])
    second.add_records("fills", "BTCUSDT", 1, [[2]])
    first.follow(second)
    assert first.numbers == {"now": 2, "balances": {"A": [1], "B": [3]}}
    assert list(first.lines["orders"].values()) == [order_line(changed)]
    assert [line[-1] for line in first.lines["fills"].values()] == ["[1]", "[2]"]


def test_merge_keeps_apart():
    """Numbers that were merged do not change with what they were merged into."""
    total = {}
    later = {"balances": {"A": [1]}}
    merge(total, later)
    merge(total, {"balances": {"B": [2]}})
    assert later == {"balances": {"A": [1]}}


@given(st.text(), st.text())
def test_chain(first, second):
    """A checksum covers all that came before."""
    assert chain(chain(0, first), second) == zlib.crc32((first + second).encode(errors="surrogatepass"))


@given(values, st.integers(0, 1000), st.characters(codec="ascii"))
def test_seal(value, place, other):
    """A sealed text is read as it was written; one of which a character is another is refused."""
    text = seal(dump(value))
    assert unseal(text) == value
    place %= len(text)
    changed = text[:place] + other + text[place + 1 :]
    if changed != text:
        with pytest.raises(JournalError, match="damaged"):
            unseal(changed)


@pytest.mark.parametrize("text", ["", "x", "00000000", "zzzzzzzz{}"])
def test_no_seal(text):
    """A text without a seal is damaged, or says nothing."""
    with pytest.raises((JournalError, ValueError)):
        unseal(text)
