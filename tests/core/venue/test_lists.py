"""Orders that cancel, trigger or pay each other."""

from __future__ import annotations

import pytest
from stage import Stage

from exec_plugin.core.errors import AmendRejected, CancelRejected, FilterFailure, OrderRejected
from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.symbols import ExchangeRules, Symbol, default_symbol
from exec_plugin.core.units import parse_units


@pytest.fixture
def stage():
    """A small exchange with a book around a last price of 100."""
    return ready(Stage())


def ready(stage):
    """Show the market."""
    stage.book({"99": "50"}, {"101": "50"})
    stage.prints("100")
    return stage


def pair(stage, side="SELL", qty="2", **options):
    """A pair around 100: its list, its stop, its limit."""
    prices = {"SELL": ("95", "105"), "BUY": ("105", "95")}[side]
    stop = stage.draft(side, "STOP_LOSS", qty, stop=prices[0])
    limit = stage.draft(side, "LIMIT_MAKER", qty, prices[1])
    return stage.oco(limit, stop, **options), stop, limit


def chain(stage, *, pays=False, working="100", qty="2"):
    """A buyer at 100 and a seller at 110 who follows: their list and both."""
    first = stage.draft("BUY", "LIMIT", qty, working)
    second = stage.draft("SELL", "LIMIT", qty, "110")
    return stage.oto(first, second, pays=pays), first, second


def trio(stage, *, pays=False):
    """A buyer at 100 and a pair around it who follows: their list and all three."""
    first = stage.draft("BUY", "LIMIT", "2", "100")
    limit = stage.draft("SELL", "LIMIT_MAKER", "2", "110")
    stop = stage.draft("SELL", "STOP_LOSS", "2", stop="90")
    return stage.oto(first, limit, stop, pays=pays), first, stop, limit


def told(stage, *orders):
    """The states of orders, as text."""
    return [stage.told(order) for order in orders]


# ---------------------------------------------------------------------- pairs


@pytest.mark.parametrize(("side", "lock"), [("SELL", {"BTC": "99998+2"}), ("BUY", {"USDT": "9999790+210"})])
def test_one_lock(stage, side, lock):
    """A pair locks once, what the dearer of its orders needs."""
    group, stop, limit = pair(stage, side)
    assert told(stage, stop, limit) == ["NEW 0/2", "NEW 0/2"]
    assert lock.items() <= stage.purse(stage.alice).items()
    assert (group.legs, group.pair, group.working) == ([stop, limit], [stop, limit], None)
    assert stop.id < limit.id


@pytest.mark.parametrize("side", ["SELL", "BUY"])
def test_exact_purse(side):
    """The funds that one order needs are enough for a pair, and less is not."""
    for asset, enough, short in (("BTC", "2", "1.999"), ("USDT", "210", "209.99")):
        if (asset == "BTC") is (side == "SELL"):
            with pytest.raises(OrderRejected, match="insufficient balance"):
                pair(ready(Stage(balances={asset: short})), side)
            pair(ready(Stage(balances={asset: enough})), side)


def test_lock_is_handed_over(stage):
    """The order that trades takes the lock over from the other one and spends from it."""
    _, stop, limit = pair(stage, "BUY")
    assert (stop.locked, limit.locked) == (parse_units("210"), 0)
    stage.sold("94", "0.5")
    assert (stop.locked, limit.locked) == (0, parse_units("142.5"))
    assert stage.purse(stage.alice)["USDT"] == "9999810+142.5"
    assert told(stage, stop, limit) == ["EXPIRED 0/2", "PARTIALLY_FILLED 0.5/2"]
    assert stop.reason == "OCO_TRIGGER"


def test_touched_by_a_book(stage):
    """A book that goes through the limit order ends the other one as well."""
    _, stop, limit = pair(stage)
    stage.book({"106": "1"}, {"107": "1"})
    assert told(stage, stop, limit) == ["EXPIRED 0/2", "PARTIALLY_FILLED 1/2"]


def test_taken_by_another_account(stage):
    """Another account that takes the limit order ends the other one as well."""
    group, stop, limit = pair(stage)
    stage.book({}, {"120": "9"})
    stage.place("BUY", "MARKET", "2", by=stage.bob)
    assert told(stage, stop, limit) == ["EXPIRED 0/2", "FILLED 2/2"]
    assert not group.is_open


def test_both_reached(stage):
    """A print that reaches the limit order never starts the stop, whatever it would have reached."""
    _, stop, limit = pair(stage)
    stage.bought("106", "2")
    stage.prints("90")
    assert told(stage, stop, limit) == ["EXPIRED 0/2", "FILLED 2/2"]
    assert stage.purse(stage.alice)["BTC"] == "99998"


def test_stop_limit_rests(stage):
    """A stop that works keeps its list open until it is done."""
    stop = stage.draft("SELL", "STOP_LOSS_LIMIT", "2", "98", stop="95")
    limit = stage.draft("SELL", "LIMIT_MAKER", "2", "105")
    group = stage.oco(stop, limit)
    stage.book({"94": "1"}, {"97": "1"})
    stage.prints("95")
    assert (told(stage, stop, limit), group.is_open) == (["NEW 0/2", "EXPIRED 0/2"], True)
    stage.bought("99", "2")
    assert (stage.told(stop), group.is_open, stage.alice.open_lists) == ("FILLED 2/2", False, [])


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ({"kind": "LIMIT_MAKER", "price": "100"}, {"kind": "STOP_LOSS", "stop": "95"}),
        ({"kind": "LIMIT_MAKER", "price": "105"}, {"kind": "STOP_LOSS", "stop": "100"}),
        ({"kind": "LIMIT_MAKER", "price": "94"}, {"kind": "STOP_LOSS", "stop": "95"}),
        ({"kind": "TAKE_PROFIT", "stop": "100"}, {"kind": "STOP_LOSS_LIMIT", "price": "90", "stop": "95"}),
        ({"kind": "TAKE_PROFIT_LIMIT", "price": "100", "stop": "105"}, {"kind": "STOP_LOSS", "stop": "95"}),
        ({"kind": "TAKE_PROFIT_LIMIT", "price": "105", "stop": "110"}, {"kind": "STOP_LOSS", "stop": "100"}),
    ],
)
@pytest.mark.parametrize("side", ["SELL", "BUY"])
def test_relationship(stage, side, upper, lower):
    """The prices of a pair lie on both sides of the last price, for each type the price that counts there."""
    legs = [dict(leg) for leg in (upper, lower)]
    if side == "BUY":
        # the same distances on the other side of 100
        for leg in legs:
            leg |= {name: str(200 - int(leg[name])) for name in ("price", "stop") if name in leg}
    drafts = [stage.draft(side, leg.pop("kind"), "1", leg.pop("price", "0"), **leg) for leg in legs]
    with pytest.raises(OrderRejected, match="The relationship of the prices for the orders is not correct"):
        stage.oco(*drafts)
    assert stage.alice.lists == []


def test_no_last_price():
    """Where nothing has traded the prices of a pair only have to lie in order."""
    pair(Stage())


def test_would_take(stage):
    """The limit order of a pair must rest."""
    stage.book({"103": "1"}, {"104": "1"})
    with pytest.raises(OrderRejected, match="Order would immediately match and take"):
        stage.oco(stage.draft("SELL", "LIMIT_MAKER", "1", "102"), stage.draft("SELL", "STOP_LOSS", "1", stop="95"))


# ---------------------------------------------------------------------- what follows


def test_waits(stage):
    """A pending order locks nothing and meets nobody before the working one is completely filled."""
    group, first, second = chain(stage)
    stage.sold("99", "1.5")
    assert told(stage, first, second) == ["PARTIALLY_FILLED 1.5/2", "PENDING_NEW 0/2"]
    assert stage.purse(stage.alice) == {"BTC": "100001.4985", "USDT": "9999800+50"}
    stage.bought("120", "9")
    assert stage.told(second) == "PENDING_NEW 0/2"
    stage.sold("99", "0.5")
    assert told(stage, first, second) == ["FILLED 2/2", "NEW 0/2"]
    assert stage.purse(stage.alice)["BTC"] == "99999.998+2"
    stage.bought("111", "2")
    assert (stage.told(second), group.is_open) == ("FILLED 2/2", False)


def test_unaffordable():
    """A pending order that the account cannot pay in its turn expires as rejected."""
    stage = ready(Stage(balances={"USDT": "1000"}))
    group, _, second = chain(stage)
    stage.sold("99", "2")
    assert (stage.told(second), second.reason, group.is_open) == ("EXPIRED 0/2", "REJECTED", False)
    assert stage.purse(stage.alice) == {"BTC": "1.998", "USDT": "800"}


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_working_expires(stage, tif):
    """Pending orders go with a working order that expires, also after it has traded."""
    stage.book({}, {"100": "1"})
    first = stage.draft("BUY", "LIMIT", "2", "100", tif=tif)
    second = stage.draft("SELL", "MARKET", "2")
    group = stage.oto(first, second)
    assert stage.told(second) == "EXPIRED 0/2"
    assert (second.reason, group.is_open) == ("OTO_PHASE_ONE_EXPIRED", False)


def test_chain_of_trades(stage):
    """A pending order may trade at once, with what the working one has just bought."""
    first = stage.draft("BUY", "LIMIT", "2", "101")
    second = stage.draft("SELL", "MARKET", "1")
    group = stage.oto(first, second)
    assert (stage.fills(first), stage.fills(second)) == (["2 at 101"], ["1 at 99"])
    assert not group.is_open


def test_acknowledged_before(stage):
    """The answer to a list shows its pending order as it was before anything followed."""
    first = stage.draft("BUY", "LIMIT", "2", "101")
    second = stage.draft("SELL", "LIMIT_MAKER", "2", "110")
    seen = stage.venue.lists.place_oto(first, [second], "", lambda group: [leg.status for leg in group.legs])
    assert seen == ["FILLED", "PENDING_NEW"]
    assert second.status == "NEW"


def test_trio(stage):
    """A pair that follows shares one lock and ends like any other."""
    group, first, stop, limit = trio(stage)
    assert [leg.status for leg in group.legs] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    stage.sold("99", "2")
    assert stage.purse(stage.alice)["BTC"] == "99999.998+2"
    stage.book({"89": "9"}, {"92": "9"})
    stage.prints("90")
    assert told(stage, first, stop, limit) == ["FILLED 2/2", "FILLED 2/2", "EXPIRED 0/2"]
    assert (limit.reason, group.is_open) == ("OCO_TRIGGER", False)


def test_stop_follows(stage):
    """A pending stop waits for its price from its turn on, not before."""
    first = stage.draft("BUY", "LIMIT", "2", "100")
    second = stage.draft("SELL", "STOP_LOSS", "2", stop="95")
    stage.oto(first, second)
    assert not second.armed
    stage.book({}, {"200": "1"})
    stage.sold("99", "2")
    assert (second.armed, second.working_since) == (True, -1)
    stage.book({"94": "9"}, {"96": "9"})
    stage.prints("95")
    assert stage.fills(second) == ["2 at 94"]


def test_trailing_follows(stage):
    """A pending trailing stop follows the market from its turn on."""
    first = stage.draft("BUY", "LIMIT", "2", "100")
    second = stage.draft("SELL", "STOP_LOSS", "2", trailing=1000)
    stage.oto(first, second)
    stage.bought("150", "1")
    assert second.trail.extreme == 0
    stage.sold("99", "2")
    assert second.trail.extreme == parse_units("100")
    assert stage.told(second) == "NEW 0/2"


# ---------------------------------------------------------------------- what pays


@pytest.mark.parametrize(
    ("btc", "free", "sold"), [("0", "0", "1.998"), ("0.001", "0.001", "1.998"), ("1", "0.998", "2")]
)
def test_pays(btc, free, sold):
    """What was received is locked at once; its commission comes from what is free, if there is enough of that."""
    stage = ready(Stage(balances={"BTC": btc, "USDT": "1000"}))
    _, _, second = chain(stage, pays=True)
    stage.sold("99", "2")
    assert stage.told(second) == f"NEW 0/{sold}"
    assert stage.purse(stage.alice)["BTC"] == f"{free}+{sold}"


def test_pays_in_parts():
    """Every part that is received is locked for the pending order."""
    stage = ready(Stage(balances={"BTC": "0", "USDT": "1000"}))
    _, first, second = chain(stage, pays=True)
    stage.sold("99", "0.5")
    assert (stage.purse(stage.alice)["BTC"], stage.told(second)) == ("0+0.4995", "PENDING_NEW 0/0")
    stage.venue.cancel(first)
    assert stage.purse(stage.alice) == {"BTC": "0.4995", "USDT": "950"}


def test_pays_whole_lots():
    """What makes no whole lot is free again."""
    stage = ready(Stage(balances={"BTC": "0", "USDT": "1000"}))
    _, _, second = chain(stage, pays=True, qty="1.007")
    stage.sold("99", "1.007")
    assert (stage.told(second), stage.purse(stage.alice)["BTC"]) == ("NEW 0/1.005", "0.000993+1.005")


def test_pays_nothing():
    """Where not even one lot is left of what was received, the pending order expires as rejected."""
    stage = ready(Stage(balances={"BTC": "0", "USDT": "1000"}))
    group, _, second = chain(stage, pays=True, qty="0.001")
    stage.sold("99", "0.001")
    assert (second.status, second.reason, group.is_open) == ("EXPIRED", "REJECTED", False)
    assert stage.purse(stage.alice)["BTC"] == "0.000999"


def test_pays_in_bnb():
    """A commission in BNB comes out of the BNB that was received, and nothing else."""
    symbol = default_symbol("BNBUSDT", step="0.001", min_notional="0")
    stage = ready(Stage(symbol, balances={"BNB": "9", "USDT": "1000"}))
    _, _, second = chain(stage, pays=True)
    stage.sold("99", "2")
    assert stage.told(second) == "NEW 0/1.998"


def test_pays_for_a_market_order():
    """MARKET_LOT_SIZE cuts what a pending market order sells."""
    entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
    rule = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.1", "maxQty": "1.5", "stepSize": "0.1"}
    filters = [rule if item["filterType"] == "MARKET_LOT_SIZE" else item for item in entry["filters"]]
    symbol = Symbol.from_exchange_info({**entry, "filters": filters})
    stage = ready(Stage(symbol, balances={"BTC": "0", "USDT": "1000"}))
    first = stage.draft("BUY", "LIMIT", "2", "100")
    second = stage.draft("SELL", "MARKET")
    stage.oto(first, second, pays=True)
    stage.sold("99", "2")
    assert stage.told(second) == "FILLED 1.5/1.5"
    assert stage.purse(stage.alice)["BTC"] == "0.498"


def test_pays_for_a_pair():
    """A pair sells what was received, under one lock."""
    stage = ready(Stage(balances={"BTC": "0", "USDT": "1000"}, fees=BinanceFees(Rates("0", "0"))))
    _, _, stop, limit = trio(stage, pays=True)
    stage.sold("99", "2")
    assert told(stage, stop, limit) == ["NEW 0/2", "NEW 0/2"]
    assert stage.purse(stage.alice)["BTC"] == "0+2"
    stage.bought("111", "0.5")
    assert stage.purse(stage.alice)["BTC"] == "0+1.5"
    stage.venue.cancel(limit)
    assert stage.purse(stage.alice)["BTC"] == "1.5"


# ---------------------------------------------------------------------- cancelled, amended


@pytest.mark.parametrize("build", [pair, chain, trio])
@pytest.mark.parametrize("which", [0, -1])
def test_cancel(stage, build, which):
    """A list goes as a whole, whichever of its orders is cancelled."""
    before = stage.purse(stage.alice)
    group, *_ = build(stage)
    stage.venue.cancel(group.legs[which], "gone")
    assert {leg.status for leg in group.legs} == {"CANCELED"}
    assert stage.purse(stage.alice) == before
    desk = stage.alice.desks["BTCUSDT"]
    assert (desk.algo_open, desk.open, desk.lists, stage.alice.open_lists) == (0, {}, {}, [])
    with pytest.raises(CancelRejected):
        stage.venue.cancel(group.legs[0])
    stage.prints("80", "120")
    assert {leg.status for leg in group.legs} == {"CANCELED"}


def test_cancel_all(stage):
    """Cancelling all that is open takes the lists with it, each order once."""
    single = stage.buy("1", "90")
    orders = [single, *pair(stage)[0].legs, *trio(stage)[0].legs]
    assert list(orders[0].desk.open.values()) == stage.alice.open_orders == orders
    assert stage.venue.cancel_all(stage.alice, "BTCUSDT") == orders
    assert {order.status for order in orders} == {"CANCELED"}


@pytest.mark.parametrize("which", [0, 1])
def test_amend_pair(stage, which):
    """Less of one order of a pair is less of both, and of what they lock."""
    group, *legs = pair(stage, "BUY", "4")
    stage.venue.amend(legs[which], parse_units("1"), "new")
    assert told(stage, *legs) == ["NEW 0/1", "NEW 0/1"]
    assert stage.purse(stage.alice)["USDT"] == "9999895+105"
    assert group.legs[which].client_id == "new"


def test_amend_touched(stage):
    """Once the other order of a pair is over an amendment changes the one that is left."""
    _, stop, limit = pair(stage, qty="4")
    stage.bought("106", "1")
    stage.venue.amend(limit, parse_units("2"), "new")
    assert told(stage, stop, limit) == ["EXPIRED 0/4", "PARTIALLY_FILLED 1/2"]
    assert stage.purse(stage.alice)["BTC"] == "99998+1"


def test_amend_pending(stage):
    """A pending order is amended for itself, and starts with what it is then."""
    _, first, second = chain(stage)
    stage.venue.amend(second, parse_units("0.5"), "new")
    stage.sold("99", "2")
    assert told(stage, first, second) == ["FILLED 2/2", "NEW 0/0.5"]


def test_amend_unknown_quantity(stage):
    """What is not known yet cannot become less."""
    _, first, second = chain(stage, pays=True)
    with pytest.raises(AmendRejected, match=r"Order amend \(pending OPO order\) is not supported\."):
        stage.venue.amend(second, parse_units("1"), "new")
    stage.venue.amend(first, parse_units("1"), "new")
    stage.sold("99", "1")
    assert stage.told(second) == "NEW 0/1"


# ---------------------------------------------------------------------- ids and room


def test_ids(stage):
    """A list is found by its id and by its client id, the caller's or the generated one."""
    named, plain = pair(stage, name="mine")[0], pair(stage)[0]
    find = stage.alice.find_list
    assert (find(1), find(2), find(3), find(0)) == (named, plain, None, None)
    assert (find(client_id="mine"), find(client_id="paper_list_2")) == (named, plain)
    for unknown in ("", "paper_list_1", "paper_list_9", "paper_list_", "paper_list_x", "other"):
        assert find(client_id=unknown) is None


def test_duplicates(stage):
    """Client ids are unique among open lists, and among open orders within a list and beside it."""
    pair(stage, name="mine")
    with pytest.raises(OrderRejected, match="Duplicate order sent"):
        pair(stage, name="mine")
    stage.buy("1", "90", client_id="taken")
    for names in (("taken", ""), ("", "taken"), ("same", "same")):
        legs = [
            stage.draft("SELL", "STOP_LOSS", "1", stop="95", client_id=names[0]),
            stage.draft("SELL", "LIMIT_MAKER", "1", "105", client_id=names[1]),
        ]
        with pytest.raises(OrderRejected, match="Duplicate order sent"):
            stage.oco(*legs)


def test_name_is_free_again(stage):
    """The client id of a list that is done finds the newest list of that name."""
    first = pair(stage, name="mine")[0]
    stage.venue.cancel(first.legs[0])
    assert stage.alice.find_list(client_id="mine") is first
    second = pair(stage, name="mine")[0]
    assert stage.alice.find_list(client_id="mine") is second


@pytest.mark.parametrize(
    ("filter_type", "key", "build", "limit"),
    [
        ("MAX_NUM_ORDERS", "maxNumOrders", pair, 2),
        ("MAX_NUM_ORDERS", "maxNumOrders", chain, 2),
        ("MAX_NUM_ORDERS", "maxNumOrders", trio, 3),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", pair, 1),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", trio, 1),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", pair, 1),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", trio, 1),
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", trio, 3),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", trio, 1),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", chain, 1),
    ],
)
def test_room(filter_type, key, build, limit):
    """A list counts with all of its orders: it fits where there is room for all, once."""
    for allowed in (limit, limit - 1):
        rule = {"filterType": filter_type, key: allowed}
        entry = default_symbol("BTCUSDT", step="0.001", min_notional="0").to_exchange_info()
        options = {}
        if filter_type.startswith("EXCHANGE"):
            options["rules"] = ExchangeRules.read([rule])
        else:
            kept = [item for item in entry["filters"] if item["filterType"] != filter_type]
            entry = {**entry, "filters": [*kept, rule]}
        stage = ready(Stage(Symbol.from_exchange_info(entry), **options))
        if allowed == limit:
            group, *_ = build(stage)
            with pytest.raises(FilterFailure, match=filter_type):
                build(stage)
            stage.venue.cancel(group.legs[0])
            build(stage)
        else:
            with pytest.raises(FilterFailure, match=filter_type):
                build(stage)
            assert stage.alice.lists == []


def test_algo_until_it_works(stage):
    """A stop of a list counts as one from its placement until it works."""
    desk = stage.alice.desk(stage.market.symbol)
    trio(stage)
    assert desk.algo_open == 1
    stage.sold("99", "2")
    assert desk.algo_open == 1
    stage.book({"89": "9"}, {"92": "9"})
    stage.prints("90")
    assert desk.algo_open == 0


def test_other_symbols():
    """Room on the exchange is counted over all symbols."""
    stage = ready(Stage(rules=ExchangeRules.read([{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 2}])))
    stage.venue.list_symbol(default_symbol("ETHUSDT", min_notional="0"))
    stage.venue.place(stage.alice, "ETHUSDT", True, "LIMIT", parse_units("1"), parse_units("10"))
    with pytest.raises(FilterFailure, match="EXCHANGE_MAX_NUM_ORDERS"):
        pair(stage)
