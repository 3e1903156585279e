"""Control frames, and every error of the documents' table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .listening import Ear, Place

METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


@pytest.fixture
def ear():
    """A connection without streams."""
    return Place().listen()


def answer(ear, text):
    """What a text is answered with."""
    ear.session.receive(text)
    return ear.one()


def test_subscriptions(ear):
    """Streams are subscribed to, listed in that order and left again, each answer with the id of its request."""
    assert ear.say("SUBSCRIBE", "btcusdt@trade", "btcusdt@depth", id=1) == {"result": None, "id": 1}
    assert ear.say("SUBSCRIBE", "btcusdt@trade", id="again") == {"result": None, "id": "again"}
    assert ear.say("LIST_SUBSCRIPTIONS", id=3) == {"result": ["btcusdt@trade", "btcusdt@depth"], "id": 3}
    assert ear.say("UNSUBSCRIBE", "btcusdt@trade", "never@subscribed", id=None) == {"result": None, "id": None}
    assert ear.say("LIST_SUBSCRIPTIONS") == {"result": ["btcusdt@depth"], "id": 1}


def test_property(ear):
    """Whether events are wrapped can be asked and set."""
    assert ear.say("GET_PROPERTY", "combined", id=2) == {"result": False, "id": 2}
    assert ear.say("SET_PROPERTY", "combined", True, id=5) == {"result": None, "id": 5}
    assert ear.say("GET_PROPERTY", "combined") == {"result": True, "id": 1}
    assert ear.session.combined


@pytest.mark.parametrize(
    "number", [0, -(2**63), 2**63 - 1, "a", "A1" * 18, "d3df8a61-98ea-4fe0-8f4e-0fcea5d418b0", None]
)
def test_ids(ear, number):
    """Ids are 64-bit numbers, short texts or null, and come back as they were."""
    assert ear.say("LIST_SUBSCRIPTIONS", id=number)["id"] == number


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 1.5, True, "", "a" * 37, "a b", [1], {}])
def test_bad_ids(ear, number):
    """Everything else is no id."""
    text = "Invalid request: request ID must be an unsigned integer"
    assert ear.say("LIST_SUBSCRIPTIONS", id=number) == {"code": 2, "msg": text}


def test_no_id(ear):
    """An id has to be there."""
    assert answer(ear, '{"method":"LIST_SUBSCRIPTIONS"}')["msg"].endswith("request ID must be an unsigned integer")


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("SET_PROPERTY", ["colour", True], {"code": 0, "msg": "Unknown property", "id": 1}),
        ("GET_PROPERTY", ["colour"], {"code": 0, "msg": "Unknown property", "id": 1}),
        ("SET_PROPERTY", ["combined", "true"], {"code": 1, "msg": "Invalid value type: expected Boolean"}),
        ("SET_PROPERTY", ["combined", 1], {"code": 1, "msg": "Invalid value type: expected Boolean"}),
        ("SET_PROPERTY", ["combined"], {"code": 1, "msg": "Invalid value type: expected Boolean"}),
        ("SET_PROPERTY", [5, True], {"code": 2, "msg": "Invalid request: property name must be a string"}),
        ("SET_PROPERTY", [], {"code": 2, "msg": "Invalid request: property name must be a string"}),
        ("GET_PROPERTY", [], {"code": 2, "msg": "Invalid request: property name must be a string"}),
        ("GET_PROPERTY", [None], {"code": 2, "msg": "Invalid request: property name must be a string"}),
        ("GET_PROPERTY", ["combined", True], {"code": 2, "msg": "Invalid request: too many parameters"}),
        ("SET_PROPERTY", ["combined", True, 1], {"code": 2, "msg": "Invalid request: too many parameters"}),
        ("LIST_SUBSCRIPTIONS", ["x"], {"code": 2, "msg": "Invalid request: too many parameters"}),
        ("SUBSCRIBE", [7], {"code": 2, "msg": "Invalid request: stream names must be an array of strings"}),
    ],
)
def test_refused(ear, method, params, error):
    """What cannot be done is answered with the code and text of the documents, and changes nothing."""
    assert ear.say(method, *params) == error
    assert ear.say("GET_PROPERTY", "combined")["result"] is False


@pytest.mark.parametrize(
    ("text", "column"), [('{"method":"SUBSCRIB","id":1}', 20), ('{"id": 1,\n "method" : "subscribe"}', 23)]
)
def test_unknown_method(ear, text, column):
    """A method that does not exist is named, with the place where it stands."""
    named = json.loads(text)["method"]
    line = text.count("\n") + 1
    place = f"at line {line} column {column}"
    expected = f"Invalid request: unknown variant `{named}`, expected one of {METHODS} {place}"
    assert answer(ear, text) == {"code": 2, "msg": expected}


@pytest.mark.parametrize("text", ['{"id":1,"params":[]}', "[]", "5", '"SUBSCRIBE"', "null"])
def test_no_method(ear, text):
    """A frame without a method is told where it ends without one."""
    expected = f"Invalid request: missing field `method` at line 1 column {len(text)}"
    assert answer(ear, text) == {"code": 2, "msg": expected}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 1"),
        ("hello", "line 1 column 1"),
        ('{"method":}', "line 1 column 11"),
        ('{"method":"LIST_SUBSCRIPTIONS",\n"id":x}', "line 2 column 6"),
        ('{"id":NaN}', "line 1 column 1"),
        ("[" * 100_000, "line 1 column 1"),
        ("1" * 5000, "line 1 column 1"),
    ],
    ids=["empty", "word", "value", "line", "nan", "deep", "long"],
)
def test_no_json(ear, text, place):
    """What is no JSON is told where."""
    assert answer(ear, text) == {"code": 3, "msg": f"Invalid JSON: expected value at {place}"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)
_METHODS = st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"])
_FRAMES = st.fixed_dictionaries({}, optional={"method": _METHODS | _VALUES, "params": _VALUES, "id": _VALUES})
PLACE = Place()


@given(st.text() | _VALUES.map(json.dumps) | _FRAMES.map(json.dumps))
def test_anything(text):
    """Whatever is written, exactly one JSON answer comes back: a result with an id, or a code with a text."""
    ear = Ear(PLACE.hub)
    ear.session.receive(text)
    reply = ear.one()
    assert set(reply) == {"result", "id"} or {"code", "msg"} <= set(reply) <= {"code", "msg", "id"}
    ear.session.close()
    assert not PLACE.hub.busy
