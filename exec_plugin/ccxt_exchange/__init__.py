"""
``binancepaper`` for ccxt: Binance's spot market with nothing replaced but the transport.

Importing this package costs nothing; ccxt is imported by ``install``.
"""

from __future__ import annotations

from exec_plugin.ccxt_exchange.registry import install, installed, uninstall

__all__ = ["install", "installed", "uninstall"]
