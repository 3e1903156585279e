"""Orders that show only a part of themselves."""

from __future__ import annotations

import pytest
from stage import UNKNOWN, Stage

from exec_plugin.core.errors import FilterFailure, OrderRejected
from exec_plugin.core.fill_models import FILL_MODELS
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import parse_units


@pytest.fixture
def stage():
    """A small exchange with a book around 100."""
    found = Stage()
    found.book({"99": "5"}, {"101": "5"})
    return found


@pytest.mark.parametrize(
    ("qty", "iceberg", "shown"),
    [("10", "3", "3"), ("3", "2.999", "2.999"), ("10", None, "10"), ("10", "0", "10")],
)
def test_shows(stage, qty, iceberg, shown):
    """The book shows the visible part, or all of an order that hides nothing."""
    stage.buy(qty, "100", iceberg=iceberg)
    assert stage.shown()[0] == [f"{shown} at 100", "5 at 99"]
    assert stage.purse(stage.alice)["USDT"].endswith(f"+{100 * int(qty)}")


def test_adds_up(stage):
    """At a price of the book the visible part adds to what is there."""
    stage.sell("10", "101", iceberg="2")
    stage.sell("10", "101", iceberg="3", by=stage.bob)
    assert stage.shown()[1] == ["10 at 101"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [("1", "2"), ("2.999", "0.001"), ("3", "3"), ("4", "2"), ("6", "3"), ("9", "1"), ("9.5", "0.5")],
)
def test_slices(stage, printed, shown):
    """What is left of the slice it has come to shows, the last one being what is left of the whole."""
    order = stage.buy("10", "100", iceberg="3")
    stage.sold("100", printed)
    assert stage.told(order) == f"PARTIALLY_FILLED {printed}/10"
    assert stage.shown()[0][0] == f"{shown} at 100"


def test_all_of_it(stage):
    """A print as large as the whole fills the whole."""
    order = stage.buy("10", "100", iceberg="3")
    stage.sold("100", "12")
    assert stage.told(order) == "FILLED 10/10"
    assert stage.fills(order) == ["3 at 100", "3 at 100", "3 at 100", "1 at 100"]
    assert stage.tape() == [*stage.fills(order), "2 at 100"]


def test_behind_the_street(stage):
    """Each slice joins the queue anew, behind what the book shows at its price by then."""
    order = stage.buy("4", "99", iceberg="1")
    assert stage.ahead(order) == "5"
    stage.sold("99", "6")
    # one slice was filled; nobody is known to have joined since the book was shown
    assert (stage.told(order), stage.ahead(order)) == ("PARTIALLY_FILLED 1/4", "0")
    stage.depth(bids={"99": "8"})
    assert stage.ahead(order) == "0"
    stage.sold("99", "1")
    # the next slice stands behind what is left of the eight after this print
    assert (stage.told(order), stage.ahead(order)) == ("PARTIALLY_FILLED 2/4", "7")
    stage.sold("99", "6.5")
    assert stage.told(order) == "PARTIALLY_FILLED 2/4"
    stage.sold("99", "1")
    assert stage.told(order) == "PARTIALLY_FILLED 2.5/4"


def test_behind_its_kind(stage):
    """A paper order that shows itself goes before the next slice of an iceberg that came first."""
    first = stage.buy("4", "100", iceberg="1")
    second = stage.buy("2", "100", by=stage.bob)
    stage.sold("100", "2")
    assert (stage.told(first), stage.told(second)) == ("PARTIALLY_FILLED 1/4", "PARTIALLY_FILLED 1/2")
    stage.sold("100", "2")
    assert (stage.told(first), stage.told(second)) == ("PARTIALLY_FILLED 2/4", "FILLED 2/2")


def test_unfinished_slice_stays(stage):
    """A slice that is not used up keeps its place."""
    first = stage.buy("4", "100", iceberg="2")
    second = stage.buy("2", "100", by=stage.bob)
    stage.sold("100", "1")
    stage.sold("100", "1")
    assert (stage.told(first), stage.told(second)) == ("PARTIALLY_FILLED 2/4", "NEW 0/2")


@pytest.mark.parametrize("model", FILL_MODELS)
@pytest.mark.parametrize(
    "through",
    [
        lambda stage: stage.sold("99", "10"),
        lambda stage: stage.book({"90": "5"}, {"98": "10"}),
        lambda stage: stage.quote("90", "5", "98", "10"),
        lambda stage: stage.quote("90", UNKNOWN, "98", UNKNOWN),
    ],
)
def test_through(model, through):
    """A market that goes through its price fills all of it, hidden or not."""
    stage = Stage(fill_model=model)
    stage.book({"99": "5"}, {"101": "5"})
    order = stage.buy("10", "100", iceberg="1")
    through(stage)
    assert stage.told(order) == "FILLED 10/10"


def test_through_less(stage):
    """A print that goes through fills no more than it was, and the rest of the slice shows."""
    order = stage.buy("10", "100", iceberg="3")
    stage.sold("99", "4.5")
    assert stage.told(order) == "PARTIALLY_FILLED 4.5/10"
    assert stage.shown()[0][0] == "1.5 at 100"


def test_visible_first(stage):
    """A taker gets what shows at a price before what is hidden there, of whomever it is."""
    iceberg = stage.sell("10", "100", iceberg="1")
    plain = stage.sell("2", "100", by=stage.bob)
    taker = stage.place("BUY", "MARKET", "4", by=stage.bob)
    assert stage.fills(taker) == ["1 at 100", "2 at 100", "1 at 100"]
    assert (stage.told(iceberg), stage.told(plain)) == ("PARTIALLY_FILLED 2/10", "FILLED 2/2")
    assert stage.shown()[1][0] == "1 at 100"


def test_street_before_hidden(stage):
    """What the book shows at a price goes before what is hidden there."""
    iceberg = stage.sell("3", "101", iceberg="1")
    taker = stage.place("BUY", "MARKET", "7", by=stage.bob)
    assert stage.fills(taker) == ["5 at 101", "1 at 101", "1 at 101"]
    assert stage.told(iceberg) == "PARTIALLY_FILLED 2/3"


def test_all_can_be_taken(stage):
    """A fill-or-kill order may count on what is hidden."""
    stage.sell("10", "100", iceberg="1")
    assert stage.told(stage.buy("10", "100", tif="FOK", by=stage.bob)) == "FILLED 10/10"
    assert stage.shown()[1] == ["5 at 101"]


def test_taker(stage):
    """An iceberg that takes trades beyond its visible part, and shows a slice of what rests."""
    stage.book({"99": "5"}, {"100": "4"})
    order = stage.buy("10", "100", iceberg="3")
    assert (stage.told(order), stage.fills(order)) == ("PARTIALLY_FILLED 4/10", ["4 at 100"])
    assert stage.shown()[0][0] == "2 at 100"


@pytest.mark.parametrize(
    ("new", "shown"),
    [("9", "3"), ("3", "3"), ("2.5", "2.5"), ("0.001", "0.001")],
)
def test_amended(stage, new, shown):
    """Less of an iceberg shows less only when it becomes less than its slice (faqs/order_amend_keep_priority.md)."""
    order = stage.buy("10", "100", iceberg="3")
    stage.venue.amend(order, parse_units(new), "new")
    assert stage.shown()[0][0] == f"{shown} at 100"


def test_cancelled(stage):
    """A cancelled iceberg leaves nothing behind."""
    order = stage.buy("10", "100", iceberg="3")
    stage.sold("100", "4")
    stage.venue.cancel(order)
    assert stage.shown()[0] == ["5 at 99"]
    assert stage.purse(stage.alice)["USDT"] == "9999600"
    assert order.desk.icebergs == 0


def test_triggered(stage):
    """A stop-limit order hides its rest once it works."""
    stage.prints("100")
    order = stage.place("SELL", "STOP_LOSS_LIMIT", "10", "98", stop="95", iceberg="2")
    assert stage.shown()[1] == ["5 at 101"]
    stage.book({"90": "1"}, {"99": "5"})
    stage.prints("95")
    assert stage.shown()[1] == ["2 at 98", "5 at 99"]
    assert stage.told(order) == "NEW 0/10"


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("iceberg", ["4", "4.001", "9"])
def test_exceeds(stage, iceberg):
    """The visible part is less than the whole."""
    with pytest.raises(OrderRejected, match=r"IcebergQty exceeds QTY\."):
        stage.buy("4", "95", iceberg=iceberg)


def _with(*rules):
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    names = {rule["filterType"] for rule in rules}
    kept = [item for item in entry["filters"] if item["filterType"] not in names]
    return Stage(Symbol.from_exchange_info({**entry, "filters": [*kept, *rules]}))


@pytest.mark.parametrize(
    ("qty", "iceberg", "legal"),
    [
        ("4", "1", None),
        ("4", "1.001", None),
        ("4", "0.999", "1"),
        ("4.001", "1", "1.001"),
        ("3.999", "1", None),
        ("0.004", "0.001", None),
        ("0.005", "0.001", "0.002"),
    ],
)
def test_parts(qty, iceberg, legal):
    """ICEBERG_PARTS counts the slices, a last small one included."""
    stage = _with({"filterType": "ICEBERG_PARTS", "limit": 4})
    if legal is None:
        stage.buy(qty, "95", iceberg=iceberg)
        return
    with pytest.raises(FilterFailure, match="ICEBERG_PARTS") as caught:
        stage.buy(qty, "95", iceberg=iceberg)
    assert caught.value.hint.endswith(f"the smallest legal part is {legal}")
    stage.buy(qty, "95", iceberg=legal)


@pytest.mark.parametrize(("iceberg", "legal"), [("0.5", True), ("0.25", False), ("0.6", False), ("0.75", True)])
def test_lot(iceberg, legal):
    """LOT_SIZE holds for the visible part as well."""
    stage = _with({"filterType": "LOT_SIZE", "minQty": "0.5", "maxQty": "20", "stepSize": "0.25"})
    if legal:
        stage.buy("2", "95", iceberg=iceberg)
    else:
        with pytest.raises(FilterFailure, match="LOT_SIZE"):
            stage.buy("2", "95", iceberg=iceberg)


def test_count():
    """MAX_NUM_ICEBERG_ORDERS counts open icebergs and nothing else."""
    stage = _with({"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 1})
    stage.buy("1", "95", iceberg="0")
    first = stage.buy("1", "95", iceberg="0.5")
    with pytest.raises(FilterFailure, match="MAX_NUM_ICEBERG_ORDERS"):
        stage.buy("1", "95", iceberg="0.5")
    stage.buy("1", "95")
    stage.venue.cancel(first)
    stage.buy("1", "95", iceberg="0.5")
