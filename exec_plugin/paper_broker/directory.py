"""Which symbols there are: as the exchange lists them, or any that is named where nothing is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.symbols import Symbol, split_symbol
from exec_plugin.paper_broker.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Collection

    from exec_plugin.core.venue import Venue


class Directory:
    """
    The tickers of a venue, by every spelling that was used so far.

    Args:
        venue: whose symbols.
        lists_any: whether a symbol that is not listed is listed when it is first named.
        assets: what the account holds, which helps to split names.
    """

    def __init__(self, venue: Venue, *, lists_any: bool, assets: Collection[str]) -> None:
        self._venue = venue
        self._lists_any = lists_any
        self._assets = assets
        self.tickers: dict[str, Ticker] = {}

    def find(self, symbol: str) -> Ticker:
        """
        The ticker of a symbol in either spelling.

        Raises:
            RequestRejected: -1121 when there is no such symbol.
        """
        if not isinstance(symbol, str):
            msg = f"symbol={symbol!r} must be a text such as 'BTCUSDC'"
            raise TypeError(msg)
        found = self.tickers.get(symbol)
        if found is None:
            found = self.tickers[symbol] = self._open(symbol)
        return found

    def _open(self, symbol: str) -> Ticker:
        name = symbol.replace("/", "").upper()
        if name in self.tickers:
            return self.tickers[name]
        if self._lists_any and name not in self._venue.markets:
            base, quote = self.split(symbol)
            try:
                listed = Symbol.from_exchange_info({"symbol": name, "baseAsset": base, "quoteAsset": quote})
            except ConfigError as error:
                raise _unknown(error) from None
            self._venue.list_symbol(listed)
        ticker = self.tickers[name] = Ticker(self._venue.market(name), touch_fills=self._venue.fill_model == "touch")
        return ticker

    def split(self, symbol: str) -> tuple[str, str]:
        """
        Base and quote asset, as listed, as written (``BTC/USDC``), or by the quote assets that are known.

        Raises:
            RequestRejected: -1121 when none of them tells.
        """
        name = symbol.upper()
        market = self._venue.markets.get(name.replace("/", ""))
        if market is not None:
            return market.symbol.base, market.symbol.quote
        base, slash, quote = name.partition("/")
        if slash:
            if not base or not quote or "/" in quote:
                raise _unknown(f"{symbol!r} does not have one asset on each side of a slash")
            return base, quote
        try:
            return split_symbol(name)
        except ConfigError as error:
            held = [asset for asset in self._assets if name.endswith(asset) and name != asset]
            if not held:
                raise _unknown(error) from None
            quote = max(held, key=len)
            return name.removesuffix(quote), quote


def _unknown(error: ConfigError | str) -> RequestRejected:
    return RequestRejected(-1121, "Invalid symbol.", f"{error}; write it as BASE/QUOTE")
