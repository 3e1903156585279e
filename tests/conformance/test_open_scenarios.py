"""The open conformance scenarios, played in process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .in_process import SOCKETS, open_scenarios

SHARED = Path(__file__).parents[3] / "shared"


def _scenarios() -> list[Any]:
    if not (SHARED / "conformance").is_dir():
        return []
    _, player = open_scenarios(SHARED)
    chosen = [item for item in player.suite.scenarios if item["area"] not in SOCKETS]
    return [pytest.param(item["id"], id=item["id"]) for item in chosen]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Any:
    """The runner, its player and its scenarios by id."""
    shared: Path = request.getfixturevalue("shared")
    runner, player = open_scenarios(shared)
    return runner, player, {item["id"]: item for item in player.suite.scenarios}


@pytest.mark.parametrize("name", _scenarios())
def test_scenario(name: str, played: Any) -> None:
    """The exchange answers as the documents that the scenario cites say."""
    runner, player, scenarios = played
    try:
        player.play(scenarios[name])
    except runner.Mismatch as mismatch:
        pytest.fail(f"{scenarios[name]['title']}: {mismatch}")
