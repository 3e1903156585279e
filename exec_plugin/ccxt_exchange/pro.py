"""``ccxt.pro.binancepaper``."""

from __future__ import annotations

from typing import Any

from ccxt.base.errors import NotSupported
from ccxt.pro import binance

from exec_plugin.ccxt_exchange import aio, registry
from exec_plugin.ccxt_exchange.description import spot_streams


class binancepaper(binance, aio.binancepaper):  # noqa: N801  ccxt finds a class by its id
    """Binance's spot market on paper, for asyncio, with ccxt's streams; no socket is opened for them."""

    def describe(self) -> Any:
        """Binance as ccxt describes it, narrowed to a spot account on paper and its streams."""
        parent = super().describe()
        return self.deep_extend(parent, {"has": spot_streams(parent["has"])})

    async def authenticate(self, params: Any = None) -> None:
        """Subscribe to the account's events, in the way that this version of ccxt knows."""
        if hasattr(super(), "ensure_user_data_stream_ws_subscribe_signature"):
            await super().authenticate(params or {})
            return
        # ccxt 4.4 would ask for a listen key, which Binance gives no more
        if self._paper().is_remote:
            msg = f"{self.id} a server tells a user's events to those who subscribe by signature, as ccxt 4.5 does: upgrade ccxt"
            raise NotSupported(msg)
        from exec_plugin.account.links import LISTEN_KEY

        given = {"listenKey": LISTEN_KEY, "lastAuthenticatedTime": self.milliseconds()}
        self.options["spot"] = self.extend(self.options.get("spot") or {}, given)


registry.settle("ccxt.pro")
