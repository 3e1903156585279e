"""Paper accounts without a venue, and ccxt with ``binancepaper`` in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fake_binance import FakeAccount, FakeBank

import exec_plugin.ccxt_exchange as face
from exec_plugin.ccxt_exchange import aio, pro, sync
from exec_plugin.ccxt_exchange.transport import PaperTransport

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def bank(monkeypatch: pytest.MonkeyPatch) -> FakeBank:
    """Where every account of a test is opened."""
    bank = FakeBank()
    monkeypatch.setattr(PaperTransport, "_open_account", staticmethod(bank.open))
    return bank


@pytest.fixture
def account(bank: FakeBank) -> FakeAccount:
    """The account of those who name none."""
    return bank.default


@pytest.fixture
def exchange(bank: FakeBank) -> sync.binancepaper:
    """The blocking class, markets loaded, nothing asked yet."""
    exchange = sync.binancepaper()
    exchange.load_markets()
    bank.default.asked.clear()
    return exchange


@pytest.fixture(params=[aio.binancepaper, pro.binancepaper], ids=["async_support", "pro"])
def waiting(request: pytest.FixtureRequest) -> type[Any]:
    """Both classes for asyncio."""
    return request.param


@pytest.fixture(params=[sync.binancepaper, aio.binancepaper, pro.binancepaper], ids=["ccxt", "async_support", "pro"])
def flavour(request: pytest.FixtureRequest) -> type[Any]:
    """All three classes."""
    return request.param


@pytest.fixture
def installed() -> Iterator[None]:
    """The class in ccxt's namespaces, and out of them afterwards."""
    face.install()
    yield
    face.uninstall()
