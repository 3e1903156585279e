"""``ccxt.async_support.binance`` on paper."""

from __future__ import annotations

from typing import Any

from exec_plugin.ccxt_exchange import registry
from exec_plugin.ccxt_exchange.aio import binancepaper
from exec_plugin.ccxt_exchange.stand_in import REAL_ID, StandIn, real_of


class binance(binancepaper, metaclass=StandIn):  # noqa: N801  ccxt finds a class by its id
    """The paper exchange under Binance's own id, for asyncio."""

    _real = real_of(binancepaper)

    def describe(self) -> Any:
        """The paper exchange as it describes itself, but for the id."""
        return self.deep_extend(super().describe(), {"id": REAL_ID})


registry.settle("ccxt.async_support")
