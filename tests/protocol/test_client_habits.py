"""What clients send that no document names."""

from __future__ import annotations

import json

import pytest
from signing_client import Client


@pytest.mark.parametrize("name", ["!miniTicker@arr", "!miniTicker@arr@1000ms"])
def test_mini_tickers(name):
    """python-binance names the speed of the mini tickers of all symbols; they are the same, each under its name."""
    client = Client()
    heard = []
    client.gateway.streams.open(heard.append, names=[name], combined=True)
    client.trade("100")
    client.wait(1000)
    frame = json.loads(heard[-1])
    assert (frame["stream"], [row["e"] for row in frame["data"]]) == (name, ["24hrMiniTicker"])
