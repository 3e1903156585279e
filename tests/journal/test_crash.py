"""A server that is killed again and again while writers trade loses nothing that it acknowledged."""

from __future__ import annotations

import pytest
from journal.crashing import Trial

#: The whole trial is a benchmark: ``python benchmarks/crash.py``.
KILLS = 10


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_kills(tmp_path, durability):
    """Every acknowledged order, fill and cancel is there, none is half there, money adds up, and no id repeats."""
    url = f"sqlite:///{tmp_path}/accounts.sqlite"
    trial = Trial(tmp_path, url, durability=durability)
    for _ in range(KILLS // 2):
        trial.life(1.0)
    tally = trial.end()
    assert trial.details == []
    assert tally["orders acknowledged"] > 100
    assert tally["cancels acknowledged"] > 10
    assert tally["fills"] > 50
