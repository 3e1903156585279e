from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs.exceptions import FrozenInstanceError

from exec_plugin.core.models import MarketData, Order, OrderBook, OrderBookLevel, Position

DATA = MarketData("BTCUSDT", Decimal(99), Decimal(101), Decimal(100), Decimal(5), 7)


def test_market_data():
    """Mid price, spread and its percentage follow from bid and ask; the price has both its names."""
    assert (DATA.mid_price, DATA.spread, DATA.spread_pct) == (100, 2, 2)
    assert DATA.price == DATA.last_price == 100


def test_empty_market():
    """An empty market has no spread to speak of."""
    assert MarketData("BTCUSDT", Decimal(0), Decimal(0), Decimal(0)).spread_pct == 0


def test_book():
    """The best prices are found in any order of levels."""
    levels = [OrderBookLevel(Decimal(price), Decimal(1)) for price in (98, 99, 97)]
    book = OrderBook("BTCUSDT", bids=levels, asks=[OrderBookLevel(Decimal(101), Decimal(1))])
    assert (book.get_best_bid(), book.get_best_ask(), book.get_mid_price()) == (99, 101, 100)


def test_empty_book():
    """An empty side has no best price, and then there is no mid price."""
    book = OrderBook("BTCUSDT", bids=[OrderBookLevel(Decimal(98), Decimal(1))])
    assert (book.get_best_bid(), book.get_best_ask(), book.get_mid_price()) == (98, None, None)


def test_order():
    """An order tells what is left of it, whether it is open, and its type by both names."""
    order = Order("1", "BTCUSDT", "BUY", "LIMIT", Decimal(3), filled_quantity=Decimal(1))
    assert (order.remaining_quantity, order.is_open, order.order_type) == (2, True, "LIMIT")
    assert not Order("1", "BTCUSDT", "BUY", "LIMIT", Decimal(3), status="EXPIRED").is_open


@pytest.mark.parametrize(
    "value", [DATA, Order("1", "X", "BUY", "LIMIT", Decimal(1)), OrderBookLevel(Decimal(1), Decimal(2))]
)
def test_frozen(value):
    """Values are never edited."""
    with pytest.raises(FrozenInstanceError):
        value.symbol = value.price = "other"


def test_to_dict():
    """A dict of a value is ready for JSON, without exponents and without the raw reply."""
    order = Order("1", "BTCUSDT", "BUY", "LIMIT", Decimal("0.00000001"), info={"orderId": 1})
    told = json.loads(json.dumps(order.to_dict()))
    assert told["quantity"] == "0.00000001"
    assert told["price"] is None
    assert "info" not in told


def test_nested_dict():
    """Values inside values become dicts as well."""
    book = OrderBook("BTCUSDT", bids=[OrderBookLevel(Decimal("1E+2"), Decimal(1))])
    assert json.loads(json.dumps(book.to_dict()))["bids"] == [{"price": "100", "quantity": "1"}]


def test_raw_reply_apart():
    """Two orders are the same whatever reply they came with."""
    assert Order("1", "X", "BUY", "LIMIT", Decimal(1), info={"a": 1}) == Order("1", "X", "BUY", "LIMIT", Decimal(1))


def test_position():
    """A position starts without a result."""
    position = Position("BTCUSDT", Decimal(1), Decimal(100))
    assert (position.realized_pnl, position.unrealized_pnl, position.fees) == (0, 0, 0)
