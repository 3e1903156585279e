"""
What plugins may do: the hook specifications, the markers, and the values that hooks take and give (docs/plugins.md).

A plugin is a module or an object with functions named like these, each marked with ``exec_plugin.hookimpl``.
"""

from __future__ import annotations

from exec_plugin.hookspecs.markers import PROJECT, hookimpl, hookspec
from exec_plugin.hookspecs.specs import OBSERVERS
from exec_plugin.hookspecs.values import KINDS, ExchangeSpec, OrderEvent, RequestRecord

__all__ = [
    "KINDS",
    "OBSERVERS",
    "PROJECT",
    "ExchangeSpec",
    "OrderEvent",
    "RequestRecord",
    "hookimpl",
    "hookspec",
]
