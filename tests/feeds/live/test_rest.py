"""Patience with a busy host, and obedience to its limits, in virtual time."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from random import Random

import pytest
from aiohttp import ClientConnectionError
from rate_limit.virtual import run

from exec_plugin.feeds.live.rest import AT_ONCE, LATEST, LIMITED, SOONEST, WEIGHT, Backoff, Refused, Rest

URL = "http://host"


class Reply:
    """A response as aiohttp gives it; an error instead of a status is raised."""

    def __init__(self, status=200, body="{}", **headers):
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._body = body

    async def text(self, errors):
        return self._body

    async def __aenter__(self):
        if isinstance(self.status, Exception):
            raise self.status
        return self

    async def __aexit__(self, *_):
        return None


class Session:
    """Answers with what was canned, in order, and with the last for ever; notes when it was asked for what."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []

    def get(self, url, params, **_):
        import asyncio

        self.asked.append((asyncio.get_running_loop().time(), url, params))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def get(*replies, count=1):
    """The replies to some requests one after another, and when they were asked for."""
    session = Session(*replies)

    async def main():
        rest = Rest(session, URL, Random(1))
        answers = [await rest.get("trades", {"symbol": "BTCUSDT"}) for _ in range(count)]
        assert rest.trouble == ""
        return answers

    return run(main()), [time for time, *_ in session.asked]


def test_answer():
    """A reply is its JSON."""
    assert get(Reply(body='[{"id": 1}]')) == ([[{"id": 1}]], [0.0])


@pytest.mark.parametrize("status", [429, 418])
def test_limited(status, caplog):
    """After a refusal nothing is asked for before it is over, and the user is told."""
    caplog.set_level(logging.WARNING)
    _, times = get(Reply(status, '{"code": -1003, "msg": "Too much request weight used."}', Retry_After="7"), Reply())
    assert times[0] == 0
    assert times[1] >= 7
    assert "-1003 Too much request weight used." in caplog.text


def test_limited_for_all():
    """What was refused to one is asked for by no other one meanwhile."""
    session = Session(Reply(429, Retry_After="7"), Reply())

    async def main():
        import asyncio

        rest = Rest(session, URL, Random(1))
        await asyncio.gather(*(rest.get("depth", {}) for _ in range(2 * AT_ONCE)))

    run(main())
    assert all(time >= 7 for time, *_ in session.asked[AT_ONCE:])


def test_limited_without_a_time():
    """A refusal that does not say how long holds for a minute."""
    assert get(Reply(429), Reply())[1][1] >= LIMITED


def test_weight():
    """When much of the minute's weight is used, the next minute is waited for."""
    replies = [Reply(X_MBX_USED_WEIGHT_1M=str(weight)) for weight in (WEIGHT - 1, WEIGHT, 5)]
    _, times = get(*replies, count=3)
    assert times == [0, 0, 60]


@pytest.mark.parametrize("reply", [Reply(503), Reply(ClientConnectionError("gone")), Reply(TimeoutError())])
def test_trouble(reply):
    """What may pass by itself is tried again, less and less often."""
    answers, times = get(*[reply] * 12, Reply(body="5"))
    assert answers == [5]
    waits = [after - before for before, after in pairwise(times)]
    assert all(low < wait for low, wait in zip([SOONEST * 2**n * 0.499 for n in range(8)], waits, strict=False))
    assert max(waits) <= LATEST
    assert waits[-1] >= LATEST / 2


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(400, '{"code": -1121, "msg": "Invalid symbol."}'), "HTTP 400 -1121 Invalid symbol."),
        (Reply(451, "<html>"), "HTTP 451"),
        (Reply(403, "[]"), "HTTP 403"),
        (Reply(302), "HTTP 302"),
        (Reply(200, "<html>"), "the reply to trades is no JSON"),
    ],
)
def test_refused(reply, told):
    """What asking again does not help is an error with the host's own words."""
    with pytest.raises(Refused) as caught:
        get(reply)
    assert str(caught.value) == told


def test_backoff():
    """Waits double up to a bound, each somewhat shorter by chance, and begin anew after success."""
    backoff = Backoff(Random(3))
    waits = [backoff.seconds() for _ in range(12)]
    bounds = [min(SOONEST * 2**n, LATEST) for n in range(12)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert len({wait / bound for wait, bound in zip(waits, bounds, strict=True)}) == 12
    backoff.reset()
    assert backoff.seconds() <= SOONEST


def test_json_text():
    """A text of an error that is no object says nothing."""
    with pytest.raises(Refused, match=r"^HTTP 400$"):
        get(Reply(400, json.dumps(["x"])))
