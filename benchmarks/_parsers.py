"""What reads the bytes of strangers, each as a function that raises when they are taken otherwise than promised."""

from __future__ import annotations

import gzip
import io
import json
import logging
import struct
import tempfile
import warnings
import zipfile
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from exec_plugin.account import Settings
from exec_plugin.core.errors import ConfigError, FeedError, VenueError
from exec_plugin.endpoints import ENDPOINTS
from exec_plugin.feeds import open_recording
from exec_plugin.feeds.capture import CaptureFeed
from exec_plugin.feeds.live.payloads import read_aggregates, read_minutes, read_trades
from exec_plugin.limit_store import MappedStore
from exec_plugin.limit_store.base import CELLS
from exec_plugin.limit_store.mapped import SIZE
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import Faults
from exec_plugin.protocol.gateway import read_time_unit
from exec_plugin.protocol.public_keys import PublicKey
from exec_plugin.protocol.security import Key
from exec_plugin.protocol.ws_api import ApiSession
from exec_plugin.rate_limit import AdaptiveRateLimiter
from exec_plugin.rate_limit.answers import AnswerReader
from exec_plugin.server.config import read_faults, read_plan
from exec_plugin.server.control import Asked, Control
from exec_plugin.server.doors import _names, _options
from exec_plugin.server.lane import read_head
from exec_plugin.server.stage import Stage
from exec_plugin.server.wire import form_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
STATUSES = {200, 400, 401, 404, 405, 409, 410, 418, 429, 503}
#: How many frames or requests of one input are read, and how many rows of one recording.
MOST, MOST_ROWS = 10, 2000


@frozen
class Parser:
    """
    Something that reads.

    Args:
        name: of it, and of its folder in tests/corpus.
        read: takes any bytes; what it raises is a failure.
        seeds: what it is meant for, to begin with.
        words: what such input is made of.
    """

    name: str
    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()


# ---------------------------------------------------------------------- requests and frames


def _market() -> ScriptedExchange:
    """A market of its own for every input, so that one that fails does so again."""
    exchange = ScriptedExchange(SETUP)
    exchange.gateway.keys[KEY] = Key(exchange.account, None, timed=False)
    exchange.market([BOOK, TRADE])
    return exchange


def _check_answer(text: str, *, refused: bool) -> None:
    answer = json.loads(text)
    json.dumps(answer, allow_nan=False)
    assert "Traceback" not in text
    if refused:
        assert list(answer)[:2] == ["code", "msg"], text


def read_requests(data: bytes) -> None:
    """Plain HTTP requests, one behind the other."""
    gateway = _market().gateway
    for _ in range(MOST):
        size = data.find(b"\r\n\r\n")
        plain = read_head(data, size) if size >= 0 else None
        if plain is None or len(data) < plain.end:
            return
        assert plain.start <= plain.end
        body = data[plain.start : plain.end].decode(errors="replace")
        reply = gateway.handle(plain.method, plain.target, plain.headers, body, caller="fuzz")
        assert reply.status in STATUSES, reply
        assert b"\r\n\r\n" in form_bytes(reply)
        _check_answer(reply.text, refused=reply.status != 200)
        data = data[plain.end :]


def read_api_frames(data: bytes) -> None:
    """Frames of the WebSocket API, one a line."""
    exchange = _market()
    pushed: list[str] = []
    session = ApiSession(exchange.gateway, pushed.append, caller="fuzz")
    for text in data.decode(errors="replace").split("\n")[:MOST]:
        before = len(pushed)
        session.receive(text)
        assert len(pushed) > before, "a frame was not answered"
        replies = [json.loads(answer) for answer in pushed[before:]]
        (reply,) = (answer for answer in replies if "status" in answer)
        assert reply["status"] in STATUSES, reply
        assert ("error" in reply) is (reply["status"] != 200)
    exchange.market([TRADE])
    exchange.clock(advance=1000)
    session.close()
    for text in pushed:
        _check_answer(text, refused=False)


def read_stream_frames(data: bytes) -> None:
    """The address of a stream connection, then its control frames, one a line."""
    exchange = _market()
    pushed: list[str] = []
    target, *frames = data.decode(errors="replace").split("\n")
    path, _, query = target.partition("?")
    try:
        options = _options(query)
        names = _names(path, options)
        if names is None:
            return
        session = exchange.gateway.streams.open(
            pushed.append,
            names=names,
            combined=path.startswith("/stream"),
            micros=read_time_unit(options.get("timeUnit", "MILLISECOND")),
        )
    except VenueError:
        return
    for text in frames[:MOST]:
        before = len(pushed)
        session.receive(text)
        assert len(pushed) == before + 1, "a frame was not answered once"
    exchange.market([BOOK, TRADE])
    exchange.clock(advance=2500)
    assert not session.closed
    session.close()
    assert not exchange.gateway.streams.busy
    for text in pushed:
        _check_answer(text, refused=False)


def read_control(data: bytes) -> None:
    """A control call: its route, and in the next line its body."""
    stage = Stage(_market())
    before = stage.exchange
    route, _, body = data.decode(errors="replace").partition("\n")
    method, _, target = route.partition(" ")
    status, text = Control(stage).answer(Asked(method, target, body))
    assert status in STATUSES, text
    _check_answer(text, refused=status != 200)
    assert status == 200 or stage.exchange is before
    use = stage.exchange.gateway
    use.inject(None)
    for name in ("exchangeInfo", "time", "ticker/24hr"):
        reply = use.handle("GET", f"/api/v3/{name}", {})
        assert reply.status in {200, 418, 429, 503, 400}, reply
        _check_answer(reply.text, refused=reply.status != 200)


# ---------------------------------------------------------------------- files


@contextmanager
def _file(name: str, data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


class _PlainReader(CaptureFeed):
    """The general path alone."""

    def _batch(self, text: str, add: Callable[[Any], None]) -> None:
        for line in text[:-1].split("\n"):
            row = self._line(line)
            if row is not None:
                add(row)


def _rows(feed: Any) -> list[Any]:
    return [
        tuple(dict(part) if hasattr(part, "keys") else part for part in row) for row in islice(feed.rows(), MOST_ROWS)
    ]


def _outcome(open_feed: Callable[[], Any]) -> Any:
    """What a feed tells of a file, or how it refuses it."""
    try:
        feed = open_feed()
        rows = _rows(feed)
    except (ConfigError, FeedError) as error:
        return str(error)
    if len(rows) < MOST_ROWS:
        assert feed.rows_read == sum(feed.rows_by_kind.values())
    return rows, dict(feed.rows_by_kind), feed.rows_skipped, feed.problems


def read_capture(data: bytes) -> None:
    """A capture of streams; the fast reader and the plain one see the same."""
    with _file("btcusdt.txt", data) as path:
        for on_bad in ("skip", "raise"):
            for symbol in (None, "BTCUSDT"):
                fast, plain = (
                    _outcome(lambda kind=kind: kind(path, symbol, on_bad))  # noqa: B023  called at once
                    for kind in (CaptureFeed, _PlainReader)
                )
                assert fast == plain, (fast, plain)


def _read_recording(name: str, data: bytes) -> None:
    with _file(name, data) as path:
        for on_bad in ("skip", "raise"):
            _outcome(lambda: open_recording(path, None, on_bad))  # noqa: B023  called at once


def read_table(data: bytes) -> None:
    """Archives and candles as CSV or JSON; anything that ``--recording`` may be given."""
    _read_recording("BTCUSDT-1m.csv", data)


def read_packed(data: bytes) -> None:
    """The same, packed."""
    _read_recording("BTCUSDT-trades-2024-01.zip", data)


def read_limits(data: bytes) -> None:
    """The file of a budget: what it holds behind a header, sound or not, by its first byte."""
    with _file("host.budget", b"") as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MappedStore(path, boot=1).close()
        content = bytearray(path.read_bytes())
        if data[:1] == b"=":
            content[32 : 32 + len(data) - 1] = data[1:]
            content = content[:SIZE]
        else:
            content = bytearray(data)
        path.write_bytes(content)
        store = MappedStore(path, clock=lambda: 1000.0, boot=1)
        try:
            assert store.update(len) == CELLS
            limiter = AdaptiveRateLimiter(store=store)
            json.dumps(limiter.get_status())
            limiter.acquire(max_retries=0)
            limiter.record_error("server")
            json.dumps(limiter.get_stats())
        finally:
            store.close()
        assert path.stat().st_size == SIZE


def read_config(data: bytes) -> None:
    """The file of ``exec-plugin serve --config``."""
    with _file("server.toml", data) as path, suppress(ConfigError):
        plan = read_plan(path).checked()
        repr(plan)
        settings = Settings.read(dict(plan.market))
        settings.market_key()
        plan.server.tls()
        if settings.feed == "push" and not settings.faults:
            exchange = plan.open()
            assert exchange.gateway.handle("GET", "/api/v3/exchangeInfo", {}).status in STATUSES


def read_fault_rules(data: bytes) -> None:
    """The file of ``exec-plugin serve --faults``, and the faults at work."""
    with _file("faults.toml", data) as path, suppress(ConfigError):
        faults = Faults.read(read_faults(path))
        for _ in range(3):
            for (method, target), endpoint in islice(ENDPOINTS.items(), 0, None, 7):
                faults.answer(endpoint, NOW)
                faults.way_of_request(method, target)
            faults.way_of_frame('{"method": "order.place"}')
            assert faults.copies("executionReport") in {0, 1, 2}
            faults.disconnects("/ws-api/v3")


def read_key(data: bytes) -> None:
    """A public key in PEM form, and a signature that it shall check."""
    pem, _, signature = data.decode(errors="replace").partition("\0")
    with suppress(ConfigError):
        assert PublicKey(pem).verify(b"payload", signature) in {True, False}


# ---------------------------------------------------------------------- what an exchange says


class _Order:
    endpoint, orders = "/api/v3/time", 1


def read_answer(data: bytes) -> None:
    """Status, headers and body of an exchange's answer: for the limiter, and for a live feed."""
    lines = data.decode(errors="replace").split("\n")
    status, _, body = lines[0].partition(" ")
    headers = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = body
    reader = AnswerReader("1M", ("10S", "1D"))
    code = int(status) if status in {"200", "418", "429"} else 418
    for _ in range(2):
        answer = reader.read(_Order, code, headers, found)
        json.dumps(
            [answer.used, answer.orders, answer.retry_after, answer.until, answer.second, answer.exact], allow_nan=False
        )
    for read in (read_trades, read_aggregates, read_minutes):
        with suppress(ValueError):
            read(found)


# ---------------------------------------------------------------------- seeds


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

PARSERS = {
    parser.name: parser
    for parser in (
        Parser(
            "requests",
            read_requests,
            (
                _request("POST", f"/api/v3/order?{_ORDER}&{_SIGNED}"),
                _request("POST", "/api/v3/order", f"{_ORDER}&{_SIGNED}") + _request("GET", "/api/v3/openOrders?" + _SIGNED),
                _request("GET", '/api/v3/ticker/24hr?symbols=["BTCUSDT"]') + _request("GET", "/api/v3/klines?symbol=BTCUSDT&interval=1m"),
                _request("POST", f"/api/v3/order/cancelReplace?{_ORDER}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1&{_SIGNED}"),
                _request("DELETE", f"/api/v3/openOrders?symbol=BTCUSDT&{_SIGNED}"),
            ),
            (*_COMMON, "X-MBX-TIME-UNIT: MICROSECOND", "Content-Length: ", "HTTP/1.1", *(path for _, path in ENDPOINTS),
             *sorted({name for endpoint in ENDPOINTS.values() for name in endpoint.params})),
        ),
        Parser(
            "ws_api",
            read_api_frames,
            (
                _frames({**_FRAME, "params": {**_FRAME["params"], **_ORDERED}}, {"id": "a", "method": "time"}),
                _frames(
                    {**_FRAME, "method": "session.logon"},
                    {"id": None, "method": "userDataStream.subscribe"},
                    {"id": 3, "method": "session.status", "params": {"returnRateLimits": False}},
                    {**_FRAME, "method": "userDataStream.subscribe.signature"},
                ),
                _frames({"id": 1, "method": "v3/depth", "params": {"symbol": "BTCUSDT", "limit": 5}}),
            ),
            (*_COMMON, '"params":', '"method":', '"id":', *sorted({endpoint.name for endpoint in ENDPOINTS.values()})),
        ),
        Parser(
            "streams",
            read_stream_frames,
            (
                b"/ws/btcusdt@trade\n" + _frames({"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": 1}),
                b"/stream?streams=btcusdt@kline_1m@+08:00/ethbtc@bookTicker&timeUnit=MICROSECOND\n"
                + _frames({"method": "SET_PROPERTY", "params": ["combined", False], "id": 2}, {"method": "LIST_SUBSCRIPTIONS", "id": 3}),
                b"/ws\n" + _frames({"method": "UNSUBSCRIBE", "params": ["!ticker@arr"], "id": None}),
            ),
            (*_COMMON, "@trade", "@aggTrade", "@depth20@100ms", "@depth@100ms", "@miniTicker", "@ticker_1h", "@avgPrice",
             "!miniTicker@arr", "@kline_1s", "GET_PROPERTY", "combined"),
        ),
        Parser(
            "control",
            read_control,
            (
                b"POST /paper/reset\n" + json.dumps(SETUP).encode(),
                b"POST /paper/market\n" + json.dumps({"events": [BOOK, {**TRADE, "time": NOW + 5, "group": 1}]}).encode(),
                b'POST /paper/clock\n{"advance": 5000}',
                b"GET /paper/events?after=0\n",
                b'POST /paper/faults\n{"rules": [{"fault": "timeout", "probability": 0.5}]}',
            ),
            (*_COMMON, '"exchangeFilters":', '"rateLimits":', '"commission":', '"filters":', '"clock":', "filterType",
             "PRICE_FILTER", "LOT_SIZE", "tickSize", "stepSize", "minPrice", "limit", "interval", "REQUEST_WEIGHT"),
        ),
        Parser(
            "captures",
            read_capture,
            (
                "\n".join((_TICKER, _PRINT, _SNAPSHOT, _DIFF, "")).encode(),
                "\n".join((_SNAPSHOT, _DIFF, _AGG, "")).encode(),
                (_DIFF + "\r\n").encode(),
            ),
            (*_COMMON, '["0.98000000","0.00000000"]', '"],"a":[', "],[", '"b":[', "],", "[1"),
        ),
        Parser("tables", read_table, (_TRADES.encode(), _KLINES.encode(), _CANDLES.encode(), b"[[1700000000000,1,2,1,2,3]]"),
               (*_COMMON, "open_time", "Infinity", "1e-400", "2024-01-01T00:00:00Z")),
        Parser("packed", read_packed, (gzip.compress(_TRADES.encode(), mtime=0), _zipped("x.csv", _TRADES)), ("PK\x03\x04",)),
        Parser("limits", read_limits, (b"=" + bytes(8) + _BOOK_OF_BUDGET, b"execlims"), ()),
        Parser("config", read_config, (_CONFIG.encode(), _CONFIG.replace('"push"', '"synthetic"').encode()),
               (*_COMMON, "max_body", "control_token", "\\u0000", "inf", "nan", "1979-05-27", "history_ms", "volume_limit", "queue",
                "on_bad", "free_orders", "limits", "speed", "recording")),
        Parser("faults", read_fault_rules, (_FAULTS.encode(),), (*_COMMON, "timeout", "ban", "too_many", "clock", "drop", "[!a]", "nan")),
        Parser("keys", read_key, (f"{_PEM}\0AAAA".encode(),), ("-----BEGIN RSA PUBLIC KEY-----",)),
        Parser(
            "answers",
            read_answer,
            (
                b'429 {"code":-1003,"msg":"banned until 1700000000000."}\nRetry-After: 5\nX-MBX-USED-WEIGHT-1M: 7\n'
                b"Date: Wed, 01 Jan 2025 00:00:00 GMT\nx-mbx-order-count-10s: 3",
                b'200 {"serverTime": 1700000000000}\nDate: x',
                b'200 [{"id":1,"price":"1","qty":"2","time":1700000000000,"isBuyerMaker":true}]',
                b'200 [[1700000000000,"1","2","1","2","3",1700000059999,"5",7]]',
                b'200 [{"a":1,"p":"1","q":"2","f":1,"l":2,"T":1700000000000,"m":true}]',
            ),
            _COMMON,
        ),
    )
}  # fmt: skip


def quiet() -> None:
    """Let the package log nothing: what is wrong with an input is known, and told by the million."""
    logging.disable(logging.CRITICAL)
