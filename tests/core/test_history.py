"""A list whose oldest items are elsewhere is, to all who read it, the whole list."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exec_plugin.core.history as history_module
from exec_plugin.core.history import NO_PAST, History

PLACES = st.none() | st.integers(-25, 25)


class Shelf:
    """Where items go, and how many were read at once."""

    def __init__(self):
        self.items = []
        self.read_at_once = []

    def read(self, start, stop):
        """Those that are asked for, all of which must be there."""
        assert 0 <= start < stop <= len(self.items)
        self.read_at_once.append(stop - start)
        return self.items[start:stop]


def kept(items, gone):
    """A history of which so many items have gone to a shelf."""
    shelf = Shelf()
    history = History(shelf.read)
    for item in items:
        history.append(item)
    shelf.items = history.let_go(gone)
    return history, shelf


@given(st.integers(0, 20), st.integers(0, 20), PLACES, PLACES, st.sampled_from([None, 1, 2, -1]))
def test_reads_alike(length, gone, start, stop, step):
    """Slices, iteration and length are those of a list."""
    items = list(range(length))
    history, _ = kept(items, gone)
    assert history[start:stop:step] == items[start:stop:step]
    assert (list(history), len(history), list(reversed(history))) == (items, length, items[::-1])


@given(st.integers(0, 20), st.integers(0, 20), st.integers(-25, 25))
def test_items(length, gone, place):
    """So are single items, and there is none where a list has none."""
    items = list(range(length))
    history, _ = kept(items, gone)
    if -length <= place < length:
        assert history[place] == items[place]
    else:
        with pytest.raises(IndexError):
            history[place]


@given(st.lists(st.integers(0, 20), max_size=6).map(sorted), st.integers(0, 20))
def test_let_go(ends, length):
    """What goes is answered once, in its order; nothing comes back, and what is added later follows."""
    items = list(range(length))
    history = History(lambda start, stop: items[start:stop])
    for item in items:
        history.append(item)
    left = [item for end in ends for item in history.let_go(end)]
    assert left == items[: min(max(ends, default=0), length)]
    assert (history.gone, history.here) == (len(left), items[len(left) :])
    items.append(length)
    history.append(length)
    assert history[length] == list(history)[-1] == length


def test_opened_late():
    """A history may begin with a past of its own."""
    history = History(lambda start, stop: [f"old {place}" for place in range(start, stop)], 3)
    history.append("new")
    assert list(history) == ["old 0", "old 1", "old 2", "new"]
    assert history[-2:] == ["old 2", "new"]


def test_page_by_page(monkeypatch):
    """Who goes through a long past, in either direction, never has more than a page of it."""
    monkeypatch.setattr(history_module, "PAGE", 4)
    history, shelf = kept(range(30), 26)
    assert list(history.walk(3, 29)) == list(range(3, 29))
    assert list(history.walk_back(3, 29)) == list(range(28, 2, -1))
    assert max(shelf.read_at_once) == 4
    assert all(one >= other for one, other in pairwise(shelf.read_at_once[:6]))
    shelf.read_at_once.clear()
    assert next(history.walk_back(0, 30)) == 29
    assert shelf.read_at_once == []


def test_nothing_else():
    """The past of an account that is in memory is empty."""
    assert (
        list(NO_PAST.orders(None, 0, 1)) == list(NO_PAST.fills(None, 0, 1)) == list(NO_PAST.prevented(None, 0, 1)) == []
    )
    assert list(NO_PAST.find(None, (1,))) == list(NO_PAST.lists(None, 0, (0, 1), newest_first=True)) == []
    assert NO_PAST.named(None, "x") is NO_PAST.find_list(None, 1) is NO_PAST.named_list(None, "x") is None
