"""Scenarios of our own, on other symbols, scales, sides and boundaries than the open ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from .in_process import player_of

OWN = Path(__file__).parent / "own"


def _names() -> list[str]:
    files = [path for path in sorted(OWN.glob("*.yaml")) if not path.name.startswith("_")]
    return [item["id"] for path in files for item in yaml.safe_load(path.read_text())]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Any:
    """The runner, its player and its scenarios by id."""
    shared: Path = request.getfixturevalue("shared")
    runner, player = player_of(shared, OWN)
    return runner, player, {item["id"]: item for item in player.suite.scenarios}


@pytest.mark.parametrize("name", _names())
def test_scenario(name: str, played: Any) -> None:
    """The exchange answers as the documents that the scenario cites say."""
    runner, player, scenarios = played
    try:
        player.play(scenarios[name])
    except runner.Mismatch as mismatch:
        pytest.fail(f"{scenarios[name]['title']}: {mismatch}")
