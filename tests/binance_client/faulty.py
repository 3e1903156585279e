"""
An exchange at the end of a bad line, in virtual time: a scripted Binance, ccxt's own signing and parsing, and faults.

Used by the tests and by ``benchmarks/exactly_once.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from random import Random
from typing import Any
from urllib.parse import urlsplit

from ccxt.async_support import binance
from ccxt.base.errors import ExchangeError, ExchangeNotAvailable, RequestTimeout

from exec_plugin.protocol import Reply
from exec_plugin.protocol.control import ScriptedExchange

START = 1_767_614_400_000
KEY, SECRET = "key-of-the-faulty-line", "secret-of-the-faulty-line"
RICH = {"USDT": "1000000000", "BTC": "1000000"}
SYMBOLS = [
    {
        "symbol": "BTCUSDT",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
        ],
    }
]
#: Seconds after which ccxt gives up waiting.
TIMEOUT = 2.0
_HTML = "<html><body>nothing is as it was</body></html>"

#: Whose request it is, for counting what each intention has led to.
INTENT: ContextVar[Any] = ContextVar("intent", default=None)

#: Every way in which an answer can fail, by name.
FATES = (
    "lost", "lost_answer", "late", "reset_then_late", "timeout", "timeout_answered",
    "500", "502", "503", "504", "503_done", "504_done", "504_late", "-1007", "-1007_done", "-1006_done",
    "408", "clock", "cut_body", "cut_json", "repeated", "empty", "505_done",
)  # fmt: skip


class Line:
    """
    What lies between a client and the exchange.

    Args:
        share: of the requests that go wrong, 0 to 1.
        seed: of what goes wrong.
        skew: seconds that the client's clock is ahead.
        fates: names out of ``FATES``; or a list to be used up in order, with None for what goes well.
        paths: of which requests.
    """

    def __init__(self, share=0.0, seed=0, skew=0.0, fates=FATES, paths=("/api/v3/order",), balances=RICH):
        self.share, self.skew, self.fates, self.paths = share, skew, fates, paths
        self.rng = Random(seed)
        self.script: list[str | None] | None = None
        self.exchange = ScriptedExchange({
            "clock": START, "symbols": SYMBOLS, "balances": balances, "rateLimits": [],
            "apiKey": KEY, "secretKey": SECRET,
        })  # fmt: skip
        self.book()
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.asked: list[tuple[str, str]] = []
        self.happened: Counter[str] = Counter()
        #: intention -> how many orders of it were accepted
        self.accepted: Counter[Any] = Counter()
        self.under_way: set[asyncio.Task[None]] = set()
        self._last: Reply | None = None
        self._answers = 0

    def book(self):
        """A market that nobody can empty."""
        deep = [("99.00", "500000")], [("101.00", "500000")]
        self.exchange.market([{"type": "book", "symbol": "BTCUSDT", "bids": deep[0], "asks": deep[1]}])

    def now(self):
        """The exchange's time in ms."""
        return START + round((self.loop.time() - self.begun) * 1000)

    def local(self):
        """The client's."""
        return self.now() + round(self.skew * 1000)

    def fate(self, url):
        if urlsplit(url).path not in self.paths:
            return None
        if self.script is not None:
            return self.script.pop(0) if self.script else None
        return self.rng.choice(self.fates) if self.rng.random() < self.share else None

    # ------------------------------------------------------------------ the way there

    def deliver(self, method, url, headers, body) -> Reply:
        """Let the exchange have a request."""
        self.exchange.clock(now=self.now())
        reply = self.exchange.gateway.handle(
            method, url, {name.lower(): value for name, value in headers.items()}, body or ""
        )
        if method == "POST" and urlsplit(url).path == "/api/v3/order" and reply.status == 200:
            self.accepted[INTENT.get()] += 1
        self._answers += 1
        return reply._replace(headers={**reply.headers, "x-mbx-uuid": f"{self._answers:032x}"})

    async def _later(self, seconds, *request):
        await asyncio.sleep(seconds)
        self.deliver(*request)

    def send_later(self, *request):
        """A request that comes when its sender has given up, perhaps after it is still good."""
        task = asyncio.create_task(self._later(self.rng.uniform(0.001, 7.0), *request))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def settle(self):
        """Let everything arrive."""
        while self.under_way:
            await asyncio.wait(self.under_way)

    # ------------------------------------------------------------------ the way back

    async def carry(self, ccxt, method, url, headers, body):
        """One request, as ccxt's ``fetch``."""
        self.asked.append((method, urlsplit(url).path))
        fate = self.fate(url)
        self.happened[fate or "fine"] += 1
        request = (method, url, headers, body)
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        reply = await self._answer(fate, request, f"{ccxt.id} {method} {url}")
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        if fate is None:
            # a connection can repeat only what came through it
            self._last = reply
        return _parse(ccxt, reply, request)

    async def _answer(self, fate, request, words) -> Reply:
        if fate is None:
            return self.deliver(*request)
        if fate in ("lost", "timeout"):
            await self._give_up(fate, words)
        if fate in ("lost_answer", "timeout_answered", "cut_body"):
            self.deliver(*request)
            await self._give_up(fate, words)
        if fate in ("late", "reset_then_late"):
            self.send_later(*request)
            await self._give_up("timeout" if fate == "late" else "lost", words)
        return self._wrong(fate, request)

    async def _give_up(self, fate, words):
        if fate.startswith("timeout"):
            await asyncio.sleep(TIMEOUT)
            raise RequestTimeout(words)
        raise (ExchangeError if fate == "cut_body" else ExchangeNotAvailable)(words)

    def _wrong(self, fate, request) -> Reply:
        """An answer that is not what the exchange has to say."""
        if fate == "clock":
            return _json(400, -1021, "Timestamp for this request is outside of the recvWindow.")
        if fate == "repeated":
            self.deliver(*request)
            return self._last or Reply(502, "Bad Gateway", {}, _HTML)
        if fate in ("cut_json", "empty"):
            reply = self.deliver(*request)
            return reply._replace(status=200, text=reply.text[: len(reply.text) // 2] if fate == "cut_json" else "")
        status, _, how = fate.partition("_")
        if how == "done":
            self.deliver(*request)
        elif how == "late":
            self.send_later(*request)
        if status.startswith("-"):
            return _json(504 if status == "-1007" else 503, int(status), "Execution status unknown.")
        return Reply(int(status), "so it is", {}, _HTML)


def _json(status, code, msg):
    return Reply(status, "so it is", {}, f'{{"code":{code},"msg":"{msg}"}}')


def _parse(ccxt, reply, request):
    """What ccxt does with an answer, in its order."""
    method, url, headers, body = request
    status, reason, told, text = reply[:4]
    text = ccxt.on_rest_response(status, reason, url, method, told, text, headers, body)
    parsed = ccxt.parse_json(text)
    ccxt.handle_errors(status, reason, url, method, told, text, parsed, headers, body)
    ccxt.handle_http_status_code(status, reason, url, method, text)
    return text if parsed is None else parsed


class FaultyBinance(binance):
    """ccxt's Binance with a bad line for its network."""

    def __init__(self, line, config=None):
        self.line = line
        super().__init__({
            "apiKey": KEY, "secret": SECRET, "enableRateLimit": False,
            "options": {"fetchCurrencies": False, "fetchMargins": False, "defaultType": "spot"}, **(config or {}),
        })  # fmt: skip
        self.timeout_on_exit = 0

    def milliseconds(self):
        return self.line.local()

    async def fetch(self, url, method="GET", headers=None, body=None):
        return await self.line.carry(self, method, url, headers or {}, body)
