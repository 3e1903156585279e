"""Whatever reaches the server: control calls of any shape, and bytes that are no HTTP."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from protocol.any_requests import BY_NAME, CROWDED, Maker
from protocol.signing_client import KEY, NOW, form

from exec_plugin.endpoints import SIGNED
from exec_plugin.protocol import sign
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server.control import Asked, Control
from exec_plugin.server.stage import Stage

SECRET = "correct horse battery"
SETUP = {**CROWDED, "secretKey": SECRET}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "95"}


def ask(exchange, name, params):
    """One request of the exchange as it is after a reset; answers status and JSON."""
    endpoint = BY_NAME[name]
    query = form(params)
    if endpoint.security == SIGNED:
        query = form({**params, "timestamp": exchange.venue.now})
        query = f"{query}&signature={sign(SECRET, query)}"
    reply = exchange.gateway.handle(endpoint.method, f"{endpoint.path}?{query}", {"x-mbx-apikey": KEY})
    answer = json.loads(reply.text)
    json.dumps(answer, allow_nan=False)
    return reply.status, answer


def use(exchange, maker):
    """Ask a bit of everything: whatever a control call has left behind, the exchange answers."""
    for name, params in (
        ("exchangeInfo", {}),
        ("account.status", {}),
        ("order.place", ORDER),
        ("order.place", {**ORDER, "side": "SELL"}),
        ("openOrders.cancelAll", {"symbol": "BTCUSDT"}),
        ("depth", {"symbol": "BTCUSDT"}),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}),
        ("ticker.24hr", {}),
        ("avgPrice", {"symbol": "BTCUSDT"}),
        ("order.test", {**ORDER, "computeCommissionRates": "true"}),
        ("account.commission", {"symbol": "BTCUSDT"}),
        ("myFilters", {"symbol": "BTCUSDT"}),
        maker.request(),
    ):
        params = {key: value.encode(errors="replace").decode() for key, value in params.items()}
        status, answer = ask(exchange, name, params)
        assert status in {200, 400, 401, 409, 418, 429}, answer
        if status != 200:
            assert list(answer)[:2] == ["code", "msg"]


def control_call(maker):
    """A control call: a sensible one, or one bent out of shape."""
    kind = maker.pick(("reset", "market", "market", "market", "clock", "clock", "events"))
    if kind == "events":
        return Asked("GET", "/paper/events?after=" + maker.pick(("0", "5", "x", "-1", "", "9" * 30, "%00")), "")
    payload = {
        "reset": SETUP,
        "market": {"events": [maker.event() for _ in range(maker.rng.randint(1, 3))]},
        "clock": maker.pick(({"advance": 1000}, {"now": NOW + 5000}, {"advance": 86_400_000}, {"now": 2**62})),
    }[kind]
    for _ in range(maker.pick((0, 1, 1, 2))):
        payload = maker.bent(payload)
    text = json.dumps(payload, ensure_ascii=maker.sometimes(2))
    return Asked("POST", f"/paper/{kind}", maker.torn(text) if maker.sometimes(8) else text)


@given(st.integers(0, 2**64 - 1), st.integers(1, 25))
@settings(max_examples=100)
def test_any_control_call(seed, length):
    """Control calls of any shape are answered, and leave an exchange that answers."""
    maker = Maker(seed)
    stage = Stage(ScriptedExchange(SETUP))
    control = Control(stage)
    for _ in range(length):
        asked = control_call(maker)
        before = stage.exchange
        status, text = control.answer(asked)
        answer = json.loads(text)
        assert status in {200, 400, 404, 405, 409}, answer
        if status != 200:
            assert list(answer)[:2] == ["code", "msg"]
            assert stage.exchange is before
        assert SECRET not in text
        use(stage.exchange, maker)
