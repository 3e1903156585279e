"""A client of a scripted exchange that signs as the documents say, with short words for what tests do."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from exec_plugin.endpoints import ENDPOINTS, SIGNED
from exec_plugin.protocol import sign
from exec_plugin.protocol.control import ScriptedExchange

NOW = 1767614400000  # 2026-01-05 12:00 UTC
KEY, SECRET = "key", "secret"
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    {"filterType": "NOTIONAL", "minNotional": "0.1", "applyMinToMarket": True, "maxNotional": "9000000"},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 20},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
]
SETUP = {
    "clock": NOW,
    "symbols": [
        {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": FILTERS},
        {"symbol": "LTCBTC", "baseAsset": "LTC", "quoteAsset": "BTC"},
        {"symbol": "BNBUSDT", "baseAsset": "BNB", "quoteAsset": "USDT", "status": "HALT"},
    ],
    "balances": {"USDT": "1000", "BTC": "10"},
    "commission": {"standard": {"maker": "0.001", "taker": "0.002"}},
    "apiKey": KEY,
    "secretKey": SECRET,
}
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "95"}


def form(params):
    """Parameters as a form: percent-encoded, a list as JSON."""
    texts = {name: json.dumps(value) if isinstance(value, list) else value for name, value in params.items()}
    return urlencode(texts, quote_via=quote)


class Client:
    """
    One account at a market of its own: 99 bid, 101 asked, nine coins each.

    ``ask`` answers the JSON of a request that must succeed, ``refused`` the code of one that must not.
    """

    def __init__(self, **setup):
        self.exchange = ScriptedExchange({**SETUP, **setup})
        self.gateway = self.exchange.gateway
        self.venue = self.exchange.venue
        self.account = self.exchange.account
        self.book([("99", "9")], [("101", "9")])

    # ------------------------------------------------------------------ the market

    def book(self, bids, asks, symbol="BTCUSDT"):
        self.exchange.market([{"type": "book", "symbol": symbol, "bids": bids, "asks": asks}])

    def trade(self, price, qty="1", taker="SELL", symbol="BTCUSDT"):
        self.exchange.market([{"type": "trade", "symbol": symbol, "price": price, "qty": qty, "taker": taker}])

    def wait(self, milliseconds):
        self.exchange.clock(advance=milliseconds)

    # ------------------------------------------------------------------ requests

    def signed(self, params):
        """The form of a signed request."""
        payload = form({**params, "timestamp": self.venue.now})
        return f"{payload}&signature={sign(SECRET, payload)}"

    def send(self, method, path, params=(), headers=()):
        """One request, signed where the endpoint wants it; POST sends a body."""
        path = path if path.startswith("/") else f"/api/v3/{path}"
        endpoint = ENDPOINTS.get((method, path))
        text = self.signed(dict(params)) if endpoint and endpoint.security == SIGNED else form(dict(params))
        query, body = ("", text) if method == "POST" else (f"?{text}" if text else "", "")
        return self.gateway.handle(method, path + query, {"x-mbx-apikey": KEY, **dict(headers)}, body)

    def ask(self, method, path, **params):
        reply = self.send(method, path, params)
        assert reply.status == 200, reply.text
        return json.loads(reply.text)

    def refused(self, method, path, **params):
        """The code and the message of an error, after which nothing must be different."""
        before = self.state()
        reply = self.send(method, path, params)
        assert reply.status >= 400, reply.text
        assert self.state() == before
        error = json.loads(reply.text)
        assert list(error) == ["code", "msg"]
        return error["code"], error["msg"]

    def place(self, **params):
        return self.ask("POST", "order", **{**LIMIT, **params})

    def market(self, **params):
        return self.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", **params)

    # ------------------------------------------------------------------ what there is

    def state(self):
        """All that an error must leave alone, as comparable values."""
        self.gateway.limits.settle(self.account, self.venue.now)
        return {
            "now": self.venue.now,
            "ids": (self.venue.order_id, self.venue.lists.last_id, self.venue.rng.getstate()),
            "balances": {name: _balances(account) for name, account in self.venue.accounts.items()},
            "orders": [_order(order) for desk in self._desks() for order in desk.orders],
            "open": [(list(desk.open), desk.algo_open) for desk in self._desks()],
            "lists": [_values(group) for account in self.venue.accounts.values() for group in account.lists],
            "prevented": [list(desk.prevented_matches) for desk in self._desks()],
            "fills": [list(desk.records) for desk in self._desks()],
            "amendments": [change for desk in self._desks() for order in desk.orders for change in order.amendments],
            "markets": [self._market(market) for market in self.venue.markets.values()],
            "counts": self.gateway.limits.order_counts(self.account.name, self.venue.now),
            "events": self.exchange.events(),
        }

    def _desks(self):
        desks = [desk for account in self.venue.accounts.values() for desk in account.desks.values()]
        return [desk for desk in desks if desk.orders]

    @staticmethod
    def _market(market):
        ids = (market.trade_id, market.match_id)
        return market.depth_view(5000), market.last, ids, list(market.prevented), market.tape[:]


def _balances(account):
    held = account.balances.values()
    return {one.asset: (one.free, one.locked, one.fees) for one in held if one.free or one.locked or one.fees}


def _order(order):
    found = {name: getattr(order, name) for name in order.__slots__ if name not in ("desk", "symbol", "level", "group")}
    return found | {name: found[name] and _values(found[name]) for name in ("trail", "peg")}


def _values(found):
    """The plain values of an object with slots."""
    values = {name: getattr(found, name) for name in found.__slots__}
    return {name: value for name, value in values.items() if value is None or isinstance(value, (bool, int, str))}
