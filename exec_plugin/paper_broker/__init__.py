"""The seed's paper broker: an exchange account in memory, driven by the prices that its owner pushes."""

from __future__ import annotations

from exec_plugin.core.fill_models import LinearSlippageModel, SlippageModel
from exec_plugin.core.models import MarketData, OrderBook, OrderBookLevel
from exec_plugin.paper_broker.broker import PaperBroker

__all__ = ["LinearSlippageModel", "MarketData", "OrderBook", "OrderBookLevel", "PaperBroker", "SlippageModel"]
