"""What a client makes of the streams: properties over random markets and orders."""

from __future__ import annotations

import json

from harness import Run
from hypothesis import given
from hypothesis import strategies as st
from strategies import streams

from exec_plugin.protocol import Gateway

from .listening import Ear

SYMBOL = "aaabbb"


class Watched(Run):
    """A random market whose streams are listened to."""

    def __init__(self, **options):
        super().__init__(now=1_000_000_000_000, **options)
        self.gateway = Gateway(self.venue, rate_limits=())
        self.hub = self.gateway.streams

    def listen(self, *kinds):
        return Ear(self.hub, *(f"{SYMBOL}@{kind}" for kind in kinds))

    def rest(self, path, **params):
        query = "&".join(f"{name}={value}" for name, value in {"symbol": self.name, **params}.items())
        reply = self.gateway.handle("GET", f"/api/v3/{path}?{query}", {})
        assert reply.status == 200, reply.text
        return json.loads(reply.text)

    def step(self, step):
        done = super().step(step)
        self.hub.flush()
        return done

    def _clock(self, ms):
        self.pass_time(ms)

    def pass_time(self, ms):
        self.hub.advance(self.venue.now + ms)
        self.hub.flush()


class LocalBook:
    """A client that follows "How to manage a local order book correctly" to the letter."""

    def __init__(self):
        self.id = None
        self.sides = {}
        self.buffer = []

    def begin(self, snapshot):
        """Steps 3 to 7."""
        if self.buffer and snapshot["lastUpdateId"] < self.buffer[0]["U"] - 1:
            raise AssertionError("the snapshot is older than what was buffered")
        self.id = snapshot["lastUpdateId"]
        self.sides = {side: dict(snapshot[name]) for side, name in (("b", "bids"), ("a", "asks"))}
        for event in self.buffer:
            self.apply(event)
        self.buffer.clear()

    def hear(self, event):
        if self.id is None:
            self.buffer.append(event)
        else:
            self.apply(event)

    def apply(self, event):
        """The update procedure."""
        if event["u"] <= self.id:
            return
        assert event["U"] <= self.id + 1, "an event was missed"
        for side, levels in self.sides.items():
            for price, qty in event[side]:
                if float(qty):
                    levels[price] = qty
                else:
                    levels.pop(price, None)
        self.id = event["u"]


@given(streams, st.integers(0, 30), st.integers(0, 30), st.sampled_from(["depth", "depth@100ms"]), st.booleans())
def test_local_book(steps, joins, snapshot, kind, heard):
    """Whoever joins at any time and asks for the snapshot at any later one ends with exactly REST's book."""
    run = Watched()
    if not heard:
        run.venue.listeners.clear()
    other = run.listen("depth@100ms", "depth")
    ear, book = None, LocalBook()
    for number, step in enumerate(steps):
        if number == joins:
            ear = run.listen(kind)
        if number == joins + snapshot:
            book.begin(run.rest("depth", limit=5000))
        run.step(step)
        run.pass_time(37)
        for event in ear.heard() if ear else ():
            book.hear(event)
    run.pass_time(1000)
    for event in ear.heard() if ear else ():
        book.hear(event)
    if book.id is None:
        book.begin(run.rest("depth", limit=5000))
    shown = run.rest("depth", limit=5000)
    assert shown == {
        "lastUpdateId": shown["lastUpdateId"],
        "bids": sorted(map(list, book.sides["b"].items()), key=lambda level: -float(level[0])),
        "asks": sorted(map(list, book.sides["a"].items()), key=lambda level: float(level[0])),
    }
    assert shown["lastUpdateId"] >= book.id
    assert other.heard() or not shown["bids"] + shown["asks"] or joins < len(steps)


@given(streams)
def test_same_id_same_book(steps):
    """As long as the id stays the same, so does the book; it never falls."""
    run = Watched()
    run.venue.listeners.clear()
    seen = {}
    last = 0
    for step in steps:
        run.step(step)
        shown = run.rest("depth", limit=5000)
        assert shown["lastUpdateId"] >= last
        last = shown["lastUpdateId"]
        assert seen.setdefault(last, shown) == shown


@given(streams, st.integers(0, 20))
def test_trades(steps, joins):
    """Every public trade comes exactly once; those of one aggregate add up to it, as REST lists them."""
    run = Watched()
    for step in steps[:joins]:
        run.step(step)
    begun = run.market.tape.end
    ear = run.listen("trade", "aggTrade")
    for step in steps[joins:]:
        run.step(step)
    run.pass_time(1)
    events = ear.heard()
    single = [event for event in events if event["e"] == "trade"]
    whole = [event for event in events if event["e"] == "aggTrade"]
    assert [event["t"] for event in single] == [record[0] for record in run.market.tape[begun:]]
    for aggregate in whole:
        parts = [event for event in single if aggregate["f"] <= event["t"] <= aggregate["l"]]
        assert sum(parse(event["q"]) for event in parts) == parse(aggregate["q"])
        assert {(event["p"], event["T"], event["m"]) for event in parts} == {
            (aggregate["p"], aggregate["T"], aggregate["m"])
        }
    covered = [event["t"] for event in single for one in whole if one["f"] <= event["t"] <= one["l"]]
    assert covered == [event["t"] for event in single]
    listed = run.rest("aggTrades", limit=1000)[len(listed_before(run, begun)) :]
    assert [
        {**row, "e": "aggTrade", "E": event["E"], "s": run.name} for row, event in zip(listed, whole, strict=True)
    ] == whole


def listed_before(run, begun):
    """The aggregates of what traded before a position of the tape."""
    if not begun:
        return []
    last = run.market.tape[begun - 1][0]
    return [row for row in run.rest("aggTrades", limit=1000) if row["l"] <= last]


def parse(text):
    """An amount as a whole number."""
    return int(text.replace(".", ""))


@given(streams, st.sampled_from(["1s", "1m", "1m@+08:00", "3m", "1h"]), st.integers(0, 10))
def test_klines(steps, interval, joins):
    """Laid over one another, the candles of the stream are those of REST."""
    run = Watched()
    for step in steps[:joins]:
        run.step(step)
    ear = run.listen(f"kline_{interval}")
    begun = run.venue.now
    for step in steps[joins:]:
        run.step(step)
    run.pass_time(2000)
    told = {event["k"]["t"]: event["k"] for event in ear.heard()}
    name, _, zone = interval.partition("@")
    rows = run.rest("klines", interval=name, limit=1000, **({"timeZone": "8"} if zone else {}))
    listed = {row[0]: row for row in rows}
    for start, candle in told.items():
        fields = [candle[name] for name in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")]
        assert fields == listed[start]
        assert candle["x"] is (run.venue.now > candle["T"])
        count = candle["L"] - candle["f"] + 1 if candle["n"] else 0
        assert count >= candle["n"]
    missing = [row for row in rows if row[8] and row[6] > begun and row[0] not in told]
    assert not [row for row in missing if row[0] > begun]
