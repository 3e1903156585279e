"""``ccxt.binancepaper``."""

from __future__ import annotations

from ccxt import binance

from exec_plugin.ccxt_exchange import registry
from exec_plugin.ccxt_exchange.transport import SyncTransport


class binancepaper(SyncTransport, binance):  # noqa: N801  ccxt finds a class by its id
    """Binance's spot market on paper, blocking."""


registry.settle("ccxt")
