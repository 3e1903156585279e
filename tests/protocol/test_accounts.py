"""The account: balances, permissions, order counts."""

from __future__ import annotations

import pytest
from signing_client import LIMIT, NOW, Client

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.venue import Venue
from exec_plugin.protocol import Gateway, orders
from exec_plugin.protocol.accounts import HANDLERS
from exec_plugin.protocol.context import Context

STATUS = [
    "makerCommission", "takerCommission", "buyerCommission", "sellerCommission", "commissionRates", "canTrade",
    "canWithdraw", "canDeposit", "brokered", "requireSelfTradePrevention", "preventSor", "updateTime", "accountType",
    "balances", "permissions", "uid",
]  # fmt: skip


@pytest.fixture
def client():
    """A fresh exchange."""
    return Client()


def balances(client, **params):
    """Free and locked by asset."""
    rows = client.ask("GET", "account", **params)["balances"]
    assert all(list(row) == ["asset", "free", "locked"] for row in rows)
    return {row["asset"]: (row["free"], row["locked"]) for row in rows}


def test_status(client):
    """The account has the documents' fields, rates in basis points and as texts."""
    account = client.ask("GET", "account")
    assert list(account) == STATUS
    assert (account["makerCommission"], account["takerCommission"]) == (10, 20)
    roles = {"maker": "0.00100000", "taker": "0.00200000", "buyer": "0.00000000", "seller": "0.00000000"}
    assert account["commissionRates"] == roles
    assert (account["accountType"], account["permissions"], account["canTrade"]) == ("SPOT", ["SPOT"], True)


def test_balances(client):
    """Every asset that trades is listed, also those that the account never had."""
    nothing = ("0.00000000", "0.00000000")
    held = {"USDT": ("1000.00000000", "0.00000000"), "BTC": ("10.00000000", "0.00000000")}
    assert balances(client) == {**held, "LTC": nothing, "BNB": nothing}
    assert balances(client, omitZeroBalances="true") == held
    assert balances(client, omitZeroBalances="false") == balances(client)


def test_locked(client):
    """What an open order needs is locked, not gone, and comes back."""
    client.place(quantity="2")
    assert balances(client)["USDT"] == ("810.00000000", "190.00000000")
    client.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert balances(client)["USDT"] == ("1000.00000000", "0.00000000")


def test_all_locked():
    """A balance of which everything is locked is no zero balance."""
    client = Client(balances={"USDT": "95"})
    client.place()
    assert balances(client, omitZeroBalances="true") == {"USDT": ("0.00000000", "95.00000000")}


def test_update_time(client):
    """The time of the account is that of its last change."""
    assert client.ask("GET", "account")["updateTime"] == NOW
    client.wait(5)
    client.place()
    client.wait(5)
    assert client.ask("GET", "account")["updateTime"] == NOW + 5


@pytest.mark.parametrize(
    ("params", "code"),
    [({"omitZeroBalances": "1"}, -1100), ({"symbol": "BTCUSDT"}, -1104), ({"recvWindow": "x"}, -1100)],
)
def test_refuses(client, params, code):
    """Unknown parameters and values are refused."""
    assert client.refused("GET", "account", **params)[0] == code


def test_uid():
    """An account's number follows from its name: the same at another exchange, not the same for another account."""
    venue = Venue([default_symbol("BTCUSDT")])
    gateway = Gateway(venue)
    ids = [
        HANDLERS["account.status"](Context(gateway, venue.open_account(name)), {})["uid"] for name in ("a", "b", "a")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_order_counts(client):
    """The order limits come with what is used of them."""
    client.place()
    client.place()
    rows = client.ask("GET", "rateLimit/order")
    assert [list(row) for row in rows] == [["rateLimitType", "interval", "intervalNum", "limit", "count"]] * 2
    assert [(row["interval"], row["count"]) for row in rows] == [("SECOND", 2), ("DAY", 2)]
    client.wait(10_000)
    assert [row["count"] for row in client.ask("GET", "rateLimit/order")] == [0, 2]


def test_own_fees():
    """A fee model that has no rates to tell shows none, and is not described."""

    class Flat:
        """One unit for every execution."""

        def commission(self, desk, received, is_maker, is_buyer):
            return 1, desk.base if is_buyer else desk.quote

    venue = Venue([default_symbol("BTCUSDT")], fees=Flat())
    context = Context(Gateway(venue), venue.open_account("a"))
    assert HANDLERS["account.status"](context, {})["makerCommission"] == 0
    with pytest.raises(RequestRejected) as caught:
        orders.commission(context, {"symbol": "BTCUSDT"})
    assert caught.value.code == -1020


def test_no_account():
    """A public request has no account to look at."""
    context = Context(Gateway(Venue([default_symbol("BTCUSDT")])), None)
    with pytest.raises(TypeError, match="public"):
        orders.open_orders(context, {})


def test_apart(client):
    """Nobody sees another account's orders."""
    other = client.venue.open_account("other", {"USDT": 10**12})
    client.gateway.add_key("otherkey", other)
    client.place()
    headers = {"x-mbx-apikey": "otherkey"}
    assert client.send("GET", "openOrders", {}, headers).text == "[]"
    assert client.send("GET", "allOrders", {"symbol": "BTCUSDT"}, headers).text == "[]"
    reply = client.send("DELETE", "order", {"symbol": "BTCUSDT", "orderId": 1}, headers)
    assert '"code":-2011' in reply.text
    reply = client.send("POST", "order", LIMIT, headers)
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "1"


def test_order_count_falls():
    """An order that fills is no longer counted: at once as taker, five as maker, and never again for the same order."""
    client = Client()

    def count():
        return [one["count"] for one in client.ask("GET", "rateLimit/order")]

    for _ in range(7):
        client.place(quantity="0.5")
    client.market(quantity="0.1")
    assert count() == [7, 7]
    client.trade("94", qty="0.2")
    assert count() == [2, 2]
    client.trade("94", qty="0.3")
    assert count() == [2, 2]


def test_order_count_headers():
    """The reply to an order counts it; the next one knows that it was filled."""
    client = Client()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    headers = [client.send("POST", "order", order).headers["X-MBX-ORDER-COUNT-10S"] for _ in range(3)]
    assert headers == ["1", "1", "1"]


def test_order_count_frees():
    """Who trades may go on: the limit counts unfilled orders only."""
    limit = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 2}
    client = Client(rateLimits=[limit])
    for _ in range(5):
        client.market(quantity="0.1")
    client.place()
    client.place()
    assert client.refused("POST", "order", **LIMIT)[0] == -1015


# ---------------------------------------------------------------------- relevant filters


def test_filters():
    """The relevant filters are those of the exchange, of the symbol, and of the two assets of the symbol."""
    rules = [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}]
    limits = {"USDT": "42", "BTC": "1.5", "LTC": "7"}
    assets = [{"filterType": "MAX_ASSET", "asset": asset, "limit": limit} for asset, limit in limits.items()]
    client = Client(exchangeFilters=rules, assetFilters=assets)
    reply = client.ask("GET", "myFilters", symbol="BTCUSDT")
    assert list(reply) == ["exchangeFilters", "symbolFilters", "assetFilters"]
    assert reply["exchangeFilters"] == client.ask("GET", "exchangeInfo")["exchangeFilters"] == rules
    (listed,) = client.ask("GET", "exchangeInfo", symbol="BTCUSDT")["symbols"]
    assert reply["symbolFilters"] == listed["filters"]
    assert reply["assetFilters"] == [
        {"filterType": "MAX_ASSET", "asset": "BTC", "limit": "1.50000000"},
        {"filterType": "MAX_ASSET", "asset": "USDT", "limit": "42.00000000"},
    ]
    assert client.refused("POST", "order", **LIMIT) == (-1013, "Filter failure: MAX_ASSET")
    client.place(quantity="0.44")


@pytest.mark.parametrize(("params", "code"), [({}, -1102), ({"symbol": "ETHUSDT"}, -1121)])
def test_filters_refuses(client, params, code):
    """Relevant filters are asked for a symbol that there is."""
    assert client.refused("GET", "myFilters", **params)[0] == code


def test_no_filters(client):
    """Where the exchange and the assets have no filters there is nothing to list."""
    reply = client.ask("GET", "myFilters", symbol="BTCUSDT")
    assert (reply["exchangeFilters"], reply["assetFilters"]) == ([], [])
