"""``ccxt.async_support.binancepaper``."""

from __future__ import annotations

from ccxt.async_support import binance

from exec_plugin.ccxt_exchange import registry
from exec_plugin.ccxt_exchange.transport import AsyncTransport


class binancepaper(AsyncTransport, binance):  # noqa: N801  ccxt finds a class by its id
    """Binance's spot market on paper, for asyncio."""


registry.settle("ccxt.async_support")
