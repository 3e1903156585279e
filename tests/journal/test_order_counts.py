"""Unfilled-order counts go on after a restart, as an exchange's do."""

from __future__ import annotations

import json

import pytest
from protocol.signing_client import form

from exec_plugin.account import PaperAccount, PaperExchange, Settings

START = 1_767_614_400_000
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
LOW = {**ORDER, "price": "50000"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


class Clock:
    """A wall clock that goes when told."""

    now = START

    def __call__(self):
        return self.now


class Desk:
    """An account of one process after the other."""

    def __init__(self, url):
        self._url = url
        self.clock = Clock()
        self._open = None
        self.restart()

    def restart(self, after=0):
        """End as a killed process does, and open the account anew some ms later."""
        self.end()
        self.clock.now += after
        self._open = exchange = PaperExchange(
            Settings.read({"db_url": self._url, "symbols": "BTCUSDT", "durability": "off"}), self.clock
        )
        self._account = PaperAccount(exchange, exchange.open_account("alice", {"USDT": "100000"}), None)

    def end(self):
        """Let go without a word."""
        if self._open is not None:
            self._open.journal.store.close()
            self._open.journal = None

    def ask(self, method="GET", path="/api/v3/rateLimit/order", **params):
        """The reply to a request."""
        query = form({**params, "timestamp": self.clock.now, "signature": "x"})
        return self._account.request(method, f"{path}?{query}", {"X-MBX-APIKEY": "x"}, None)

    def place(self, order=LOW):
        """An order that is accepted."""
        reply = self.ask("POST", "/api/v3/order", **order)
        assert reply.status == 200, reply.text
        return reply

    @property
    def counts(self):
        """Those of ten seconds and of the day."""
        return [row["count"] for row in json.loads(self.ask().text)]


@pytest.fixture
def desk(url):
    """An account in a fresh database, in the first second of a day."""
    desk = Desk(url)
    yield desk
    desk.end()


def test_same_window(desk):
    """What was placed before counts after, in replies and in headers."""
    for _ in range(3):
        desk.place()
    desk.restart(after=2_000)
    assert desk.counts == [3, 3]
    headers = desk.place().headers
    assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == ("4", "4")


@pytest.mark.parametrize(("after", "expected"), [(9_999, [2, 2]), (10_000, [0, 2]), (86_400_000, [0, 0])])
def test_windows_end(desk, after, expected):
    """A window that is over while nobody is there is over."""
    desk.place()
    desk.place()
    desk.restart(after=after)
    assert desk.counts == expected


def test_fills_lower(desk):
    """What fills gave back before is not given back again, and what nobody had looked at yet is."""
    for _ in range(4):
        desk.place()
    desk.place(MARKET)
    # five were placed, and the one that took gave one back, at whose next look
    desk.restart()
    assert desk.counts == [4, 4]
    desk.place()
    desk.restart()
    assert desk.counts == [5, 5]


def test_limit_holds(desk):
    """Who has used up a window is refused after a restart as well."""
    for _ in range(100):
        desk.place()
    desk.restart(after=1)
    reply = desk.ask("POST", "/api/v3/order", **LOW)
    assert (reply.status, json.loads(reply.text)["code"]) == (429, -1015)


def test_folded(desk):
    """Counts are there too where entries were folded into the tables."""
    desk.place()
    desk.restart()
    # opening folds
    desk.restart()
    assert desk.counts == [1, 1]
