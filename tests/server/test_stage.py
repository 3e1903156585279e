"""What is on stage: its time, and its way."""

from __future__ import annotations

import logging

from protocol.signing_client import NOW, SETUP

from exec_plugin.account import PaperExchange, Settings
from exec_plugin.core.errors import FeedError
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import CLEAR, Faults
from exec_plugin.server.stage import Stage


def paper(**settings):
    """A market that is pushed, with these settings."""
    return PaperExchange(Settings.read({"feed": "push", **settings}))


def test_bad_row(caplog):
    """A feed that cannot be read is logged, and whoever asked is answered."""

    def fail():
        msg = "trades.csv line 7: no price"
        raise FeedError(msg)

    stage = Stage(paper())
    stage.exchange.catch_up = fail
    with caplog.at_level(logging.ERROR):
        stage.catch_up()
    assert caplog.messages == ["trades.csv line 7: no price"]


def test_reset():
    """A reset changes the exchange and tells of it; one that fails does neither."""
    stage, told = Stage(paper()), []
    stage.on_change = lambda: told.append(stage.gateway.venue.now)
    assert stage.script is None
    stage.reset(SETUP)
    assert told == [NOW]
    assert stage.script is stage.exchange


async def test_way():
    """Latency of the market and faults both take their time; without them there is no way to go."""
    near = Stage(ScriptedExchange(SETUP))
    assert near.is_near
    assert await near.travel(lambda faults: faults.way_of_request("GET", "/api/v3/ping")) == CLEAR
    near.gateway.inject(Faults.read({"rules": [{"fault": "drop"}]}))
    assert not near.is_near
    assert (await near.travel(lambda faults: faults.way_of_request("GET", "/api/v3/ping"))).cut
    far = Stage(paper(latency=1))
    assert not far.is_near
    assert await far.travel(lambda faults: CLEAR) == CLEAR
    await far.travel_back()
