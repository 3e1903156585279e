"""
What pytest offers to users of this package: markets on paper, and cassettes of Binance without secrets (docs/testing.md).

pytest loads this in every run of whoever has the package installed, so nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from exec_plugin.paper_broker import PaperBroker
    from exec_plugin.pytest_plugin.markets import PaperExchanges, PaperMarket, ServedMarket

    Use = Callable[..., AbstractContextManager[Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that says whether something is recorded."""
    parser.getgroup("exec_plugin").addoption(
        "--binance-record",
        choices=("none", "once", "all"),
        default="none",
        help="Cassettes of Binance: only replay them (none), record those that are missing (once), or record anew (all).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark that says what a test's market is like."""
    config.addinivalue_line(
        "markers",
        "paper(symbols, balances, commission, ...): what the test's paper market begins with, as POST /paper/reset takes "
        "it; symbols may be names",
    )


def _paper(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the marks of a test say, the closest last."""
    marks = reversed([*request.node.iter_markers("paper")])
    return {name: value for mark in marks for name, value in mark.kwargs.items()}


@pytest.fixture
def _paper_stage(request: pytest.FixtureRequest) -> Iterator[tuple[PaperMarket, PaperExchanges]]:
    """One market for all that a test asks for."""
    from exec_plugin.pytest_plugin.markets import a_market

    with a_market(_paper(request)) as stage:
        yield stage


@pytest.fixture
def paper_market(_paper_stage: tuple[PaperMarket, PaperExchanges]) -> PaperMarket:
    """The market of this test, which stands still until it is moved: ``book``, ``trade``, ``advance``, ``reports``."""
    return _paper_stage[0]


@pytest.fixture
def paper_exchange(_paper_stage: tuple[PaperMarket, PaperExchanges]) -> PaperExchanges:
    """ccxt's exchange on ``paper_market``: ``paper_exchange.sync``, ``.aio`` and ``.pro``, all on one account."""
    return _paper_stage[1]


@pytest.fixture
def paper_server(request: pytest.FixtureRequest) -> Iterator[ServedMarket]:
    """A server on this machine with a market of its own: ``url``, ``api_key``, ``api_secret`` and ``market``."""
    from exec_plugin.pytest_plugin.markets import a_server

    with a_server(_paper(request)) as served:
        yield served


@pytest.fixture
def paper_broker(request: pytest.FixtureRequest) -> PaperBroker:
    """A ``PaperBroker`` whose clock stands still."""
    from exec_plugin.pytest_plugin.markets import a_broker

    broker: PaperBroker = a_broker(_paper(request))
    return broker


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
