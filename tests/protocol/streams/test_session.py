"""One connection to the streams."""

from __future__ import annotations

import logging

import pytest

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.streams import MOST_STREAMS

from .listening import Ear, Place


@pytest.fixture
def place():
    """A fresh exchange."""
    return Place()


def test_forms(place):
    """Each connection has events in its own form: raw or wrapped, in milliseconds or microseconds."""
    ears = {
        (combined, micros): place.listen("trade", combined=combined, micros=micros)
        for combined in (False, True)
        for micros in (False, True)
    }
    place.trade("100")
    raw = ears[False, False].one()
    assert raw["T"] == place.venue.now
    micros = {**raw, "E": raw["E"] * 1000, "T": raw["T"] * 1000}
    assert ears[False, True].one() == micros
    assert ears[True, False].one() == {"stream": "btcusdt@trade", "data": raw}
    assert ears[True, True].one() == {"stream": "btcusdt@trade", "data": micros}


def test_combined_later(place):
    """Wrapping takes effect from the next event on."""
    ear = place.listen("trade")
    ear.say("SET_PROPERTY", "combined", True)
    place.trade("100")
    assert ear.one()["stream"] == "btcusdt@trade"


def test_close(place):
    """After the end nothing is pushed, nothing is answered, and nobody is left to listen to."""
    ear = place.listen("trade", "depth", "!bookTicker")
    ear.session.close()
    ear.session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    place.trade("100")
    assert ear.heard() == []
    assert not place.hub.busy
    assert "closed" in repr(ear.session)


def test_unsubscribed(place):
    """A stream that was left is silent while others go on."""
    ear = place.listen("trade", "aggTrade")
    ear.say("UNSUBSCRIBE", "btcusdt@trade")
    place.trade("100")
    assert ear.one()["e"] == "aggTrade"


def test_failing(place, caplog):
    """A connection that cannot take a message is closed; the others and the market do not notice."""

    def fail(text):
        raise OSError("gone")

    before = Ear(place.hub, "btcusdt@trade")
    session = place.hub.open(fail, names=["btcusdt@trade", "btcusdt@bookTicker"])
    after = Ear(place.hub, "btcusdt@trade")
    with caplog.at_level(logging.WARNING):
        place.trade("100")
    assert session.closed
    assert not session.streams
    assert len(caplog.records) == 1
    assert before.one() == after.one()


def test_acting(place):
    """A client that acts on what it hears is heard by all, once each has heard what came before."""
    first = []

    def answer(text):
        first.append(text)
        if len(first) == 1:
            place.market(quantity="1")

    place.hub.open(answer, names=["btcusdt@trade"])
    second = place.listen("trade")
    place.trade("100")
    assert [event["p"] for event in second.heard()] == ["100.00000000", "101.00000000"]
    assert len(first) == 2


def test_closing_oneself(place):
    """A connection may be closed by what is pushed to it, in the middle of an event for many."""
    heard = []

    def leave(text):
        heard.append(text)
        session.close()

    session = place.hub.open(leave, names=["btcusdt@trade"])
    other = place.listen("trade")
    place.exchange.market(
        [{"type": "trade", "symbol": "BTCUSDT", "price": price, "qty": "1", "taker": "BUY"} for price in ("100", "101")]
    )
    assert len(heard) == 1
    assert len(other.heard()) == 2


def test_most_streams(place):
    """A connection has at most 1024 streams, in its URL and later; what is refused changes nothing."""
    names = [f"s{number}@trade" for number in range(MOST_STREAMS + 1)]
    with pytest.raises(RequestRejected) as refused:
        place.hub.open(print, names=names)
    assert refused.value.code == -1101
    ear = Ear(place.hub, *names[:-1])
    assert ear.say("SUBSCRIBE", names[-1])["code"] == 2
    assert ear.say("SUBSCRIBE", names[0])["result"] is None
    assert len(ear.say("LIST_SUBSCRIPTIONS")["result"]) == MOST_STREAMS


def test_shut_down(place):
    """Before the server ends, each connection is told in its own form."""
    now = place.venue.now
    raw, wrapped = place.listen(micros=True), place.listen(combined=True)
    raw.session.shut_down()
    wrapped.session.shut_down()
    assert raw.one() == {"e": "serverShutdown", "E": now * 1000}
    assert wrapped.one() == {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": now}}
