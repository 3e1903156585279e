"""A venue whose accounts are written down, and what it looks like from outside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# the random markets of the core's tests
sys.path.append(str(Path(__file__).parents[1] / "core"))


@pytest.fixture
def url(tmp_path):
    """Where accounts are kept."""
    return f"sqlite:///{tmp_path}/accounts.sqlite"
