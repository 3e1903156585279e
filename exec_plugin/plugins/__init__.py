"""
The registry: which plugins are active, why others are not, and what is made through their hooks (docs/plugins.md).

``load`` makes the process's plugins from settings; whatever is opened later is bound to them.
"""

from __future__ import annotations

from exec_plugin.plugins.making import (
    collected,
    exchange_specs,
    exchanges,
    limit_store,
    make_model,
    market_source,
    throttle,
)
from exec_plugin.plugins.manager import BUILT_INS, Plugins, Status
from exec_plugin.plugins.observing import Observer
from exec_plugin.plugins.process import current, forget, load

__all__ = [
    "BUILT_INS",
    "Observer",
    "Plugins",
    "Status",
    "collected",
    "current",
    "exchange_specs",
    "exchanges",
    "forget",
    "limit_store",
    "load",
    "make_model",
    "market_source",
    "throttle",
]
