"""What reads the bytes of strangers, each as a function that raises when they are taken otherwise than promised."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _seeds import BOOK, KEY, NOW, SETUP, TRADE

from exec_plugin.account import PaperExchange, Settings
from exec_plugin.core.errors import ConfigError, FeedError, JournalError, VenueError
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

STATUSES = {200, 400, 401, 404, 405, 409, 410, 418, 429, 503}
#: How many frames or requests of one input are read, and how many rows of one recording.
MOST, MOST_ROWS = 10, 2000


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


@cache
def _whole_journal() -> bytes:
    """A file of accounts with an order that rests, one that was filled, and one that was cancelled."""
    with _file("accounts.sqlite", b"") as path:
        path.unlink()
        _trade(path)
        return path.read_bytes()


def _trade(path: Path) -> None:
    settings = Settings.read(
        {"feed": "push", "symbols": ["BTCUSDT"], "db_url": f"sqlite:///{path}", "durability": "off"}
    )
    exchange = PaperExchange(settings, lambda: NOW)
    try:
        account = exchange.open_account("default", {"USDT": "1000"})
        exchange.gateway.keys[KEY] = Key(account, None, timed=False)
        exchange.venue.book("BTCUSDT", {99 * 10**8: 10**8}, {101 * 10**8: 10**8})
        for method, target in (
            ("POST", "order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=95"),
            ("POST", "order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5"),
            ("DELETE", "order?symbol=BTCUSDT&orderId=1"),
            ("GET", "allOrders?symbol=BTCUSDT"),
            ("GET", "myTrades?symbol=BTCUSDT"),
            ("GET", "account?omitZeroBalances=true"),
        ):
            reply = exchange.gateway.handle(
                method, f"/api/v3/{target}&timestamp={NOW}&signature=x", {"x-mbx-apikey": KEY}
            )
            exchange.settle()
            assert reply.status in STATUSES, reply
            _check_answer(reply.text, refused=reply.status != 200)
    finally:
        exchange.close()


def read_journal(data: bytes) -> None:
    """A file of accounts: by its first byte as it is, or a sound one into which something was written at a place."""
    content = bytearray(data)
    if data[:1] == b"=":
        content = bytearray(_whole_journal())
        place = int.from_bytes(data[1:4], "little") % len(content)
        content[place : place + len(data) - 4] = data[4:]
    with _file("accounts.sqlite", bytes(content)) as path, suppress(ConfigError, JournalError):
        _trade(path)


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


#: What reads, by its name and the name of its folder in tests/corpus.
READERS: dict[str, Callable[[bytes], None]] = {
    "requests": read_requests,
    "ws_api": read_api_frames,
    "streams": read_stream_frames,
    "control": read_control,
    "captures": read_capture,
    "tables": read_table,
    "packed": read_packed,
    "limits": read_limits,
    "journal": read_journal,
    "config": read_config,
    "faults": read_fault_rules,
    "keys": read_key,
    "answers": read_answer,
}


def quiet() -> None:
    """Let the package log nothing: what is wrong with an input is known, and told by the million."""
    logging.disable(logging.CRITICAL)
