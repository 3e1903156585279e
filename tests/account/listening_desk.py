"""A market with a book and an account on it, for those who listen to it."""

from __future__ import annotations

from account.test_kept_accounts import Clock, ask
from exec_plugin.account import PaperAccount, PaperExchange, Settings
from exec_plugin.core.events import BOOK
from exec_plugin.core.units import parse_units

FUNDS = {"USDT": "1000000", "BTC": "1"}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}


class Desk:
    """A market with a book, and an account on it that is kept in a file; without a file in memory."""

    def __init__(self, folder=None, **given):
        url = f"sqlite:///{folder}/accounts.sqlite" if folder else "sqlite://"
        self.clock = Clock()
        self.seconds = 0.0
        self.exchange = PaperExchange(
            Settings.read(
                {"db_url": url, "durability": "off", "symbols": "BTCUSDT", "feed": "push", "limits": False, **given}
            ),
            self.clock,
        )
        self.exchange.open_accounts({"default": FUNDS})
        self.exchange.listening.clock = lambda: self.seconds
        self.account = PaperAccount(self.exchange, self.exchange.venue.accounts["default"], None)
        levels = ({parse_units(price): parse_units("1000")} for price in ("99", "101"))
        self.exchange.feed.push((BOOK, self.clock.now, "BTCUSDT", *levels, 0))

    def trade(self, count=1, **more):
        """Orders that are filled at once: three events each."""
        for _ in range(count):
            ask(self.account, "POST", "/api/v3/order", **ORDER, **more)

    def look(self):
        """Somebody asks something."""
        ask(self.account, path="/api/v3/account")

    def listen(self, heard, name="bot", **options):
        """A listener that remembers the numbers of what it takes."""
        return self.account.listen(name, lambda event: heard.append(event.seq), **options)

    def crash(self):
        """End without a word."""
        self.exchange.journal.store.close()
        self.exchange.journal = None
