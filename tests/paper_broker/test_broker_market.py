"""Ticks and books: what they fill, what they cost, and what is refused."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from stand import holdings, tick

from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.models import Order
from exec_plugin.paper_broker import LinearSlippageModel, MarketData, OrderBook


async def limit(broker, side, price, quantity="0.1", **more):
    """Place a limit order."""
    return await broker.place_order("BTCUSDC", side, "LIMIT", Decimal(quantity), Decimal(price), **more)


async def status(broker, order):
    """What has become of an order."""
    return (await broker.get_order(order.id)).status


async def test_touch(broker):
    """A resting order fills at its own price when the other side of the market comes to it."""
    order = await limit(broker, "BUY", 49_000)
    tick(broker, 49_001, 49_002, 49_003)
    assert await status(broker, order) == "NEW"
    tick(broker, 48_999, 49_000, 49_003)
    order = await broker.get_order(order.id)
    assert (order.status, order.average_price) == ("FILLED", Decimal(49_000))


async def test_trade_through(broker):
    """A last price that moves beyond a resting order has gone through it; one that stands there has not moved."""
    order = await limit(broker, "BUY", 50_005)
    tick(broker, last=50_000)
    assert await status(broker, order) == "NEW"
    tick(broker, last=50_005)
    assert await status(broker, order) == "NEW"
    tick(broker, last=50_004)
    assert await status(broker, order) == "FILLED"


async def test_trade_through_sell(broker):
    """A last price above a resting sell fills it, and those behind it in the order of their prices."""
    filled = []
    broker.register_fill_callback(lambda fill: filled.append((fill.order_id, fill.price)))
    high, low = await limit(broker, "SELL", 50_006), await limit(broker, "SELL", 50_005)
    tick(broker, last=50_007)
    assert filled == [(low.id, 50_005), (high.id, 50_006)]


async def test_touch_model(make):
    """With the fill model `touch` a trade at the order's price fills it, since nobody queues ahead."""
    broker = make(fill_model="touch")
    tick(broker)
    order = await limit(broker, "BUY", 50_005)
    tick(broker, last=50_005)
    assert await status(broker, order) == "FILLED"


async def test_stop(broker):
    """A stop waits for the last price and then trades at the market."""
    order = await broker.place_order("BTCUSDC", "SELL", "STOP_LOSS", Decimal("0.5"), stop_price=Decimal(49_000))
    tick(broker, 49_000, 49_010, 49_001)
    assert await status(broker, order) == "NEW"
    tick(broker, 48_950, 48_970, 49_000)
    order = await broker.get_order(order.id)
    assert (order.status, order.average_price, order.stop_price) == ("FILLED", Decimal(48_950), Decimal(49_000))


async def test_lazy(broker):
    """Ticks that reach nothing are remembered, and the next order trades with the newest."""
    for price in range(50_000, 50_100):
        tick(broker, price, price + 2, price + 1)
    order = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal("0.1"))
    assert order.average_price == 50_101


async def test_slippage(make):
    """Where only bid and ask are known, takers pay the slippage model, limit orders up to their limit."""
    broker = make(slippage_model=LinearSlippageModel("0.001", "0"))
    tick(broker)
    bought = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal("0.1"))
    sold = await broker.place_order("BTCUSDC", "SELL", "MARKET", Decimal("0.1"))
    limited = await limit(broker, "BUY", 50_030)
    assert (bought.average_price, sold.average_price, limited.average_price) == (50_060, 49_940, 50_030)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_simulated(make, side):
    """The simulated price is the executed one, on either side, for an order of any size."""
    broker = make({"USDC": Decimal(10**9), "BTC": Decimal(10**4)}, slippage_model=LinearSlippageModel())
    tick(broker)
    data = broker.get_market_data("BTCUSDC")
    for quantity in ("0.001", "1.23456789", "250"):
        order = await broker.place_order("BTCUSDC", side, "MARKET", Decimal(quantity))
        assert order.filled_quote == (broker.simulate_slippage(order, data) * order.quantity).quantize(
            Decimal("1e-8"), "ROUND_DOWN"
        )


def test_simulated_nobody(broker):
    """Without a price on the other side there is nothing to simulate."""
    data = MarketData("BTCUSDC", Decimal(0), Decimal(5), Decimal(5))
    with pytest.raises(ConfigError, match="no bid"):
        broker.simulate_slippage(Order("", "BTCUSDC", "SELL", "MARKET", Decimal(1)), data)


async def test_book(broker):
    """A taker walks the levels of a book, level by level."""
    broker.update_order_book(
        OrderBook(
            "BTCUSDC",
            bids=[(Decimal(99), Decimal(1))],
            asks=[(Decimal(102), Decimal(5)), (Decimal(101), Decimal(1))],
        )
    )
    order = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal(2))
    assert (order.filled_quote, order.average_price) == (203, Decimal("101.5"))


async def test_book_stays(broker):
    """A tick at the book's own prices, for its last price, leaves the book's quantities in place."""
    book = OrderBook("BTCUSDC", [(Decimal(99), Decimal(1))], [(Decimal(101), Decimal(1)), (Decimal(110), Decimal(1))])
    broker.update_order_book(book)
    tick(broker, 99, 101, 100)
    order = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal(2))
    assert order.filled_quote == 211


async def test_book_fills(broker):
    """A book that reaches a resting order fills no more of it than the book shows."""
    order = await limit(broker, "BUY", 49_000, "0.1")
    broker.update_order_book(OrderBook("BTCUSDC", [], [(Decimal(48_990), Decimal("0.04"))]))
    order = await broker.get_order(order.id)
    assert (order.status, order.filled_quantity) == ("PARTIALLY_FILLED", Decimal("0.04"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((100, 99, 99, 1), "crossed"),
        ((-1, 99, 99, 1), "bid=-1"),
        ((1, "NaN", 2, 1), "ask=NaN"),
        (("NaN", 2, 2, 1), "bid=NaN"),
        ((1, 2, "NaN", 1), "last_price=NaN"),
        ((1, 2, "Infinity", 1), "last_price=Infinity"),
        ((1, 2, -2, 1), "last_price=-2"),
        ((1, 2, 2, -1), "volume=-1"),
        ((1, 2, 2, "NaN"), "volume=NaN"),
        (("1e12", "1e12", 2, 1), "bid=1E"),
    ],
)
def test_bad_tick(broker, values, text):
    """A tick that cannot be is refused by name and changes nothing."""
    before = broker.get_market_data("BTCUSDC")
    with pytest.raises(ConfigError, match=text):
        broker.update_market_data("BTCUSDC", *map(Decimal, values))
    assert broker.get_market_data("BTCUSDC") == before


@pytest.mark.parametrize("position", range(4))
def test_float_tick(broker, position):
    """Floats are refused wherever they stand."""
    values = [Decimal(1), Decimal(3), Decimal(2), Decimal(4)]
    values[position] = 2.5
    with pytest.raises(TypeError, match="float"):
        broker.update_market_data("BTCUSDC", *values)


def test_two_last_prices(broker):
    """`price` and `last_price` that differ are a mistake."""
    with pytest.raises(ConfigError, match="two names"):
        broker.update_market_data("BTCUSDC", last_price=Decimal(1), price=Decimal(2))


@pytest.mark.parametrize(
    ("bids", "asks", "text"),
    [
        ([(2, 1)], [(1, 1)], "crossed"),
        ([(1, 1), (1, 2)], [], "once"),
        ([(-1, 1)], [], "bid level"),
        ([], [(1, -1)], "ask level"),
        ([], [("NaN", 1)], "ask level"),
        ([], [("1e-12", 1)], "ask level"),
    ],
)
def test_bad_book(broker, bids, asks, text):
    """A book that cannot be is refused."""
    sides = [[(Decimal(price), Decimal(qty)) for price, qty in side] for side in (bids, asks)]
    with pytest.raises(ConfigError, match=text):
        broker.update_order_book(OrderBook("BTCUSDC", *sides))


def test_forms(broker):
    """A tick may be a MarketData, a price alone, ints and texts, either spelling, or leave out what stays."""
    broker.update_market_data(MarketData("BTC/USDC", Decimal(1), Decimal(3), volume=Decimal(9)))
    data = broker.get_market_data("BTCUSDC")
    assert (data.bid, data.ask, data.last_price, data.volume) == (1, 3, 2, 9)
    broker.update_market_data("BTC/USDC", ask="4")
    broker.update_market_data("btcusdc", bid=2)
    data = broker.get_market_data("BTCUSDC")
    assert (data.bid, data.ask, data.last_price) == (2, 4, 2)
    broker.update_market_data("BTCUSDC", price=Decimal(5))
    data = broker.get_market_data("BTCUSDC")
    assert (data.bid, data.ask, data.last_price) == (5, 5, 5)


async def test_one_sided(make):
    """An ask of 0 is no ask: nobody sells."""
    broker = make()
    broker.update_market_data("BTCUSDC", Decimal(5), Decimal(0), Decimal(5), Decimal(1))
    assert broker.get_market_data("BTCUSDC").ask == 0
    order = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal(1))
    assert (order.status, order.filled_quantity) == ("EXPIRED", 0)


async def test_no_last(broker):
    """A last price of 0 is none: the one known before stays, and no order is passed."""
    order = await limit(broker, "BUY", 49_000)
    tick(broker, last=0)
    assert (await status(broker, order), broker.get_market_data("BTCUSDC").last_price) == ("NEW", 50_000)


async def test_never_last(make):
    """A market may do without last prices altogether."""
    broker = make()
    order = await limit(broker, "BUY", 49_000)
    for bid in (49_100, 49_050):
        tick(broker, bid, bid + 20, 0)
    assert (await status(broker, order), broker.get_market_data("BTCUSDC").last_price) == ("NEW", 49_060)
    tick(broker, 48_980, 49_000, 0)
    assert await status(broker, order) == "FILLED"


async def test_before_data(make):
    """Orders may rest before there is a market, and meet the first that comes."""
    broker = make()
    assert broker.get_market_data("BTCUSDC") is None
    order = await limit(broker, "BUY", 50_020)
    tick(broker)
    assert await status(broker, order) == "FILLED"


def test_fine_prices(broker):
    """Market data may be finer than a unit; what is traded is rounded against the taker."""
    fine = Decimal("0.000000001")
    broker.update_market_data("BTCUSDC", 100 - fine, 100 + fine, Decimal(100), Decimal(1))
    assert broker.get_market_data("BTCUSDC").ask == 100 + fine


async def test_fine_prices_traded(broker):
    """A taker pays the ask rounded up to a unit."""
    fine = Decimal("0.000000001")
    broker.update_market_data("BTCUSDC", 100 - fine, 100 + fine, Decimal(100), Decimal(1))
    order = await broker.place_order("BTCUSDC", "BUY", "MARKET", Decimal(1))
    assert order.average_price == Decimal("100.00000001")


async def test_decimal_context(broker):
    """The caller's decimal context changes neither amounts nor prices."""
    with localcontext() as context:
        context.prec = 3
        order = await limit(broker, "SELL", "50020.25", "0.12345678")
    assert (order.price, order.quantity) == (Decimal("50020.25"), Decimal("0.12345678"))
    assert (await holdings(broker))["BTC"] == (Decimal("0.87654322"), Decimal("0.12345678"))


@pytest.mark.parametrize("symbol", ["NOPE", "BTC/", "/USDC", "", "BTC USDC", "A/B/C", "A" * 30 + "/USDC"])
def test_bad_symbol(broker, symbol):
    """What is no symbol is answered with Binance's code."""
    with pytest.raises(RequestRejected) as caught:
        tick(broker, symbol=symbol)
    assert caught.value.code == -1121


def test_symbol_type(broker):
    """A symbol that is no text is a TypeError."""
    with pytest.raises(TypeError, match="symbol=5"):
        tick(broker, symbol=5)


def test_known_assets(make):
    """A quote asset that the account holds splits names that Binance's quote assets do not."""
    broker = make({"GOLD": 1, "LD": 1})
    assert broker._parse_symbol("BTCGOLD") == ("BTC", "GOLD")
    assert broker._parse_symbol("btc/chf") == ("BTC", "CHF")
