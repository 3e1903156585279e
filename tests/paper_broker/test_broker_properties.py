"""Whatever a caller does, money is neither made nor lost, and ticks that the broker keeps to itself change nothing."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from stand import START

from exec_plugin.core.errors import FilterFailure, OrderRejected
from exec_plugin.paper_broker import LinearSlippageModel, OrderBook, PaperBroker

PRICES = st.integers(95, 105)
TICKS = st.tuples(st.just("tick"), PRICES, st.integers(0, 3), PRICES | st.just(0))
BOOKS = st.tuples(st.just("book"), PRICES, st.integers(1, 3), st.integers(1, 5))
ORDERS = st.tuples(
    st.just("order"),
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT_LIMIT", "VALUE"]),
    st.decimals("0.01", 4, places=2),
    PRICES,
    PRICES,
)
CANCELS = st.tuples(st.just("cancel"), st.integers(1, 20))
STEPS = st.lists(TICKS | BOOKS | ORDERS | ORDERS | CANCELS, max_size=40)


def drive(coroutine):
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def make(**settings):
    """A broker with fees, on time that stands still."""
    balances = {"BTC": Decimal(5), "USDC": Decimal(500)}
    return PaperBroker(balances, None, {"maker": "0.001", "taker": "0.002"}, clock=lambda: START, **settings)


def play(broker, step):
    """Do one thing to the broker."""
    kind, *rest = step
    if kind == "tick":
        bid, spread, last = rest
        broker.update_market_data("BTCUSDC", *map(Decimal, (bid, bid + spread, last, 10)))
    elif kind == "book":
        bid, spread, size = rest
        levels = [[(Decimal(at), Decimal(size)) for at in side] for side in ((bid, bid - 1), (bid + spread, 110))]
        broker.update_order_book(OrderBook("BTCUSDC", *levels))
    elif kind == "cancel":
        drive(broker.cancel_order(rest[0]))
    else:
        place(broker, *rest)


def place(broker, side, kind, quantity, price, stop):
    """Place an order that may be refused for want of money or of a market, and for nothing else."""
    amounts = {"quantity": quantity}
    if kind == "VALUE":
        kind, amounts = "MARKET", {"quantity": None, "quote_order_quantity": quantity * 100}
    if "LIMIT" in kind:
        amounts["price"] = Decimal(price)
    if kind.startswith(("STOP", "TAKE")):
        amounts["stop_price"] = Decimal(stop)
    with suppress(FilterFailure, OrderRejected):
        drive(broker.place_order("BTCUSDC", side, kind, **amounts))


def check(broker):
    """Everything that must hold of the account between two calls."""
    account = broker._account
    desks = account.desks.values()
    deposits = {"BTC": 5 * 10**8, "USDC": 500 * 10**8}
    for asset, balance in account.balances.items():
        traded = sum(desk.net_base if asset == "BTC" else desk.net_quote for desk in desks)
        assert balance.free + balance.locked + balance.fees - traded == deposits[asset]
        assert min(balance.free, balance.locked, balance.fees) >= 0
    for desk in desks:
        assert desk.base.locked == sum(order.locked for order in desk.open.values() if not order.is_buy)
        assert desk.quote.locked == sum(order.locked for order in desk.open.values() if order.is_buy)
        assert all(not order.locked for order in desk.orders if not order.is_open)
    check_position(
        broker, {asset: held.free + held.locked - deposits[asset] for asset, held in account.balances.items()}
    )


def check_position(broker, moved):
    """Profit is what came in: the cash, and the base at its price."""
    mark = broker._ticker("BTCUSDC").mark
    pnl = broker.calculate_pnl("BTCUSDC")
    assert pnl["quantity"] * 10**8 == moved["BTC"]
    unrounded = moved["USDC"] + moved["BTC"] * mark
    assert 0 <= unrounded - pnl["total_pnl"] * 10**8 < 1


@given(STEPS, st.sampled_from(["queue", "touch", "through"]), st.booleans())
def test_conserved(steps, fill_model, slips):
    """After every step money is conserved, locked is what open orders need, and profit is what came in."""
    broker = make(fill_model=fill_model, slippage_model=None if slips else LinearSlippageModel("0", "0"))
    for step in steps:
        play(broker, step)
        check(broker)


@given(STEPS)
def test_fills_within_limits(steps):
    """No order is filled at a price worse than its limit, or beyond its quantity."""
    broker, fills = make(), []
    broker.register_fill_callback(fills.append)
    for step in steps:
        play(broker, step)
    orders = {order.id: order for order in drive(broker.get_order_history("BTCUSDC", 1000))}
    for fill in fills:
        limit = orders[fill.order_id].price
        assert limit is None or (fill.price <= limit if fill.side == "BUY" else fill.price >= limit)
    for order in orders.values():
        filled = sum(fill.quantity for fill in fills if fill.order_id == order.id)
        assert filled == order.filled_quantity <= order.quantity


@given(STEPS)
def test_lazy(steps):
    """A broker that tells its venue of every tick at once hands out the same orders and balances."""
    lazy, eager = make(), make()
    for step in steps:
        play(lazy, step)
        play(eager, step)
        for ticker in set(eager._tickers.values()):
            if ticker.stale:
                eager._show(ticker)
                eager._settled(ticker)
    assert drive(lazy.get_order_history("BTCUSDC")) == drive(eager.get_order_history("BTCUSDC"))
    assert drive(lazy.get_account_info()) == drive(eager.get_account_info())


@given(STEPS)
def test_deterministic(steps):
    """The same calls give the same orders, fills and balances."""
    one, other = make(), make()
    told = [], []
    for broker, heard in zip((one, other), told, strict=True):
        broker.register_fill_callback(heard.append)
        broker.register_order_callback(heard.append)
        for step in steps:
            play(broker, step)
    assert told[0] == told[1]
    assert drive(one.get_account_info()) == drive(other.get_account_info())
