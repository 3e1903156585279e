"""
What pytest offers to users of this package: cassettes of Binance that hold no secret (docs/testing.md).

pytest loads this in every run of whoever has the package installed, so nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Use = Callable[..., AbstractContextManager[Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that says whether something is recorded."""
    parser.getgroup("exec_plugin").addoption(
        "--binance-record",
        choices=("none", "once", "all"),
        default="none",
        help="Cassettes of Binance: only replay them (none), record those that are missing (once), or record anew (all).",
    )


@pytest.fixture
def binance_vcr_config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """
    vcrpy's configuration for Binance, to be used as it is or changed.

    pytest-recording takes it over by ``def vcr_config(binance_vcr_config): return binance_vcr_config``, of function scope.
    """
    from exec_plugin.cassettes.tape import vcr_config

    return vcr_config(request.config.getoption("--binance-record"))


@pytest.fixture
def binance_cassette(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Use:
    """
    Opens a cassette for this test, ``with`` a call; it is in the folder ``cassettes`` beside the test's file.

    Replaying needs no network, and none is let through; what is spent there is not counted in this machine's budget.
    """
    from exec_plugin.pytest_plugin.playing import cassette_of

    mode = request.config.getoption("--binance-record")
    if mode == "none":
        monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    return cassette_of(request.path.parent / "cassettes", request.node.name, mode)
