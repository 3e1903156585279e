"""
Puts ``binancepaper`` into ccxt's namespaces as if ccxt shipped it; standard library only.

ccxt has three namespaces and importing all of them costs a second, so each gets its class right after the host has
imported it.
"""

from __future__ import annotations

import importlib
import sys

from exec_plugin.ccxt_exchange.description import EXCHANGE_ID

# typing's own would cost each start of an interpreter 12 ms
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["FACES", "hook", "install", "installed", "is_there", "register", "settle", "uninstall"]

#: Namespace of ccxt -> the module of ours with the class for it.
FACES = {
    "ccxt": "exec_plugin.ccxt_exchange.sync",
    "ccxt.async_support": "exec_plugin.ccxt_exchange.aio",
    "ccxt.pro": "exec_plugin.ccxt_exchange.pro",
}

_LISTS = ("exchanges", "__all__")


class _AfterImport:
    """
    Finds nothing itself: asks the other finders, and lets registration follow a namespace's execution.

    No subclass of importlib's finder, whose module costs each start of an interpreter 15 ms.
    """

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
_listeners: list[Callable[[str], object]] = []


def _ask_others(fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    others = (finder for finder in sys.meta_path if finder is not _finder)
    specs = (finder.find_spec(fullname, path, target) for finder in others)
    return next((spec for spec in specs if spec is not None), None)


def _register_after(loader: Loader) -> None:
    execute = loader.exec_module

    def execute_and_register(module: ModuleType) -> None:
        execute(module)
        # an uninstall may have come between finding and loading
        if installed():
            _arrived(module.__name__)

    # on the one instance that this import uses; a wrapper would lack the loader's other methods
    loader.exec_module = execute_and_register  # type: ignore[method-assign]


def installed() -> bool:
    """Does an import of a ccxt namespace bring ``binancepaper`` with it?"""
    return _finder in sys.meta_path


def is_there(namespace: str) -> bool:
    """Is a namespace imported, and not still being imported? ccxt names its exchanges last."""
    return hasattr(sys.modules.get(namespace), "exchanges")


def hook(listener: Callable[[str], object] | None = None) -> None:
    """
    Call a listener with each namespace of ccxt: now where it is imported, right after its import elsewhere.

    It may be called more than once with a namespace; without one, ``binancepaper`` is registered.
    """
    listener = listener or register
    if listener not in _listeners:
        _listeners.append(listener)
    if not installed():
        sys.meta_path.insert(0, _finder)
    for namespace in filter(is_there, FACES):
        listener(namespace)


def install() -> None:
    """Make ``ccxt.binancepaper`` exist, in ``ccxt.async_support`` and ``ccxt.pro`` too; may be called again."""
    hook()
    importlib.import_module("ccxt")


def uninstall() -> None:
    """Undo ``install``; classes and instances in use go on working."""
    _listeners.clear()
    if installed():
        sys.meta_path.remove(_finder)
    for namespace in FACES:
        sys.modules.pop(f"{namespace}.{EXCHANGE_ID}", None)
        module = sys.modules.get(namespace)
        if module is not None:
            module.__dict__.pop(EXCHANGE_ID, None)
            for names in _lists(module):
                names[:] = [name for name in names if name != EXCHANGE_ID]


def settle(namespace: str) -> None:
    """Called by a face's module at its end: ccxt may have been imported by that very module."""
    if installed() and is_there(namespace):
        _arrived(namespace)


def _arrived(namespace: str) -> None:
    for listener in tuple(_listeners):
        listener(namespace)


def register(namespace: str) -> bool:
    """Put ``binancepaper`` into a namespace that is there; False where its module has yet to settle."""
    module = importlib.import_module(FACES[namespace])
    face = getattr(module, EXCHANGE_ID, None)
    # the face may be half-way through importing this namespace
    if face is None:
        return False
    _publish(sys.modules[namespace], face)
    return True


def _publish(module: ModuleType, face: type) -> None:
    for names in _lists(module):
        if EXCHANGE_ID not in names:
            names.append(EXCHANGE_ID)
    setattr(module, EXCHANGE_ID, face)
    sys.modules[f"{module.__name__}.{EXCHANGE_ID}"] = sys.modules[face.__module__]


def _lists(module: ModuleType) -> list[list[str]]:
    return [getattr(module, name) for name in _LISTS if hasattr(module, name)]
