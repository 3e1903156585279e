"""Fixtures of accounts."""

import pytest
from journal.stuck_disk import StuckDisk

from account.stuck_desk import FUNDS, clock
from exec_plugin.account import PaperAccount, PaperExchange, Settings


@pytest.fixture
def account(tmp_path):
    """A kept account on a market of this process."""
    settings = Settings.read({"db_url": f"sqlite:///{tmp_path}/accounts.sqlite", "symbols": "BTCUSDT"})
    exchange = PaperExchange(settings, clock)
    exchange.open_accounts({"default": FUNDS})
    yield PaperAccount(exchange, exchange.venue.accounts["default"], None)
    exchange.close()


@pytest.fixture
def disk(account, monkeypatch):
    """The disk, stuck."""
    backend = account.exchange.journal.store.backend
    disk = StuckDisk(backend)
    monkeypatch.setattr(backend, "commit", disk)
    yield disk
    disk.goes_on(times=100)
