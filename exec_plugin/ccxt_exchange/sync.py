"""``ccxt.binancepaper``."""

from __future__ import annotations

import ccxt

from exec_plugin.ccxt_exchange import registry
from exec_plugin.ccxt_exchange.transport import SyncTransport


class binancepaper(SyncTransport, ccxt.binance):  # noqa: N801  ccxt finds a class by its id
    """Binance's spot market on paper, blocking."""


registry.settle("ccxt", binancepaper)
