"""Who resumes from a number hears all that came after it, once; who does not notices nothing of numbers."""

from __future__ import annotations

import json

import pytest
from signing_client import KEY, NOW, SECRET, Client
from test_ws_api import payload_of

from exec_plugin.core.errors import JournalError
from exec_plugin.protocol import sign
from exec_plugin.protocol.departures import Departures
from exec_plugin.protocol.faults import Faults
from exec_plugin.protocol.user_events import NotHeard
from exec_plugin.protocol.ws_api import ApiSession

SUBSCRIBE = "userDataStream.subscribe.signature"


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


class Stream:
    """A connection to the WebSocket API; ``frames`` is all that came over it."""

    def __init__(self, client, **options):
        self.client = client
        self.texts = []
        self.session = ApiSession(client.gateway, self.texts.append, caller="me", **options)

    @property
    def frames(self):
        return [json.loads(text) for text in self.texts]

    @property
    def seqs(self):
        """The numbers of the events that came."""
        return [frame["seq"] for frame in self.frames if "event" in frame]

    def ask(self, method, key=KEY, secret=SECRET, **params):
        """The reply to a signed request."""
        params = {**params, "apiKey": key, "timestamp": self.client.venue.now}
        params["signature"] = sign(secret, payload_of(params))
        self.session.receive(json.dumps({"id": 1, "method": method, "params": params}))
        return next(frame for frame in reversed(self.frames) if "status" in frame)


def trade(client, count=1):
    """Orders that are filled at once: three events each."""
    for _ in range(count):
        client.market(quantity="0.01")


@pytest.fixture
def traded(client):
    """An exchange with nine events."""
    trade(client, 3)
    return client


# ---------------------------------------------------------------------- streams


def test_resume(traded):
    """The events after a number come right after the reply, then what happens; each has its number."""
    stream = Stream(traded)
    assert stream.ask(SUBSCRIBE, after=4)["result"] == {"subscriptionId": 0, "lastSeq": 9}
    assert [list(frame) for frame in stream.frames][:2] == [
        ["id", "status", "result", "rateLimits"],
        ["subscriptionId", "seq", "event"],
    ]
    assert stream.seqs == [5, 6, 7, 8, 9]
    trade(traded)
    assert stream.seqs == list(range(5, 13))
    stream.session.close()
    trade(traded)
    assert len(stream.seqs) == 8
    assert traded.gateway.user_data.subscriptions == 0


def test_byte_for_byte(traded):
    """What is told again is what was told at first, and who asks for no numbers gets Binance's frames as ever."""
    plain, numbered = Stream(traded), Stream(traded)
    assert plain.ask(SUBSCRIBE)["result"] == {"subscriptionId": 0}
    numbered.ask(SUBSCRIBE, after=9)
    trade(traded, 2)
    traded.place(quantity="0.1")
    again = Stream(traded)
    again.ask(SUBSCRIBE, after=9)
    live = plain.texts[1:]
    assert [text.replace(f'"seq":{seq},', "") for seq, text in enumerate(numbered.texts[1:], 10)] == live
    assert again.texts[1:] == numbered.texts[1:]
    assert not any("seq" in frame for frame in plain.frames)


def test_micros(traded):
    """Moments of what is told again are in the connection's unit."""
    stream = Stream(traded, micros=True)
    stream.ask(SUBSCRIBE, after=8)
    assert [frame["event"]["E"] for frame in stream.frames if "event" in frame] == [NOW * 1000]


@pytest.mark.parametrize(
    ("after", "code", "told"),
    [
        (10, -1130, "after=10 is yet to come: the newest event is 9."),
        ("x", -1100, None),
        ("-1", -1100, None),
        ("9" * 20, -1108, None),
    ],
)
def test_refused(traded, after, code, told):
    """Who asks for what there is not is told so, and has not subscribed."""
    stream = Stream(traded)
    reply = stream.ask(SUBSCRIBE, after=after)
    assert reply["error"]["code"] == code
    assert told in (None, reply["error"]["msg"])
    assert stream.session._subscriptions.listed() == []
    assert stream.ask(SUBSCRIBE, after=9)["result"] == {"subscriptionId": 0, "lastSeq": 9}


def test_gone(traded):
    """Events that are not kept any more are named, with the oldest that is there."""
    traded.gateway.user_data.chronicle._logs["default"].events.popleft()
    stream = Stream(traded)
    msg = "Events after 0 are gone: the oldest there is is 2, the newest 9."
    assert stream.ask(SUBSCRIBE, after=0)["error"] == {"code": -1130, "msg": msg}
    stream.ask(SUBSCRIBE, after=1)
    assert stream.seqs == list(range(2, 10))


def test_held(traded):
    """While something waits to be written down nothing is told of it, nor is what comes before it told twice."""
    departures, held = traded.gateway.departures, [False]
    departures.is_held = lambda: held[0]
    stream = Stream(traded)
    held[0] = True
    trade(traded)
    stream.session.receive(json.dumps({"id": 2, "method": "ping"}))
    assert stream.texts == []
    held[0] = False
    departures.release()
    stream.ask(SUBSCRIBE, after=7)
    assert stream.seqs == [8, 9, 10, 11, 12]


def test_paced(traded, monkeypatch):
    """A long past comes in portions, so that no reader is cut off for it."""
    monkeypatch.setattr("exec_plugin.protocol.user_events.AT_ONCE", 2)
    stream = Stream(traded, paced=True)
    stream.ask(SUBSCRIBE, after=0)
    assert stream.seqs == [1, 2]
    for _ in range(3):
        traded.gateway.user_data.go_on()
    trade(traded)
    for _ in range(9):
        traded.gateway.user_data.go_on()
    assert stream.seqs == list(range(1, 13))
    whole = Stream(traded)
    whole.ask(SUBSCRIBE, after=0)
    assert whole.seqs == list(range(1, 13))


def test_faults(client):
    """Events that a rehearsal loses or repeats show in their numbers, and can be had again."""
    stream = Stream(client)
    stream.ask(SUBSCRIBE, after=0)
    client.gateway.inject(Faults.read({"rules": [{"fault": "event_lost", "count": 1}]}))
    trade(client)
    assert stream.seqs == [2, 3]
    client.gateway.inject(None)
    again = Stream(client)
    again.ask(SUBSCRIBE, after=0)
    assert again.seqs == [1, 2, 3]


def test_logged_on_subscription(traded):
    """A subscription by a session resumes as well."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from test_ws_api import Api

    assert ed25519
    api = Api(traded)
    api.result("session.logon", **api.signed_by_ed25519())
    assert api.result("userDataStream.subscribe", after=8) == {"subscriptionId": 0, "lastSeq": 9}
    assert [frame["seq"] for frame in api.frames if "event" in frame] == [9]


def test_acts_on_what_it_is_told(traded):
    """Who trades because of what it is told hears of that when it is through, in order."""
    hub, seen = traded.gateway.user_data, []

    def hear(seq, event):
        seen.append(seq)
        if seq == 9 and -8 in seen:
            trade(traded)
        seen.append(-seq)

    follower = hub.follow("default", 7, hear)
    hub.join(follower)
    assert seen == [8, -8, 9, -9, 10, -10, 11, -11, 12, -12]
    hub.leave(follower)
    hub.leave(follower)


def test_stops_in_the_middle(traded):
    """Who ends in the middle of the past hears nothing more."""
    hub, seen = traded.gateway.user_data, []

    def hear(seq, event):
        seen.append(seq)
        hub.leave(follower)

    follower = hub.follow("default", 0, hear)
    hub.join(follower)
    assert seen == [1]


def test_unreadable(traded, caplog, monkeypatch):
    """Where the past cannot be read at the moment, requests are refused and followers go on later."""
    hub, seen = traded.gateway.user_data, []
    follower = hub.follow("default", 0, lambda seq, _: seen.append(seq))
    with monkeypatch.context() as patch:
        patch.setattr(hub.chronicle, "after", _raise)
        patch.setattr(hub.chronicle, "oldest", _raise)
        hub.join(follower)
        hub.go_on()
        assert [record.message for record in caplog.records] == [
            "events of account 'default' cannot be read at the moment: gone"
        ]
        assert Stream(traded).ask("paper.events", after=0)["error"]["code"] == -1001
        assert Stream(traded).ask(SUBSCRIBE, after=0)["error"]["code"] == -1001
    hub.go_on()
    assert seen == list(range(1, 10))


def test_overtaken(traded, caplog):
    """Who is so slow that events go before he has heard them goes on with what there is, and the log says so."""
    hub, seen = traded.gateway.user_data, []

    def hear(seq, event):
        if not seen and len(traded.account.desks["BTCUSDT"].orders) < 4:
            raise NotHeard
        seen.append(seq)

    hub.join(hub.follow("default", 2, hear))
    for _ in range(4):
        hub.chronicle._logs["default"].events.popleft()
    trade(traded)
    assert seen == list(range(5, 13))
    assert [record.message for record in caplog.records] == [
        "events 3 to 4 of account 'default' are gone before everybody has heard them"
    ]


def _raise(*_):
    raise JournalError("gone")


# ---------------------------------------------------------------------- requests


def test_events(traded):
    """The events after a number are answered with their numbers, and which there are."""
    reply = traded.ask("GET", "paper/events", after=6)
    assert [each["seq"] for each in reply["events"]] == [7, 8, 9]
    assert [each["event"]["e"] for each in reply["events"]] == [
        "executionReport", "executionReport", "outboundAccountPosition",
    ]  # fmt: skip
    assert (reply["oldest"], reply["last"]) == (1, 9)
    assert traded.ask("GET", "paper/events") == {"events": [], "oldest": 1, "last": 9}
    assert [each["seq"] for each in traded.ask("GET", "paper/events", after=0, limit=2)["events"]] == [1, 2]
    assert traded.refused("GET", "paper/events", after=10)[0] == -1130


def test_events_are_those_of_streams(traded):
    """A request, a stream and a scripted market's own log tell the same."""
    stream = Stream(traded)
    stream.ask(SUBSCRIBE, after=0)
    asked = traded.ask("GET", "paper/events", after=0)["events"]
    assert asked == [{"seq": frame["seq"], "event": frame["event"]} for frame in stream.frames[1:]]
    assert asked == [{"seq": seq, "event": event} for seq, event in traded.exchange.events()[0]]
    over_socket = stream.ask("paper.events", after=0)["result"]["events"]
    assert over_socket == asked


def test_events_of_others(traded):
    """An account sees its own only, and nobody's without a signature."""
    other = traded.venue.open_account("other", {})
    traded.gateway.add_key("theirs", other, "their secret")
    stream = Stream(traded)
    assert stream.ask(SUBSCRIBE, key="theirs", secret="their secret", after=0)["result"]["lastSeq"] == 0
    assert stream.seqs == []
    assert stream.ask("paper.events", key="theirs", secret="their secret")["result"]["last"] == 0
    assert stream.ask(SUBSCRIBE, secret="no", after=0)["error"]["code"] == -1022
    assert stream.ask("paper.events", secret="no", after=0)["error"]["code"] == -1022


def test_in_microseconds(traded):
    """Moments are in the unit that is asked for."""
    stream = Stream(traded, micros=True)
    [event] = stream.ask("paper.events", after=8)["result"]["events"]
    assert event["event"]["E"] == NOW * 1000


# ---------------------------------------------------------------------- departures


def test_in_order():
    """What follows from being told comes after all else that may leave; an error of one does not lose the others."""
    departures, told = Departures(), []
    departures.is_held = lambda: bool(held)
    held = [True]

    def first():
        told.append(1)
        departures.leave(lambda: told.append(3))
        departures.release()

    def fail():
        msg = "broken"
        raise RuntimeError(msg)

    departures.leave(first)
    departures.leave(lambda: told.append(2))
    departures.leave(fail)
    departures.leave(lambda: told.append(4))
    held.clear()
    with pytest.raises(RuntimeError, match="broken"):
        departures.release()
    departures.release()
    assert told == [1, 2, 4, 3]
