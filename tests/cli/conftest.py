"""The command line in this process, and a piece of a real recording."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import exec_plugin.ccxt_exchange as face
from exec_plugin.account import HOUSE
from exec_plugin.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

#: Lines of the recording that are played: half a minute or so.
LINES = 4000


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Nothing of a command stays behind in ccxt and in the house of paper exchanges."""
    before = face.installed()
    yield
    HOUSE.clear()
    if not before:
        face.uninstall()


@pytest.fixture
def call() -> Callable[..., Result]:
    """Runs a command given as words; an error that is no planned exit fails the test."""

    def run(*words: Any) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def recording(shared: Path, tmp_path: Path) -> Path:
    """The first lines of a real recording of ETHUSDT."""
    with gzip.open(shared / "data" / "market" / "ethusdt_20240808.gz") as file:
        lines = [next(file) for _ in range(LINES)]
    path = tmp_path / "ethusdt.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path
