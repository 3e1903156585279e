"""The examples of the seed, as written there, and the forms that its table gives the same calls."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exec_plugin import paper_broker
from exec_plugin.paper_broker import MarketData, OrderBook, OrderBookLevel, PaperBroker

exchange_info = {
    "symbols": [
        {
            "symbol": "BTCUSDC",
            "baseAsset": "BTC",
            "quoteAsset": "USDC",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            ],
        }
    ]
}
fee_config = {"maker": Decimal("0.001"), "taker": Decimal("0.001")}


@pytest.fixture
def seeded():
    """The broker of the first example, with the market data of the fourth."""
    initial_balances = {"USDC": Decimal(10000), "BTC": Decimal(0)}
    broker = PaperBroker(initial_balances=initial_balances, exchange_info=exchange_info, fee_config=fee_config)
    broker.update_market_data(
        symbol="BTCUSDC",
        bid=Decimal(49990),
        ask=Decimal(50010),
        last_price=Decimal(50000),
        volume=Decimal(100),
    )
    return broker


async def place(broker):
    """The example of place_order."""
    return await broker.place_order(
        symbol="BTCUSDC", side="BUY", order_type="LIMIT", quantity=Decimal("0.001"), price=Decimal(50000)
    )


def test_exports():
    """The module exports the seed's public names."""
    names = ["LinearSlippageModel", "MarketData", "OrderBook", "OrderBookLevel", "PaperBroker", "SlippageModel"]
    assert paper_broker.__all__ == names


async def test_place(seeded):
    """An order inside the spread rests, and is answered as an Order with Decimals."""
    order = await place(seeded)
    assert (order.id, order.symbol, order.side, order.status) == ("paper_1", "BTCUSDC", "BUY", "NEW")
    assert (order.quantity, order.price, order.filled_quantity) == (Decimal("0.001"), Decimal(50000), 0)


async def test_cancel_unknown(seeded):
    """Cancelling an id that does not exist is answered, not raised."""
    result = await seeded.cancel_order("BTCUSDC", "paper_order_123")
    assert not result
    assert "paper_order_123" in result.reason


async def test_cancel_shapes(seeded):
    """The table's cancel_order(order_id) and the prose's cancel_order(symbol, order_id) both confirm."""
    first, second = await place(seeded), await place(seeded)
    result = await seeded.cancel_order("BTCUSDC", first.id)
    assert result
    assert (result["orderId"], result["status"]) == (first.id, "CANCELED")
    assert await seeded.cancel_order(second.id)


async def test_account(seeded):
    """The account lists its balances as texts."""
    await place(seeded)
    account = await seeded.get_account_info()
    assert account["balances"][0] == {"asset": "USDC", "free": "9950.00000000", "locked": "50.00000000"}
    assert (account["makerCommission"], account["commissionRates"]["taker"]) == (10, "0.00100000")


async def test_open_orders(seeded):
    """Open orders are listed for a symbol and for all."""
    order = await place(seeded)
    orders = await seeded.get_open_orders("BTCUSDC")
    assert orders == await seeded.get_open_orders() == [order]


async def test_history(seeded):
    """The history has every order, the newest last, up to a limit."""
    first, second = await place(seeded), await place(seeded)
    assert await seeded.get_order_history("BTCUSDC", limit=50) == [first, second]
    assert await seeded.get_order_history("BTCUSDC", 1) == [second]


async def test_pnl(seeded):
    """Profit and loss has the two keys of the example, as Decimals."""
    pnl = seeded.calculate_pnl("BTCUSDC")
    assert (pnl["realized_pnl"], pnl["unrealized_pnl"]) == (Decimal(0), Decimal(0))


async def test_slippage(seeded):
    """The simulated price is what a market order then gets."""
    current_market_data = seeded.get_market_data("BTCUSDC")
    limit = await seeded.place_order("BTCUSDC", "BUY", "MARKET", Decimal("0.01"))
    filled_price = seeded.simulate_slippage(order=limit, market_data=current_market_data)
    assert filled_price == limit.average_price > Decimal(50010)


async def test_latency(seeded):
    """Latency is set in milliseconds."""
    seeded.set_latency_simulation(min_ms=10, max_ms=100)
    assert (seeded._latency.min_ms, seeded._latency.max_ms) == (10, 100)


def test_two_arguments():
    """The table's constructor has no fees; they are then Binance's 0.1 %."""
    broker = PaperBroker({"USDC": Decimal(1)}, exchange_info)
    assert broker._venue.fees.standard.taker == 100_000


def test_price_alias(seeded):
    """The table's `price` is the prose's `last_price`, in ticks and in MarketData."""
    prices = {"bid": Decimal(1), "ask": Decimal(3), "volume": Decimal(5)}
    seeded.update_market_data("BTCUSDC", price=Decimal(2), **prices)
    data = seeded.get_market_data("BTCUSDC")
    assert (data.last_price, data.price, data.volume) == (2, 2, 5)
    assert MarketData("BTCUSDC", price=Decimal(2), **prices).last_price == 2


def test_market_data():
    """MarketData knows its middle and its spread."""
    data = MarketData("BTCUSDC", Decimal(99), Decimal(101), Decimal(100), Decimal(7))
    assert (data.mid_price, data.spread, data.spread_pct) == (100, 2, 2)


def test_order_book():
    """An order book finds its best prices in any order of levels, and has none where a side is empty."""
    book = OrderBook("BTCUSDC", [OrderBookLevel(Decimal(1), Decimal(1)), (Decimal(2), Decimal(1))], [])
    assert (book.get_best_bid(), book.get_best_ask(), book.get_mid_price()) == (2, None, None)
    whole = OrderBook("BTCUSDC", book.bids, [(Decimal(4), Decimal(1))])
    assert whole.get_mid_price() == 3
    assert whole.to_dict()["asks"] == ({"price": "4", "quantity": "1"},)


async def test_steps(seeded):
    """The underscore steps of the table do what it says of them."""
    assert seeded._parse_symbol("BTCUSDC") == ("BTC", "USDC")
    assert seeded._check_balance("BTCUSDC", "BUY", Decimal("0.2"), Decimal(50000))
    assert not seeded._check_balance("BTCUSDC", "BUY", Decimal("0.21"), Decimal(50000))
    order = await place(seeded)
    assert seeded._calculate_execution_price(order, seeded.get_market_data("BTCUSDC")) == 50000
    seeded._execute_order(order, Decimal(49999))
    assert (await seeded.get_order(order.id)).filled_quote == Decimal("49.999")
    seeded._process_pending_orders()
    assert seeded.get_position("BTCUSDC").quantity == Decimal("0.000999")
