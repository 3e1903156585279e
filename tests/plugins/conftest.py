"""Plugins that a test makes up, and a process that forgets them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from exec_plugin import hookimpl
from exec_plugin.account import HOUSE
from exec_plugin.plugins import forget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder without settings, no plugins of another test, and none left for the next."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXEC_PLUGIN_CONFIG", raising=False)
    forget()
    HOUSE.clear()
    yield
    forget()
    HOUSE.clear()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Makes a module with hooks, importable by its name."""

    def make(name: str, **hooks: Callable[..., Any]) -> ModuleType:
        module = ModuleType(name)
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make
