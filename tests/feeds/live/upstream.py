"""A scripted Binance without a network: it knows all trades and one book, and answers as REST and streams do."""

from __future__ import annotations

import json
from itertools import groupby

from exec_plugin.core.units import SCALE, to_text
from exec_plugin.feeds.live.market import LiveMarket

NOW = 1_700_000_000_000
NAME = "BTCUSDT"


class Upstream:
    """
    One symbol's market.

    ``trades`` are ``(id, time, price, qty, taker_is_seller)`` in whole coins; the first ``shown`` of them are there.
    Neighbours of the same time, price and side are of one taker.
    """

    def __init__(self, trades=(), shown=None):
        self.trades = list(trades)
        self.shown = len(self.trades) if shown is None else shown
        self.asked = []

    def trade_text(self, index):
        """A trade as the stream tells it."""
        number, time, price, qty, seller = self.trades[index]
        data = {
            "e": "trade", "E": time, "s": NAME, "t": number, "p": units(price), "q": units(qty), "T": time,
            "m": seller, "M": True,
        }  # fmt: skip
        return stream("trade", data)

    def reply(self, ask):
        """What REST answers."""
        self.asked.append(ask)
        params = dict(ask.params)
        if ask.path == "depth":
            return {"lastUpdateId": 10, "bids": [[units(99), units(1)]], "asks": [[units(101), units(1)]]}
        known = self.trades[: self.shown]
        if ask.path == "trades":
            return [
                {"id": number, "time": time, "price": units(price), "qty": units(qty), "isBuyerMaker": seller}
                for number, time, price, qty, seller in known[-params["limit"] :]
            ]
        rows = self.aggregates(known)
        if "fromId" in params:
            rows = [row for row in rows if row["a"] >= params["fromId"]]
        else:
            rows = [row for row in rows if row["T"] >= params["startTime"]]
        return rows[: params["limit"]]

    @staticmethod
    def aggregates(trades):
        """The trades of one taker at one price as one."""
        groups = [list(group) for _, group in groupby(trades, key=lambda trade: trade[1:3] + trade[4:])]
        return [
            {
                "a": 500 + place, "p": units(group[0][2]), "q": units(sum(trade[3] for trade in group)),
                "f": group[0][0], "l": group[-1][0], "T": group[0][1], "m": group[0][4], "M": True,
            }
            for place, group in enumerate(groups)
        ]  # fmt: skip


def units(number):
    """A whole number as Binance writes it."""
    return to_text(number * SCALE)


def stream(kind, data, name=NAME):
    """A message of a combined stream."""
    return json.dumps({"stream": f"{name.lower()}@{kind}", "data": data}, separators=(",", ":"))


def ticker_text(number, bid, ask):
    """The best bid and ask, one coin each."""
    return stream(
        "bookTicker", {"u": number, "s": NAME, "b": units(bid), "B": units(1), "a": units(ask), "A": units(1)}
    )


def diff_text(first, last, bids=(), asks=()):
    """Changed levels as ``(price, qty)``."""
    sides = {"b": [[units(p), units(q)] for p, q in bids], "a": [[units(p), units(q)] for p, q in asks]}
    return stream("depth@100ms", {"e": "depthUpdate", "E": NOW, "s": NAME, "U": first, "u": last, **sides})


class Bench:
    """A live market, what came of it, and what it said."""

    def __init__(self, upstream=None):
        self.upstream = upstream or Upstream()
        self.notes = []
        self.rows = []
        self.market = LiveMarket([NAME], self.notes.append)
        self.line = self.market.trades[NAME]
        self.now = NOW

    def connect(self, *, answer=True):
        """A new connection, and all that is asked then."""
        self.market.connect()
        if answer:
            self.answer_all()

    def hear(self, *texts):
        """Messages of the stream."""
        for text in texts:
            self.rows += self.market.receive(text, self.now)

    def answer(self, ask, payload=None):
        """One reply."""
        self.rows += self.market.answer(ask, self.upstream.reply(ask) if payload is None else payload, self.now)

    def take_asks(self):
        """What is to be fetched."""
        asks = list(self.market.asks)
        self.market.asks.clear()
        return asks

    def answer_all(self):
        """Fetch until nothing is asked for any more."""
        while asks := self.take_asks():
            for ask in asks:
                self.answer(ask)

    def take_rows(self):
        """What has come so far."""
        rows, self.rows = self.rows, []
        return rows
