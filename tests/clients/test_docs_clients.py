"""The snippets of docs/clients.md, as they stand there, against a server that was started plainly."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from paper_server import serve

pytestmark = [
    pytest.mark.slow,
    # aiohttp's complaint about how the official SDK calls it
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float' is deprecated:DeprecationWarning"),
    # what python-binance imports of websockets
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
RUN = PAGE.partition("## Run by the tests")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^```(python|javascript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {section.splitlines()[0].strip(): BLOCK.findall(section) for section in RUN.split("\n### ")[1:]}
# the blocks of a section are one script
SNIPPETS = [
    pytest.param(blocks[0][0], "\n".join(text for _, text in blocks), id=name) for name, blocks in SECTIONS.items()
]


@pytest.fixture(scope="module")
def plain():
    """A server with the synthetic market."""
    with serve() as server:
        yield server


def needed(language, text):
    """The module that a snippet is about."""
    pattern = r"^(?:import|from) (ccxt|binance_sdk_spot|binance)\b" if language == "python" else r'require\("(.+?)"\)'
    return re.search(pattern, text, re.MULTILINE)[1]


def installed(module):
    """Whether a package is there; a folder of tests that is called the same is none."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def test_found():
    """Each client has its snippet."""
    found = {needed(*snippet.values) for snippet in SNIPPETS}
    assert found == {"ccxt", "binance", "binance_sdk_spot", "@binance/spot", "binance-api-node"}


@pytest.mark.parametrize(("language", "text"), SNIPPETS)
def test_snippet(plain, monkeypatch, capsys, language, text):
    """It trades, and prints what it did."""
    run = {"python": run_python, "javascript": run_javascript}[language]
    for name, value in plain.told.items():
        monkeypatch.setenv(name, value)
    if needed(language, text) == "binance" and installed("binance"):
        # a socket of its that ends waits for one message more, or for ten seconds
        monkeypatch.setattr("binance.ws.reconnecting_websocket.ReconnectingWebsocket.TIMEOUT", 1)
    printed = run(needed(language, text), text) or capsys.readouterr().out
    assert re.search("FILLED|closed", printed)


def run_python(module, text):
    """In this process, where the network is guarded."""
    if not installed(module):
        pytest.skip(f"{module} is not installed")
    # python-binance's sync client takes the thread's loop, and makes and leaves one where there is none
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    exec(compile(text, "docs/clients.md", "exec"), {"__name__": "__main__"})
    loop.close()


def run_javascript(module, text):
    """By Node.js; what it printed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if subprocess.run([node, "-e", f"require.resolve('{module}')"], check=False, capture_output=True).returncode:
        pytest.skip(f"{module} is not installed from npm where NODE_PATH leads")
    done = subprocess.run(
        [node, "-"], input=text, check=False, capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
