"""What plugins see of a venue, and what they may refuse."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import pytest

import exec_plugin
from exec_plugin.account import open_account
from exec_plugin.core.errors import JournalError, OrderRejected
from exec_plugin.core.events import BOOK as BOOK_ROW
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.paper_broker import PaperBroker
from exec_plugin.plugins import current
from exec_plugin.plugins.venues import attach

SETUP = {
    "clock": 1_767_614_400_000,
    "symbols": [default_symbol("BTCUSDT").to_exchange_info()],
    "balances": {"USDT": "1000"},
}
BOOK = {"type": "book", "symbol": "BTCUSDT", "bids": [["99", "5"]], "asks": [["101", "5"]]}


@pytest.fixture
def opened(plugin):
    """Opens ccxt's exchange on a scripted market, with a plugin of these hooks."""

    def start(**hooks):
        plugin("mine", **hooks)
        exec_plugin.load({"plugins": ["mine"]})
        exec_plugin.install()
        exchange = ccxt.binancepaper({"options": {"paper": {"feed": "push"}}})
        exchange.paper.reset(**SETUP)
        exchange.paper.market([BOOK])
        return exchange

    return start


def test_events(opened):
    """Plugins hear of orders and fills in their own values, named as the exchange names them."""
    events, fills = [], []
    exchange = opened(
        exec_order_event=lambda event: events.append(event),  # noqa: PLW0108 - pluggy reads the name
        exec_fill=lambda fill, account: fills.append((account, fill)),
    )
    order = exchange.create_order("BTC/USDT", "market", "buy", 2)
    assert [(event.kind, event.order.status, event.order.filled_quantity) for event in events] == [
        ("NEW", "NEW", 0),
        ("TRADE", "FILLED", 2),
    ]
    assert {event.order.id for event in events} == {order["id"]}
    assert {event.order.client_order_id for event in events} == {order["clientOrderId"]}
    [(account, fill)] = fills
    assert (account, fill.order_id, fill.price, fill.quantity) == ("default", order["id"], 101, 2)
    assert (fill.commission, fill.commission_asset) == (Decimal("0.002"), "BTC")
    resting = exchange.create_order("BTC/USDT", "limit", "buy", 1, 95)
    exchange.cancel_order(resting["id"], "BTC/USDT")
    assert [event.kind for event in events[2:]] == ["NEW", "CANCELED"]


def test_failing_listener(opened, caplog):
    """Orders take their way though every listener raises."""
    exchange = opened(exec_order_event=lambda event: 1 / 0, exec_fill=lambda fill: 1 / 0)
    assert exchange.create_order("BTC/USDT", "market", "buy", 2)["status"] == "closed"
    assert len([record for record in caplog.records if record.name == "exec_plugin.plugins.observing"]) == 2


def test_refused(opened):
    """A refused order is a -2010 that says by whom and why; nothing has happened then."""
    events = []
    exchange = opened(
        exec_check_order=lambda order, account, market: "too much" if order.quantity > 1 else None,
        exec_order_event=lambda event: events.append(event),  # noqa: PLW0108 - pluggy reads the name
    )
    with pytest.raises(ccxt.InvalidOrder, match=r'"code":-2010,"msg":"Order refused by plugin \'mine\': too much"'):
        exchange.create_order("BTC/USDT", "market", "buy", 2)
    assert events == []
    assert exchange.fetch_balance()["USDT"] == {"free": 1000, "used": 0, "total": 1000}
    assert exchange.create_order("BTC/USDT", "market", "buy", 1)["status"] == "closed"


def test_seen(opened):
    """A check sees the draft, the account and the market as they are."""
    seen = []

    def check(order, account, market):
        held = account.free("USDT"), account.locked("USDT"), account.free("ETH"), len(account.open_orders)
        seen.append((order.id, order.side, order.type, order.price, order.quantity, held, market.bid, market.ask))

    exchange = opened(exec_check_order=check)
    exchange.create_order("BTC/USDT", "limit", "buy", 2, 95)
    exchange.create_order("BTC/USDT", "limit", "buy", "0.5", 96, {"test": True})
    assert seen[0] == ("", "BUY", "LIMIT", 95, 2, (1000, 0, 0, 0), 99, 101)
    assert seen[1] == ("", "BUY", "LIMIT", 96, Decimal("0.5"), (810, 190, 0, 1), 99, 101)


def test_by_value(opened):
    """An order by value is shown with the quantity that it would get, so that no check is passed by."""
    seen = []
    exchange = opened(exec_check_order=lambda order: seen.append((order.quantity, order.info)))
    exchange.create_market_buy_order_with_cost("BTC/USDT", 202)
    assert seen == [(2, {"quoteOrderQty": "202"})]


@pytest.mark.parametrize(
    ("check", "hint"),
    [
        (lambda order: 1 / 0, "ZeroDivisionError: division by zero; correct the plugin or block it"),
        (lambda order: False, "a check answers None or a reason, not False"),
    ],
)
def test_failing_check(plugin, caplog, check, hint):
    """A check that raises, or answers nothing that can be understood, refuses the order: it fails closed."""
    plugin("mine", exec_check_order=check)
    exec_plugin.load({"plugins": ["mine"]})
    account = open_account({"feed": "push", "balances": {"USDT": "1000"}})
    venue = account.exchange.venue
    venue.quote("BTCUSDT", 99 * SCALE, SCALE, 101 * SCALE, SCALE)
    with pytest.raises(OrderRejected, match=r"Order refused: the check of plugin 'mine' failed\.") as caught:
        venue.place(account.account, "BTCUSDT", True, "MARKET", SCALE)
    assert hint in caught.value.hint
    assert venue.order_id == 0
    assert len(caplog.records) == 1


def test_lists(opened):
    """Each leg of an order list is checked."""
    seen = []

    def check(order):
        seen.append(order.type)
        return "no stops" if "STOP" in order.type else None

    exchange = opened(exec_check_order=check)
    exchange.create_order("BTC/USDT", "market", "buy", 2)
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    with pytest.raises(ccxt.InvalidOrder, match="no stops"):
        exchange.privatePostOrderListOco({"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", **legs})
    assert exchange.fetch_open_orders("BTC/USDT") == []
    assert "STOP_LOSS" in seen


def test_first_reason(plugin):
    """The first who refuses decides, the others are not asked."""
    asked = []
    plugin("one", exec_check_order=lambda order: asked.append(order))  # noqa: PLW0108 - pluggy reads the name
    plugin("two", exec_check_order=lambda order: "no")
    exec_plugin.load({"plugins": ["one", "two"]})
    account = open_account({"feed": "push"})
    with pytest.raises(OrderRejected, match="'two': no"):
        account.exchange.venue.place(account.account, "BTCUSDT", True, "LIMIT", SCALE, SCALE)
    assert asked == []


async def test_broker(plugin):
    """The broker's orders are checked and told of as well."""
    seen = []
    plugin(
        "mine", exec_fill=lambda fill: seen.append(fill.price), exec_check_order=lambda order: seen.append(order.side)
    )
    exec_plugin.load({"plugins": ["mine"]})
    broker = PaperBroker({"USDT": 1000})
    broker.update_market_data("BTCUSDT", price=100)
    order = await broker.place_order("BTCUSDT", "BUY", "LIMIT", 1, 150)
    assert seen == ["BUY", order.average_price]


def test_requests(opened):
    """Plugins hear what each request cost, and never with which key."""
    records = []
    exchange = opened(exec_request=lambda record: records.append(record))  # noqa: PLW0108 - pluggy reads the name
    exchange.apiKey = "a key of mine"
    exchange.create_order("BTC/USDT", "market", "buy", 1)
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT", "limit", "buy", 100, 95)
    told = [(record.method, record.endpoint, record.weight, record.orders, record.status) for record in records]
    assert told == [
        ("GET", "/api/v3/exchangeInfo", 20, 0, 200),
        ("POST", "/api/v3/order", 1, 1, 200),
        ("POST", "/api/v3/order", 1, 1, 400),
    ]
    assert [record.used_weight for record in records] == [20, 20, 21]
    assert not any(record.refused for record in records)
    assert "a key of mine" not in repr(records)


def test_nothing_to_do():
    """Where no plugin listens or checks, a venue is as it was and asks nobody."""
    exec_plugin.load({})
    venue = open_account({"feed": "push"}).exchange.venue
    assert (venue.guard, venue.listeners) == (None, [])
    attach(current(), venue)
    assert (venue.guard, venue.listeners) == (None, [])


def test_after_it_is_written(plugin, tmp_path, monkeypatch):
    """Plugins hear of a kept account's step once it is written down, in order, and never of one that the disk refused."""
    heard, fills = [], []

    def exec_order_event(event):
        rows = account.exchange.journal.store.backend.run("SELECT max(last) FROM events")
        heard.append((event.kind, event.order.status, rows[0][0]))

    plugin("mine", exec_order_event=exec_order_event, exec_fill=lambda fill: fills.append(fill.quantity))
    exec_plugin.load({"plugins": ["mine"]})
    account = open_account({"feed": "push", "db_url": f"sqlite:///{tmp_path}/accounts.sqlite", "limits": False})
    venue, now = account.exchange.venue, account.milliseconds()
    account.listen("somebody", lambda _: None).close()
    account.exchange.feed.push((BOOK_ROW, now, "BTCUSDT", {99 * SCALE: SCALE}, {101 * SCALE: 9 * SCALE}, 0))

    def buy(qty):
        account.converse(lambda: venue.place(account.account, "BTCUSDT", True, "MARKET", qty * SCALE))

    buy(1)
    assert heard == [("NEW", "NEW", 3), ("TRADE", "FILLED", 3)]
    with monkeypatch.context() as patch:

        def full(*_):
            raise JournalError("full")

        patch.setattr(account.exchange.journal.store, "append", full)
        buy(2)
    account.exchange.journal._failed_at = float("-inf")
    account.exchange.settle()
    buy(3)
    assert fills == [1, 3]
    assert heard[2:] == [("NEW", "NEW", 6), ("TRADE", "FILLED", 6)]
