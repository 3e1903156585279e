"""
The market as it is on Binance right now (faqs/market_data_only.md): public data only, never a key.

`market` joins what arrives without doing any input or output, `history` turns candles into a past, `rest` asks,
`worker` keeps the connection, and `LiveFeed` is what a paper exchange sees of it.
"""

from __future__ import annotations

from .feed import LiveFeed

__all__ = ["LiveFeed"]
