"""The open conformance scenarios over real HTTP, and over the WebSocket API with events from the socket."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from conformance.in_process import load_runner
from protocol.signing_client import SETUP

from exec_plugin.protocol.control import ScriptedExchange

from .conftest import in_thread

SHARED = Path(__file__).parents[3] / "shared"
TRANSPORTS = {"rest": "admin", "ws": "ws"}


def _scenarios():
    if not (SHARED / "conformance").is_dir():
        return []
    suite = load_runner(SHARED).Suite([str(SHARED / "conformance" / "open")])
    return [
        pytest.param(transport, item["id"], id=f"{transport}-{item['id']}")
        for transport in TRANSPORTS
        for item in suite.scenarios
        if not (transport == "ws" and item.get("rest_only"))
    ]


@pytest.fixture(scope="module")
def players(request):
    """The runner, and a player for each transport, at one server."""
    shared = request.getfixturevalue("shared")
    runner = load_runner(shared)
    suite = runner.Suite([str(shared / "conformance" / "open")])
    scenarios = {item["id"]: item for item in suite.scenarios}
    with in_thread(ScriptedExchange(SETUP)) as server:
        found = {}
        for transport, events in TRANSPORTS.items():
            # events come at once on loopback, so a short silence tells that there are no more
            options = SimpleNamespace(
                url=server.url, admin_prefix="/paper", timeout=10, transport=transport, events=events,
                verbose=False, quiet=0.1,
            )  # fmt: skip
            found[transport] = runner.Player(suite, options)
        yield runner, found, scenarios
        for player in found.values():
            player.http.close()


@pytest.mark.parametrize(("transport", "name"), _scenarios())
def test_scenario(transport, name, players):
    """The server answers as the documents that the scenario cites say."""
    runner, found, scenarios = players
    scenario = scenarios[name]
    try:
        found[transport].play(scenario)
    except runner.Mismatch as mismatch:
        pytest.fail(f"{scenario['title']}: {mismatch}")
