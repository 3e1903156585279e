"""A limiter with round numbers, in time that stands still."""

from __future__ import annotations

import pytest

from rate_limit.virtual import Clock, make


@pytest.fixture
def clock():
    """Seconds, for the limiter, its threads and its loop."""
    return Clock()


@pytest.fixture
def limiter(clock):
    """60 of weight, one more each second."""
    return make(clock)
