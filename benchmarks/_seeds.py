"""What those that read bytes of strangers are meant for, and the words that such input is made of."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from typing import Any

from exec_plugin.endpoints import ENDPOINTS

NOW, KEY = 1_767_614_400_000, "key"
SETUP = {
    "clock": NOW,
    "symbols": [
        {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"},
        {"symbol": "ETHBTC", "baseAsset": "ETH", "quoteAsset": "BTC"},
    ],
    "balances": {"USDT": "1000", "BTC": "10"},
    "apiKey": KEY,
}
BOOK = {"type": "book", "symbol": "BTCUSDT", "bids": [["99", "5"]], "asks": [["101", "5"]]}
TRADE = {"type": "trade", "symbol": "BTCUSDT", "price": "100", "qty": "1", "taker": "SELL"}


def _request(method: str, target: str, body: str = "") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=95"
_SIGNED = f"timestamp={NOW}&signature=x"
_TICKER = (
    '1700000000000000000 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"99.00000000",'
    '"B":"1.00000000","a":"101.00000000","A":"2.00000000"}}'
)
_PRINT = (
    '1700000000010000000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000010,"s":"BTCUSDT","t":7,'
    '"p":"100.00000000","q":"0.50000000","T":1700000000009,"m":true,"M":true}}'
)
_DIFF = (
    '1700000000020000000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000020,"s":"BTCUSDT",'
    '"U":2,"u":3,"b":[["99.00000000","3.00000000"],["0.98000000","0.00000000"]],"a":[["101.00000000","0.10000000"]]}}'
)
_SNAPSHOT = '1700000000015000000 {"lastUpdateId":1,"bids":[["99.00000000","1.00000000"]],"asks":[]}'
_AGG = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1700000000030,"s":"BTCUSDT","a":1,"p":"100","q":"1",'
    '"f":1,"l":3,"T":1700000000030,"m":false,"M":true}}'
)
_TRADES = "1,100.00,0.5,50,1700000000000,true,true\n2,101.00,0.5,50,1700000000000000,false,true\n"
_KLINES = "1700000000000,100,102,99,101,5,1700000059999,500,7,2,200,0\n1700000060000,101,103,99,102,5,0,500,7,2,2,0\n"
_CANDLES = "timestamp,open,high,low,close,volume\n2024-01-01 00:00:00,1,2,1,2,3\n1704067260,2,2.5,1,2e0,3\n"
_FRAME = {"id": 1, "method": "order.place", "params": {"apiKey": KEY, "signature": "x", "timestamp": NOW}}
_ORDERED = dict(part.split("=") for part in _ORDER.split("&"))
_CONFIG = """
db_url = "sqlite://"
[server]
port = 0
max_connections = 5
tls_cert = "cert.pem"
tls_key = "key.pem"
[paper]
feed = "push"
symbols = ["BTCUSDT", "ETHUSDT"]
seed = 7
fees = {maker = "0.001", taker = "0.002"}
slippage = {model = "fixed", bps = 5}
latency = 20
[accounts.alice]
balances = {USDT = "5000"}
api_key = "a"
secret = "b"
public_key_file = "bob.pem"
"""
_FAULTS = """
seed = 1
[[rules]]
fault = "latency"
method = "P*"
path = "/api/v3/order*"
probability = 0.5
ms = 10
max_ms = 20
[[rules]]
fault = "server_error"
status = 503
executed = true
count = 2
after = 1
[[rules]]
fault = "event_twice"
event = "executionReport"
"""
_PEM = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n"
)
_BOOK_OF_BUDGET = struct.pack("<8d", 0.0, 3.0, 100.0, 0.5, 1e9, -1.0, 6000.0, 60.0)


def _zipped(name: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def _frames(*frames: Any) -> bytes:
    return "\n".join(json.dumps(frame) for frame in frames).encode()


_COMMON = ("BTCUSDT", "99999999999999999999", "0.00000001", "-1", "1e999999", "NaN", "null", "\\ud800", "%00", "9" * 64)

SEEDS: dict[str, tuple[bytes, ...]] = {
    "requests": (
        _request("POST", f"/api/v3/order?{_ORDER}&{_SIGNED}"),
        _request("POST", "/api/v3/order", f"{_ORDER}&{_SIGNED}") + _request("GET", "/api/v3/openOrders?" + _SIGNED),
        _request("GET", '/api/v3/ticker/24hr?symbols=["BTCUSDT"]')
        + _request("GET", "/api/v3/klines?symbol=BTCUSDT&interval=1m"),
        _request(
            "POST", f"/api/v3/order/cancelReplace?{_ORDER}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1&{_SIGNED}"
        ),
        _request("DELETE", f"/api/v3/openOrders?symbol=BTCUSDT&{_SIGNED}"),
    ),
    "ws_api": (
        _frames({**_FRAME, "params": {**_FRAME["params"], **_ORDERED}}, {"id": "a", "method": "time"}),
        _frames(
            {**_FRAME, "method": "session.logon"},
            {"id": None, "method": "userDataStream.subscribe"},
            {"id": 3, "method": "session.status", "params": {"returnRateLimits": False}},
            {**_FRAME, "method": "userDataStream.subscribe.signature"},
        ),
        _frames({"id": 1, "method": "v3/depth", "params": {"symbol": "BTCUSDT", "limit": 5}}),
    ),
    "streams": (
        b"/ws/btcusdt@trade\n" + _frames({"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": 1}),
        b"/stream?streams=btcusdt@kline_1m@+08:00/ethbtc@bookTicker&timeUnit=MICROSECOND\n"
        + _frames(
            {"method": "SET_PROPERTY", "params": ["combined", False], "id": 2},
            {"method": "LIST_SUBSCRIPTIONS", "id": 3},
        ),
        b"/ws\n" + _frames({"method": "UNSUBSCRIBE", "params": ["!ticker@arr"], "id": None}),
    ),
    "control": (
        b"POST /paper/reset\n" + json.dumps(SETUP).encode(),
        b"POST /paper/market\n" + json.dumps({"events": [BOOK, {**TRADE, "time": NOW + 5, "group": 1}]}).encode(),
        b'POST /paper/clock\n{"advance": 5000}',
        b"GET /paper/events?after=0\n",
        b'POST /paper/faults\n{"rules": [{"fault": "timeout", "probability": 0.5}]}',
    ),
    "captures": (
        f"{_TICKER}\n{_PRINT}\n{_SNAPSHOT}\n{_DIFF}\n".encode(),
        f"{_SNAPSHOT}\n{_DIFF}\n{_AGG}\n".encode(),
        (_DIFF + "\r\n").encode(),
    ),
    "tables": (_TRADES.encode(), _KLINES.encode(), _CANDLES.encode(), b"[[1700000000000,1,2,1,2,3]]"),
    "packed": (gzip.compress(_TRADES.encode(), mtime=0), _zipped("x.csv", _TRADES)),
    "limits": (b"=" + bytes(8) + _BOOK_OF_BUDGET, b"execlims"),
    "journal": (b"=\x00\x00\x00", b"=\x00\x21\x00{}", b"=\x40\x10\x00\x00", b"SQLite format 3\x00"),
    "config": (_CONFIG.encode(), _CONFIG.replace('"push"', '"synthetic"').encode()),
    "faults": (_FAULTS.encode(),),
    "keys": (f"{_PEM}\x00AAAA".encode(),),
    "answers": (
        b'429 {"code":-1003,"msg":"banned until 1700000000000."}\nRetry-After: 5\nX-MBX-USED-WEIGHT-1M: 7\nDate: Wed, 01 Jan 2025 00:00:00 GMT\nx-mbx-order-count-10s: 3',
        b'200 {"serverTime": 1700000000000}\nDate: x',
        b'200 [{"id":1,"price":"1","qty":"2","time":1700000000000,"isBuyerMaker":true}]',
        b'200 [[1700000000000,"1","2","1","2","3",1700000059999,"5",7]]',
        b'200 [{"a":1,"p":"1","q":"2","f":1,"l":2,"T":1700000000000,"m":true}]',
    ),
}

WORDS: dict[str, tuple[str, ...]] = {
    "requests": (
        *_COMMON,
        "X-MBX-TIME-UNIT: MICROSECOND",
        "Content-Length: ",
        "HTTP/1.1",
        *(path for _, path in ENDPOINTS),
        *sorted({name for endpoint in ENDPOINTS.values() for name in endpoint.params}),
    ),
    "ws_api": (
        *_COMMON,
        '"params":',
        '"method":',
        '"id":',
        *sorted({endpoint.name for endpoint in ENDPOINTS.values()}),
    ),
    "streams": (
        *_COMMON,
        "@trade",
        "@aggTrade",
        "@depth20@100ms",
        "@depth@100ms",
        "@miniTicker",
        "@ticker_1h",
        "@avgPrice",
        "!miniTicker@arr",
        "@kline_1s",
        "GET_PROPERTY",
        "combined",
    ),
    "control": (
        *_COMMON,
        '"exchangeFilters":',
        '"rateLimits":',
        '"commission":',
        '"filters":',
        '"clock":',
        "filterType",
        "PRICE_FILTER",
        "LOT_SIZE",
        "tickSize",
        "stepSize",
        "minPrice",
        "limit",
        "interval",
        "REQUEST_WEIGHT",
    ),
    "captures": (*_COMMON, '["0.98000000","0.00000000"]', '"],"a":[', "],[", '"b":[', "],", "[1"),
    "tables": (*_COMMON, "open_time", "Infinity", "1e-400", "2024-01-01T00:00:00Z"),
    "packed": ("PK\x03\x04",),
    "limits": (),
    "journal": ('"numbers"', '"orders"', "[1,", "null", "default", "BTCUSDT"),
    "config": (
        *_COMMON,
        "max_body",
        "control_token",
        "\\u0000",
        "inf",
        "nan",
        "1979-05-27",
        "history_ms",
        "volume_limit",
        "queue",
        "on_bad",
        "free_orders",
        "limits",
        "speed",
        "recording",
    ),
    "faults": (*_COMMON, "timeout", "ban", "too_many", "clock", "drop", "[!a]", "nan"),
    "keys": ("-----BEGIN RSA PUBLIC KEY-----",),
    "answers": _COMMON,
}
