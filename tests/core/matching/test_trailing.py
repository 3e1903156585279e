from __future__ import annotations

import pytest
from stage import Stage

from exec_plugin.core.errors import FilterFailure, OrderRejected
from exec_plugin.core.matching.trailing import Trails
from exec_plugin.core.orders import Trail
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import FAR, parse_units


@pytest.fixture
def stage():
    """A small exchange whose book is far from everything."""
    found = Stage()
    found.book({"1": "1"}, {"900000": "1"})
    return found


def trail(stage, side, kind, delta, **options):
    """A trailing stop with a limit that rests once it works."""
    limit = kind.endswith("_LIMIT")
    return stage.place(side, kind, "0.01", options.pop("price", "100") if limit else "0", trailing=delta, **options)


def works(order):
    """Whether it has triggered."""
    return order.working_since >= 0


# faqs/trailing-stop-faq.md: what happens to the last price, and at which print each order triggers
SCENARIOS = {
    "A": (
        ("BUY", "STOP_LOSS_LIMIT", 500, {"stop": "44000", "price": "45000"}),
        ["37000", "43999", "44000", "45000", "46000", "42000", "44099.99"],
        "44100",
    ),
    "B": (
        ("SELL", "STOP_LOSS_LIMIT", 1000, {"stop": "39000", "price": "38000"}),
        ["41500", "39000", "37000", "41000", "36900.01"],
        "36900",
    ),
    "C": (
        ("BUY", "TAKE_PROFIT_LIMIT", 850, {"stop": "38000", "price": "38500"}),
        ["42000", "38000", "37000", "39000", "38000", "40144.99"],
        "40145",
    ),
    "D": (
        ("SELL", "TAKE_PROFIT_LIMIT", 750, {"stop": "42000", "price": "41000"}),
        ["41500", "39000", "42000", "45000", "44000", "46500", "43012.51"],
        "43012.5",
    ),
    "E": (
        ("SELL", "STOP_LOSS_LIMIT", 700, {"price": "39000"}),
        ["42000", "39500", "45500", "42315.01"],
        "42315",
    ),
    "market sell": (("SELL", "STOP_LOSS", 1000, {}), ["44000", "39600.01"], "39600"),
    "market buy": (("BUY", "STOP_LOSS", 1000, {}), ["36000", "39599.99"], "39600"),
    "profit of a seller at once": (("SELL", "TAKE_PROFIT", 100, {}), ["39600.01", "50000", "49500.01"], "49500"),
    "profit of a buyer at once": (("BUY", "TAKE_PROFIT", 100, {}), ["40399.99", "30000", "30299.99"], "30300"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(stage, name):
    """The stories of the FAQ: the trigger follows the market one way only, from where the order begins to follow."""
    (side, kind, delta, options), waits, triggers = SCENARIOS[name]
    stage.prints("40000")
    order = trail(stage, side, kind, delta, **options)
    for price in waits:
        stage.prints(price)
        assert not works(order), price
    stage.prints(triggers)
    assert works(order)


@pytest.mark.parametrize("name", SCENARIOS)
def test_beyond(stage, name):
    """A print that goes through the trigger does as well as one that meets it."""
    (side, kind, delta, options), waits, triggers = SCENARIOS[name]
    stage.prints("40000")
    order = trail(stage, side, kind, delta, **options)
    stage.prints(*waits)
    step = 5000 if side == "BUY" else -5000
    stage.prints(str(float(triggers) + step))
    assert works(order)


@pytest.mark.parametrize(
    ("side", "delta", "extreme", "trigger"),
    [
        ("SELL", 1, "0.00000003", "0.00000002"),
        ("SELL", 33, "0.01234567", "0.01230492"),
        ("SELL", 10000, "1", "0"),
        ("BUY", 1, "0.00000003", "0.00000004"),
        ("BUY", 33, "0.01234567", "0.01238642"),
        ("BUY", 10000, "1", "2"),
    ],
)
def test_rounding(side, delta, extreme, trigger):
    """A trigger between two prices is rounded away from the market, so that it is never met too early."""
    trail = Trail(delta)
    trail.extreme = parse_units(extreme)
    assert trail.trigger(is_buy=side == "BUY") == parse_units(trigger)


@pytest.mark.parametrize(("side", "prices"), [("SELL", ["100", "110", "99"]), ("BUY", ["100", "90", "99"])])
def test_no_last_price(stage, side, prices):
    """Where nothing has traded yet the first print is where an order begins."""
    order = trail(stage, side, "STOP_LOSS_LIMIT", 1000)
    *waits, triggers = prices
    stage.prints(*waits)
    assert (works(order), order.trail.extreme) == (False, parse_units(waits[-1]))
    stage.prints(triggers)
    assert works(order)


def test_since(stage):
    """An order tells since when it follows: at once, or since a print met its stop price."""
    stage.prints("100")
    follows, waits = (trail(stage, "SELL", "STOP_LOSS_LIMIT", 1000, **more) for more in ({}, {"stop": "95"}))
    assert (follows.trail.since, waits.trail.since) == (0, -1)
    stage.venue.advance(7)
    stage.prints("94")
    assert (follows.trail.since, waits.trail.since) == (0, 7)
    assert waits.trail.extreme == parse_units("94")


def test_several(stage):
    """Orders of both sides follow for themselves, and one print may trigger some of them."""
    stage.prints("100")
    loose, tight = (trail(stage, "SELL", "STOP_LOSS_LIMIT", delta) for delta in (1000, 500))
    buyer = trail(stage, "BUY", "STOP_LOSS_LIMIT", 500, price="90")
    stage.prints("110", "104.6")
    assert [works(order) for order in (loose, tight, buyer)] == [False, False, True]
    stage.prints("104.5")
    assert [works(order) for order in (loose, tight)] == [False, True]
    stage.prints("99")
    assert works(loose)
    assert (stage.market.trails.rise, stage.market.trails.fall) == (FAR, 0)


def test_together(stage):
    """Orders that one print triggers start oldest first."""
    stage.prints("100")
    orders = [trail(stage, "SELL", "STOP_LOSS", delta) for delta in (500, 300, 400)]
    stage.book({"94": "1"}, {})
    stage.prints("94")
    trades = [fill.order_id for fill in stage.alice.desks["BTCUSDT"].fills]
    assert trades == [order.id for order in orders]


def test_cancelled(stage):
    """An order that was cancelled while it followed never triggers, and its guards are gone."""
    stage.prints("100")
    order = trail(stage, "SELL", "STOP_LOSS", 1000)
    other = trail(stage, "SELL", "STOP_LOSS", 2000)
    stage.prints("110")
    stage.venue.cancel(order)
    assert stage.market.trails.fall == parse_units("88")
    stage.prints("99", "90")
    assert (stage.told(order), works(order), works(other)) == ("CANCELED 0/0.01", False, False)
    stage.venue.cancel(other)
    assert (stage.market.trails.rise, stage.market.trails.fall) == (FAR, 0)
    assert stage.alice.desks["BTCUSDT"].algo_open == 0


def test_cancelled_waiting(stage):
    """An order that was cancelled before its stop price was met never follows."""
    stage.prints("100")
    order = trail(stage, "SELL", "STOP_LOSS", 1000, stop="95")
    stage.venue.cancel(order)
    stage.prints("95", "80")
    assert (order.trail.since, works(order)) == (-1, False)


@pytest.mark.parametrize(
    ("side", "kind", "stop"),
    [
        ("SELL", "STOP_LOSS", "100"),
        ("SELL", "STOP_LOSS", "101"),
        ("BUY", "STOP_LOSS", "100"),
        ("BUY", "STOP_LOSS_LIMIT", "99"),
        ("SELL", "TAKE_PROFIT", "100"),
        ("SELL", "TAKE_PROFIT_LIMIT", "99"),
        ("BUY", "TAKE_PROFIT", "100"),
        ("BUY", "TAKE_PROFIT", "101"),
    ],
)
def test_met_already(stage, side, kind, stop):
    """A stop price that is met already is refused, also where the order would only begin to follow."""
    stage.prints("100")
    with pytest.raises(OrderRejected, match=r"Order would trigger immediately\."):
        trail(stage, side, kind, 100, stop=stop)


@pytest.mark.parametrize(
    ("side", "kind", "above"),
    [
        ("BUY", "STOP_LOSS", True),
        ("BUY", "STOP_LOSS_LIMIT", True),
        ("SELL", "TAKE_PROFIT", True),
        ("SELL", "TAKE_PROFIT_LIMIT", True),
        ("SELL", "STOP_LOSS", False),
        ("SELL", "STOP_LOSS_LIMIT", False),
        ("BUY", "TAKE_PROFIT", False),
        ("BUY", "TAKE_PROFIT_LIMIT", False),
    ],
)
def test_range(side, kind, above):
    """TRAILING_DELTA has one range for stop prices above the market and one for those below."""
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    rule = {
        "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 50, "maxTrailingAboveDelta": 500,
        "minTrailingBelowDelta": 100, "maxTrailingBelowDelta": 1000,
    }  # fmt: skip
    filters = [rule if item["filterType"] == "TRAILING_DELTA" else item for item in entry["filters"]]
    stage = Stage(Symbol.from_exchange_info({**entry, "filters": filters}))
    stage.prints("100")
    low, high = (50, 500) if above else (100, 1000)
    for delta in (low, high):
        trail(stage, side, kind, delta)
    for delta, nearest in ((low - 1, low), (high + 1, high)):
        with pytest.raises(FilterFailure, match="TRAILING_DELTA") as caught:
            trail(stage, side, kind, delta)
        assert caught.value.hint.endswith(f"the nearest is {nearest}")


def test_bound():
    """A buyer without a limit locks what the order can cost at most: its trigger only falls."""
    stage = Stage()
    stage.book({"1": "1"}, {"900000": "1"})
    stage.prints("100")
    trail(stage, "BUY", "STOP_LOSS", 1000)
    assert stage.purse(stage.alice)["USDT"] == "9999998.9+1.1"
    trail(stage, "BUY", "STOP_LOSS", 1000, stop="200")
    assert stage.purse(stage.alice)["USDT"] == "9999996.7+3.3"


def test_own_trade(stage):
    """An account's own trades move its trailing stops like any other."""
    stage.prints("100")
    order = trail(stage, "SELL", "STOP_LOSS", 1000)
    stage.book({"89": "1"}, {"110": "1"})
    stage.place("BUY", "MARKET", "0.5", by=stage.bob)
    assert order.trail.extreme == parse_units("110")
    stage.place("SELL", "MARKET", "0.5", by=stage.bob)
    assert stage.fills(order) == ["0.01 at 89"]


def test_quotes_do_not_count(stage):
    """Only trades move a trailing stop, never quotes."""
    stage.prints("100")
    order = trail(stage, "SELL", "STOP_LOSS", 1000)
    stage.quote("50", "1", "51", "1")
    stage.quote("500", "1", "510", "1")
    assert (works(order), order.trail.extreme) == (False, parse_units("100"))


def test_pair(stage):
    """A trailing stop of a pair triggers like any other, and its limit order expires."""
    stage.prints("100")
    stop = stage.draft("SELL", "STOP_LOSS", "1", trailing=1000)
    limit = stage.draft("SELL", "LIMIT_MAKER", "1", "150")
    stage.oco(limit, stop)
    stage.prints("120")
    stage.book({"107": "5"}, {})
    stage.prints("108")
    assert (stage.fills(stop), stage.told(limit)) == (["1 at 107"], "EXPIRED 0/1")


def test_guards():
    """Between the guards no order has to be looked at: they are the nearest extremes and triggers."""
    trails = Trails()
    assert (trails.rise, trails.fall) == (FAR, 0)
    stage = Stage()
    stage.prints("100")
    trails = stage.market.trails
    trail(stage, "SELL", "STOP_LOSS", 1000)
    assert (trails.rise, trails.fall) == (parse_units("100.00000001"), parse_units("90"))
    trail(stage, "BUY", "STOP_LOSS", 1000)
    assert (trails.rise, trails.fall) == (parse_units("100.00000001"), parse_units("99.99999999"))
    stage.prints("105")
    assert (trails.rise, trails.fall) == (parse_units("105.00000001"), parse_units("99.99999999"))
