from __future__ import annotations

import pytest
from stage import UNKNOWN, Stage

from exec_plugin.core.errors import OrderRejected
from exec_plugin.core.fill_models import FILL_MODELS, LinearSlippageModel, PatientQueue
from exec_plugin.core.units import parse_units

models = pytest.mark.parametrize("stage", FILL_MODELS, indirect=True)


@pytest.fixture
def stage(request):
    """A small exchange; its fill model can be a parameter."""
    return Stage(fill_model=getattr(request, "param", "queue"))


# ---------------------------------------------------------------------- takers


@models
def test_sweep(stage):
    """A taker walks the levels, one trade each at its own price."""
    stage.book({"99": "1"}, {"100": "1", "101": "2", "102": "5"})
    order = stage.place("BUY", "MARKET", "4")
    assert stage.fills(order) == ["1 at 100", "2 at 101", "1 at 102"]
    assert stage.tape() == ["1 at 100", "2 at 101", "1 at 102"]
    assert stage.told(order) == "FILLED 4/4"
    assert [fill.is_maker for fill in order.desk.fills] == [False] * 3


@models
def test_sweep_down(stage):
    """A selling taker walks the bids."""
    stage.book({"99": "1", "98": "2"}, {"100": "1"})
    order = stage.place("SELL", "MARKET", "2")
    assert stage.fills(order) == ["1 at 99", "1 at 98"]


def test_improvement(stage):
    """A marketable limit order gets the book's better prices, and no more than it locked is spent."""
    stage.book({}, {"100": "1", "101": "1"})
    order = stage.buy("2", "105")
    assert stage.fills(order) == ["1 at 100", "1 at 101"]
    assert stage.purse(stage.alice)["USDT"] == "9999799"


def test_rest_of_a_sweep(stage):
    """What a limit order does not find within its limit rests at the limit."""
    stage.book({"99": "1"}, {"100": "1", "102": "5"})
    order = stage.buy("3", "101")
    assert stage.told(order) == "PARTIALLY_FILLED 1/3"
    assert stage.ahead(order) == "0"
    assert stage.purse(stage.alice)["USDT"] == "9999698+202"


def test_taken_stays_taken(stage):
    """A displayed lot is not eaten twice, however often other levels change or the touch repeats itself."""
    stage.quote("99", "5", "100", "3")
    assert stage.told(stage.place("BUY", "MARKET", "2")) == "FILLED 2/2"
    stage.quote("98", "5", "100", "3")
    stage.depth(asks={"101": "7"})
    assert stage.fills(stage.buy("4", "100", tif="IOC")) == ["1 at 100"]
    assert stage.told(stage.buy("1", "100", tif="IOC")) == "EXPIRED 0/1"


@pytest.mark.parametrize(
    "show",
    [
        lambda stage: stage.quote("99", "5", "100", "4"),
        lambda stage: stage.depth(asks={"100": "3"}),
        lambda stage: stage.book({"99": "5"}, {"100": "3"}),
    ],
)
def test_shown_anew(stage, show):
    """Once the feed shows the level anew it can be taken again."""
    stage.quote("99", "5", "100", "3")
    stage.place("BUY", "MARKET", "3")
    show(stage)
    assert stage.told(stage.buy("3", "100", tif="IOC")) == "FILLED 3/3"


def test_no_book(stage):
    """Without a book a market order expires, and so does an IOC limit order."""
    market = stage.place("BUY", "MARKET", "1")
    limit = stage.buy("1", "100", tif="IOC")
    assert [stage.told(order) for order in (market, limit)] == ["EXPIRED 0/1"] * 2
    assert [order.reason for order in (market, limit)] == ["INSUFFICIENT_LIQUIDITY", "UNFILLED_IOC_QUANTITY_EXPIRED"]


def test_thin_book(stage):
    """A market order that finds too little takes what there is and expires with the rest."""
    stage.book({"99": "1"}, {})
    order = stage.place("SELL", "MARKET", "3")
    assert stage.told(order) == "EXPIRED 1/3"
    assert stage.purse(stage.alice)["BTC"] == "99999"


def test_unknown_quantity(stage):
    """A touch of unknown quantity serves everybody at its price."""
    stage.quote("99", UNKNOWN, "100", UNKNOWN)
    for _ in range(2):
        assert stage.fills(stage.place("BUY", "MARKET", "1000")) == ["1000 at 100"]


def test_slippage():
    """With only bid and ask known, takers trade at the touch plus the slippage, on a tick, within their limit."""
    stage = Stage(slippage=LinearSlippageModel("0.00012", "0"))
    stage.quote("99", UNKNOWN, "101", UNKNOWN)
    assert stage.fills(stage.place("BUY", "MARKET", "1")) == ["1 at 101.02"]
    assert stage.fills(stage.place("SELL", "MARKET", "1")) == ["1 at 98.98"]
    assert stage.fills(stage.buy("1", "101.01")) == ["1 at 101.01"]
    stage.quote("99", "9", "101", "9")
    assert stage.fills(stage.place("BUY", "MARKET", "1")) == ["1 at 101"]


def test_ioc(stage):
    """IOC takes what is within its limit and expires with the rest."""
    stage.book({}, {"100": "1", "102": "1"})
    order = stage.buy("2", "101", tif="IOC")
    assert stage.told(order) == "EXPIRED 1/2"
    assert stage.purse(stage.alice)["USDT"] == "9999900"


def test_fok(stage):
    """FOK takes all or nothing."""
    stage.book({}, {"100": "1", "101": "1"})
    short = stage.buy("3", "101", tif="FOK")
    whole = stage.buy("2", "101", tif="FOK")
    assert (stage.told(short), short.reason) == ("EXPIRED 0/3", "UNFILLED_FOK_ORDER_EXPIRED")
    assert stage.fills(whole) == ["1 at 100", "1 at 101"]


def test_limit_maker(stage):
    """LIMIT_MAKER is refused where it would take, with the nearest price that rests; there it rests."""
    stage.quote("99", "1", "100", "1")
    with pytest.raises(OrderRejected, match="Order would immediately match and take") as caught:
        stage.place("BUY", "LIMIT_MAKER", "1", "100")
    assert caught.value.hint == "the best ask is 100; the nearest price that rests is 99.99"
    assert stage.venue.order_id == 0
    assert stage.told(stage.place("BUY", "LIMIT_MAKER", "1", "99.99")) == "NEW 0/1"
    with pytest.raises(OrderRejected):
        stage.place("SELL", "LIMIT_MAKER", "1", "99.99", by=stage.bob)


@pytest.mark.parametrize(
    ("side", "amount", "qty", "spent"),
    [
        ("BUY", "250", "2.478", "249.995"),
        ("BUY", "0.1", "0.001", "0.1"),
        ("BUY", "100000", "4", "406"),
        ("SELL", "250", "2.53", "249.94"),
        ("SELL", "198", "2", "198"),
    ],
)
def test_quote_quantity(stage, side, amount, qty, spent):
    """A market order by value trades the most whole lots whose value stays within it."""
    stage.book({"99": "2", "98": "2"}, {"100": "1", "101": "1", "102.5": "2"})
    order = stage.place(side, "MARKET", quote_qty=amount)
    assert order.qty == order.filled == parse_units(qty)
    assert order.quote_filled == parse_units(spent)


@pytest.mark.parametrize(("asks", "amount"), [({}, "100"), ({"100": "1"}, "0.09")])
def test_quote_too_small(stage, asks, amount):
    """A value that buys no lot, or finds no book, is refused as Binance does."""
    stage.book({}, asks)
    with pytest.raises(OrderRejected, match="Order book liquidity is less than"):
        stage.place("BUY", "MARKET", quote_qty=amount)


def test_uneven_levels(stage):
    """Levels off the lot step do not make an order by value uneven."""
    stage.book({}, {"100": "0.0004", "101": "0.0009", "102": "5"})
    order = stage.place("BUY", "MARKET", quote_qty="0.2")
    assert stage.fills(order) == ["0.0004 at 100", "0.0006 at 101"]


# ---------------------------------------------------------------------- makers: the queue


def test_behind_the_queue(stage):
    """An order rests behind what is displayed at its price, prints consume that first, then fill it."""
    stage.quote("100", "5", "101", "5")
    order = stage.buy("2", "100")
    assert stage.ahead(order) == "5"
    stage.sold("100", "4")
    assert (stage.ahead(order), stage.told(order)) == ("1", "NEW 0/2")
    stage.sold("100", "2")
    assert (stage.ahead(order), stage.told(order)) == ("0", "PARTIALLY_FILLED 1/2")
    stage.sold("100", "9")
    assert stage.told(order) == "FILLED 2/2"
    assert stage.tape() == ["4 at 100", "1 at 100", "1 at 100", "1 at 100", "8 at 100"]


def test_other_side(stage):
    """A print by a taker of the same side tells nothing about the queue."""
    stage.quote("100", "5", "101", "5")
    order = stage.buy("2", "100")
    stage.bought("100", "50")
    assert (stage.ahead(order), stage.told(order)) == ("5", "NEW 0/2")


def test_better_than_touch(stage):
    """An order that betters the touch stands alone."""
    stage.quote("100", "5", "105", "5")
    order = stage.buy("2", "101")
    assert stage.ahead(order) == "0"
    stage.sold("101", "1")
    assert stage.told(order) == "PARTIALLY_FILLED 1/2"


def test_inside_the_book(stage):
    """Within the book's edge a price without a level has no queue; beyond it, nobody knows."""
    stage.book({"100": "5", "98": "3"}, {"101": "1"})
    between, level, beyond = stage.buy("1", "99"), stage.buy("1", "98"), stage.buy("1", "97")
    assert [stage.ahead(order) for order in (between, level, beyond)] == ["0", "3", None]


def test_proportional(stage):
    """Cancellations shorten the queue in proportion, rounded against the order."""
    stage.book({"100": "8"}, {"101": "1"})
    order = stage.buy("1", "100")
    stage.depth(bids={"100": "10"})
    assert stage.ahead(order) == "8"
    stage.depth(bids={"100": "5"})
    assert stage.ahead(order) == "4"
    stage.depth(bids={"100": "1"})
    assert stage.ahead(order) == "0.8"


def test_patient():
    """The patient model lets only those leave from ahead who cannot be behind."""
    stage = Stage(queue=PatientQueue())
    stage.book({"100": "8"}, {"101": "1"})
    order = stage.buy("1", "100")
    stage.depth(bids={"100": "10"})
    stage.depth(bids={"100": "9"})
    assert stage.ahead(order) == "8"
    stage.depth(bids={"100": "3"})
    assert stage.ahead(order) == "3"


def test_prints_are_no_cancellations(stage):
    """What left the level by trading has shortened the queue already."""
    stage.book({"100": "8"}, {"101": "1"})
    order = stage.buy("1", "100")
    stage.sold("100", "4")
    stage.depth(bids={"100": "4"})
    assert stage.ahead(order) == "4"


def test_trades_before_arrival(stage):
    """What traded before the order came, while the book lagged behind the touch, is no cancellation either."""
    stage.book({"100": "9"}, {"101": "1"})
    stage.sold("100", "4")
    stage.quote("100", "5", "101", "1")
    order = stage.buy("1", "100")
    stage.depth(bids={"100": "5"})
    assert stage.ahead(order) == "5"


def test_beyond_a_partial_book(stage):
    """A book that does not reach an order's price says nothing about its queue."""
    stage.book({"100": "5", "98": "4"}, {"101": "1"})
    order = stage.buy("1", "98")
    stage.book({"100": "5", "99": "4"}, {"101": "1"})
    assert stage.ahead(order) == "4"
    stage.book({"100": "5", "97": "4"}, {"101": "1"})
    assert stage.ahead(order) == "0"


def test_seen_later(stage):
    """An order whose queue nobody knew takes its place when the level is shown, or the touch gets there."""
    stage.quote("100", "5", "101", "5")
    by_level, by_touch = stage.buy("1", "98"), stage.buy("1", "97")
    stage.depth(bids={"98": "6"})
    assert (stage.ahead(by_level), stage.ahead(by_touch)) == ("6", None)
    stage.venue.cancel(by_level)
    stage.sold("97", "3")
    assert stage.ahead(by_touch) is None
    stage.quote("97", "2", "101", "5")
    stage.sold("97", "1")
    assert stage.ahead(by_touch) == "1"
    stage.depth(bids={"97": "0.5"})
    assert stage.ahead(by_touch) == "0.5"


def test_turns(stage):
    """At one price the earlier order fills first, and the street between two orders comes between them."""
    stage.quote("100", "2", "101", "5")
    first = stage.buy("1", "100")
    stage.quote("100", "5", "101", "5")
    second = stage.buy("1", "100", by=stage.bob)
    assert (stage.ahead(first), stage.ahead(second)) == ("2", "5")
    stage.sold("100", "3")
    assert (stage.told(first), stage.told(second)) == ("FILLED 1/1", "NEW 0/1")
    assert stage.ahead(second) == "3"
    stage.sold("100", "4")
    assert stage.told(second) == "FILLED 1/1"


def test_shown_to_newcomers(stage):
    """What a newcomer finds displayed shortens the queue of those who are there."""
    stage.quote("100", "8", "101", "5")
    first = stage.buy("1", "100")
    stage.quote("100", "2", "101", "5")
    second = stage.buy("1", "100", by=stage.bob)
    assert [stage.ahead(order) for order in (first, second)] == ["2", "2"]
    stage.depth(bids={"100": "1"})
    assert [stage.ahead(order) for order in (first, second)] == ["1", "1"]


def test_touch_model():
    """With the touch model nobody is ahead."""
    stage = Stage(fill_model="touch")
    stage.quote("100", "5", "101", "5")
    order = stage.buy("2", "100")
    stage.sold("100", "1")
    assert stage.told(order) == "PARTIALLY_FILLED 1/2"


def test_through_model():
    """With the through model only prices beyond the order's own fill it."""
    stage = Stage(fill_model="through")
    order = stage.buy("2", "100")
    stage.quote("99", "5", "100", "5")
    stage.sold("100", "9")
    assert stage.told(order) == "NEW 0/2"
    stage.sold("99.99", "1")
    assert stage.fills(order) == ["1 at 100"]
    stage.quote("99", "5", "99.99", "5")
    assert stage.fills(order) == ["1 at 100", "1 at 100"]


# ---------------------------------------------------------------------- makers: through


@models
def test_print_through(stage):
    """A print beyond an order's price fills it at its own price, whatever its queue, and no more than printed."""
    stage.quote("100", "50", "105", "5")
    order = stage.buy("3", "100")
    stage.sold("99", "2")
    assert stage.fills(order) == ["2 at 100"]
    stage.sold("99", "2")
    assert stage.fills(order) == ["2 at 100", "1 at 100"]
    assert stage.tape() == ["2 at 100", "1 at 100", "1 at 99"]


@models
def test_print_through_several(stage):
    """A print takes the best orders first and what it leaves is printed."""
    stage.quote("90", "1", "105", "5")
    low, high = stage.sell("1", "101"), stage.sell("1", "102")
    stage.bought("103", "1.5")
    assert (stage.told(low), stage.told(high)) == ("FILLED 1/1", "PARTIALLY_FILLED 0.5/1")


def test_book_through(stage):
    """A book that reaches an order fills it at its own price, up to what is displayed there and beyond."""
    order = stage.buy("9", "100")
    stage.quote("97", "1", "99", "2")
    assert stage.fills(order) == ["2 at 100"]
    stage.quote("97", "2", "99", "2")
    assert stage.fills(order) == ["2 at 100"]
    stage.book({}, {"98": "1", "100": "3", "101": "9"})
    assert stage.fills(order) == ["2 at 100", "1 at 100", "3 at 100"]


def test_book_through_sells(stage):
    """The same for sells, best prices first."""
    near, far = stage.sell("1", "100"), stage.sell("1", "101")
    stage.quote("101", "1.5", "103", "1")
    assert (stage.fills(near), stage.fills(far)) == (["1 at 100"], ["0.5 at 101"])


def test_no_fill_from_nothing(stage):
    """A book that moves towards an order without reaching it fills nothing."""
    order = stage.buy("1", "100")
    stage.quote("99", "9", "100.01", "9")
    stage.depth(asks={"100": "5"})
    assert stage.told(order) == "NEW 0/1"


def test_blind(stage):
    """Where no book was ever shown, prints of either side at an order's price or beyond fill it once it is seen."""
    buy, sell = stage.buy("1", "100"), stage.sell("1", "110")
    stage.sold("110.5", "1")
    assert stage.fills(sell) == ["1 at 110"]
    stage.bought("99.5", "0.25")
    assert stage.fills(buy) == ["0.25 at 100"]


# ---------------------------------------------------------------------- paper meets paper


@models
def test_two_accounts(stage):
    """Two accounts meet at the maker's price, by price, then time, in one trade each."""
    worse = stage.sell("1", "102", by=stage.bob)
    first = stage.sell("1", "101", by=stage.bob)
    second = stage.sell("1", "101", by=stage.bob)
    taker = stage.buy("1.5", "102")
    assert stage.fills(taker) == ["1 at 101", "0.5 at 101"]
    assert [stage.told(order) for order in (first, second, worse)] == [
        "FILLED 1/1",
        "PARTIALLY_FILLED 0.5/1",
        "NEW 0/1",
    ]
    trades = {fill.id for fill in taker.desk.fills}
    assert trades == {fill.id for fill in first.desk.fills}
    assert {fill.is_maker for fill in first.desk.fills} == {True}
    assert stage.tape() == ["1 at 101", "0.5 at 101"]


def test_street_first(stage):
    """A taker meets the street that stands ahead of a paper order before the order."""
    stage.quote("100", "2", "105", "1")
    order = stage.buy("1", "100", by=stage.bob)
    stage.quote("100", "4", "105", "1")
    taker = stage.sell("4", "100")
    assert stage.fills(taker) == ["2 at 100", "1 at 100", "1 at 100"]
    assert stage.told(order) == "FILLED 1/1"


def test_street_between(stage):
    """The street between two paper orders trades between them, and what stands behind both comes last."""
    for shown, owner in (("2", stage.alice), ("3", stage.bob)):
        stage.quote("100", shown, "105", "1")
        stage.buy("1", "100", by=owner)
    stage.quote("100", "5", "105", "1")
    taker = stage.sell("6.5", "100")
    assert stage.fills(taker) == [f"{qty} at 100" for qty in ("2", "1", "1", "1", "1.5")]
    makers = [fill.is_maker for owner in (stage.alice, stage.bob) for fill in owner.desk(stage.market.symbol).fills]
    assert makers.count(True) == 2


def test_street_first_in_parts(stage):
    """The same when the taker comes in two parts: what was taken ahead of an order is no longer ahead of it."""
    stage.quote("100", "2", "105", "1")
    order = stage.buy("1", "100", by=stage.bob)
    stage.quote("100", "4", "105", "1")
    stage.sell("1", "100")
    assert stage.ahead(order) == "1"
    stage.sell("2", "100")
    assert stage.told(order) == "FILLED 1/1"


def test_better_paper(stage):
    """A paper order at a better price comes before the street."""
    stage.quote("98", "9", "101", "9")
    order = stage.sell("1", "100", by=stage.bob)
    assert stage.fills(stage.buy("2", "101")) == ["1 at 100", "1 at 101"]
    assert stage.told(order) == "FILLED 1/1"


def test_self_trade(stage):
    """Without prevention an account trades with itself: both commissions are due and nothing else moves."""
    maker = stage.sell("1", "100")
    taker = stage.buy("1", "100")
    assert [stage.told(order) for order in (maker, taker)] == ["FILLED 1/1"] * 2
    assert stage.purse(stage.alice) == {"BTC": "99999.999", "USDT": "9999999.9"}


@pytest.mark.parametrize(
    ("stp", "maker", "taker"),
    [
        ("EXPIRE_TAKER", "NEW 0/1", "EXPIRED_IN_MATCH 0.5/2"),
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH 0/1", "PARTIALLY_FILLED 1.5/2"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH 0/1", "EXPIRED_IN_MATCH 0.5/2"),
    ],
)
def test_prevention(stage, stp, maker, taker):
    """Self-trade prevention ends one order or both where they would meet, after what trades before that."""
    stage.sell("0.5", "99", by=stage.bob)
    own = stage.sell("1", "100")
    stage.sell("1", "101", by=stage.bob)
    order = stage.buy("2", "101", stp=stp)
    assert (stage.told(own), stage.told(order)) == (maker, taker)


@pytest.mark.parametrize("again", ["check", "fok", "poor"])
def test_prevention_forgotten(stage, again):
    """What a refused, checked or unfillable order would have prevented stays as it is for the next order."""
    own = stage.sell("1", "100")
    one = parse_units("1")
    if again == "check":
        stage.venue.check(stage.venue.draft(stage.alice, stage.name, True, "MARKET", one, stp="EXPIRE_MAKER"))
    elif again == "fok":
        stage.buy("1", "100", tif="FOK", stp="EXPIRE_MAKER")
    else:
        stage.sell("80000", "101", by=stage.bob)
        stage.buy("80000", "50")
        with pytest.raises(OrderRejected, match="insufficient balance"):
            stage.place("BUY", "MARKET", "80000", stp="EXPIRE_MAKER")
    stage.place("SELL", "LIMIT_MAKER", "1", "105")
    assert stage.told(own) == "NEW 0/1"


# ---------------------------------------------------------------------- stops


def test_stop_waits(stage):
    """A stop order waits off the book until a print reaches its price, then trades what it finds."""
    stage.quote("99", "9", "101", "9")
    stage.sold("100", "1")
    order = stage.place("SELL", "STOP_LOSS", "1", stop="98")
    stage.quote("97", "9", "99", "9")
    assert stage.told(order) == "NEW 0/1"
    assert order.armed
    stage.sold("98", "1")
    assert stage.fills(order) == ["1 at 97"]


@pytest.mark.parametrize(
    ("side", "kind", "stop", "price"),
    [
        ("SELL", "STOP_LOSS", "99", "99"),
        ("BUY", "STOP_LOSS", "101", "101"),
        ("SELL", "TAKE_PROFIT", "101", "101"),
        ("BUY", "TAKE_PROFIT", "99", "99"),
    ],
)
def test_stop_directions(stage, side, kind, stop, price):
    """Each kind waits for its direction; at the last price or beyond it is refused."""
    stage.quote("90", UNKNOWN, "110", UNKNOWN)
    stage.sold("100", "1")
    for wrong in ("100", {"99": "101", "101": "99"}[stop]):
        with pytest.raises(OrderRejected, match="would trigger immediately"):
            stage.place(side, kind, "1", stop=wrong)
    order = stage.place(side, kind, "1", stop=stop)
    stage.sold(price, "1")
    assert stage.told(order) == "FILLED 1/1"


def test_stop_limit_rests(stage):
    """A triggered stop-limit order rests at its limit, with the priority of that moment."""
    stage.quote("99", "9", "101", "9")
    stop = stage.place("BUY", "STOP_LOSS_LIMIT", "1", "100", stop="101")
    early = stage.buy("1", "100", by=stage.bob)
    stage.bought("101", "1")
    assert (stop.armed, stage.told(stop)) == (False, "NEW 0/1")
    stage.sold("100", "1")
    assert (stage.told(early), stage.told(stop)) == ("FILLED 1/1", "NEW 0/1")


def test_cascade(stage):
    """A triggered stop's own trades trigger the next, in one go."""
    stage.book({"99": "1", "98": "1", "97": "1", "90": "9"}, {"101": "1"})
    stops = [
        stage.place("SELL", "STOP_LOSS", qty, stop=price) for qty, price in (("1", "97"), ("2", "99"), ("1", "98"))
    ]
    stage.sold("99", "0.5")
    assert [stage.fills(order) for order in stops] == [["1 at 90"], ["1 at 99", "1 at 98"], ["1 at 97"]]


def test_stop_passed_through(stage):
    """A stop that one trade of a sweep reached is triggered, although the sweep went on to other prices."""
    stage.quote("90", "9", "110", "9")
    stage.sold("100", "1")
    stop = stage.place("BUY", "STOP_LOSS", "1", stop="105")
    stage.buy("1", "106", by=stage.bob)
    stage.sold("95", "3")
    assert stage.tape()[1:3] == ["1 at 106", "2 at 95"]
    assert stage.fills(stop) == ["1 at 110"]


def test_stop_by_maker(stage):
    """A print that paper orders consume wholly still moves the last price to theirs."""
    stage.quote("90", "9", "110", "9")
    stage.sold("100", "1")
    stop = stage.place("BUY", "STOP_LOSS", "1", stop="105")
    stage.buy("1", "106", by=stage.bob)
    stage.sold("95", "1")
    assert stage.told(stop) == "FILLED 1/1"


def test_stop_order_of_triggers(stage):
    """Stops that one print reaches go by nearness, then age."""
    stage.book({"99": "1", "98": "1", "97": "1"}, {"101": "1"})
    late, near, also_near = (stage.place("SELL", "STOP_LOSS", "1", stop=price) for price in ("94", "95", "95"))
    stage.sold("94", "0.5")
    assert [stage.fills(order) for order in (near, also_near, late)] == [["1 at 99"], ["1 at 98"], ["1 at 97"]]


def test_triggered_beyond_means():
    """A triggered buy that the market has outrun buys what its account can pay, and expires with the rest."""
    stage = Stage(balances={"BTC": "0", "USDT": "100"})
    stage.quote("99", "9", "150", "9")
    stage.sold("99", "1")
    order = stage.place("BUY", "STOP_LOSS", "1", stop="100")
    stage.bought("100", "1")
    assert stage.told(order) == "EXPIRED 0.666/1"
    assert stage.purse(stage.alice) == {"BTC": "0.665334", "USDT": "0.1"}


def test_cancelled_stop(stage):
    """A cancelled stop is never triggered."""
    order = stage.place("BUY", "STOP_LOSS", "1", stop="100")
    stage.venue.cancel(order)
    stage.bought("100", "1")
    assert stage.told(order) == "CANCELED 0/1"


# ---------------------------------------------------------------------- what everybody sees


def test_depth_view(stage):
    """The book that everybody sees is the street's, less what was taken, plus the paper orders."""
    stage.book({"99": "5", "98": "5"}, {"101": "5", "102": "5"})
    stage.buy("1", "99")
    stage.buy("1", "98.5")
    stage.sell("2", "100", by=stage.bob)
    stage.place("BUY", "MARKET", "3", by=stage.bob)
    shown = [
        [(parse_units(price), parse_units(qty)) for price, qty in side]
        for side in ([("99", "6"), ("98.5", "1"), ("98", "5")], [("101", "4"), ("102", "5")])
    ]
    assert list(stage.market.depth_view(10)) == shown
    assert list(stage.market.depth_view(2)) == [side[:2] for side in shown]
    assert stage.market.top() == (shown[0][0], shown[1][0])


def test_empty_view(stage):
    """An empty market shows nothing."""
    assert stage.market.depth_view(5) == ([], [])
    assert stage.market.top() == ((0, 0), (0, 0))


def test_feed_numbers(stage):
    """Public trades keep the feed's numbers as far as those grow."""
    stage.venue.trade(stage.name, 1, 1, True, 70)
    stage.venue.trade(stage.name, 1, 1, True)
    stage.venue.trade(stage.name, 1, 1, True, 60)
    stage.venue.trade(stage.name, 1, 1, True, 90)
    assert [trade.id for trade in stage.market.tape.trades()] == [70, 71, 72, 90]


def test_update_ids(stage):
    """Update ids grow with every change of the book, by the feed's where it has any."""
    ids = []
    for update_id in (0, 10, 5, 0):
        stage.venue.depth(stage.name, {}, {}, update_id)
        ids.append(stage.market.update_id)
    assert ids == [1, 10, 11, 12]


def test_touch_without_quotes(stage):
    """Without quotes the book tells the touch; a quote overrules it until the next whole book."""
    stage.book({"99": "1"}, {"101": "1"})
    stage.depth(bids={"100": "2"})
    assert stage.market.bid == parse_units("100")
    stage.quote("98", "1", "102", "1")
    stage.depth(bids={"100": "3"})
    assert stage.market.bid == parse_units("98")
    stage.book({"97": "1"}, {})
    assert stage.market.bid == parse_units("97")
