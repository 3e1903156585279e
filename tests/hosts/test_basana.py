"""basana, which has a Binance client of its own: a bot of it on the paper server, in the way that the page on clients says."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

HOST = "basana"


def test_trades(shell):
    """It hears a trade from the stream, buys, and finds its order filled and its commission paid."""
    shutil.copy(Path(__file__).parent / "basana_app.py", shell.folder / "app.py")
    with shell.serving() as server:
        told = json.loads(shell.run("python", "app.py", **server).splitlines()[-1])
    _, is_open, filled, price, fees = told["order"]
    assert (is_open, Decimal(filled), {name: Decimal(fee) for name, fee in fees.items()}) == (
        False,
        Decimal("0.002"),
        {"BTC": Decimal("0.000002")},
    )
    assert abs(Decimal(price) / Decimal(told["heard"]) - 1) < Decimal("0.01")
    assert Decimal(told["BTC"]) % 1 == Decimal("0.001998")
