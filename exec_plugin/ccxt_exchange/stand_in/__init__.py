"""
``binance`` itself on paper, for hosts whose exchange has to have that name.

A namespace's ``binance`` is replaced where hosts look it up: as an attribute and as a submodule. Classes that ccxt
has made of its own (``binanceus``, ``binanceusdm``, ``binancecoinm``) stay what they are.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from exec_plugin.ccxt_exchange import registry

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["REAL_ID", "StandIn", "real_of", "replace", "restore"]

#: The class that is replaced: its id, its attribute and its submodule.
REAL_ID = "binance"

_FACES = {namespace: f"{__name__}.{module.rpartition('.')[2]}" for namespace, module in registry.FACES.items()}
_real: dict[str, tuple[type, ModuleType]] = {}


class StandIn(type):
    """Lets ``isinstance`` and ``issubclass`` answer as the class does that is replaced."""

    def __instancecheck__(cls, instance: object) -> bool:
        return issubclass(type(instance), cls)

    def __subclasscheck__(cls, other: type) -> bool:
        # a host's own subclasses have this metaclass too, and stand for themselves
        real = cls.__dict__.get("_real")
        return type.__subclasscheck__(cls, other) if real is None else issubclass(other, real)


def real_of(face: type) -> type:
    """The class of ccxt's that a face is made of."""
    return next(base for base in face.__mro__ if base.__name__ == REAL_ID)


def replace(namespace: str) -> None:
    """Put the paper exchange into the place of ``binance``; a listener of the registry."""
    if not registry.register(namespace):
        return
    if namespace == "ccxt":
        _replace(namespace)
        return
    # what Python does when the import is over, which this is part of; ccxt.pro looks it up there
    sys.modules["ccxt"].async_support = sys.modules["ccxt.async_support"]  # type: ignore[attr-defined]
    # ccxt makes its pro class of whatever async_support.binance is then, and that has to be its own
    importlib.import_module("ccxt.pro")
    if registry.is_there("ccxt.pro") and registry.register("ccxt.pro"):
        _replace("ccxt.async_support")
        _replace("ccxt.pro")


def restore() -> None:
    """Give every namespace its own class back; a subclass that was made in between stays on paper."""
    while _real:
        namespace, (face, module) = _real.popitem()
        setattr(sys.modules[namespace], REAL_ID, face)
        sys.modules[f"{namespace}.{REAL_ID}"] = module


def _replace(namespace: str) -> None:
    face: Any = getattr(importlib.import_module(_FACES[namespace]), REAL_ID, None)
    # without a face its module is the one that has imported ccxt: it settles at its end
    if face is None or namespace in _real:
        return
    module, name = sys.modules[namespace], f"{namespace}.{REAL_ID}"
    _real[namespace] = getattr(module, REAL_ID), sys.modules[name]
    setattr(module, REAL_ID, face)
    sys.modules[name] = sys.modules[face.__module__]
