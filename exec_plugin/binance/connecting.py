"""The ccxt exchange that a client makes for itself: spot only, so that loading its markets costs one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exec_plugin.binance.veil import Veil, veiling
from exec_plugin.core.errors import ConfigError
from exec_plugin.rate_limit import AdaptiveRateLimiter
from exec_plugin.rate_limit.requests import account_name

if TYPE_CHECKING:
    from exec_plugin.binance.config import BinanceConfig
    from exec_plugin.rate_limit import RateLimiter

_ROOTS = {
    "public": "/api/v3", "private": "/api/v3", "v1": "/api/v1",
    "sapi": "/sapi/v1", "sapiV2": "/sapi/v2", "sapiV3": "/sapi/v3", "sapiV4": "/sapi/v4",
}  # fmt: skip


def connect(config: BinanceConfig, *, pro: bool = False) -> Any:
    """
    A new asynchronous ``binance`` of ccxt, or its streaming twin, as the configuration says.

    Nothing is connected until the first request.
    """
    import ccxt.async_support

    if pro:
        import ccxt.pro

    exchange: Any = (ccxt.pro if pro else ccxt.async_support).binance(_options(config))
    exchange.logger, exchange.log = Veil(exchange.logger), veiling(exchange.log)
    kinds: Any = exchange.options["fetchMarkets"]
    # ccxt 4.4 keeps a plain list of market types here, later versions a table with "types" in it
    exchange.options["fetchMarkets"] = {"types": ["spot"]} if isinstance(kinds, dict) else ["spot"]
    if config.testnet:
        exchange.set_sandbox_mode(True)
    if config.demo:
        exchange.enable_demo_trading(enable=True)
    if config.base_url is not None:
        _move(exchange, config.base_url.rstrip("/"))
    return exchange


def has_streams(exchange: Any) -> bool:
    """Whether an exchange is one of ``ccxt.pro``; the others have the same methods, which refuse."""
    return any(kind.__module__.startswith("ccxt.pro") for kind in type(exchange).__mro__)


def twin(exchange: Any) -> Any:
    """
    The exchange of ``ccxt.pro`` that is like one of ``ccxt.async_support``: its keys, options and addresses.

    Raises:
        ConfigError: when ccxt has none of its name.
    """
    import ccxt.pro

    kind = getattr(ccxt.pro, exchange.id, None)
    if kind is None:
        msg = f"ccxt.pro has no {exchange.id}, whose streams were asked for; exec_plugin.install() adds binancepaper"
        raise ConfigError(msg)
    found = kind({"apiKey": exchange.apiKey, "secret": exchange.secret, "timeout": exchange.timeout})
    found.options = found.deep_extend(found.options, exchange.options)
    streams = found.urls["api"].get("ws")
    found.urls = found.deep_extend(found.urls, exchange.urls)
    if streams is not None:
        found.urls["api"]["ws"] = streams
    for name in ("httpProxy", "httpsProxy", "socksProxy", "wsProxy", "wssProxy", "aiohttp_proxy"):
        setattr(found, name, getattr(exchange, name, None))
    return found


def _options(config: BinanceConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        "apiKey": config.api_key.reveal() or None,
        "secret": config.api_secret.reveal() or None,
        "timeout": round(config.timeout * 1000),
        "enableRateLimit": True,
        "options": {
            "defaultType": "spot",
            "fetchCurrencies": False,
            "fetchMargins": False,
            "recvWindow": config.recv_window,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
    }
    if config.proxy is not None:
        found["httpsProxy" if config.proxy.startswith("https") else "httpProxy"] = config.proxy
    return found


def _move(exchange: Any, base: str) -> None:
    """Ask another address; its WebSockets are where a local server has them."""
    exchange.urls["api"].update({name: base + root for name, root in _ROOTS.items()})
    streams = exchange.urls["api"].get("ws")
    if isinstance(streams, dict):
        socket = "ws" + base.removeprefix("http")
        streams["spot"] = f"{socket}/ws"
        streams["ws-api"]["spot"] = f"{socket}/ws-api/v3"


def limiter_for(exchange: Any, config: BinanceConfig) -> RateLimiter:
    """The budget that all processes share which ask this host with this key."""
    host = urlsplit(exchange.urls["api"]["public"]).netloc
    return AdaptiveRateLimiter(host=host, account=account_name(config.api_key.reveal() or None))
