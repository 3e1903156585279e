"""Self-trade prevention, mode by mode (faqs/stp_faq.md)."""

from __future__ import annotations

import pytest
from stage import Stage

from exec_plugin.core.errors import AmendRejected, OrderRejected
from exec_plugin.core.events import Execution
from exec_plugin.core.units import parse_units, short_text


@pytest.fixture
def stage():
    """An empty book and no last price."""
    return Stage()


def lost(order):
    """What prevention took from an order."""
    return short_text(order.prevented)


def matches(stage):
    """Alice's prevented matches, as ``"id mode taker:quantity maker:quantity at price"``."""
    found = stage.alice.desks[stage.name].prevented_matches
    return [
        f"{one.id} {one.mode} {one.taker_id}:{short_text(one.taker_qty)} "
        f"{one.maker_id}:{short_text(one.maker_qty)} at {short_text(one.price)}"
        for one in found
    ]


def told(stage):
    """Execution reports from now on, as ``"kind status order"``."""
    found = []
    stage.venue.listeners.append(
        lambda event: (
            found.append(f"{event.kind} {event.status} {event.order.id}") if isinstance(event, Execution) else None
        )
    )
    return found


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "record"),
    [
        ("EXPIRE_TAKER", "NEW 0/3 lost 0", "EXPIRED_IN_MATCH 0/2 lost 2", "0 EXPIRE_TAKER 2:2 1:0 at 100"),
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH 0/3 lost 3", "NEW 0/2 lost 0", "0 EXPIRE_MAKER 2:0 1:3 at 100"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH 0/3 lost 3", "EXPIRED_IN_MATCH 0/2 lost 2", "0 EXPIRE_BOTH 2:2 1:3 at 100"),
        ("DECREMENT", "NEW 0/3 lost 2", "EXPIRED_IN_MATCH 0/2 lost 2", "0 DECREMENT 2:2 1:2 at 100"),
        ("TRANSFER", "NEW 0/3 lost 2", "EXPIRED_IN_MATCH 0/2 lost 2", "0 DECREMENT 2:2 1:2 at 100"),
    ],
)
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_modes(stage, mode, maker, taker, record, side):
    """Each mode takes what it says, from whom it says, on either side."""
    own = stage.place({"BUY": "SELL", "SELL": "BUY"}[side], "LIMIT", "3", "100")
    order = stage.place(side, "LIMIT", "2", "100", stp=mode)
    assert [f"{stage.told(one)} lost {lost(one)}" for one in (own, order)] == [maker, taker]
    assert matches(stage) == [record]
    assert stage.tape() == []


@pytest.mark.parametrize(("theirs", "effective"), [("TRANSFER", "TRANSFER"), ("NONE", "DECREMENT")])
def test_transfer(stage, theirs, effective):
    """TRANSFER needs the mode on both sides; within one account no money moves either way."""
    stage.buy("6", "2", stp=theirs)
    before = stage.purse(stage.alice)
    stage.sell("2", "2", stp="TRANSFER")
    assert matches(stage) == [f"0 {effective} 2:2 1:2 at 2"]
    assert before == {"BTC": "100000", "USDT": "9999988+12"}
    assert stage.purse(stage.alice) == {"BTC": "100000", "USDT": "9999992+8"}


def test_several(stage):
    """A taker decrements one own order after another, trades in between, and rests with what is left."""
    first = stage.sell("1", "100")
    stage.sell("1", "101", by=stage.bob)
    second = stage.sell("2", "102")
    events = told(stage)
    order = stage.buy("10", "105", stp="DECREMENT")
    assert (stage.told(order), lost(order), short_text(order.remaining)) == ("PARTIALLY_FILLED 1/10", "3", "6")
    assert [stage.told(one) for one in (first, second)] == ["EXPIRED_IN_MATCH 0/1", "EXPIRED_IN_MATCH 0/2"]
    assert matches(stage) == ["0 DECREMENT 4:1 1:1 at 100", "1 DECREMENT 4:2 3:2 at 102"]
    assert events == [
        "NEW NEW 4",
        "TRADE_PREVENTION EXPIRED_IN_MATCH 1",
        "TRADE_PREVENTION NEW 4",
        "TRADE FILLED 2",
        "TRADE PARTIALLY_FILLED 4",
        "TRADE_PREVENTION EXPIRED_IN_MATCH 3",
        "TRADE_PREVENTION PARTIALLY_FILLED 4",
    ]
    assert stage.purse(stage.alice)["USDT"].endswith(f"+{6 * 105}")


def test_equal(stage):
    """Orders of the same size both end."""
    own, order = stage.sell("1", "100"), stage.buy("1", "100", stp="DECREMENT")
    assert [one.status for one in (own, order)] == ["EXPIRED_IN_MATCH"] * 2
    assert stage.purse(stage.alice) == {"BTC": "100000", "USDT": "10000000"}


def test_rest_fills(stage):
    """What a decremented order keeps can still be traded, and then it is filled."""
    own = stage.buy("6", "2")
    stage.sell("2", "2", stp="DECREMENT")
    stage.sell("9", "2", by=stage.bob)
    assert (stage.told(own), own.remaining) == ("FILLED 4/6", 0)
    assert own.id not in own.desk.open


def test_amended(stage):
    """A decremented order can only be lowered to more than it has lost and filled."""
    own = stage.buy("6", "2")
    stage.sell("2", "2", stp="DECREMENT")
    with pytest.raises(AmendRejected):
        stage.venue.amend(own, parse_units("2"), "id")
    stage.venue.amend(own, parse_units("3"), "id")
    assert short_text(own.remaining) == "1"
    assert stage.purse(stage.alice)["USDT"] == "9999998+2"


@pytest.mark.parametrize("tif", ["IOC", "GTC"])
def test_before_the_end(stage, tif):
    """What a taker trades before it meets its own account stands."""
    stage.sell("0.5", "99", by=stage.bob)
    stage.sell("1", "100")
    order = stage.buy("2", "101", tif=tif, stp="EXPIRE_TAKER")
    assert (stage.told(order), lost(order), order.reason) == ("EXPIRED_IN_MATCH 0.5/2", "1.5", "")


@pytest.mark.parametrize("mode", ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"])
def test_all_or_nothing(stage, mode):
    """A FOK order that its own account keeps from filling expires and leaves the others alone."""
    own = stage.sell("1", "100")
    order = stage.buy("1", "100", tif="FOK", stp=mode)
    assert (order.status, own.status, lost(order), matches(stage)) == ("EXPIRED", "NEW", "0", [])


def test_fok_fills(stage):
    """A FOK order that finds enough elsewhere ends the own orders on its way."""
    own = stage.sell("1", "100")
    stage.sell("1", "101", by=stage.bob)
    order = stage.buy("1", "101", tif="FOK", stp="EXPIRE_MAKER")
    assert (order.status, own.status) == ("FILLED", "EXPIRED_IN_MATCH")


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH 0/2 lost 2", "NEW 0/1 lost 0"),
        ("EXPIRE_MAKER", "EXPIRED 0/2 lost 0", "EXPIRED_IN_MATCH 0/1 lost 1"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH 0/2 lost 2", "EXPIRED_IN_MATCH 0/1 lost 1"),
        ("DECREMENT", "EXPIRED 0/2 lost 1", "EXPIRED_IN_MATCH 0/1 lost 1"),
    ],
)
@pytest.mark.parametrize("amount", [{"qty": "2"}, {"quote_qty": "200"}])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_market_orders(stage, mode, taker, maker, amount, side):
    """A MARKET order against own orders alone ends as its mode says, by quantity and by value alike."""
    own = stage.place({"BUY": "SELL", "SELL": "BUY"}[side], "LIMIT", "1", "100")
    order = stage.place(side, "MARKET", amount.get("qty", "0"), stp=mode, **_value(amount))
    assert f"{stage.told(order)} lost {lost(order)}" == taker
    assert f"{stage.told(own)} lost {lost(own)}" == maker
    assert all("+" not in text for text in stage.purse(stage.alice).values()) is (own.status != "NEW")


def _value(amount):
    return {"quote_qty": amount["quote_qty"]} if "quote_qty" in amount else {}


def test_by_value(stage):
    """By value, what is prevented counts at the price of the prevented match, in whole lots."""
    stage.sell("1", "100", by=stage.bob)
    own = stage.sell("0.5", "101")
    stage.sell("9", "103", by=stage.bob)
    order = stage.place("BUY", "MARKET", quote_qty="256", stp="DECREMENT")
    # 100 for one, 50.5 for the half that is prevented, 105.5 for what 103 each buys
    assert stage.fills(order) == ["1 at 100", "1.024 at 103"]
    assert (stage.told(order), lost(order), own.status) == ("FILLED 2.024/2.524", "0.5", "EXPIRED_IN_MATCH")


def test_no_reach(stage):
    """By value, an order that no whole lot would have reached is left alone."""
    stage.sell("1", "100", by=stage.bob)
    own = stage.sell("1", "200")
    order = stage.place("BUY", "MARKET", quote_qty="100.1", stp="EXPIRE_BOTH")
    assert (stage.told(order), own.status) == ("FILLED 1/1", "NEW")


def test_nothing_at_all(stage):
    """By value and without any orders on the book there is nothing to prevent and nothing to buy."""
    with pytest.raises(OrderRejected, match="less than symbol minimum"):
        stage.place("BUY", "MARKET", quote_qty="100", stp="EXPIRE_BOTH")


def test_triggered(stage):
    """A stop order is prevented when it triggers, by its own mode."""
    stage.quote("99", "9", "101", "9")
    stage.sold("100", "1")
    own = stage.sell("1", "100.5", stp="EXPIRE_MAKER")
    stop = stage.place("BUY", "STOP_LOSS", "2", stop="100.4", stp="DECREMENT")
    stage.bought("100.4", "0.001")
    assert (stage.told(own), stage.told(stop)) == ("EXPIRED_IN_MATCH 0/1", "FILLED 1/2")
    assert lost(stop) == "1"
    assert matches(stage) == ["0 DECREMENT 2:1 1:1 at 100.5"]


def test_cannot_pay(stage):
    """A triggered order whose money ends before its own account's order is reached leaves that alone."""
    stage = Stage(balances={"BTC": "10", "USDT": "100"})
    stage.quote("99", "9", "100", "9")
    stage.sold("99", "1")
    own = stage.sell("1", "120")
    stop = stage.place("BUY", "STOP_LOSS", "1", stop="100", stp="EXPIRE_BOTH")
    stage.book({"99": "9"}, {"110": "0.5", "118": "0.4", "130": "9"})
    stage.bought("105", "0.001")
    assert stage.fills(stop) == ["0.5 at 110", "0.381 at 118"]
    assert (stop.status, own.status, matches(stage)) == ("EXPIRED", "NEW", [])


def test_others(stage):
    """Orders of another account are traded with, whatever the mode; ids count per symbol, not per account."""
    stage.sell("1", "100", by=stage.bob)
    stage.sell("1", "101", by=stage.bob)
    stage.buy("1", "101", by=stage.bob, stp="EXPIRE_TAKER")
    assert stage.told(stage.buy("1", "100", stp="EXPIRE_TAKER")) == "FILLED 1/1"
    stage.sell("1", "90")
    stage.buy("1", "90", stp="EXPIRE_TAKER")
    ids = [one.id for owner in (stage.bob, stage.alice) for one in owner.desks[stage.name].prevented_matches]
    assert ids == [0, 1]
