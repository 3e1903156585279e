"""What exists is documented, and what is documented can be found."""

from __future__ import annotations

import importlib.util
import re

import attrs
import pytest

import exec_plugin
from exec_plugin import binance, pytest_plugin
from exec_plugin.account import Settings
from exec_plugin.binance import config
from exec_plugin.binance.plugin import PLACES
from exec_plugin.cli import main
from exec_plugin.config import names, reading
from exec_plugin.endpoints import ENDPOINTS
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import ServerSettings, probes
from exec_plugin.server.metrics import PREFIX, Exporter
from exec_plugin.server.stage import Stage
from exec_plugin.server.tally import Tally

BTC = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"}


@pytest.fixture(scope="module")
def pages(root):
    """Every page's text by its name."""
    docs = root / "docs"
    names = {path.relative_to(docs).with_suffix("").as_posix(): path for path in sorted(docs.rglob("*.md"))}
    # neither what `sphinx-build` writes nor an example's own readme is one
    return {
        name: path.read_text(encoding="utf-8") for name, path in names.items() if not name.startswith(("_", "examples"))
    }


@pytest.fixture(scope="module")
def everything(pages):
    """All pages as one text, without the changelog, which explains nothing."""
    return "\n".join(text for name, text in pages.items() if name != "changelog")


def test_index(pages):
    """Every page stands in the index's table of contents."""
    listed = "\n".join(re.findall(r"```\{toctree\}(.*?)```", pages["index"], re.DOTALL)).split()
    assert set(pages) - {"index"} - set(listed) == set()


def test_links(root, pages):
    """Links between pages lead to files that exist."""
    prose = {name: re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE) for name, text in pages.items()}
    targets = {(name, link) for name, text in prose.items() for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", text)}
    assert [pair for pair in sorted(targets) if not (root / "docs" / pair[0]).parent.joinpath(pair[1]).exists()] == []


def test_changelog(pages):
    """The changelog has an entry for this version."""
    assert re.search(rf"^## {re.escape(exec_plugin.__version__)}\b", pages["changelog"], re.MULTILINE)


def test_commands(everything):
    """Every command and every option of the command line is documented."""
    commands = {f"exec-plugin {name}": command for name, command in main.commands.items()}
    options = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert _missing({*commands, *options}, everything) == []


def test_endpoints(everything):
    """Every route of the endpoint table is documented with its method."""
    assert _missing({" ".join(route) for route in ENDPOINTS}, everything) == []


@pytest.mark.parametrize("kind", [Settings, binance.BinanceConfig])
def test_settings(pages, kind):
    """Every setting of a paper account and of the client is documented by its name."""
    assert _missing({f"`{field.name}`" for field in attrs.fields(kind)}, pages["settings"]) == []


def test_server(pages):
    """Every setting of the server, every route beside Binance's and every metric is on the server's page."""
    pytest.importorskip("prometheus_client", reason="pip install 'exec-plugin[metrics]'")
    page = pages["server"]
    for field in attrs.fields(ServerSettings):
        assert field.name in page or f"`--{field.name.replace('_', '-')}`" in page, field.name
    assert _missing({probes.HEALTH, probes.READY, probes.METRICS}, page) == []
    exporter = Exporter(Stage(ScriptedExchange({"symbols": [BTC]})), Tally(), dict)
    names = {family.name.removeprefix(PREFIX) for family in exporter.collect()}
    assert [name for name in sorted(names) if f"`{name}" not in page] == []


def test_client(pages):
    """Every public method of the client, every error and every name of the environment is on the client's page."""
    calls = {name for name in vars(binance.BinanceClient) if not name.startswith("_")}
    names = {name for pairs in (config._NAMES, config._TESTNET_NAMES) for pair in pairs for name in pair}
    assert _missing({*calls, *names, *binance.__all__}, pages["binance"]) == []


def test_fixtures(pages):
    """Every fixture and option that pytest gets from this package is documented."""
    fixtures = {name for name in vars(pytest_plugin) if name.startswith(("binance_", "paper_"))}
    assert len(fixtures) == 6
    assert _missing({*fixtures, "--binance-record", "pytest.mark.paper"}, pages["testing"]) == []


def test_configuration(pages):
    """Every table and value of the configuration, and every variable that leads to it, is on the page about plugins."""
    words = {*names.SECTIONS, *names.VALUES, *names.PLUGIN_LISTS, *PLACES}
    assert _missing({f"`{word}`" for word in words}, pages["plugins"]) == []
    assert _missing({reading.VARIABLE, reading.FILE, reading.PROJECT_FILE}, pages["plugins"]) == []


def _missing(names, text):
    return [name for name in sorted(names) if not re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text)]


def test_generated(root):
    """The pages that follow from the code are up to date; `python docs/generate.py` writes them."""
    spec = importlib.util.spec_from_file_location("generate", root / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [
        name for name, page in generate.PAGES.items() if page() != (root / "docs" / f"{name}.md").read_text("utf-8")
    ]
    assert stale == []
