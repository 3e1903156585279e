"""``ccxt.pro.binancepaper``."""

from __future__ import annotations

from typing import Any

from ccxt.pro import binance

from exec_plugin.ccxt_exchange import aio, registry
from exec_plugin.ccxt_exchange.description import no_streams


class binancepaper(binance, aio.binancepaper):  # noqa: N801  ccxt finds a class by its id
    """Binance's spot market on paper, for asyncio and hosts that prefer ccxt.pro; streams are refused."""

    def describe(self) -> Any:
        """Binance as ccxt describes it, narrowed to a spot account on paper without streams."""
        parent = super().describe()
        return self.deep_extend(parent, {"has": no_streams(parent["has"])})


registry.settle("ccxt.pro", binancepaper)
