"""Answers of every kind, as errors of one tree that keep code, message and status, and show no secret."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback

import pytest
from binance_client.faulty import KEY, SECRET, FaultyBinance, _parse
from binance_client.loopback import client_of
from ccxt.base.errors import AuthenticationError, ExchangeNotAvailable

from exec_plugin.binance import (
    BinanceAuthError,
    BinanceBannedError,
    BinanceClient,
    BinanceConfig,
    BinanceError,
    BinanceFilterError,
    BinanceInsufficientBalanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceOrderError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceRequestError,
    BinanceTimeoutError,
    BinanceTimestampError,
)
from exec_plugin.config.showing import veiled
from exec_plugin.protocol import Reply

ORDER = "/api/v3/order"


class Canned(FaultyBinance):
    """Answers with what it is told, in order, the last for ever."""

    def __init__(self, *answers, **config):
        super().__init__(None, config)
        self.answers = list(answers)
        self.sent = []

    def milliseconds(self):
        return 1_767_614_400_000

    async def fetch(self, url, method="GET", headers=None, body=None):
        self.sent.append((method, url, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, told, text = answer
        text = text if isinstance(text, str) else json.dumps(text)
        return _parse(self, Reply(status, "so", told, text), (method, url, headers, body))


def refusal(status, code, msg, **headers):
    """An answer of the exchange that says no."""
    return status, headers, {"code": code, "msg": msg}


async def fails(*answers, method="POST", **config):
    """The error of one request."""
    client = BinanceClient(exchange=Canned(*answers, **config))
    with pytest.raises(BinanceError) as caught:
        await client.wire.send(method, ORDER, {"symbol": "BTCUSDT"})
    return caught.value


KINDS = [
    (400, -1013, "Filter failure: LOT_SIZE", BinanceFilterError, False),
    (400, -2010, "Account has insufficient balance for requested action.", BinanceInsufficientBalanceError, False),
    (400, -2010, "Order would immediately match and take.", BinanceOrderError, False),
    (400, -2011, "Unknown order sent.", BinanceOrderNotFoundError, False),
    (400, -2013, "Order does not exist.", BinanceOrderNotFoundError, False),
    (400, -1021, "Timestamp for this request is outside of the recvWindow.", BinanceTimestampError, False),
    (400, -1121, "Invalid symbol.", BinanceRequestError, False),
    (400, -1022, "Signature for this request is not valid.", BinanceAuthError, False),
    (401, -2014, "API-key format invalid.", BinanceAuthError, False),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", BinanceAuthError, False),
    (400, -1015, "Too many new orders.", BinanceRateLimitError, False),
    (429, -1003, "Too many requests queued.", BinanceRateLimitError, False),
    (418, -1003, "Way too much request weight used; IP banned until 1767614460000.", BinanceBannedError, False),
    (500, -1001, "Internal error; unable to process your request. Please try again.", BinanceMaintenanceError, True),
    (400, -1001, "Internal error; unable to process your request. Please try again.", BinanceMaintenanceError, True),
    (400, -1000, "An unknown error occurred while processing the request.", BinanceMaintenanceError, True),
    (503, -1008, "Server is currently overloaded with other requests.", BinanceMaintenanceError, True),
    (400, -1008, "Server is currently overloaded with other requests.", BinanceMaintenanceError, False),
    (503, -1006, "Execution status unknown.", BinanceMaintenanceError, True),
    (504, -1007, "Timeout waiting for response from backend server.", BinanceTimeoutError, True),
    (503, -1016, "This service is no longer available.", BinanceMaintenanceError, True),
]


@pytest.mark.parametrize(("status", "code", "msg", "kind", "is_unknown"), KINDS)
async def test_codes(status, code, msg, kind, is_unknown):
    """Each of Binance's codes is the error that says what to do, and whether the request may have been executed."""
    error = await fails(refusal(status, code, msg))
    assert type(error) is kind
    assert (error.code, error.status, error.response) == (code, status, {"code": code, "msg": msg})
    assert msg in str(error)
    assert error.outcome_unknown is is_unknown
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    ("status", "kind", "is_unknown"),
    [
        (403, BinanceRateLimitError, False),
        (404, BinanceError, False),
        (408, BinanceTimeoutError, True),
        (429, BinanceRateLimitError, False),
        (418, BinanceBannedError, False),
        (500, BinanceMaintenanceError, True),
        (505, BinanceMaintenanceError, True),
        (599, BinanceMaintenanceError, True),
    ],
)
@pytest.mark.parametrize("text", ["<html>x</html>", "", "null", "[1]", '{"a": 1}'])
async def test_without_code(status, kind, is_unknown, text):
    """So is each HTTP status, also where a firewall or a proxy answers and ccxt has no class for it."""
    error = await fails((status, {}, text))
    assert type(error) is kind
    assert (error.status, error.outcome_unknown) == (status, is_unknown)


@pytest.mark.parametrize("text", ["", "null", "tru", "<html>", '{"orderId": 1', '"text"', "7", "\x00"])
async def test_broken_body(text):
    """A 200 that is no JSON tells nothing of the order."""
    error = await fails((200, {"Content-Type": "application/json"}, text))
    assert type(error) is BinanceNetworkError
    assert error.outcome_unknown


@pytest.mark.parametrize("text", ['{"code": 5}', '{"msg": null, "success": false}'])
async def test_odd_json(text):
    """Nor does JSON that ccxt takes for an error or stumbles over."""
    error = await fails((200, {}, text))
    assert error.outcome_unknown


async def test_other_answers_as_orders():
    """A 200 with some other JSON is no order: it is looked for, and its absence told."""
    config = BinanceConfig(retry_budget=6.0, max_retries=0)
    moments = iter(range(10**6))
    exchange = Canned(
        (200, {}, {"serverTime": 1_767_614_400_000}), (200, {}, {}), refusal(400, -2013, "Order does not exist.")
    )
    exchange.milliseconds = lambda: 1_767_614_400_000 + next(moments) * 200

    async def sleep(_):
        pass

    client = BinanceClient(config, exchange=exchange, sleep=sleep)
    with pytest.raises(BinanceNetworkError, match="not placed"):
        await client.place_order("BTCUSDT", "BUY", "MARKET", 1, validate=False)


@pytest.mark.parametrize(
    ("status", "told", "msg", "wait"),
    [
        (429, {"Retry-After": "7"}, "Too many requests queued.", 7.0),
        (418, {}, "IP banned until 1767614460000.", 75.0),
        (429, {}, "Too many requests queued.", None),
    ],
)
async def test_retry_after(status, told, msg, wait):
    """How long to wait is told by the header or by the end of the ban, as early as clocks can differ."""
    error = await fails((status, told, {"code": -1003, "msg": msg}))
    assert error.retry_after == wait


@pytest.mark.parametrize("status", [429, 418, 403])
async def test_limits_are_not_tried_again(status):
    """What is refused for a limit is asked once."""
    exchange = Canned(refusal(status, -1003, "Too many requests queued."))
    client = BinanceClient(exchange=exchange)
    with pytest.raises(BinanceRateLimitError):
        await client.get_ticker("BTCUSDT")
    assert len(exchange.sent) == 1


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: {"apiKey": "", "secret": ""}, BinanceAuthError),
        (lambda: {"secret": ""}, BinanceAuthError),
    ],
)
async def test_not_sent(make, kind):
    """What ccxt refuses to sign was not sent, so that its outcome is known."""
    error = await fails((200, {}, {}), **make())
    assert type(error) is kind
    assert not error.outcome_unknown
    assert "was not sent" in str(error)


async def test_wrong_endpoint():
    """A path of another interface is refused by name."""
    client = BinanceClient(exchange=Canned((200, {}, {})))
    with pytest.raises(BinanceRequestError, match="/fapi/v1/order"):
        await client._make_request("GET", "/fapi/v1/order")


async def test_clock():
    """-1021 compares the clocks once and sends once more, by the server's clock then."""
    late = refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
    ahead = {"serverTime": 1_767_614_400_000 + 5_000}
    exchange = Canned(late, (200, {}, ahead), (200, {}, {"orderId": 1}))
    client = BinanceClient(exchange=exchange)
    await client._make_request("GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1})
    assert "timestamp=1767614400000" in exchange.sent[0][1]
    assert "timestamp=1767614405000" in exchange.sent[2][1]
    exchange.answers = [late]
    with pytest.raises(BinanceTimestampError, match="set this machine's clock"):
        await client._make_request("GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1})


async def test_clock_back():
    """A correction that is no longer needed is taken back."""
    exchange = Canned((200, {}, {"serverTime": 1_767_614_405_000}))
    client = BinanceClient(exchange=exchange)
    await client.start_session()
    assert exchange.options["timeDifference"] == -5000
    exchange.answers = [(200, {}, {"serverTime": 1_767_614_400_000})]
    await client._sync_server_time()
    assert exchange.options["timeDifference"] == 0
    await client.close_session()


async def test_window():
    """The client's recvWindow is sent, whatever an exchange that was handed in has in its options."""
    exchange = Canned((200, {}, {"orderId": 1}))
    exchange.options["recvWindow"] = 60_000
    client = BinanceClient(BinanceConfig(recv_window=3000), exchange=exchange)
    await client._make_request("GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1})
    assert "recvWindow=3000" in exchange.sent[0][1]


async def test_error_shows_no_secret(caplog):
    """Neither the signature nor the key is in an error, in those it came from, in its pickle or in the log."""
    caplog.set_level(logging.DEBUG)
    url = f"GET https://api.binance.com/api/v3/order?timestamp=1&signature=deadbeef X-MBX-APIKEY: {KEY}"
    for cause in (ExchangeNotAvailable(f"binance {url}"), AuthenticationError(url)):
        error = await fails(cause)
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(pickle.loads(pickle.dumps(error)))
        for secret in ("deadbeef", KEY, SECRET):
            assert secret not in shown
            assert secret not in caplog.text
    error = await fails((503, {}, "<html>"))
    assert "signature" not in str(error)


async def test_ccxts_log(caplog, capsys):
    """ccxt's own log of whole requests, and what it prints when it is verbose, show neither."""
    caplog.set_level(logging.DEBUG)
    async with asyncio.timeout(5):
        client = client_of("http://127.0.0.1:9", max_retries=0)
        client.exchange.verbose = True
        with pytest.raises(BinanceNetworkError):
            await client.get_account_info()
    await client.close_session()
    await client.exchange.close()
    for text in (caplog.text, capsys.readouterr().out):
        assert "/api/v3/account" in text
        assert KEY not in text
        assert "signature=***" in text


def test_veil():
    """Signatures, keys and listen keys are taken out of texts and tables."""
    assert veiled("a?x=1&signature=abc%2F&y=2") == "a?x=1&signature=***&y=2"
    assert veiled(str({"X-MBX-APIKEY": "abc", "a": "b"})) == "{'X-MBX-APIKEY': '***', 'a': 'b'}"
    assert veiled("wss://x/ws?listenKey=abc") == "wss://x/ws?listenKey=***"
    assert veiled(7) == 7


async def test_doors():
    """Closing gives the exchange its own doors back; what others have hung over them stays."""
    exchange = Canned((200, {}, {"serverTime": 1}))
    client = BinanceClient(exchange=exchange)
    assert "fetch" in exchange.__dict__
    await client.close_session()
    assert "fetch" not in exchange.__dict__
    assert "on_rest_response" not in exchange.__dict__
    client = BinanceClient(exchange=exchange)
    exchange.on_rest_response = mine = lambda *told: told[5].strip()
    await client.close_session()
    assert exchange.on_rest_response is mine


async def test_repeated_answers():
    """An answer that was read before is no answer to another request."""
    told = {"x-mbx-uuid": "one"}
    exchange = Canned((200, told, {"serverTime": 1}))
    client = BinanceClient(exchange=exchange)
    await client.wire.send("GET", "/api/v3/time", {})
    with pytest.raises(BinanceNetworkError, match="no answer"):
        await client.wire.send("GET", "/api/v3/time", {})


def test_blocking_exchange():
    """An exchange that blocks is refused with the one to pass instead."""
    import ccxt

    with pytest.raises(ValueError, match=r"ccxt\.async_support\.binance"):
        BinanceClient(exchange=ccxt.binance())
