"""Makers of capture lines and files for the tests of feeds."""

from __future__ import annotations

import gzip
import json

from exec_plugin.feeds.capture import CaptureFeed

T0 = 1_700_000_000_000
#: The recorder's clock is this far behind the exchange's.
BEHIND = 250


class SlowFeed(CaptureFeed):
    """The general path alone."""

    def _batch(self, text, add):
        for line in text[:-1].split("\n"):
            row = self._line(line)
            if row is not None:
                add(row)


def stamped(ms, message):
    """A line as recorders write it."""
    return f"{T0 + ms - BEHIND}000000 {json.dumps(message, separators=(',', ':'))}"


def combined(kind, data, symbol="BTCUSDT"):
    """A message of a combined stream."""
    return {"stream": f"{symbol.lower()}@{kind}", "data": data}


def ticker(ms, bid, ask, *, last_id=1, sizes=("1.00000000", "2.00000000"), symbol="BTCUSDT"):
    """A best bid and ask."""
    data = {"u": last_id, "s": symbol, "b": bid, "B": sizes[0], "a": ask, "A": sizes[1]}
    return stamped(ms, combined("bookTicker", data, symbol))


def trade(ms, price="100.00000000", quantity="1.00000000", *, number=1, maker=True, symbol="BTCUSDT"):
    """A single trade."""
    data = {"e": "trade", "E": T0 + ms, "s": symbol, "t": number, "p": price, "q": quantity, "T": T0 + ms - 1}
    return stamped(ms, combined("trade", data | {"m": maker, "M": True}, symbol))


def agg_trade(ms, *, number=1, last=3, symbol="BTCUSDT"):
    """An aggregate trade."""
    data = {"e": "aggTrade", "E": T0 + ms, "s": symbol, "a": number, "p": "100.00000000", "q": "1.00000000"}
    return stamped(ms, combined("aggTrade", data | {"f": 1, "l": last, "T": T0 + ms, "m": False, "M": True}, symbol))


def diff(ms, first_id, last_id, bids=(), asks=(), symbol="BTCUSDT"):
    """A change of the book."""
    data = {"e": "depthUpdate", "E": T0 + ms, "s": symbol, "U": first_id, "u": last_id}
    return stamped(ms, combined("depth@100ms", data | {"b": list(bids), "a": list(asks)}, symbol))


def snapshot(ms, last_id, bids, asks):
    """A book as REST gives it: without its symbol."""
    return stamped(ms, {"lastUpdateId": last_id, "bids": bids, "asks": asks})


def write(path, lines):
    """A capture file, compressed if its name says so."""
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
