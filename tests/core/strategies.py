"""Random markets and commands: few prices and small quantities, so that orders cross, queue and trigger often."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from exec_plugin.core.symbols import STP_MODES, Symbol
from exec_plugin.core.units import FAR

# Odd numbers of units: every notional and commission has something to round.
BASE = 100_000_003
TICK = 1_234_567
LOT = 1_000
QTY = 13 * LOT
MIDDLE = 6


def symbol(name="AAABBB", base="AAA", quote="BBB", **limits):
    """A symbol with a lot step and few other rules."""
    lot = {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "10", "stepSize": "0.00001000"}
    filters = [lot]
    if "orders" in limits:
        filters.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": limits["orders"]})
    if "algo" in limits:
        filters.append({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": limits["algo"]})
    return Symbol.from_exchange_info({"symbol": name, "baseAsset": base, "quoteAsset": quote, "filters": filters})


def price_at(tick):
    """The price of a tick number."""
    return BASE + tick * TICK


prices = st.integers(0, 2 * MIDDLE).map(price_at)
quantities = st.integers(1, 9).map(lambda number: number * QTY)
shown = st.one_of(quantities, quantities, quantities, st.just(FAR))


@st.composite
def quotes(draw):
    """A best bid below a best ask; sometimes a side is empty or of unknown quantity."""
    ask = draw(st.integers(1, 2 * MIDDLE))
    bid = draw(st.integers(0, ask - 1))
    row = [price_at(bid), draw(shown), price_at(ask), draw(shown)]
    empty = draw(st.sampled_from("......ba"))
    if empty == "b":
        row[:2] = 0, 0
    elif empty == "a":
        row[2:] = FAR, 0
    return ("quote", *row)


@st.composite
def books(draw):
    """A whole book, its bids below its asks."""
    middle = draw(st.integers(0, 2 * MIDDLE))
    low = draw(st.dictionaries(st.integers(0, middle).map(price_at), quantities, max_size=5))
    high = draw(st.dictionaries(st.integers(middle + 1, 2 * MIDDLE + 1).map(price_at), quantities, max_size=5))
    return ("book", low, high)


_changes = st.dictionaries(prices, st.one_of(st.just(0), quantities), max_size=4)
depths = st.tuples(st.just("depth"), _changes, _changes)
trades = st.tuples(st.just("trade"), prices, quantities, st.booleans())
clocks = st.tuples(st.just("clock"), st.integers(0, 400_000))
cancels = st.tuples(st.just("cancel"), st.integers(0, 1000))

_limits = st.tuples(st.just("LIMIT"), quantities, prices, st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]))
_makers = st.tuples(st.just("LIMIT_MAKER"), quantities, prices)
_markets = st.tuples(st.just("MARKET"), quantities)
_values = st.tuples(st.just("MARKET"), st.just(0), st.just(0), st.just("GTC"), st.just(0), st.integers(1, 200_000))
_stops = st.tuples(st.sampled_from(["STOP_LOSS", "TAKE_PROFIT"]), quantities, st.just(0), st.just("GTC"), prices)
_stop_limits = st.tuples(
    st.sampled_from(["STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]),
    quantities,
    prices,
    st.sampled_from(["GTC", "IOC", "FOK"]),
    prices,
)
_orders = st.one_of(_limits, _limits, _limits, _makers, _markets, _values, _stops, _stop_limits)
_stp = st.sampled_from(["NONE", "NONE", *STP_MODES])
placements = st.tuples(st.just("place"), st.integers(0, 2), st.booleans(), _orders, _stp)

# Orders that follow the market, hide a part, take their price from the book, or depend on each other.
_followers = st.builds(
    lambda order, delta, stop: ((*order[:4], stop), {"trailing": delta}),
    st.one_of(_stops, _stop_limits),
    st.sampled_from([1, 100, 500, 2_000]),
    st.one_of(st.just(0), prices),
)
_icebergs = st.builds(lambda order: (order, {"iceberg": QTY}), st.one_of(_limits, _makers, _stop_limits))
_pegged = st.builds(
    lambda order, kind, offset, given: ((order[0], order[1], given and order[2], *order[3:]), {"peg": (kind, offset)}),
    st.one_of(_limits, _makers, _stop_limits),
    st.sampled_from(["PRIMARY_PEG", "MARKET_PEG"]),
    st.sampled_from([None, 0, 1]),
    st.booleans(),
)
_plain = st.one_of(_limits, _makers, _markets, _stops, _stop_limits).map(lambda order: (order, {}))
specials = st.one_of(_followers, _icebergs, _pegged)
_any = st.one_of(_plain, _plain, specials)
_pair_sizes = st.tuples(quantities, st.one_of(_makers, _stops, _stop_limits), st.one_of(_stops, _stop_limits))
special_placements = st.tuples(st.just("special"), st.integers(0, 2), st.booleans(), specials)
ocos = st.tuples(st.just("oco"), st.integers(0, 2), st.booleans(), _pair_sizes)
otos = st.tuples(
    st.just("oto"), st.integers(0, 2), st.booleans(), st.one_of(_limits, _makers), st.booleans(), _any, st.booleans()
)
otocos = st.tuples(
    st.just("otoco"),
    st.integers(0, 2),
    st.booleans(),
    st.one_of(_limits, _makers),
    st.booleans(),
    _pair_sizes,
    st.booleans(),
)
amends = st.tuples(st.just("amend"), st.integers(0, 1000), quantities)
linked_steps = st.one_of(
    quotes(), trades, trades, depths, books(), placements, special_placements, ocos, ocos, otos, otocos, cancels, amends
)
linked_streams = st.lists(linked_steps, min_size=1, max_size=60)

steps = st.one_of(quotes(), quotes(), trades, trades, depths, books(), placements, placements, placements, cancels)
streams = st.lists(st.one_of(steps, steps, steps, steps, clocks), min_size=1, max_size=60)


def crossing(seed):
    """Mostly orders of two accounts around one price, drawn evenly: what Hypothesis prefers seldom meets its own."""
    rng = Random(seed)
    return [_crossing_step(rng) for _ in range(25)]


def _crossing_step(rng):
    def price():
        return price_at(rng.randint(0, 2 * MIDDLE))

    def qty():
        return rng.randint(1, 9) * QTY

    kind = rng.choice(["place"] * 6 + ["book", "trade", "trade", "cancel"])
    if kind == "book":
        middle = rng.randint(0, 2 * MIDDLE)
        sides = ([price_at(middle - tick) for tick in range(2)], [price_at(middle + 1 + tick) for tick in range(2)])
        return (kind, *({one: qty() for one in rng.sample(side, rng.randint(0, 2))} for side in sides))
    if kind == "trade":
        return kind, price(), qty(), rng.random() < 0.5
    if kind == "cancel":
        return kind, rng.randint(0, 1000)
    tif = rng.choice(["GTC", "GTC", "GTC", "IOC", "FOK"])
    order = rng.choice([
        ("LIMIT", qty(), price(), tif), ("LIMIT", qty(), price(), tif), ("MARKET", qty()),
        ("MARKET", 0, 0, "GTC", 0, rng.randint(1, 400_000)),
        (rng.choice(["STOP_LOSS", "TAKE_PROFIT"]), qty(), 0, "GTC", price()),
        ("STOP_LOSS_LIMIT", qty(), price(), tif, price()),
    ])  # fmt: skip
    return kind, rng.randint(0, 1), rng.random() < 0.5, order, rng.choice(STP_MODES)


crossings = st.integers(0, 2**32 - 1).map(crossing)
