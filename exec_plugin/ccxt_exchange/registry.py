"""
Puts ``binancepaper`` into ccxt's namespaces as if ccxt shipped it; standard library only.

ccxt has three namespaces and importing all of them costs a second, so each gets its class right after the host has
imported it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from typing import TYPE_CHECKING

from exec_plugin.ccxt_exchange.description import EXCHANGE_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["FACES", "hook", "install", "installed", "settle", "uninstall"]

#: Namespace of ccxt -> the module of ours with the class for it.
FACES = {
    "ccxt": "exec_plugin.ccxt_exchange.sync",
    "ccxt.async_support": "exec_plugin.ccxt_exchange.aio",
    "ccxt.pro": "exec_plugin.ccxt_exchange.pro",
}

_LISTS = ("exchanges", "__all__")


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds nothing itself: asks the other finders, and lets registration follow a namespace's execution."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in FACES:
            return None
        spec = _ask_others(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _register_after(spec.loader)
        return spec


_finder = _AfterImport()


def _ask_others(fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    others = (finder for finder in sys.meta_path if finder is not _finder)
    specs = (finder.find_spec(fullname, path, target) for finder in others)
    return next((spec for spec in specs if spec is not None), None)


def _register_after(loader: importlib.abc.Loader) -> None:
    execute = loader.exec_module

    def execute_and_register(module: ModuleType) -> None:
        execute(module)
        # an uninstall may have come between finding and loading
        if installed():
            _register(module.__name__)

    # on the one instance that this import uses; a wrapper would lack the loader's other methods
    loader.exec_module = execute_and_register  # type: ignore[method-assign]


def installed() -> bool:
    """Does an import of a ccxt namespace bring ``binancepaper`` with it?"""
    return _finder in sys.meta_path


def hook() -> None:
    """Register in every namespace of ccxt: now where it is imported, right after its import elsewhere."""
    if not installed():
        sys.meta_path.insert(0, _finder)
    for namespace in FACES:
        # ccxt names its exchanges last, so a namespace without the list is still being imported
        if hasattr(sys.modules.get(namespace), "exchanges"):
            _register(namespace)


def install() -> None:
    """Make ``ccxt.binancepaper`` exist, in ``ccxt.async_support`` and ``ccxt.pro`` too; may be called again."""
    hook()
    importlib.import_module("ccxt")


def uninstall() -> None:
    """Undo ``install``; classes and instances in use go on working."""
    if installed():
        sys.meta_path.remove(_finder)
    for namespace in FACES:
        sys.modules.pop(f"{namespace}.{EXCHANGE_ID}", None)
        module = sys.modules.get(namespace)
        if module is not None:
            module.__dict__.pop(EXCHANGE_ID, None)
            for names in _lists(module):
                names[:] = [name for name in names if name != EXCHANGE_ID]


def settle(namespace: str, face: type) -> None:
    """Called by a face's module at its end: ccxt may have been imported by that very module."""
    if installed() and namespace in sys.modules:
        _publish(sys.modules[namespace], face)


def _register(namespace: str) -> None:
    module = importlib.import_module(FACES[namespace])
    face = getattr(module, EXCHANGE_ID, None)
    # the face may be half-way through importing this namespace; it settles then
    if face is not None:
        _publish(sys.modules[namespace], face)


def _publish(module: ModuleType, face: type) -> None:
    for names in _lists(module):
        if EXCHANGE_ID not in names:
            names.append(EXCHANGE_ID)
    setattr(module, EXCHANGE_ID, face)
    sys.modules[f"{module.__name__}.{EXCHANGE_ID}"] = sys.modules[face.__module__]


def _lists(module: ModuleType) -> list[list[str]]:
    return [getattr(module, name) for name in _LISTS if hasattr(module, name)]
