"""Investing Algorithm Framework: its executor and its provider on a paper account."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

HOST = "investing-algorithm-framework"


def test_pins(environment):
    """Our wheel changes no package of the framework's environment."""
    assert environment.before - environment.after == set()


@pytest.mark.parametrize(
    ("mode", "market"), [([], "BINANCEPAPER"), (["--paper"], "BINANCE")], ids=["by name", "as binance"]
)
def test_orders(shell, documented, mode, market):
    """Orders are filled, found again and cancelled across exchange objects; the balances are those of the page's file."""
    shutil.copy(Path(__file__).parent / "iaf_app.py", shell.folder / "app.py")
    (settings,) = documented("investing_algorithm_framework", "toml")
    (shell.folder / "exec_plugin.toml").write_text(settings, encoding="utf-8")
    printed = shell.run("exec-plugin", "run", *mode, "--config", "exec_plugin.toml", "--", "python", "app.py", market)
    told = json.loads(printed.splitlines()[-1], parse_float=Decimal)
    assert told["before"] == 2500
    assert [told["1"][:2], told["2"][:2], told["3"]] == [
        ["CLOSED", Decimal("0.002")], ["CLOSED", Decimal("0.001")], ["OPEN", 0, 50_000],
    ]  # fmt: skip
    assert told["cancelled"] == "CANCELED"
    # 0.1 % of what was bought, and of what the sale brought
    assert told["BTC"] == Decimal("0.002") * Decimal("0.999") - Decimal("0.001")
    spent, earned = told["1"][2] * Decimal("0.002"), told["2"][2] * Decimal("0.001") * Decimal("0.999")
    assert abs(told["USDT"] - (2500 - spent + earned)) <= Decimal("1e-8")
