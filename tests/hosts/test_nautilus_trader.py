"""NautilusTrader, which has a client of its own: a live node of it on the paper server, with the keys of the page on clients."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from pathlib import Path

from environments import ROOT

HOST = "nautilus-trader"


def test_trades(shell):
    """Its live node logs on with an Ed25519 key, hears quotes, buys at the ask, and is told of the fill."""
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    for command in re.findall(r"^\$ (openssl .*)$", page, re.MULTILINE):
        shell.run(*command.split())
    key = (shell.folder / "public.pem").read_text()
    shutil.copy(Path(__file__).parent / "nautilus_app.py", shell.folder / "app.py")
    with shell.serving("--api-key", "nautilus", "--api-secret", key, lines=2) as server:
        log = shell.run("python", "app.py", check=False, **server)
    assert (shell.folder / "told.json").exists(), log
    (_, bid, ask), (_, quantity, price, commission) = json.loads((shell.folder / "told.json").read_text())
    assert (Decimal(quantity), commission) == (Decimal("0.002"), "0.00000200 BTC")
    # the market may have moved on since that quote
    assert abs(Decimal(price) / Decimal(ask) - 1) < Decimal("0.001") > 1 - Decimal(bid) / Decimal(ask)
