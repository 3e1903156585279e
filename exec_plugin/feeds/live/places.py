"""Where Binance's public market data is found, and what other places offer the same."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from exec_plugin.core.errors import ConfigError

#: Hosts for public market data that need no key (faqs/market_data_only.md).
MARKET_DATA = "https://data-api.binance.vision"

#: Hosts whose streams are found under another name; elsewhere both are at the same place.
_STREAMS = {
    "data-api.binance.vision": "data-stream.binance.vision",
    "api.binance.com": "stream.binance.com:9443",
    "testnet.binance.vision": "stream.testnet.binance.vision",
    "demo-api.binance.com": "demo-stream.binance.com",
    "api.binance.us": "stream.binance.us:9443",
}
_SCHEMES = {"https": "wss", "http": "ws"}


class Places(NamedTuple):
    """Where REST requests go, and where streams come from."""

    rest: str
    streams: str

    @classmethod
    def of(cls, url: str) -> Places:
        """
        Both, by the URL of the first; the market-data-only hosts for none.

        Raises:
            ConfigError: for what is no such URL.
        """
        parts = urlsplit(url or MARKET_DATA)
        is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme not in _SCHEMES or not parts.hostname or not is_plain:
            # not shown: it may hold what nobody should read
            msg = "live_url is no address such as https://testnet.binance.vision or http://127.0.0.1:8080"
            raise ConfigError(msg)
        streams = _STREAMS.get(parts.netloc, parts.netloc)
        return cls(f"{parts.scheme}://{parts.netloc}", f"{_SCHEMES[parts.scheme]}://{streams}")

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, where no proxy leads."""
        return urlsplit(self.rest).hostname in {"127.0.0.1", "localhost", "::1"}
