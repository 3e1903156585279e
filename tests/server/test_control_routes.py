"""The control routes: what they do, and who may use them."""

from __future__ import annotations

import json
from http import HTTPStatus

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol.signing_client import NOW, SETUP

from exec_plugin.account import PaperExchange, Settings
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import ServerSettings
from exec_plugin.server.control import Asked, Control, Refused, admit
from exec_plugin.server.stage import Stage

BOOK = {"type": "book", "symbol": "BTCUSDT", "bids": [["99", "1"]], "asks": [["101", "1"]]}


async def post(http, name, payload):
    """Status and JSON of a control call."""
    async with http.post(f"/paper/{name}", json=payload) as reply:
        return reply.status, await reply.json()


async def test_market(http):
    """A scripted market shows what was posted."""
    assert await post(http, "market", {"events": [BOOK]}) == (200, {})
    async with http.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT") as reply:
        assert (await reply.json())["bidPrice"] == "99.00000000"


async def test_clock(http):
    """The clock moves by or to a moment."""
    assert await post(http, "clock", {"advance": 5}) == (200, {"serverTime": NOW + 5})
    assert await post(http, "clock", {"now": NOW + 9}) == (200, {"serverTime": NOW + 9})


async def test_reset(server, http):
    """A reset puts a fresh exchange on stage and closes the sockets of the old one."""
    async with http.ws_connect("/ws-api/v3") as socket:
        assert await post(http, "reset", {**SETUP, "clock": NOW + 77}) == (200, {})
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1012
    async with http.get("/api/v3/time") as reply:
        assert await reply.json() == {"serverTime": NOW + 77}


async def test_real_time(http):
    """Without a clock an exchange lives in real time, which can be put forward."""
    assert (await post(http, "reset", {**SETUP, "clock": None}))[0] == 200
    async with http.get("/api/v3/time") as reply:
        assert (await reply.json())["serverTime"] > NOW
    ahead = (await post(http, "clock", {"advance": 3_600_000}))[1]["serverTime"]
    async with http.get("/api/v3/time") as reply:
        assert (await reply.json())["serverTime"] >= ahead


async def test_bad_reset(http):
    """A reset that cannot be used changes nothing."""
    status, error = await post(http, "reset", {"symbols": []})
    assert (status, error["code"]) == (400, -1)
    async with http.get("/api/v3/time") as reply:
        assert await reply.json() == {"serverTime": NOW}


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/paper/events", "", 200),
        ("GET", "/paper/events?after=3", "", 200),
        ("GET", "/paper/events?after=x", "", 400),
        ("POST", "/paper/events", "{}", 405),
        ("GET", "/paper/reset", "", 405),
        ("POST", "/paper/nothing", "{}", 404),
        ("POST", "/paper/market", "{", 400),
        ("POST", "/paper/market", "[]", 400),
        ("POST", "/paper/market", "{}", 400),
        ("POST", "/paper/market", '{"events":[5]}', 400),
        ("POST", "/paper/market", '{"events":[{"symbol":"NOPE"}]}', 400),
        ("POST", "/paper/clock", "{}", 400),
        ("POST", "/paper/clock", '{"advance":1,"now":2}', 400),
        ("POST", "/paper/clock", '{"advance":-1}', 400),
        ("POST", "/paper/clock", '{"advance":true}', 400),
        ("POST", "/paper/clock", '{"advance":1.5}', 400),
        ("POST", "/paper/faults", '{"rules":[{"fault":"nothing"}]}', 400),
        ("POST", "/paper/faults", '{"rules":[{"fault":"drop"}]}', 200),
        ("POST", "/paper/faults", "{}", 200),
    ],
)
def test_routes(method, target, body, status):
    """Every call answers in JSON, and says what is wrong."""
    found, text = Control(Stage(ScriptedExchange(SETUP))).answer(Asked(method, target, body))
    assert found == status
    assert isinstance(json.loads(text), dict)


def test_own_market():
    """A market that moves by itself cannot be scripted, but replaced."""
    exchange = PaperExchange(Settings.read({"feed": "push"}))
    control = Control(Stage(exchange))
    assert control.answer(Asked("GET", "/paper/events", ""))[0] == 409
    assert control.answer(Asked("POST", "/paper/reset", json.dumps(SETUP)))[0] == 200
    assert control.answer(Asked("GET", "/paper/events", ""))[0] == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PART = st.sampled_from([*SETUP, "symbols", "rateLimits", "exchangeFilters"])
EVENT = st.dictionaries(st.sampled_from(["type", "symbol", "price", "qty", "taker", "bids", "asks", "time"]), JSON)


@settings(max_examples=200)
@given(
    st.sampled_from(["reset", "market", "clock", "faults"]),
    JSON
    | st.builds(lambda name, value: {**SETUP, name: value}, PART, JSON)
    | st.builds(lambda events: {"events": [{**BOOK, **event} for event in events]}, st.lists(EVENT, max_size=2)),
)
def test_anything(name, payload):
    """Whatever is posted, the answer is 200 or 400."""
    control = Control(Stage(ScriptedExchange(SETUP)))
    assert control.answer(Asked("POST", f"/paper/{name}", json.dumps(payload)))[0] in (200, 400)


# ---------------------------------------------------------------------- who may

LOCAL, OTHER = "127.0.0.1", "192.168.1.9"


@pytest.mark.parametrize(
    ("options", "peer", "headers", "status"),
    [
        ({}, LOCAL, {}, None),
        ({}, LOCAL, {"Host": "localhost:8080"}, None),
        ({}, LOCAL, {"Host": "[::1]:8080"}, None),
        ({}, LOCAL, {"Host": "evil.example"}, 403),
        ({}, LOCAL, {"Origin": "http://evil.example"}, 403),
        ({}, OTHER, {}, 403),
        ({}, None, {}, 403),
        ({}, OTHER, {"X-Paper-Token": ""}, 403),
        ({}, OTHER, {"X-Forwarded-For": LOCAL}, 403),
        ({"control_token": "t"}, OTHER, {"X-Paper-Token": "t"}, None),
        ({"control_token": "t"}, OTHER, {"X-Paper-Token": "T"}, 403),
        ({"control_token": "t"}, OTHER, {"X-Paper-Token": "\udc80"}, 403),
        ({"control_token": "t"}, OTHER, {}, 403),
        ({"control_token": "t"}, LOCAL, {}, None),
        ({"control": False, "control_token": "t"}, LOCAL, {"X-Paper-Token": "t"}, 404),
    ],
)
def test_admission(options, peer, headers, status):
    """This machine's programs may; others with the token; web pages and strangers never."""
    if status is None:
        admit(ServerSettings(**options), peer, headers)
        return
    with pytest.raises(Refused) as caught:
        admit(ServerSettings(**options), peer, headers)
    assert caught.value.status == status


@pytest.mark.parametrize("settings", [ServerSettings(port=0, control=False)], ids=["off"])
async def test_off(http):
    """Switched off, the routes are not there."""
    assert (await post(http, "clock", {"advance": 1}))[0] == HTTPStatus.NOT_FOUND


async def test_web_page(http):
    """A page in this machine's browser is refused."""
    async with http.post("/paper/clock", json={"advance": 1}, headers={"Origin": "http://x"}) as reply:
        assert reply.status == 403
