"""The server that the clients' tests meet, and what its control routes do to the market."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

from exec_plugin.core.symbols import default_symbol

SYMBOLS = [default_symbol(name).to_exchange_info() for name in ("BTCUSDT", "ETHUSDT", "BNBUSDT")]
BIDS = [["49990", "2"], ["49980", "5"], ["49000", "50"]]
ASKS = [["50010", "2"], ["50020", "5"], ["51000", "50"]]


@contextlib.contextmanager
def serve():
    """A server in a process of its own: address, key and secret are what it printed."""
    command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0", "--db-url", "sqlite://"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with ThreadPoolExecutor(1) as reader:
            lines = reader.submit(lambda: [process.stdout.readline() for _ in range(3)]).result(timeout=60)
        yield PaperServer(dict(line.strip().split("=", 1) for line in lines))
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


class PaperServer:
    """
    A served exchange.

    Args:
        told: the lines that ``exec-plugin serve`` printed, by name.

    ``url`` and ``ws`` are its addresses, ``key`` and ``secret`` those of its account.
    """

    def __init__(self, told):
        self.told = told
        self.url = told["BINANCE_BASE_URL"]
        self.ws = self.url.replace("http", "ws", 1)
        self.key = told["BINANCE_API_KEY"]
        self.secret = told["BINANCE_API_SECRET"]
        self._ticks = 0

    def ask(self, path, payload=None):
        """A control request; its JSON."""
        body = None if payload is None else json.dumps(payload).encode()
        with urlopen(Request(f"{self.url}/paper/{path}", data=body), timeout=20) as reply:
            return json.load(reply)

    def reset(self, **setup):
        """Start anew, in real time: three symbols, a million USDT and 10 BTC."""
        balances = {"USDT": "1000000", "BTC": "10", "BNB": "10"}
        account = {"apiKey": self.key, "secretKey": self.secret}
        self.ask("reset", {"clock": None, "symbols": SYMBOLS, "balances": balances, **account, **setup})
        self.book()
        self.trade("50000")
        self.book([["2990", "5"]], [["3010", "5"]], "ETHUSDT")

    def book(self, bids=BIDS, asks=ASKS, symbol="BTCUSDT"):
        """Everybody else's orders."""
        self.ask("market", {"events": [{"type": "book", "symbol": symbol, "bids": bids, "asks": asks}]})

    def trade(self, price, qty="1", taker="SELL", symbol="BTCUSDT"):
        """Somebody else's trade, with a reach down or up to a price."""
        event = {"type": "trade", "symbol": symbol, "price": price, "qty": qty, "taker": taker}
        self.ask("market", {"events": [event]})

    def tick(self):
        """Something of everything: a trade each way and a book that is not what it was."""
        self.trade("49995", "0.01")
        self.trade("50005", "0.02", "BUY")
        self._ticks += 1
        self.book([[str(49991 + self._ticks % 3), "1"], *BIDS])
