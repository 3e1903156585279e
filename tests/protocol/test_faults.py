"""Faults on demand: what they match, how often they strike, and what they do."""

from __future__ import annotations

import json

import pytest
from signing_client import LIMIT, NOW, Client

from exec_plugin.core.errors import ConfigError
from exec_plugin.endpoints import ENDPOINTS
from exec_plugin.protocol.faults import CLEAR, KINDS, Faults, Way

ORDER, PING = ENDPOINTS["POST", "/api/v3/order"], ENDPOINTS["GET", "/api/v3/ping"]


def faults(*rules, seed=0):
    """Faults by these rules."""
    return Faults.read({"rules": list(rules), "seed": seed})


def placed(client):
    """Status and code of an order, and how many there are."""
    reply = client.send("POST", "order", LIMIT)
    return reply.status, json.loads(reply.text).get("code"), len(client.account.open_orders)


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"fault": "timeout"}, (504, -1007, 0)),
        ({"fault": "timeout", "executed": True}, (504, -1007, 1)),
        ({"fault": "server_error"}, (503, -1006, 0)),
        ({"fault": "server_error", "executed": True, "status": 500}, (500, -1006, 1)),
        ({"fault": "clock"}, (400, -1021, 0)),
        ({"fault": "too_many"}, (429, -1003, 0)),
        ({"fault": "ban"}, (418, -1003, 0)),
    ],
)
def test_answers(rule, answer):
    """A request is answered with the fault, carried out or not; the next one with the truth."""
    client = Client()
    client.gateway.inject(faults({**rule, "count": 1}))
    assert placed(client) == answer
    after = placed(client)
    assert after[0] == (418 if rule["fault"] == "ban" else 200)
    client.gateway.inject(None)
    assert client.gateway.user_data.copies is None


def test_executed_error():
    """A request that fails in truth is as unknown as any other."""
    client = Client()
    client.gateway.inject(faults({"fault": "timeout", "executed": True}))
    reply = client.send("POST", "order", {**LIMIT, "price": "0"})
    assert json.loads(reply.text)["code"] == -1007


def test_wait_told():
    """A refusal tells the wait that the rule names."""
    client = Client()
    client.gateway.inject(faults({"fault": "too_many", "ms": 1500}))
    assert client.send("GET", "ping").headers["Retry-After"] == "2"


def test_ban_lasts():
    """A ban is a real one and ends in the venue's time."""
    client = Client()
    client.gateway.inject(faults({"fault": "ban", "count": 1}))
    assert client.send("GET", "ping").headers["Retry-After"] == "120"
    client.wait(119_999)
    assert client.send("GET", "ping").status == 418
    client.wait(1)
    assert client.send("GET", "ping").status == 200


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": "P*"}, True),
        ({"method": "GET"}, False),
        ({"path": "/api/v3/order"}, True),
        ({"path": "/api/v3/ord*"}, True),
        ({"path": "order.place"}, True),
        ({"path": "order.cancel"}, False),
    ],
)
def test_matches(match, strikes):
    """A rule is about requests by method, and by path or name."""
    assert (faults({"fault": "timeout", **match}).answer(ORDER, NOW) is not None) is strikes


def test_clock_is_for_signed():
    """A public request has no timestamp to be late."""
    assert faults({"fault": "clock"}).answer(PING, NOW) is None


def test_after_and_count():
    """The first of them are left alone, and then it strikes so many times."""
    rules = faults({"fault": "timeout", "after": 2, "count": 3})
    assert [rules.answer(PING, NOW) is not None for _ in range(7)] == [False, False, True, True, True, False, False]


def test_probability():
    """Chances follow from the seed alone."""

    def struck(seed):
        rules = faults({"fault": "timeout", "probability": 0.3}, seed=seed)
        return [rules.answer(PING, NOW) is not None for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90
    assert faults({"fault": "timeout", "probability": 0}).answer(PING, NOW) is None


def test_ways():
    """Delays add up, and one break is enough."""
    rules = faults(
        {"fault": "latency", "ms": 5}, {"fault": "latency", "ms": 10, "max_ms": 12, "path": "ping"}, {"fault": "drop"}
    )
    way = rules.way_of_request("GET", "/api/v3/ping?x=1")
    assert (15 <= way.delay <= 17, way.cut, way.executed) == (True, True, False)
    assert rules.way_of_request("GET", "https://api.binance.com/api/v3/time") == Way(5, cut=True)
    assert rules.way_of_request("GET", "/nowhere") == rules.way_of_request("GET", "http://[") == CLEAR


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method":5}', '{"method":"nothing"}', "[" * 100_000])
def test_way_of_no_frame(text):
    """A frame that asks nothing has no way."""
    assert faults({"fault": "drop"}).way_of_frame(text) == CLEAR


def test_way_of_frame():
    """A frame is known by its method."""
    rules = faults({"fault": "drop", "path": "/api/v3/order", "executed": True})
    assert rules.way_of_frame('{"method":"v3/order.place"}') == Way(0, cut=True, executed=True)
    assert rules.way_of_frame('{"method":"ping"}') == CLEAR


def test_events():
    """Events may be lost or told twice; the log keeps the truth."""
    client = Client()
    heard = []
    client.gateway.user_data.subscribe(client.account.name, lambda event: heard.append(event["e"]))
    client.gateway.inject(faults({"fault": "event_lost", "event": "executionReport"}, {"fault": "event_twice"}))
    client.place()
    assert heard == ["outboundAccountPosition", "outboundAccountPosition"]
    assert [event["e"] for _, event in client.exchange.events()[0]] == ["executionReport", "outboundAccountPosition"]


def test_disconnects():
    """A WebSocket breaks by its path."""
    rules = faults({"fault": "disconnect", "path": "/ws-api/*", "after": 1})
    assert [rules.disconnects(path) for path in ("/ws-api/v3", "/stream", "/ws-api/v3")] == [False, False, True]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"rule": []}, "did you mean 'rules'"),
        ({"rules": 5}, "list of tables"),
        ({"rules": [5]}, "list of tables"),
        ({"seed": "x"}, "whole number"),
        ({"rules": [{}]}, "needs fault="),
        ({"rules": [{"fault": "timeuot"}]}, "timeuot"),
        ({"rules": [{"fault": "timeout", "probabilty": 1}]}, "did you mean 'probability'"),
        ({"rules": [{"fault": "timeout", "probability": 2}]}, "probability"),
        ({"rules": [{"fault": "timeout", "probability": "x"}]}, "probability"),
        ({"rules": [{"fault": "timeout", "count": -1}]}, "count"),
        ({"rules": [{"fault": "timeout", "executed": 1}]}, "executed"),
        ({"rules": [{"fault": "server_error", "status": 200}]}, "status"),
        ({"rules": [{"fault": "drop", "path": "*" * 201}]}, "'path' must be <= 200"),
    ],
)
def test_refused(table, told):
    """A rule that cannot work is refused by what is wrong with it."""
    with pytest.raises(ConfigError, match=told):
        Faults.read(table)


def test_kinds():
    """Every kind can be asked for, and none strikes unasked."""
    assert len([faults({"fault": kind}) for kind in KINDS]) == 10
    assert faults().answer(ORDER, NOW) is None
