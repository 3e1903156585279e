"""One kept account on a market that stands still, over a disk that is stuck."""

from __future__ import annotations

import json

from protocol.signing_client import form

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}
FUNDS = {"USDT": "100000"}
LOST = (503, -1001)


def clock():
    """The market stands still."""
    return 1_767_614_400_000


def asked(account, method="GET", path="/api/v3/openOrders", **params):
    """A request as a face has signed it."""
    query = form({**params, "timestamp": account.milliseconds(), "signature": "x"})
    return method, f"{path}?{query}", {"X-MBX-APIKEY": "x"}, None


def told(reply):
    """The status of an answer, and its order id or error code, or how many orders it tells of."""
    found = json.loads(reply.text)
    return reply.status, len(found) if isinstance(found, list) else found.get("orderId", found.get("code"))


def entries(account):
    """What was written down."""
    store = account.exchange.journal.store
    return store.entries(store.rows()[0])
