"""The WebSocket API without a socket: framing, parameters, sessions, subscriptions, limits."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing_client import KEY, LIMIT, NOW, SECRET, Client

from exec_plugin.core.clock import MINUTE
from exec_plugin.protocol import sign
from exec_plugin.protocol.limits import PATIENCE
from exec_plugin.protocol.ws_api import ApiSession
from exec_plugin.protocol.ws_api import subscriptions as subscriptions_module

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

NOT_SENT = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


def pem_of(private):
    """A private key's public half."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def payload_of(params):
    """What is signed: the parameters by name, as they are written."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params))


class Api:
    """A connection and all that came over it."""

    def __init__(self, client, **options):
        self.client = client
        self.frames = []
        self.hung_up = 0
        self.session = ApiSession(
            client.gateway,
            lambda text: self.frames.append(json.loads(text)),
            caller="me",
            hang_up=self.hang_up,
            **options,
        )
        self.private = ed25519.Ed25519PrivateKey.generate()
        client.gateway.add_key("ed", client.account, pem_of(self.private))

    def hang_up(self):
        self.hung_up += 1

    def send(self, frame):
        """The reply to a frame."""
        self.session.receive(frame if isinstance(frame, str) else json.dumps(frame))
        return next(frame for frame in reversed(self.frames) if "status" in frame)

    def ask(self, method, **params):
        return self.send({"id": 1, "method": method, "params": params})

    def result(self, method, **params):
        reply = self.ask(method, **params)
        assert reply["status"] == 200, reply
        return reply["result"]

    def code(self, method, **params):
        reply = self.ask(method, **params)
        assert "result" not in reply
        return reply["status"], reply["error"]["code"]

    def signed(self, **params):
        params = {**params, "apiKey": KEY, "timestamp": self.client.venue.now}
        return {**params, "signature": sign(SECRET, payload_of(params))}

    def signed_by_ed25519(self, **params):
        params = {**params, "apiKey": "ed", "timestamp": self.client.venue.now}
        signature = self.private.sign(payload_of(params).encode())
        return {**params, "signature": base64.b64encode(signature).decode()}

    def events(self):
        """The user-data events so far, by subscription."""
        return [(frame["subscriptionId"], frame["event"]["e"]) for frame in self.frames if "event" in frame]


@pytest.fixture
def api():
    """A connection to a fresh exchange."""
    return Api(Client())


# ---------------------------------------------------------------------- framing


@pytest.mark.parametrize("number", [7, -1, 2**63 - 1, -(2**63), "a-1", "A_b9", "x" * 36, None])
def test_ids(api, number):
    """A request's id comes back as it was."""
    assert api.send({"id": number, "method": "ping"})["id"] == number


@pytest.mark.parametrize(
    "text", ['""', "1.5", "true", "[]", "{}", "9223372036854775808", "1e3", f'"{"x" * 37}"', '"a b"']
)
def test_bad_ids(api, text):
    """An id that is none is refused, and none is echoed."""
    reply = api.send(f'{{"id":{text},"method":"ping"}}')
    assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 400, -1100)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", -1135),
        ("{", -1135),
        ("[]", -1135),
        ("7", -1135),
        ("null", -1135),
        ('{"id":NaN,"method":"ping"}', -1135),
        ("[" * 100_000, -1135),
        ("1" * 10_000, -1135),
        ('{"method":"ping"}', -1102),
        ('{"id":1}', -1102),
        ('{"id":1,"method":""}', -1102),
        ('{"id":1,"method":5}', -1102),
        ('{"id":1,"method":"ping","params":[]}', -1135),
        ('{"id":1,"method":"ping","params":{"a":1,"a":2}}', -1101),
        ('{"id":1,"method":"pong"}', -1020),
        ('{"id":1,"method":"asset.tradeFee"}', -1020),
        ('{"id":1,"method":"ping","params":{"a":1}}', -1104),
        ('{"id":1,"method":"time","params":{"returnRateLimits":5}}', -1100),
    ],
)
def test_bad_frames(api, text, code):
    """What is no request is an error, and counts as one."""
    reply = api.send(text)
    assert (reply["status"], reply["error"]["code"]) == (400, code)
    assert reply["rateLimits"][-1]["count"] > 0


def test_version(api):
    """A method may name its version."""
    assert api.result("v3/time") == {"serverTime": NOW}


def test_types(api):
    """Numbers, texts, truth values and lists are read as REST reads their texts."""
    assert len(api.result("depth", symbol="BTCUSDT", limit=1)["bids"]) == 1
    assert len(api.result("depth", symbol="BTCUSDT", limit="1")["bids"]) == 1
    names = [entry["symbol"] for entry in api.result("exchangeInfo", symbols=["LTCBTC", "BTCUSDT"])["symbols"]]
    assert sorted(names) == ["BTCUSDT", "LTCBTC"]
    assert api.code("depth", symbol="BTCUSDT", limit=-5) == (400, -1100)
    assert api.code("depth", symbol="BTCUSDT", limit=10**30) == (400, -1100)
    assert api.code("depth", symbol=None) == (400, -1102)
    assert api.code("depth", symbol={"a": [1]}) == (400, -1100)
    assert api.code("exchangeInfo", symbols=[1]) == (400, -1135)


# ---------------------------------------------------------------------- signatures


def test_order(api):
    """A signed order is placed; its reply tells the order limits before the weight."""
    reply = api.ask("order.place", **api.signed(**LIMIT))
    assert reply["result"]["price"] == "95.00000000"
    kinds = [(entry["rateLimitType"], entry["count"]) for entry in reply["rateLimits"]]
    assert kinds == [("ORDERS", 1), ("ORDERS", 1), ("REQUEST_WEIGHT", 0)]


def test_number_text(api):
    """A number is signed as it is written."""
    params = {
        "apiKey": KEY,
        "price": "95.10",
        "quantity": "1",
        "side": "BUY",
        "symbol": "BTCUSDT",
        "timeInForce": "GTC",
    }
    payload = payload_of({**params, "timestamp": NOW, "type": "LIMIT"})
    text = (
        '{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
        f'"price":95.10,"quantity":1,"timestamp":{NOW},"apiKey":"{KEY}","signature":"{sign(SECRET, payload)}"}}}}'
    )
    assert api.send(text)["result"]["price"] == "95.10000000"


def test_documented_signature():
    """The document's own example, with a symbol of letters that are not ASCII, has this signature."""
    symbol = "".join(chr(0xFF10 + digit) for digit in range(1, 7))
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    params = {
        "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "price": "0.10000000",
        "quantity": "1.00000000", "recvWindow": 5000, "side": "BUY", "symbol": symbol, "timeInForce": "GTC",
        "timestamp": 1645423376532, "type": "LIMIT",
    }  # fmt: skip
    assert sign(secret, payload_of(params)) == "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"signature": "0" * 64}, 400, -1022),
        ({"signature": ""}, 400, -1102),
        ({"apiKey": "stranger"}, 401, -2015),
        ({"apiKey": "a b"}, 401, -2014),
        ({"apiKey": None}, 401, -2014),
        ({"price": "96"}, 400, -1022),
    ],
)
def test_not_signed(api, change, status, code):
    """Who does not prove who it is gets REST's codes, and nothing happens."""
    before = api.client.state()
    assert api.code("order.place", **{**api.signed(**LIMIT), **change}) == (status, code)
    assert api.client.state() == before


def test_capitals(api):
    """An HMAC signature may be in capitals, an Ed25519 one not."""
    params = api.signed()
    assert "balances" in api.result("account.status", **{**params, "signature": params["signature"].upper()})
    params = api.signed_by_ed25519()
    assert "balances" in api.result("account.status", **params)
    swapped = params["signature"].swapcase()
    assert api.code("account.status", **{**params, "signature": swapped}) == (400, -1022)


# ---------------------------------------------------------------------- sessions


def test_session(api):
    """Who is logged on needs neither key nor signature, until it logs out."""
    nobody = api.result("session.status")
    assert (nobody["apiKey"], nobody["authorizedSince"], nobody["connectedSince"]) == (None, None, NOW)
    somebody = api.result("session.logon", **api.signed_by_ed25519())
    assert (somebody["apiKey"], somebody["authorizedSince"], somebody["userDataStream"]) == ("ed", NOW, False)
    assert api.result("order.place", **LIMIT, timestamp=NOW)["status"] == "NEW"
    assert api.code("order.place", **LIMIT) == (400, -1102)
    assert api.result("account.status", **api.signed())["canTrade"]
    assert api.result("session.logout")["apiKey"] is None
    assert api.code("order.place", **LIMIT, timestamp=NOW) == (401, -2014)


def test_revoked(api):
    """A key that was taken away ends what its session may do."""
    api.result("session.logon", **api.signed_by_ed25519())
    del api.client.gateway.keys["ed"]
    assert api.code("account.status", timestamp=NOW) == (401, -2015)


def test_hmac_logon(api):
    """Only Ed25519 keys log on."""
    assert api.code("session.logon", **api.signed()) == (400, -4056)
    assert api.code("session.logon", **{**api.signed_by_ed25519(), "timestamp": NOW - 1}) == (400, -1022)
    api.client.wait(5001)
    assert api.code("session.logon", **{**api.signed(), "timestamp": NOW}) == (400, -1022)


def test_late_logon(api):
    """A logon that was signed too long ago is refused."""
    params = api.signed_by_ed25519()
    api.client.wait(5001)
    assert api.code("session.logon", **params) == (400, -1021)


# ---------------------------------------------------------------------- user data


def test_subscribe_by_signature(api):
    """A signature is enough to hear of an account; each has one subscription."""
    assert api.result("userDataStream.subscribe.signature", **api.signed()) == {"subscriptionId": 0}
    assert api.code("userDataStream.subscribe.signature", **api.signed()) == (400, -2035)
    assert api.result("session.subscriptions") == [{"subscriptionId": 0}]
    assert api.result("session.status")["userDataStream"] is True
    api.client.place()
    assert api.events() == [(0, "executionReport"), (0, "outboundAccountPosition")]
    assert api.result("userDataStream.unsubscribe") == {}
    assert api.events()[-1] == (0, "eventStreamTerminated")
    api.client.place()
    assert len(api.events()) == 3
    assert api.client.gateway.user_data.subscriptions == 0


def test_subscribe_by_logon(api):
    """A logged-on session subscribes as it is; logging out ends that subscription alone."""
    assert api.code("userDataStream.subscribe") == (401, -1002)
    other = api.client.venue.open_account("other", {})
    api.client.gateway.add_key("theirs", other)
    api.result("session.logon", **api.signed_by_ed25519())
    assert api.result("userDataStream.subscribe") == {"subscriptionId": 0}
    theirs = {"apiKey": "theirs", "timestamp": NOW, "signature": "any"}
    assert api.result("userDataStream.subscribe.signature", **theirs) == {"subscriptionId": 1}
    api.result("session.logout")
    assert api.events() == [(0, "eventStreamTerminated")]
    assert api.result("session.subscriptions") == [{"subscriptionId": 1}]
    assert api.code("userDataStream.unsubscribe", subscriptionId=0) == (400, -2036)
    assert api.result("userDataStream.unsubscribe", subscriptionId=1) == {}


def test_most_subscriptions(api, monkeypatch):
    """A connection has so many subscriptions at a time, and so many over its life."""
    monkeypatch.setattr(subscriptions_module, "MOST_ACTIVE", 1)
    monkeypatch.setattr(subscriptions_module, "MOST_EVER", 2)
    api.client.gateway.add_key("theirs", api.client.venue.open_account("other", {}))
    theirs = {"apiKey": "theirs", "timestamp": NOW, "signature": "any"}
    api.result("userDataStream.subscribe.signature", **api.signed())
    assert api.code("userDataStream.subscribe.signature", **theirs) == (400, -1191)
    api.result("userDataStream.unsubscribe")
    api.result("userDataStream.subscribe.signature", **theirs)
    api.result("userDataStream.unsubscribe")
    assert api.code("userDataStream.subscribe.signature", **theirs) == (400, -2042)


def test_close(api):
    """A connection that is gone is pushed nothing."""
    api.result("userDataStream.subscribe.signature", **api.signed())
    api.session.close()
    count = len(api.frames)
    api.client.place()
    assert len(api.frames) == count


# ---------------------------------------------------------------------- limits and options


def test_rate_limits(api):
    """Limits are told unless the request or the connection says otherwise."""
    assert api.ask("time")["rateLimits"][0]["count"] == 1
    assert "rateLimits" not in api.ask("time", returnRateLimits=False)
    quiet = Api(api.client, return_rate_limits=False)
    assert "rateLimits" not in quiet.ask("time")
    assert "rateLimits" in quiet.ask("time", returnRateLimits=True)
    assert quiet.result("session.status")["returnRateLimits"] is False


def test_too_much(api):
    """Who goes over the limit is told until when, and who goes on is banned and disconnected."""
    client = Client(
        rateLimits=[{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1}]
    )
    api = Api(client)
    api.result("ping")
    reply = api.ask("ping")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    assert reply["error"]["data"] == {"serverTime": NOW, "retryAfter": NOW + MINUTE}
    for _ in range(PATIENCE):
        assert api.hung_up == 0
        api.ask("ping")
    reply = api.ask("ping")
    until = NOW + 2 * MINUTE
    assert reply["status"] == 418
    assert reply["error"] == {
        "code": -1003,
        "msg": f"Way too much request weight used; IP banned until {until}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        "data": {"serverTime": NOW, "retryAfter": until},
    }
    assert api.hung_up == 1


def test_micros():
    """A connection may have its moments in microseconds, in replies and in events."""
    api = Api(Client(), micros=True)
    assert api.result("time") == {"serverTime": NOW * 1000}
    assert api.result("session.status")["connectedSince"] == NOW * 1000
    api.result("userDataStream.subscribe.signature", **api.signed())
    api.client.place()
    event = next(frame["event"] for frame in api.frames if "event" in frame)
    assert (event["E"], event["T"], event["O"], event["W"], event["I"]) == (NOW * 1000,) * 4 + (1,)


def test_shut_down(api):
    """A client hears that the server is about to end."""
    api.session.shut_down()
    assert api.frames == [{"event": {"e": "serverShutdown", "E": NOW}}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
METHODS = st.sampled_from(
    ["ping", "order.place", "order.cancel", "depth", "klines", "account.status", "session.logon", "allOrders"]
)
NAMES = st.sampled_from(["symbol", "side", "price", "limit", "apiKey", "signature", "timestamp", "orderId", "id"])


@settings(max_examples=150)
@given(st.text(max_size=50) | JSON.map(json.dumps) | st.builds(
    lambda method, params, number: json.dumps({"id": number, "method": method, "params": params}),
    METHODS, st.dictionaries(NAMES, JSON, max_size=5) | JSON, JSON,
))  # fmt: skip
def test_anything(text):
    """Whatever is sent, one reply comes, and nothing changes."""
    api = Api(Client())
    before = api.client.state()
    reply = api.send(text)
    assert reply["status"] in (200, 400, 401)
    assert len(api.frames) == 1
    assert SECRET not in json.dumps(api.frames)
    assert api.client.state() == before
