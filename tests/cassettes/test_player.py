"""How a cassette answers: ids of now, each answer once, the last one again where that is wanted."""

from __future__ import annotations

import json

import pytest
from vcr.errors import UnhandledHTTPRequestError
from vcr.request import Request

from exec_plugin.cassettes.player import Player

BASE = "https://api.binance.com/api/v3"


class Tape:
    """Answers in the order in which they were put in, whatever is asked."""

    def __init__(self, *replies):
        self.replies = [json.dumps(reply).encode() for reply in replies]
        self.allow_playback_repeats = False

    def play_response(self, request):
        if not self.replies:
            raise UnhandledHTTPRequestError(request)
        return {"status": {"code": 200}, "headers": {}, "body": {"string": self.replies.pop(0)}}


def ask(tape, method, path, body=None):
    """What the tape's player answers."""
    return json.loads(tape.play_response(Request(method, f"{BASE}/{path}", body, {}))["body"]["string"])


def test_placed():
    """The id of a new order is the request's, in its answer and in all that follow."""
    tape = Tape({"orderId": 1, "clientOrderId": "old"}, [{"clientOrderId": "old"}, {"clientOrderId": "older"}])
    Player(tape, repeats=False)
    assert ask(tape, "POST", "order", "newClientOrderId=new&symbol=BTCUSDT") == {"orderId": 1, "clientOrderId": "new"}
    assert ask(tape, "GET", "openOrders") == [{"clientOrderId": "new"}, {"clientOrderId": "older"}]


def test_looked_up():
    """An order that was looked up by its id has that id."""
    tape = Tape({"clientOrderId": "old", "status": "NEW"})
    Player(tape, repeats=False)
    assert ask(tape, "GET", "order?origClientOrderId=new")["clientOrderId"] == "new"


def test_cancelled():
    """A cancel has an id of its own beside the order's."""
    tape = Tape({"origClientOrderId": "old", "clientOrderId": "cancel"})
    Player(tape, repeats=False)
    assert ask(tape, "DELETE", "order?origClientOrderId=new") == {"origClientOrderId": "new", "clientOrderId": "cancel"}


@pytest.mark.parametrize("reply", [{"code": -2013, "msg": "Order does not exist."}, [1, 2], "text"])
def test_other(reply):
    """What names no order is answered as it is."""
    tape = Tape(reply)
    Player(tape, repeats=False)
    assert ask(tape, "GET", "order?origClientOrderId=new") == reply


def test_repeats():
    """The last answer to a request is given again, not the first."""
    tape = Tape({"n": 1}, {"n": 2})
    Player(tape, repeats=True)
    assert [ask(tape, "GET", "time")["n"] for _ in range(4)] == [1, 2, 2, 2]
    with pytest.raises(UnhandledHTTPRequestError):
        ask(tape, "GET", "ping")
    assert tape.allow_playback_repeats


def test_once():
    """Unless that is wanted, each answer is given once."""
    tape = Tape({"n": 1})
    Player(tape, repeats=False)
    ask(tape, "GET", "time")
    assert not tape.allow_playback_repeats
