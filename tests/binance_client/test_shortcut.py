"""Requests in fewer steps are answered as ccxt's own are."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from ccxt.async_support import binance, kraken
from ccxt.base.errors import BaseError
from hypothesis import example, given
from hypothesis import strategies as st

from exec_plugin.binance import BinanceClient, BinanceConfig
from exec_plugin.binance.shortcut import Shortcut
from exec_plugin.endpoints import DOCUMENTED, PUBLIC

ORDER = {"symbol": "BTCUSDT", "newClientOrderId": "mine"}
SILENCE = ("silence", [], b"")
JSON = "Content-Type: application/json;charset=UTF-8"


def made(kind=binance, **config):
    """An exchange without a limiter."""
    exchange = kind({"apiKey": "key", "secret": "secret", "enableRateLimit": False, **config})
    exchange.timeout_on_exit = 0
    return exchange


def short(exchange):
    """The same exchange with the short way."""
    Shortcut(exchange).hang()
    return exchange


@asynccontextmanager
async def answering(*answers):
    """A server that gives each request the next answer, the last for ever; its address, and what it was asked."""
    asked = []

    async def serve(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            asked.append(head.decode())
            length = next(
                (int(line.split(":")[1]) for line in asked[-1].splitlines() if line.startswith("Content-Length")), 0
            )
            if length:
                asked.append((await reader.readexactly(length)).decode())
            answer = answers[min(len([each for each in asked if "HTTP" in each]), len(answers)) - 1]
            if answer is None:
                break
            if answer == SILENCE:
                await asyncio.Event().wait()
            status, headers, body = answer
            lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
            writer.write("\r\n".join(lines).encode() + body)
        writer.close()

    serving = []

    async def patient(reader, writer):
        serving.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(patient, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


async def outcome(exchange, url, calls):
    """What a request has come to: its result or its error, and what the exchange remembers of it."""
    exchange.urls["api"].update(public=url, private=url)
    try:
        for _ in range(calls):
            # the first opens the session, which is ccxt's own affair
            try:
                found = await exchange.request("order", ["private"], "POST", dict(ORDER))
            except BaseError as error:
                found = (type(error), str(error).replace(url, ""), type(error.__cause__))
        return found, exchange.last_http_response, exchange.last_json_response, exchange.last_response_headers
    finally:
        await exchange.close()


ANSWERS = {
    "an object": ("200 OK", [JSON], b'{"symbol": "BTCUSDT", "orderId": 18446744073709551615}'),
    "a list": ("200 OK", [JSON], b'[{"symbol": "BTCUSDT"}]'),
    "one refusal in a list": ("200 OK", [JSON], b'[{"code": -2011, "msg": "Unknown order sent."}]'),
    "a refusal with status 200": ("200 OK", [JSON], b'{"code": -2011, "msg": "Unknown order sent."}'),
    "success that is none": ("200 OK", [JSON], b'{"success": false, "msg": "no"}'),
    "code 200": ("200 OK", [JSON], b'{"code": 200, "msg": "success"}'),
    "a refusal": ("400 Bad Request", [JSON], b'{"code": -1013, "msg": "Filter failure: LOT_SIZE"}'),
    "an unknown refusal": ("400 Bad Request", [JSON], b'{"code": -9999, "msg": "no idea"}'),
    "a limit": ("429 Too Many Requests", [JSON, "Retry-After: 7"], b'{"code": -1003, "msg": "Way too many"}'),
    "a ban": ("418 I'm a teapot", [JSON], b""),
    "a page": ("503 Service Unavailable", ["Content-Type: text/html"], b"<html>down</html>"),
    "a page with status 200": ("200 OK", ["Content-Type: text/html"], b"<html>up</html>"),
    "an unknown status": ("505 HTTP Version Not Supported", [], b""),
    "nothing": ("200 OK", [JSON], b""),
    "space around it": ("200 OK", [JSON], b'  {"a": 1}\n'),
    "half of it": ("200 OK", [JSON], b'{"symbol": "BTC'),
    "Latin-1": ("200 OK", ["Content-Type: application/json; charset=latin-1"], b'{"a": "\xe9"}'),
    "broken UTF-8": ("200 OK", [JSON], b'{"a": "\xff"}'),
    "no type": ("200 OK", [], '{"a": "é"}'.encode()),
    "a header twice": ("200 OK", [JSON, "Via: 1.1 a", "Via: 1.1 a"], b"{}"),
    "elsewhere": ("307 Temporary Redirect", ["Location: /gone", JSON], b"{}"),
    "hung up": None,
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_same_outcome(what):
    """Whatever is answered comes to the same as ccxt's own way: result, error, cause and what is kept of it."""
    found = []
    for way in (lambda exchange: exchange, short):
        async with answering(ANSWERS["an object"], ANSWERS[what]) as (url, _):
            found.append(await outcome(way(made()), url, 2))
    own, ours = found
    assert ours == own


async def test_timeout():
    """An answer that does not come in time is ccxt's RequestTimeout."""
    async with answering(ANSWERS["an object"], SILENCE) as (url, _):
        found, *_ = await outcome(short(made(timeout=100)), url, 2)
    assert found[0].__name__ == "RequestTimeout"


async def test_same_request():
    """The bytes that are sent are those that ccxt sends."""
    sent = []
    for way in (lambda exchange: exchange, short):
        async with answering(ANSWERS["an object"]) as (url, asked):
            exchange = way(made())
            exchange.milliseconds = lambda: 1_700_000_000_000
            await outcome(exchange, url, 2)
            sent.append([part.replace(url.removeprefix("http://"), "") for part in asked])
    assert sent[0] == sent[1] != []


@pytest.mark.parametrize(
    "special",
    [
        {"verbose": True},
        {"returnResponseHeaders": True},
        {"fetchHistoryCacheSize": 5},
        {"httpProxy": "http://127.0.0.1:9"},
    ],
    ids=str,
)
async def test_special(special, monkeypatch):
    """An exchange on which something special is set sends its requests ccxt's own way, from the next one on."""
    own = []
    below = binance.fetch

    async def noted(self, *asked):
        own.append(asked[0])
        return await below(self, *asked)

    monkeypatch.setattr(binance.__mro__[1], "fetch", noted)
    monkeypatch.setattr("exec_plugin.binance.shortcut.Exchange.fetch", noted)
    exchange = short(made())
    exchange.log = lambda *_: None
    exchange.urls["api"]["public"] = "http://127.0.0.1:9"
    for name, value in special.items():
        setattr(exchange, name, value)
    with pytest.raises(BaseError):
        await exchange.request("time", ["public"])
    await exchange.close()
    assert own


async def test_retries():
    """Retries that somebody has asked ccxt for take place."""
    async with answering(None, None, ANSWERS["an object"]) as (url, asked):
        exchange = short(made())
        exchange.options["maxRetriesOnFailure"] = 3
        found, *_ = await outcome(exchange, url, 1)
    assert found["symbol"] == "BTCUSDT"
    assert len([part for part in asked if "HTTP" in part]) == 3


PARAMS = st.dictionaries(
    st.text(max_size=6),
    st.one_of(
        st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.floats(), st.binary(max_size=4),
        st.decimals(), st.lists(st.text(max_size=3), max_size=2),
    ),
    max_size=4,
)  # fmt: skip


@given(PARAMS)
@example({"a": "b=c"})
@example({"a": "1&b=2"})
@example({"a=1&b": "2"})
@example({"newClientOrderId": "x-abc.123:4/5_~", "price": "0.00000100"})
def test_same_query(params):
    """A query is what ccxt makes of its parameters."""
    assert short(made()).urlencode(params) == binance.urlencode(params)


@pytest.mark.parametrize(
    "row", [row for row in DOCUMENTED.values() if row.security == PUBLIC and row.path.startswith("/api/v3/")], ids=str
)
def test_same_url(row):
    """A public call goes where ccxt sends it."""
    path, params = row.path.removeprefix("/api/v3/"), {"symbol": "BTCUSDT", "limit": 5}
    asked = (path, ["public"], row.method)
    assert short(made()).sign(*asked, params) == made().sign(*asked, params)
    assert short(made()).sign(*asked, {}) == made().sign(*asked, {})


def test_credentials():
    """Keys that are missing are told by ccxt, as its own exchange does."""
    with pytest.raises(BaseError, match='requires "secret"'):
        short(made(secret="")).sign("account", ["private"], "GET", {})
    assert short(made()).check_required_credentials(error=False)
    assert short(made(apiKey=None)).check_required_credentials(False) is False


def test_fits():
    """Only an exchange whose class sends as ccxt's base does, and on which nobody hung doors, gets the short way."""

    class Other(binance):
        async def fetch(self, *asked):
            return None

    hung = made()
    hung.fetch = hung.fetch
    assert Shortcut.fits(made())
    assert Shortcut.fits(made(kraken))
    assert not Shortcut.fits(made(Other))
    assert not Shortcut.fits(hung)


async def test_given_back():
    """A closed client leaves an exchange that it was handed as it was."""
    exchange = made()
    before = set(exchange.__dict__)
    client = BinanceClient(BinanceConfig(), exchange=exchange)
    assert "sign" in exchange.__dict__
    await client.close_session()
    assert set(exchange.__dict__) == before
