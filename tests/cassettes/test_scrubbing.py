"""What never gets into a cassette, and that none of the committed ones has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcr.request import Request

from exec_plugin.cassettes import scrubbing
from exec_plugin.cassettes.scrubbing import leaks, scrub_request, scrub_response, scrub_text

KEY, SECRET = "k" * 10 + "A1" * 27, "s" * 10 + "B2" * 27
SIGNATURE = "0123456789abcdef" * 4
SIGNED = f"timestamp=1795715630553&recvWindow=5000&signature={SIGNATURE}"


def scrubbed(method="GET", query="", body=None, headers=None, host="http://127.0.0.1:8080"):
    """A request as it is kept."""
    return scrub_request(Request(method, f"{host}/api/v3/order?{query}", body, headers or {}))


def test_query():
    """Signature, time and window go; the rest stands in the order of its names."""
    kept = scrubbed(query=f"symbol=BTCUSDT&orderId=7&{SIGNED}")
    assert kept.uri == "https://api.binance.com/api/v3/order?orderId=7&symbol=BTCUSDT"


@pytest.mark.parametrize("form", [str, str.encode, lambda text: dict(part.split("=") for part in text.split("&"))])
def test_body(form):
    """A signed body loses the same, in whatever form a client hands it over."""
    kept = scrubbed("POST", body=form(f"symbol=BTCUSDT&side=BUY&{SIGNED}"))
    assert kept.body == b"side=BUY&symbol=BTCUSDT"


def test_ids():
    """That an order's id was given is kept, which one is not."""
    one = scrubbed("POST", body=f"symbol=BTCUSDT&newClientOrderId=x-TKT5PX2Fabc&{SIGNED}")
    other = scrubbed("POST", body="newClientOrderId=mine&symbol=BTCUSDT")
    assert one.body == other.body == b"newClientOrderId=ANY&symbol=BTCUSDT"


def test_headers():
    """A request's headers go, the key's first of all."""
    assert dict(scrubbed(headers={"X-MBX-APIKEY": KEY, "Cookie": "a=b"}).headers) == {}


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "wss://stream.binance.com/ws", None, {}),
        Request("GET", "https://stream.binance.com/ws", None, {"Upgrade": "websocket"}),
        Request("POST", "http://127.0.0.1:8080/paper/market", b"{}", {}),
    ],
)
def test_not_recorded(request_):
    """WebSockets cannot be recorded, and control calls are no answers of an exchange."""
    assert scrub_request(request_) is None


def test_response():
    """Of a response remain what clients read: type and limits."""
    headers = {
        "Content-Type": ["application/json"],
        "Retry-After": ["7"],
        "X-MBX-USED-WEIGHT-1M": ["3"],
        "X-MBX-ORDER-COUNT-10S": ["1"],
        "Date": ["Thu, 26 Nov 2026 17:53:50 GMT"],
        "x-mbx-uuid": ["d8b9187d"],
        "Set-Cookie": ["session=1"],
        "X-Amz-Cf-Id": ["somewhere"],
    }
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": b'{"uid":354937868}'}}
    kept = scrub_response(response)
    assert list(kept["headers"]) == list(headers)[:4]
    assert kept["body"] == {"string": b'{"uid":0}'}
    assert response["body"] == {"string": b'{"uid":354937868}'}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"uid": 354937868, "canTrade":true}', '{"uid": 0, "canTrade":true}'),
        ('{"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8"}', '{"listenKey":"SCRUBBED"}'),
        ('{"tradeGroupId":2,"a":[{"accountId":"17","price":"0.10"}]}', '{"tradeGroupId":0,"a":[{"accountId":"SCRUBBED","price":"0.10"}]}'),
        ('{"code":-2015,"msg":"..., request ip: 203.0.113.7"}', '{"code":-2015,"msg":"..., request ip: 0.0.0.0"}'),
        ('{"code":-1003,"msg":"Way too many requests; IP(2001:db8::1) banned until 17"}', '{"code":-1003,"msg":"Way too many requests; IP(0.0.0.0) banned until 17"}'),
    ],
)  # fmt: skip
def test_text(text, kept):
    """Account ids, listen keys and addresses are replaced in their place; all else stays, byte by byte."""
    assert scrub_text(text) == kept
    assert scrub_text(kept) == kept


@given(st.dictionaries(st.sampled_from([*sorted(scrubbing.DROPPED), "symbol", "price"]), st.text(max_size=8)))
def test_idempotent(params):
    """A request that was scrubbed is as it stays, so that a cassette's own requests match what they were."""
    once = scrubbed("POST", body=params)
    twice = scrub_request(Request(once.method, once.uri, once.body, {}))
    assert (twice.uri, twice.body) == (once.uri, once.body)
    assert b"signature" not in (once.body or b"")


@pytest.mark.parametrize(
    "line",
    [
        f"uri: https://api.binance.com/api/v3/order?symbol=BTCUSDT&signature={SIGNATURE}",
        f"body: symbol=BTCUSDT&signature={SIGNATURE}",
        f"'signature': '{SIGNATURE}'",
        "X-MBX-APIKEY: short",
        f"string: {KEY}",
        '{"uid":354937868}',
        '{"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8"}',
        '"msg":"request ip: 203.0.113.7"',
    ],
)
def test_leaks(line):
    """Whatever slips through is found."""
    assert list(leaks(f"version: 1\n{line}\n"))


def test_leaks_told():
    """Values that were used are found wherever they stand, and are not repeated."""
    found = list(leaks("a: 1\nb: '[hunter2]'\n", ["hunter2", ""]))
    assert found == ["line 2: a key or secret of the recording"]


def test_committed(root):
    """No cassette of this repository holds a key, a signature or somebody's account."""
    paths = sorted((root / "cassettes").iterdir())
    assert {path.name: list(leaks(path.read_text(encoding="utf-8"))) for path in paths} == {
        path.name: [] for path in paths
    }
