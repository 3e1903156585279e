"""The page about resuming: its examples do what it says."""

from __future__ import annotations

import json
import re

import pytest

from exec_plugin.account import HOUSE
from exec_plugin.plugins import forget
from exec_plugin.protocol.ws_api.session import _SPECS


@pytest.fixture
def page(root, tmp_path, monkeypatch):
    """The page, in a process without plugins and in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    forget()
    HOUSE.clear()
    yield (root / "docs" / "resuming.md").read_text(encoding="utf-8")
    forget()
    HOUSE.clear()


def run(code, names):
    """Run an example."""
    exec(compile(code, "docs/resuming.md", "exec"), names)


def test_listeners(page, capsys):
    """The listener prints the fill, once; the one with a ledger of its own books each trade once, whatever happens."""
    simple, exact = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    run(simple, names)
    [line] = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"2 BUY 0\.00100000 at \d+\.\d{8}", line)
    run(exact, names)
    for _ in range(2):
        # the process ends, and another one comes
        names["ledger"].close()
        HOUSE.clear()
        names = {}
        run(simple, names)
        run(exact, names)
    assert len(capsys.readouterr().out.splitlines()) == 2
    booked = names["ledger"].execute("SELECT seq, symbol, side, qty FROM trades").fetchall()
    assert booked == [(seq, "BTCUSDT", "BUY", "0.00100000") for seq in (2, 5, 8)]
    assert names["ledger"].execute("SELECT seq FROM position").fetchall() == [(9,)]
    names["ledger"].close()


def test_frames(page):
    """The frames are JSON, with parameters that there are."""
    request, reply = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert set(request["params"]) <= {*_SPECS[request["method"]]._kinds}
    assert set(reply) == {"events", "oldest", "last"}
