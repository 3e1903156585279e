"""A list whose items are made when somebody looks."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from exec_plugin.journal.late import Late, LateIndex


@pytest.fixture
def made():
    """What was made so far."""
    return []


@pytest.fixture
def late(made):
    """Ten numbers that wait as texts."""
    return Late(map(str, range(10)), lambda text: (made.append(int(text)), int(text))[1])


def test_made_once(late, made):
    """An item is made when it is asked for, and only then."""
    assert len(late) == 10
    assert made == []
    assert (late[3], late[-1], late[3]) == (3, 9, 3)
    assert made == [3, 9]


def test_like_a_list(late, made):
    """Slices, loops and searches see items; what is added later is one from the start."""
    late.append(10)
    assert late[8:] == [8, 9, 10]
    assert late[:3:2] == [0, 2]
    assert list(late) == list(range(11))
    assert list(reversed(late)) == list(range(11))[::-1]
    assert bisect_left(late, 7) == 7
    assert bisect_left(late, 14, key=lambda item: 2 * item) == 7
    assert sorted(made) == list(range(10))


def test_search_makes_few(late, made):
    """A search makes no more than it looks at."""
    assert bisect_left(late, 7) == 7
    assert len(made) <= 4


def test_index(late, made):
    """A name of the past leads to its item; a new name hides it."""
    index = LateIndex({"a": 2, "b": 5}, late)
    assert made == []
    assert (index.get("a"), index.get("c"), index.get("c", 0)) == (2, None, 0)
    index["b"] = "other"
    assert index.get("b") == "other"
    assert made == [2]
