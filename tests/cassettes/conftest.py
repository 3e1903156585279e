"""The package's own cassettes, replayed where nothing can be connected to."""

from __future__ import annotations

import json

import pytest
import yaml

from exec_plugin.cassettes.plays import PLAYS
from exec_plugin.cassettes.scene import Replay
from exec_plugin.cassettes.tape import replaying


class Kept:
    """What a cassette holds, read without vcrpy."""

    def __init__(self, path):
        self.text = path.read_text(encoding="utf-8")
        self.interactions = yaml.safe_load(self.text)["interactions"]

    def replies(self, method, path):
        """The JSON answered to the requests of a route, in order."""
        found = [pair for pair in self.interactions if pair["request"]["method"] == method]
        found = [pair for pair in found if pair["request"]["uri"].split("?")[0].endswith(path)]
        return [json.loads(pair["response"]["body"]["string"]) for pair in found]

    @property
    def began(self):
        """The server's time in seconds when it was first asked; None where it did not tell."""
        moment = self.replies("GET", "/api/v3/time")[0].get("serverTime")
        return None if moment is None else moment / 1000


@pytest.fixture
def kept(root):
    """A cassette by its name."""
    return lambda name: Kept(root / "cassettes" / f"{name}.yaml")


@pytest.fixture
def replay(root, kept):
    """Plays a play over its cassette, answers what it answers, and sees to it that nothing recorded is left over."""

    async def run(name, **settings):
        play = PLAYS[name]
        path = root / "cassettes" / f"{name}.yaml"
        scene = Replay(kept(name).began, **settings)
        with replaying(path, repeats=play.repeats) as cassette:
            try:
                return await play.run(scene)
            finally:
                assert play.repeats or cassette.all_played, f"{name}: recorded requests were not sent"

    return run
