"""Whatever is sent: an answer, never a failure of the exchange, and nothing changed by what was refused."""

from __future__ import annotations

import json

from any_requests import BY_NAME, CROWDED, Maker
from core.watch import Watch
from hypothesis import given, settings
from hypothesis import strategies as st
from signing_client import KEY, SECRET, Client

from exec_plugin.core.units import parse_units
from exec_plugin.protocol import sign
from exec_plugin.protocol.ws_api import ApiSession

#: HTTP statuses that an answer may have; 409 is a cancelReplace of which half was done.
STATUSES = (200, 400, 401, 409, 429)
PROGRESS = {"NEW": 0, "PENDING_NEW": 0, "PARTIALLY_FILLED": 1}
CALLERS = (KEY, "second", "third")


class Crowd(Client):
    """Three accounts on a crowded market, over REST and the WebSocket API."""

    def __init__(self):
        super().__init__(**CROWDED)
        balances = {asset: parse_units(amount) for asset, amount in CROWDED["balances"].items()}
        accounts = [self.account]
        for name in CALLERS[1:]:
            accounts.append(self.venue.open_account(name, balances))
            self.gateway.add_key(name, accounts[-1], SECRET)
        self.watch = Watch(self.venue, accounts, {asset: 3 * units for asset, units in balances.items()})
        self.frames = []
        self.session = ApiSession(self.gateway, self.frames.append, caller="ws")
        self.trade("100", "1")

    def ids_of(self, caller):
        """Ids of an account's open orders and some others, as texts."""
        account = self.watch.accounts[CALLERS.index(caller)]
        return [*(str(order.id) for order in account.open_orders), "1", str(self.venue.order_id)]

    def ask_rest(self, caller, name, params):
        """One signed REST request; answers status and JSON."""
        endpoint = BY_NAME[name]
        texts = {key: value.encode(errors="replace").decode() for key, value in params.items()}
        texts.setdefault("timestamp", str(self.venue.now))
        self.caller = caller
        reply = self.send(endpoint.method, endpoint.path, texts, {"x-mbx-apikey": caller})
        assert all(isinstance(item, str) for pair in reply.headers.items() for item in pair)
        return reply.status, json.loads(reply.text)

    def signed(self, params):
        payload = super().signed(params).rpartition("&signature=")[0]
        return f"{payload}&signature={sign(SECRET, payload)}"

    def frame(self, caller, name, params):
        """A signed frame of the WebSocket API."""
        sent = {**params, "apiKey": caller}
        sent.setdefault("timestamp", str(self.venue.now))
        payload = "&".join(f"{key}={sent[key]}" for key in sorted(sent))
        sent.setdefault("signature", sign(SECRET, payload))
        return {"id": 1, "method": name, "params": sent}

    def ask_ws(self, caller, name, params):
        """One signed request over the WebSocket API."""
        self.frames.clear()
        self.session.receive(json.dumps(self.frame(caller, name, params)))
        frame = json.loads(self.frames[-1])
        assert frame["id"] == 1
        assert set(frame) <= {"id", "status", "result", "error", "rateLimits"}
        return frame["status"], frame["result"] if frame["status"] == 200 else frame["error"]

    def ask_any(self, over_ws, caller, name, params):
        """Ask, and see that the answer has the shape of one and that a refusal has changed nothing."""
        before = self.state()
        status, answer = (self.ask_ws if over_ws else self.ask_rest)(caller, name, params)
        assert status in STATUSES, answer
        assert SECRET not in json.dumps(answer)
        json.dumps(answer, allow_nan=False)
        if status != 200:
            check_error(answer)
            after = self.state()
            if name == "order.cancelReplace":
                # it counts also where nothing was placed (rest-api.md, Cancel an Existing Order and Send a New Order)
                after["counts"] = before["counts"]
            if status != 409:
                assert after == before, (answer, [key for key in before if before[key] != after[key]])
        return status, answer


def check_error(answer):
    """An error has a code and a message, and more only where Binance has more."""
    assert list(answer)[:2] == ["code", "msg"]
    assert isinstance(answer["code"], int)
    assert isinstance(answer["msg"], str)
    assert set(answer) <= {"code", "msg", "data"}
    assert "Traceback" not in answer["msg"]


def check_agreement(crowd):
    """What the queries of an account tell is what the core knows."""
    crowd.gateway.limits.weights.clear()
    for caller, account in zip(CALLERS, crowd.watch.accounts, strict=True):
        told = {}
        for name in ("openOrders.status", "openOrderLists.status", "account.status"):
            status, told[name] = crowd.ask_rest(caller, name, {})
            assert status == 200
        assert [row["orderId"] for row in told["openOrders.status"]] == [order.id for order in account.open_orders]
        assert [row["orderListId"] for row in told["openOrderLists.status"]] == [g.id for g in account.open_lists]
        for row in told["account.status"]["balances"]:
            held = account.balances.get(row["asset"])
            amounts = (held.free, held.locked) if held else (0, 0)
            assert (parse_units(row["free"]), parse_units(row["locked"])) == amounts
        check_reports(crowd, caller, account)


def check_reports(crowd, caller, account):
    """The reports of each order go forward only, and the last of them and the query say the same."""
    log = crowd.gateway.user_data.events(account.name, 0, 10**6)
    last, seen, balances, trades = {}, [], {}, set()
    for _, event in log:
        if event["e"] == "outboundAccountPosition":
            balances.update({row["a"]: (row["f"], row["l"]) for row in event["B"]})
        if event["e"] != "executionReport":
            continue
        seen.append(event["I"])
        before = last.get(event["i"])
        if before is not None:
            assert before["X"] in PROGRESS, (before, event)
            assert PROGRESS.get(event["X"], 2) >= PROGRESS[before["X"]], (before, event)
            for field in ("z", "Z", "T"):
                assert as_number(event[field]) >= as_number(before[field]), (before, event)
            assert as_number(event["z"]) - as_number(before["z"]) == as_number(event["l"])
            assert as_number(event["q"]) <= as_number(before["q"]) or before["q"] == "0.00000000"
        if event["x"] == "TRADE":
            trades.add((event["i"], event["t"]))
        assert event.get("W", 0) <= event["T"]
        assert "W" in event or not event["w"]
        last[event["i"]] = event
    assert seen == sorted(set(seen))
    assert trades == {(record[1], record[0]) for desk in account.desks.values() for record in desk.records}
    for asset, amounts in balances.items():
        held = account.balances[asset]
        assert tuple(map(parse_units, amounts)) == (held.free, held.locked)
    for desk in account.desks.values():
        for order in desk.orders:
            event = last[order.id]
            status, row = crowd.ask_rest(caller, "order.status", {"symbol": desk.symbol.name, "orderId": str(order.id)})
            assert status == 200
            assert event["z"] == row["executedQty"]
            assert event["Z"] == row["cummulativeQuoteQty"]
            assert (event["X"] if event["X"] != "NEW" else row["status"]) == row["status"]
            assert event.get("eR") == row.get("expiryReason")


def as_number(value):
    """An amount or a moment as a whole number."""
    return parse_units(value) if isinstance(value, str) else value


@given(st.integers(0, 2**64 - 1), st.integers(1, 80))
@settings(max_examples=100)
def test_any_sequence(seed, length):
    """Accounts that do whatever they like leave money, locks, guards, lists, reports and queries right."""
    crowd, maker = Crowd(), Maker(seed)
    for _ in range(length):
        kind = maker.rng.randrange(10)
        if kind < 7:
            caller = maker.pick(CALLERS)
            maker.ids = crowd.ids_of(caller)
            crowd.ask_any(maker.sometimes(2), caller, *maker.request())
        elif kind < 9:
            crowd.exchange.market([maker.event() for _ in range(maker.rng.randint(1, 2))])
        else:
            crowd.wait(maker.pick((1, 1000, 60_000)))
        crowd.watch.check()
    check_agreement(crowd)


@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
@settings(max_examples=20)
def test_same_answers(seed, length):
    """The same requests at the same market get the same answers and events, byte by byte."""
    heard = []
    for crowd in (Crowd(), Crowd()):
        maker, answers = Maker(seed), []
        for _ in range(length):
            crowd.exchange.market([maker.event()])
            caller = maker.pick(CALLERS)
            maker.ids = crowd.ids_of(caller)
            answers.append(crowd.ask_any(maker.sometimes(2), caller, *maker.request()))
        heard.append(
            json.dumps([answers, [crowd.gateway.user_data.events(one.name, 0, 10**6) for one in crowd.watch.accounts]])
        )
    assert heard[0] == heard[1]


SESSION = (
    "session.logon", "session.status", "session.logout", "session.subscriptions", "userDataStream.subscribe",
    "userDataStream.subscribe.signature", "userDataStream.unsubscribe",
)  # fmt: skip


@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
@settings(max_examples=100)
def test_any_frame(seed, length):
    """The WebSocket API answers every frame once, with its id where it has one, whatever it is made of."""
    crowd, maker = Crowd(), Maker(seed)
    for _ in range(length):
        caller = maker.pick(CALLERS)
        maker.ids = crowd.ids_of(caller)
        name, params = (maker.pick(SESSION), {}) if maker.sometimes(3) else maker.request()
        frame = crowd.frame(caller, name, params)
        if name in SESSION and name != "userDataStream.subscribe.signature" and maker.sometimes(2):
            frame["params"] = {}
        shape = maker.rng.randrange(6)
        if shape == 0:
            frame = maker.json()
        elif shape < 3:
            frame = maker.bent(frame)
        text = json.dumps(frame, ensure_ascii=maker.sometimes(2))
        if shape == 3:
            frame, text = None, maker.torn(text)
        before = crowd.state()
        crowd.frames.clear()
        crowd.session.receive(text)
        replies = [reply for reply in map(json.loads, crowd.frames) if "event" not in reply]
        assert len(replies) == 1
        check_reply(replies[0], frame)
        if replies[0]["status"] not in {200, 409} and name != "order.cancelReplace":
            assert crowd.state() == before, replies
        crowd.watch.check()
        if crowd.gateway.limits.bans._offenders:
            crowd.wait(300_000)
    crowd.session.close()
    assert not crowd.gateway.user_data._sinks


def check_reply(reply, frame):
    """A reply has the shape of one, and echoes the id."""
    assert set(reply) <= {"id", "status", "result", "error", "rateLimits"}
    assert reply["status"] in {*STATUSES, 418}, reply
    if reply["status"] != 200:
        check_error(reply["error"])
    assert reply["id"] is None or type(reply["id"]) in {int, str}
    if reply["status"] == 200 and isinstance(frame, dict) and type(frame.get("id")) is int:
        assert reply["id"] == frame["id"]


@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
@settings(max_examples=100)
def test_any_stream_frame(seed, length):
    """A stream connection answers every control frame, and the market goes on."""
    crowd, maker = Crowd(), Maker(seed)
    told = []
    session = crowd.gateway.streams.open(told.append, names=["btcusdt@depth"], combined=maker.sometimes(2))
    for _ in range(length):
        kinds = ("trade", "aggTrade", "depth5", "depth@100ms", "kline_1m", "ticker", "bookTicker", "avgPrice", "x", "")
        names = [maker.pick(("btcusdt@", "!", "BTCUSDT@", "bnbusdt@", "")) + maker.pick(kinds) for _ in range(3)]
        method = maker.pick(
            ("SUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
        )
        params = ["combined", maker.sometimes(2)][: 1 if method[0] == "G" else 2] if "PROPERTY" in method else names
        frame = {"method": method, "params": params, "id": maker.rng.randrange(9)}
        shape = maker.rng.randrange(5)
        if shape < 2:
            frame = maker.bent(frame) if shape else maker.json()
        text = json.dumps(frame, ensure_ascii=maker.sometimes(2))
        told.clear()
        session.receive(maker.torn(text) if shape == 2 else text)
        assert len(told) == 1
        answer = json.loads(told[0])
        assert set(answer) in ({"result", "id"}, {"code", "msg"}, {"code", "msg", "id"})
        crowd.exchange.market([maker.event()])
        crowd.wait(maker.pick((0, 100, 1000, 60_000)))
        assert all(isinstance(json.loads(text), (dict, list)) for text in told)
    session.close()
    assert not crowd.gateway.streams.busy
