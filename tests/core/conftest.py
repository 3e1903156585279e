from __future__ import annotations

import pytest
from stage import Stage


@pytest.fixture
def stage():
    """A small exchange with the default models."""
    return Stage()
