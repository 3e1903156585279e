"""
Binance spot, typed: orders that are placed exactly once, Decimals, errors that say what to do.

Names resolve on first use, so that importing the package does not import ccxt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "BinanceAuthError",
    "BinanceBannedError",
    "BinanceClient",
    "BinanceConfig",
    "BinanceError",
    "BinanceFilterError",
    "BinanceInsufficientBalanceError",
    "BinanceMaintenanceError",
    "BinanceNetworkError",
    "BinanceOrderError",
    "BinanceOrderNotFoundError",
    "BinanceRateLimitError",
    "BinanceRequestError",
    "BinanceTimeoutError",
    "BinanceTimestampError",
    "BinanceUnknownOrderState",
    "create_binance_client",
    "mask_api_key",
]

_HOMES = {
    "BinanceClient": "client",
    "BinanceConfig": "config",
    "create_binance_client": "client",
    "mask_api_key": "config",
}

if TYPE_CHECKING:
    from exec_plugin.binance.client import BinanceClient, create_binance_client
    from exec_plugin.binance.config import BinanceConfig
    from exec_plugin.binance.errors import (
        BinanceAuthError,
        BinanceBannedError,
        BinanceError,
        BinanceFilterError,
        BinanceInsufficientBalanceError,
        BinanceMaintenanceError,
        BinanceNetworkError,
        BinanceOrderError,
        BinanceOrderNotFoundError,
        BinanceRateLimitError,
        BinanceRequestError,
        BinanceTimeoutError,
        BinanceTimestampError,
        BinanceUnknownOrderState,
    )
    from exec_plugin.config.showing import mask_api_key
else:
    # Out of type checkers' sight: to them a module with __getattr__ has every name, also a misspelt one.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        home = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
        value = globals()[name] = getattr(home, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
