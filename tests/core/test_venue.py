from __future__ import annotations

from decimal import Decimal

import pytest
from harness import Run
from hypothesis import given
from hypothesis import strategies as st
from stage import Stage
from strategies import streams

from exec_plugin.core.errors import (
    INSUFFICIENT_BALANCE,
    AmendRejected,
    CancelRejected,
    ConfigError,
    FilterFailure,
    OrderRejected,
    RequestRejected,
    VenueError,
)
from exec_plugin.core.events import QUOTE, TRADE, BalanceChange, Execution
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import FAR, SCALE, parse_units, to_units
from exec_plugin.core.venue import Venue


def _state(stage):
    return (
        [stage.purse(owner) for owner in (stage.alice, stage.bob)],
        [stage.told(order) for owner in (stage.alice, stage.bob) for order in owner.open_orders],
        stage.tape(),
        stage.market.depth_view(50),
        (stage.venue.order_id, stage.venue.outbox.seq, stage.market.last),
    )


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("order", "error", "code", "text"),
    [
        (("BUY", "LIMIT", "1", "100.001"), FilterFailure, -1013, "the nearest legal price is 100"),
        (("BUY", "LIMIT", "1", "0.001"), FilterFailure, -1013, "the nearest legal price is 0.01"),
        (("BUY", "LIMIT", "1", "-5"), FilterFailure, -1013, "the nearest legal price is 0.01"),
        (("BUY", "LIMIT", "1"), RequestRejected, -1102, "Mandatory parameter 'price'"),
        (("BUY", "LIMIT_MAKER", "1"), RequestRejected, -1102, "Mandatory parameter 'price'"),
        (("SELL", "LIMIT", "1", "0"), RequestRejected, -1102, "Mandatory parameter 'price'"),
        (("BUY", "LIMIT", "0", "100"), FilterFailure, -1013, "the nearest legal quantity is 0.001"),
        (("BUY", "LIMIT", "-1", "100"), FilterFailure, -1013, "the nearest legal quantity is 0.001"),
        (("BUY", "LIMIT", "0.0015", "100"), FilterFailure, -1013, "the nearest legal quantity is 0.002"),
        (("BUY", "LIMIT", "99999999999", "100"), FilterFailure, -1013, "the nearest legal quantity is 9000000"),
        (("BUY", "LIMIT", "200000", "100"), FilterFailure, -1013, "NOTIONAL"),
        (("BUY", "LIMIT", "1", "501"), FilterFailure, -1013, "the nearest legal price is 500"),
        (("BUY", "LIMIT", "80000", "110"), OrderRejected, -2010, INSUFFICIENT_BALANCE),
        (("SELL", "LIMIT", "60000", "110"), OrderRejected, -2010, INSUFFICIENT_BALANCE),
        (("BUY", "MARKET", "0"), FilterFailure, -1013, "LOT_SIZE"),
        (("SELL", "MARKET", "60000"), OrderRejected, -2010, "60000 BTC needed, 50000 free"),
        (("SELL", "STOP_LOSS", "1"), RequestRejected, -1102, "Mandatory parameter 'stopPrice'"),
        (("BUY", "STOP_LOSS_LIMIT", "1", "100"), RequestRejected, -1102, "Mandatory parameter 'stopPrice'"),
    ],
)
def test_refused(order, error, code, text):
    """A bad order is refused with Binance's code, a hint at what would pass, and no trace."""
    stage = Stage(balances={"BTC": "50000", "USDT": "5000000"})
    stage.quote("99", "9", "101", "9")
    stage.sold("100", "1")
    before = _state(stage)
    with pytest.raises(error) as caught:
        stage.place(*order)
    assert caught.value.code == code
    assert text in str(caught.value)
    assert _state(stage) == before


def test_stop_limit_without_price(stage):
    """A stop-limit order needs both prices."""
    with pytest.raises(RequestRejected, match="'price'"):
        stage.place("BUY", "STOP_LOSS_LIMIT", "1", stop="100")


def test_float_noise(stage):
    """Float noise never gets in: as a Decimal it is too fine, rounded to eight decimals it is off the step."""
    with pytest.raises(ValueError, match="more than 8 decimals"):
        to_units(Decimal(0.1 + 0.2))
    with pytest.raises(TypeError):
        to_units(0.1 + 0.2)
    with pytest.raises(FilterFailure, match=r"the nearest legal quantity is 0\.3$"):
        stage.buy(f"{0.1 + 0.2 + 1e-7:.8f}", "100")


def test_unknown_symbol(stage):
    """An unknown symbol is -1121, with those that are listed."""
    with pytest.raises(RequestRejected) as caught:
        stage.venue.place(stage.alice, "NOPE", True, "MARKET", SCALE)
    assert (caught.value.code, caught.value.msg) == (-1121, "Invalid symbol.")
    assert "BTCUSDT" in caught.value.hint
    with pytest.raises(RequestRejected):
        stage.venue.cancel_all(stage.alice, "")


def test_many_symbols():
    """The hint about an unknown symbol stays short."""
    venue = Venue(default_symbol(f"A{number}USDT") for number in range(20))
    with pytest.raises(RequestRejected, match=r"and 12 more"):
        venue.market("NOPE")


def test_closed_market():
    """A symbol that does not trade takes no orders."""
    entry = {**default_symbol("BTCUSDT").to_exchange_info(), "status": "BREAK"}
    stage = Stage(Symbol.from_exchange_info(entry))
    with pytest.raises(OrderRejected, match="Market is closed"):
        stage.buy("1", "100")


def test_too_many():
    """The limits on open orders and on open stops are refused by name, and leave with the orders."""
    filters = [
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 3},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1},
    ]
    stage = Stage(Symbol.from_exchange_info({"symbol": "BTCUSDT", "filters": filters}))
    first = stage.place("BUY", "STOP_LOSS", "1", stop="100")
    with pytest.raises(FilterFailure, match="MAX_NUM_ALGO_ORDERS"):
        stage.place("BUY", "STOP_LOSS", "1", stop="100")
    stage.buy("1", "1")
    stage.buy("1", "1")
    with pytest.raises(FilterFailure, match="MAX_NUM_ORDERS"):
        stage.buy("1", "1")
    stage.venue.cancel(first)
    stage.place("BUY", "STOP_LOSS", "1", stop="100")


def test_bad_set_up():
    """An unknown fill model and a symbol listed twice are configuration errors."""
    with pytest.raises(ConfigError, match="queue, touch, through"):
        Venue([], fill_model="magic")
    with pytest.raises(ConfigError, match="listed twice"):
        Venue([default_symbol("BTCUSDT")] * 2)


# ---------------------------------------------------------------------- commands


def test_cancel(stage):
    """A cancelled order gives its money back and cannot be cancelled again."""
    order = stage.buy("1", "100")
    assert stage.venue.cancel(order) is order
    assert stage.told(order) == "CANCELED 0/1"
    with pytest.raises(CancelRejected, match="order 1 is CANCELED"):
        stage.venue.cancel(order)


def test_cancel_filled(stage):
    """A filled order cannot be cancelled."""
    order = stage.buy("1", "100")
    stage.sold("99", "1")
    with pytest.raises(CancelRejected, match="order 1 is FILLED"):
        stage.venue.cancel(order)


def test_cancel_all(stage):
    """All orders of one account on one symbol go, oldest first, and no others."""
    stage.venue.list_symbol(default_symbol("ETHUSDT", min_notional="0"))
    mine = [stage.buy("1", "100"), stage.place("BUY", "STOP_LOSS", "1", stop="100")]
    others = [
        stage.buy("1", "100", by=stage.bob),
        stage.venue.place(stage.alice, "ETHUSDT", True, "LIMIT", SCALE, SCALE),
    ]
    assert stage.venue.cancel_all(stage.alice, "BTCUSDT") == mine
    assert all(order.is_open for order in others)
    assert stage.venue.cancel_all(stage.alice, "BTCUSDT") == []


def test_amend(stage):
    """A lowered order keeps its place, locks less, and answers to its new id."""
    stage.quote("100", "2", "101", "1")
    order = stage.buy("3", "100")
    behind = stage.buy("1", "100", by=stage.bob)
    stage.venue.amend(order, parse_units("1"), "new")
    assert stage.purse(stage.alice)["USDT"] == "9999900+100"
    assert order.desk.find(client_id="new") is order
    stage.sold("100", "3.5")
    assert (stage.told(order), stage.told(behind)) == ("FILLED 1/1", "PARTIALLY_FILLED 0.5/1")


@pytest.mark.parametrize("qty", ["3", "4", "1", "0.5"])
def test_bad_amend(stage, qty):
    """An order cannot grow, stay as it is, or become less than is filled."""
    order = stage.buy("3", "100")
    stage.sold("99", "1")
    before = _state(stage)
    with pytest.raises(AmendRejected) as caught:
        stage.venue.amend(order, parse_units(qty), "new")
    assert caught.value.code == -2038
    assert _state(stage) == before


def test_amend_closed(stage):
    """A closed order cannot be amended, and a new quantity must be legal."""
    order = stage.buy("3", "100")
    with pytest.raises(FilterFailure):
        stage.venue.amend(order, parse_units("1.0001"), "new")
    stage.venue.cancel(order)
    with pytest.raises(AmendRejected):
        stage.venue.amend(order, SCALE, "new")


@given(streams, st.lists(st.tuples(st.integers(0, 99), st.integers(1, 8)), max_size=20))
def test_amend_any(steps, amends):
    """Amends in the middle of everything leave money, guards and turns right."""
    run = Run()
    for number, step in enumerate(steps):
        run.step(step)
        if number < len(amends) and run.open:
            pick, lots = amends[number]
            order = run.open[pick % len(run.open)]
            before = run.snapshot()
            try:
                run.venue.amend(order, lots * 13_000, f"amended {number}")
            except VenueError:
                assert run.snapshot() == before
        run.check()


# ---------------------------------------------------------------------- time and ids


def test_clock(stage):
    """The venue's time is the latest it was told; it never goes back."""
    venue = stage.venue
    venue.advance(1000)
    venue.advance(500)
    assert venue.now == 1000
    low, high = 99 * SCALE, 100 * SCALE
    rows = [(QUOTE, 2000, "BTCUSDT", low, 1, high, 1), (TRADE, 1500, "BTCUSDT", low, 1, True, 0, 1400)]
    count = venue.apply(rows)
    assert (count, venue.now) == (2, 2000)
    assert stage.market.tape.trades()[-1].time == 1400
    assert stage.buy("1", "90").time == 2000


def test_ids(stage):
    """Order ids count up over all accounts, and a refused order uses none."""
    with pytest.raises(OrderRejected):
        stage.sell("100001", "1")
    orders = [stage.buy("1", "1"), stage.buy("1", "1", by=stage.bob), stage.buy("1", "1", client_id="mine")]
    assert [order.id for order in orders] == [1, 2, 3]
    assert [order.client_id for order in orders] == ["paper_1", "paper_2", "mine"]


def test_seed():
    """Chance comes from the seed alone."""
    draws = [Venue([], seed=seed).rng.random() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_convert(stage):
    """Assets are valued at the last price of a market between them, either way round, or not at all."""
    stage.sold("50", "1")
    venue = stage.venue
    assert venue.convert(3 * SCALE, "BTC", "USDT") == 150 * SCALE
    assert venue.convert(150 * SCALE, "USDT", "BTC") == 3 * SCALE
    assert venue.convert(7, "USDT", "USDT") == 7
    assert venue.convert(7, "USDT", "BNB") is None


def test_convert_twice():
    """Where no market lies between two assets, a third one that both trade against does."""
    venue = Venue([default_symbol("BTCUSDT"), default_symbol("BNBUSDT")])
    venue.trade("BTCUSDT", 60_000 * SCALE, SCALE, taker_is_seller=False)
    assert venue.convert(SCALE, "BTC", "BNB") is None
    venue.trade("BNBUSDT", 600 * SCALE, SCALE, taker_is_seller=False)
    assert venue.convert(SCALE, "BTC", "BNB") == 100 * SCALE
    assert venue.convert(SCALE, "BNB", "BTC") == SCALE // 100


# ---------------------------------------------------------------------- events


def _heard(stage):
    heard = []
    stage.venue.listeners.append(heard.append)
    return heard


def test_events(stage):
    """Orders report what happens to them, then balances follow, numbered without a gap."""
    heard = _heard(stage)
    stage.quote("99", "9", "100", "1")
    order = stage.buy("2", "100")
    stage.venue.cancel(order)
    told = [event.kind if isinstance(event, Execution) else event.balances for event in heard]
    usdt, btc = 10_000_000 * SCALE, 100_000 * SCALE
    bought = {"BTC": (btc + SCALE * 999 // 1000, 0)}
    assert told == [
        "NEW",
        "TRADE",
        {**bought, "USDT": (usdt - 200 * SCALE, 100 * SCALE)},
        "CANCELED",
        {**bought, "USDT": (usdt - 100 * SCALE, 0)},
    ]
    assert [event.seq for event in heard] == [1, 2, 3, 4, 5]


def test_events_are_final(stage):
    """An event keeps telling what was so when it happened."""
    heard = _heard(stage)
    order = stage.buy("2", "100")
    stage.sold("99", "1")
    stage.sold("99", "1")
    told = [(event.kind, event.status, event.filled // SCALE) for event in heard if isinstance(event, Execution)]
    assert told == [("NEW", "NEW", 0), ("TRADE", "PARTIALLY_FILLED", 1), ("TRADE", "FILLED", 2)]
    assert order.status == "FILLED"


def test_one_balance_event(stage):
    """However much happens at once, each account hears of its balances once."""
    stage.book({}, {"100": "1", "101": "1", "102": "1"})
    stage.sell("1", "100.5", by=stage.bob)
    heard = _heard(stage)
    stage.place("BUY", "MARKET", "4")
    accounts = [event.account for event in heard if isinstance(event, BalanceChange)]
    assert sorted(account.name for account in accounts) == ["alice", "bob"]
    assert not any(isinstance(event, Execution) for event in heard[-2:])


def test_cancel_all_is_told(stage):
    """Cancelling all orders at once reports each, then the balances."""
    orders = [stage.buy("1", "100") for _ in range(2)]
    heard = _heard(stage)
    stage.venue.cancel_all(stage.alice, stage.name)
    assert [event.order for event in heard[:-1]] == orders
    assert heard[-1].balances["USDT"] == (10_000_000 * SCALE, 0)


def test_only_what_changed(stage):
    """A balance event names the assets that were touched since the last one, and no others."""
    stage.venue.list_symbol(default_symbol("ETHBNB", "ETH", "BNB", min_notional="0"))
    heard = _heard(stage)
    stage.buy("1", "100")
    stage.venue.place(stage.alice, "ETHBNB", True, "MARKET", SCALE)
    stage.alice.balance("BNB").free = SCALE
    stage.venue.place(stage.alice, "ETHBNB", True, "LIMIT", SCALE, SCALE)
    balances = [set(event.balances) for event in heard if isinstance(event, BalanceChange)]
    assert balances[0] == {"BTC", "USDT"}
    assert balances[-1] == {"ETH", "BNB"}


def test_stop_working(stage):
    """A stop reports that it waits, and reports anew when it starts to work."""
    heard = _heard(stage)
    stage.place("BUY", "STOP_LOSS_LIMIT", "1", "100", stop="101")
    stage.bought("101", "1")
    assert [(event.kind, event.working) for event in heard if isinstance(event, Execution)] == [
        ("NEW", False),
        ("NEW", True),
    ]


def test_replacing_listener(stage):
    """A listener that replaces each fill at once is safe, and its events come after those it reacted to."""
    heard = _heard(stage)

    def replace(event):
        if isinstance(event, Execution) and event.kind == "TRADE" and event.order.id < 5:
            assert all(balance.free >= 0 for balance in stage.alice.balances.values())
            stage.buy("1", "98")

    stage.venue.listeners.append(replace)
    orders = [stage.buy("1", "100"), stage.buy("1", "99")]
    stage.sold("97", "2")
    assert [stage.told(order) for order in orders] == ["FILLED 1/1"] * 2
    assert len(stage.alice.open_orders) == 2
    assert [event.seq for event in heard] == list(range(1, len(heard) + 1))


def test_cancelling_listener(stage):
    """A listener may cancel what the same event has already filled: the cancel is refused and nothing breaks."""
    first, second = stage.buy("1", "100"), stage.buy("1", "100")
    refused = []

    def cancel(event):
        if isinstance(event, Execution) and event.kind == "TRADE" and event.order is first:
            try:
                stage.venue.cancel(second)
            except CancelRejected as error:
                refused.append(error)

    stage.venue.listeners.append(cancel)
    stage.sold("99", "2")
    assert stage.told(second) == "FILLED 1/1"
    assert len(refused) == 1


def test_failing_listener(stage):
    """A listener's error reaches the caller; the venue has done its work and goes on."""

    def fail(event):
        raise ZeroDivisionError

    stage.venue.listeners.append(fail)
    with pytest.raises(ZeroDivisionError):
        stage.buy("1", "100")
    stage.venue.listeners.clear()
    heard = _heard(stage)
    assert len(stage.alice.open_orders) == 1
    stage.sold("99", "1")
    assert [event.kind for event in heard if isinstance(event, Execution)] == ["TRADE"]


@given(streams, st.integers(1, 6))
def test_view(steps, limit):
    """The book that everybody sees is that of a full look, cut at the limit, and nobody's order is missing."""
    run = Run()
    for step in steps:
        run.step(step)
        market = run.market
        view = market.depth_view(1000)
        assert market.depth_view(limit) == tuple(side[:limit] for side in view)
        for orders, side, sign in ((market.buys, view[0], -1), (market.sells, view[1], 1)):
            assert side == sorted(side, key=lambda level: sign * level[0])
            resting = {price: sum(order.remaining for order in level) for price, level in orders.levels.items()}
            assert all(qty > 0 for _, qty in side)
            assert all(dict(side)[price] >= min(qty, FAR) for price, qty in resting.items())
