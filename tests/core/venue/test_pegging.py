"""Orders that take their price from the book."""

from __future__ import annotations

import pytest
from stage import Stage

from exec_plugin.core.errors import FilterFailure, OrderRejected
from exec_plugin.core.orders import MARKET_PEG, PRIMARY_PEG, Peg
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import parse_units, short_text


@pytest.fixture
def stage():
    """A small exchange whose book has three levels on each side."""
    return ready(Stage())


def ready(stage):
    """Show the market."""
    stage.book({"99": "5", "98": "5", "96": "5"}, {"101": "5", "102": "5", "104": "5"})
    stage.prints("100")
    return stage


def with_filters(*rules):
    """An exchange with other filters."""
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    names = {rule["filterType"] for rule in rules}
    kept = [item for item in entry["filters"] if item["filterType"] not in names]
    return ready(Stage(Symbol.from_exchange_info({**entry, "filters": [*kept, *rules]})))


def pegged(stage, side, kind="LIMIT", peg=PRIMARY_PEG, level=None, **options):
    """Place a pegged order."""
    return stage.place(side, kind, "1", options.pop("price", "0"), peg=Peg(peg, level), **options)


@pytest.mark.parametrize(
    ("side", "peg", "level", "price"),
    [
        ("BUY", PRIMARY_PEG, None, "99"),
        ("BUY", PRIMARY_PEG, 0, "99"),
        ("BUY", PRIMARY_PEG, 1, "98"),
        ("BUY", PRIMARY_PEG, 2, "96"),
        ("SELL", PRIMARY_PEG, None, "101"),
        ("SELL", PRIMARY_PEG, 2, "104"),
        ("BUY", MARKET_PEG, None, "101"),
        ("BUY", MARKET_PEG, 1, "102"),
        ("SELL", MARKET_PEG, None, "99"),
        ("SELL", MARKET_PEG, 2, "96"),
    ],
)
def test_level(stage, side, peg, level, price):
    """The best price of its own or the other side, or a level deeper in the book as it is."""
    order = pegged(stage, side, peg=peg, level=level)
    assert (short_text(order.price), short_text(order.peg.price), order.peg.given) == (price, price, 0)


def test_takes(stage):
    """A pegged order trades like a limit order at that price."""
    order = pegged(stage, "BUY", peg=MARKET_PEG, tif="IOC")
    assert stage.fills(order) == ["1 at 101"]
    assert stage.purse(stage.alice)["USDT"] == "9999899"


def test_rests(stage):
    """A pegged order rests at the end of the queue, locks what it needs, and stays there when the book moves."""
    order = pegged(stage, "BUY")
    assert (stage.ahead(order), stage.purse(stage.alice)["USDT"]) == ("5", "9999901+99")
    stage.book({"99.5": "5"}, {"101": "5"})
    assert short_text(order.price) == "99"


def test_own_orders_count(stage):
    """The book is what everybody sees, paper orders included."""
    stage.buy("1", "99.5", by=stage.bob)
    assert short_text(pegged(stage, "BUY").price) == "99.5"
    assert short_text(pegged(stage, "BUY", level=1).price) == "99"


@pytest.mark.parametrize(("side", "peg"), [("BUY", PRIMARY_PEG), ("SELL", MARKET_PEG), ("SELL", PRIMARY_PEG)])
def test_no_level(stage, side, peg):
    """A level that the book does not have is refused."""
    with pytest.raises(OrderRejected, match="Order book liquidity is too low for this pegged order") as caught:
        pegged(stage, side, peg=peg, level=3)
    assert caught.value.hint == "level 4 is asked for, the book shows 3"
    stage.book({}, {})
    with pytest.raises(OrderRejected, match="Order book liquidity is too low"):
        pegged(stage, side, peg=peg)


def test_given(stage):
    """A price that was sent is kept beside the one that was taken."""
    order = pegged(stage, "BUY", price="50")
    assert (short_text(order.price), short_text(order.peg.given)) == ("99", "50")


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        ({"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "98", "tickSize": "0.01"}, "0"),
        ({"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.5"}, "50.25"),
        ({"filterType": "PRICE_FILTER", "minPrice": "51", "maxPrice": "1000", "tickSize": "0.5"}, "50"),
        ({"filterType": "NOTIONAL", "minNotional": "99.01"}, "0"),
        ({"filterType": "NOTIONAL", "minNotional": "50.01"}, "50"),
        ({"filterType": "NOTIONAL", "minNotional": "0", "maxNotional": "98.99"}, "0"),
        ({"filterType": "NOTIONAL", "minNotional": "0", "maxNotional": "199"}, "200"),
    ],
)
def test_filters(rule, price):
    """A pegged order meets the filters at the price it takes and at the one that was sent."""
    stage = with_filters(rule)
    with pytest.raises(FilterFailure, match=rule["filterType"]):
        pegged(stage, "BUY", price=price)
    assert stage.alice.open_orders == []


@pytest.mark.parametrize(("price", "legal"), [("0", True), ("80", True), ("79.99", False), ("120.01", False)])
def test_percent(price, legal):
    """PERCENT_PRICE holds at both prices, too."""
    rule = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.2", "multiplierDown": "0.8", "avgPriceMins": 0}
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    kept = [item for item in entry["filters"] if item["filterType"] != "PERCENT_PRICE_BY_SIDE"]
    stage = ready(Stage(Symbol.from_exchange_info({**entry, "filters": [*kept, rule]})))
    if legal:
        pegged(stage, "BUY", price=price)
    else:
        with pytest.raises(FilterFailure, match="PERCENT_PRICE"):
            pegged(stage, "BUY", price=price)


def test_value_amended():
    """Less of a pegged order must still be worth enough at both prices."""
    stage = with_filters({"filterType": "NOTIONAL", "minNotional": "50"})
    order = pegged(stage, "BUY", price="60")
    with pytest.raises(FilterFailure, match="NOTIONAL"):
        stage.venue.amend(order, parse_units("0.8"), "new")
    stage.venue.amend(order, parse_units("0.9"), "new")
    assert stage.told(order) == "NEW 0/0.9"


def test_post_only(stage):
    """A post-only order can be pegged to its own side."""
    order = pegged(stage, "SELL", "LIMIT_MAKER")
    assert stage.shown()[1][0] == "6 at 101"
    assert stage.told(order) == "NEW 0/1"


# ---------------------------------------------------------------------- stops


@pytest.mark.parametrize(
    ("side", "peg", "price", "fills"),
    [
        ("SELL", PRIMARY_PEG, "97", []),
        ("SELL", MARKET_PEG, "94", ["1 at 94"]),
        ("BUY", PRIMARY_PEG, "94", []),
        ("BUY", MARKET_PEG, "97", ["1 at 97"]),
    ],
)
def test_stop(stage, side, peg, price, fills):
    """A stop-limit order takes its price from the book as it is when it triggers."""
    kind = "STOP_LOSS_LIMIT" if side == "SELL" else "TAKE_PROFIT_LIMIT"
    order = pegged(stage, side, kind, peg, stop="95")
    assert (order.price, order.peg.price) == (0, 0)
    stage.book({"94": "5"}, {"97": "5"})
    stage.prints("95")
    assert (short_text(order.price), stage.fills(order)) == (price, fills)


def test_trailing_stop(stage):
    """A trailing stop-limit order does so as well."""
    order = pegged(stage, "SELL", "STOP_LOSS_LIMIT", MARKET_PEG, trailing=500)
    stage.prints("110")
    stage.book({"103": "5"}, {"105": "5"})
    stage.prints("104.5")
    assert stage.fills(order) == ["1 at 103"]


def test_stop_without_level(stage):
    """A triggered order that finds no level expires as rejected, and its funds are free."""
    order = pegged(stage, "SELL", "STOP_LOSS_LIMIT", MARKET_PEG, stop="95", price="90")
    stage.book({}, {"97": "5"})
    stage.prints("95")
    assert (stage.told(order), order.reason) == ("EXPIRED 0/1", "REJECTED")
    assert stage.purse(stage.alice) == {"BTC": "100000", "USDT": "10000000"}
    assert order.desk.algo_open == 0


def test_stop_filtered():
    """The filters are asked again when a stop triggers."""
    stage = with_filters({"filterType": "NOTIONAL", "minNotional": "94.5"})
    order = pegged(stage, "SELL", "STOP_LOSS_LIMIT", MARKET_PEG, stop="95")
    stage.book({"94": "5"}, {"97": "5"})
    stage.prints("95")
    assert (stage.told(order), order.reason) == ("EXPIRED 0/1", "REJECTED")


@pytest.mark.parametrize(("dollars", "state"), [("110", "FILLED 1/1"), ("109.99", "EXPIRED 0/1")])
def test_stop_unaffordable(dollars, state):
    """A buyer whose pegged price became dearer than what the account has expires as rejected."""
    stage = ready(Stage(balances={"USDT": dollars}))
    order = pegged(stage, "BUY", "STOP_LOSS_LIMIT", MARKET_PEG, stop="105")
    assert stage.purse(stage.alice)["USDT"].endswith("+105")
    stage.book({"108": "5"}, {"110": "5"})
    stage.prints("105")
    assert stage.told(order) == state
    assert stage.alice.balances["USDT"].locked == 0


# ---------------------------------------------------------------------- in lists


def test_pair(stage):
    """Both orders of a pair may be pegged: the limit order at once, the stop when it triggers."""
    limit = stage.draft("SELL", "LIMIT_MAKER", "1", peg=Peg(PRIMARY_PEG, 1))
    stop = stage.draft("SELL", "STOP_LOSS_LIMIT", "1", stop="95", peg=Peg(MARKET_PEG))
    stage.oco(limit, stop)
    assert (short_text(limit.price), stop.price) == ("102", 0)
    stage.book({"94": "5"}, {"97": "5"})
    stage.prints("95")
    assert (stage.fills(stop), stage.told(limit)) == (["1 at 94"], "EXPIRED 0/1")


@pytest.mark.parametrize(("last", "legal"), [("100", True), ("101", False)])
def test_pair_straddles(stage, last, legal):
    """The price that a limit order takes from the book counts for the relationship of a pair."""
    stage.prints(last)
    limit = stage.draft("SELL", "LIMIT_MAKER", "1", peg=Peg(PRIMARY_PEG))
    stop = stage.draft("SELL", "STOP_LOSS", "1", stop="95")
    if legal:
        stage.oco(limit, stop)
    else:
        with pytest.raises(OrderRejected, match="relationship of the prices"):
            stage.oco(limit, stop)


def test_follows(stage):
    """A working order takes its price at once, a pending one in its turn."""
    first = stage.draft("BUY", "LIMIT", "1", peg=Peg(PRIMARY_PEG))
    second = stage.draft("SELL", "LIMIT", "1", peg=Peg(PRIMARY_PEG))
    stage.oto(first, second)
    assert (short_text(first.price), second.price) == ("99", 0)
    stage.book({"97": "5"}, {"98.5": "5"})
    assert (stage.told(first), short_text(second.price)) == ("FILLED 1/1", "98.5")


def test_follows_without_level(stage):
    """A pending order that finds no level expires as rejected."""
    first = stage.draft("BUY", "LIMIT", "1", "99")
    second = stage.draft("SELL", "LIMIT", "1", peg=Peg(PRIMARY_PEG, 5))
    stage.oto(first, second)
    stage.sold("98", "6")
    assert (stage.told(second), second.reason) == ("EXPIRED 0/1", "REJECTED")
