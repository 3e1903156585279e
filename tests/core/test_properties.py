from __future__ import annotations

from fractions import Fraction

import pytest
from harness import RICH, Run, street_fills
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Reference, Refused
from strategies import LOT, QTY, crossing, crossings, linked_streams, price_at, streams, symbol

from exec_plugin.core.errors import CancelRejected, VenueError
from exec_plugin.core.events import Execution
from exec_plugin.core.fill_models import FILL_MODELS, BinanceFees, LinearSlippageModel, PatientQueue, Rates
from exec_plugin.core.symbols import STP_MODES

RATES = {"maker": "0.0013", "taker": "0.0117", "buyer": "0.0002", "seller": "0"}
MARKET_STEPS = {"quote", "trade", "depth", "book"}

# What follows from the rules rather than being one needs fewer tries.
few = settings(max_examples=40)
models = pytest.mark.parametrize("fill_model", FILL_MODELS)


@st.composite
def venues(draw):
    """Options of a venue."""
    options = {}
    if draw(st.booleans()):
        options["queue"] = PatientQueue()
    if draw(st.booleans()):
        options["slippage"] = LinearSlippageModel("0.01", "0")
    if asset := draw(st.sampled_from(["", "AAA", "BBB", "CCC"])):
        options["fees"] = BinanceFees(Rates(**RATES), discount_asset=asset, enabled_for_account=True)
    return options


@models
@given(st.one_of(streams, crossings), venues())
def test_invariants(fill_model, steps, options):
    """Money, orders, guards and turns are right after every step."""
    run = Run(fill_model=fill_model, **options)
    for step in steps:
        before = len(run.fills)
        run.step(step)
        run.check()
        run.check_turns(run.fills[before:])


@models
@given(linked_streams, venues())
def test_linked(fill_model, steps, options):
    """Money, orders, lists, guards and stops are right after every step with orders of every kind."""
    run = Run(fill_model=fill_model, **options)
    for step in steps:
        run.step(step)
        run.check()


@models
@given(streams)
def test_no_more_than_shown(fill_model, steps):
    """A market event fills resting orders with no more than it printed, or displays on the other side."""
    run = Run(fill_model=fill_model, balances=RICH)
    for step in steps:
        known = {fill.id for fill in run.fills}
        run.step(step)
        new = [fill for fill in run.fills if fill.id not in known]
        makers = [fill for fill in street_fills(new) if fill.is_maker]
        if step[0] == "trade":
            assert sum(fill.qty for fill in makers) <= step[2]
        elif step[0] in MARKET_STEPS:
            market = run.market
            for is_buyer, side, touch in (
                (True, market.asks, (market.ask, market.ask_qty)),
                (False, market.bids, (market.bid, market.bid_qty)),
            ):
                displayed = sum(level[1] for level in side.walk(*touch))
                assert sum(fill.qty for fill in makers if fill.is_buyer is is_buyer) <= displayed
        else:
            assert makers == []


@models
@given(st.one_of(streams, crossings), st.booleans())
def test_reference(fill_model, steps, patient):
    """A slow and obvious matcher agrees on what is accepted and on every fill."""
    options = {"queue": PatientQueue()} if patient else {}
    run = Run(fill_model=fill_model, balances=RICH, pair=symbol(), fees=BinanceFees(Rates(**RATES)), **options)
    reference = Reference(_rates(), fill_model, patient=patient, step=LOT)
    for step in steps:
        accepted = run.step(step)
        assert _play(reference, step) == accepted, step
        assert _done(run.events) == reference.fills, step
        resting = [(order.id, order.remaining) for order in run.open if order.level is not None]
        assert resting == sorted((order.number, order.left) for order in reference.resting)


def test_crossings_cross():
    """The streams that are made for it do keep accounts from trading with themselves, in every mode."""
    modes = set()
    for seed in range(40):
        run = Run(balances=RICH, pair=symbol())
        for step in crossing(seed):
            run.step(step)
        for desk in (desk for account in run.accounts for desk in account.desks.values()):
            modes |= {match.mode for match in desk.prevented_matches}
    assert modes == set(STP_MODES) - {"NONE"}


def _rates():
    return {
        (maker, buyer): Fraction(RATES["maker" if maker else "taker"]) + Fraction(RATES["buyer" if buyer else "seller"])
        for maker in (False, True)
        for buyer in (False, True)
    }


def _play(reference, step):
    kind, *values = step
    if kind == "clock":
        return True
    if kind == "place":
        account, is_buy, order, stp = values
        try:
            reference.place(len(reference.orders) + 1, account, stp, is_buy, *order)
        except Refused:
            return False
        return True
    if kind == "cancel":
        return not reference.orders or reference.cancel(values[0] % len(reference.orders) + 1)
    getattr(reference, kind)(*values)
    return True


def _done(events):
    fills = [event.fill for event in events if isinstance(event, Execution) and event.fill]
    return [(fill.order_id, fill.price, fill.qty, fill.is_maker, fill.commission) for fill in fills]


@models
@given(streams, venues())
def test_refused(fill_model, steps, options):
    """What is refused changes nothing."""
    run = Run(fill_model=fill_model, **options)
    for step in steps:
        before = run.snapshot()
        if not run.step(step):
            assert run.snapshot() == before


@models
@few
@given(streams)
def test_check(fill_model, steps):
    """A mere check raises what the order would raise, and changes nothing."""
    run = Run(fill_model=fill_model)
    for step in steps:
        if step[0] != "place":
            run.step(step)
            continue
        before = run.snapshot()
        verdict = _try(run, step, lambda *order, **options: run.venue.check(run.venue.draft(*order, **options)))
        assert run.snapshot() == before
        assert _try(run, step, run.venue.place) == verdict


def _try(run, step, method):
    try:
        run.call(method, *step[1:])
    except VenueError as error:
        return repr(error)
    return ""


@models
@few
@given(streams)
def test_cancel_twice(fill_model, steps):
    """The second cancel of an order is refused and changes nothing."""
    run = Run(fill_model=fill_model)
    for step in steps:
        run.step(step)
    for order in run.open:
        run.venue.cancel(order)
        run.check()
        before = run.snapshot()
        with pytest.raises(CancelRejected):
            run.venue.cancel(order)
        assert run.snapshot() == before
    assert all(balance.locked == 0 for account in run.accounts for balance in account.balances.values())


@models
@few
@given(streams, st.integers(0, 3))
def test_same_bytes(fill_model, steps, seed):
    """The same inputs and seed give the same events, byte by byte."""
    first, second = (Run(fill_model=fill_model, seed=seed) for _ in range(2))
    for run in (first, second):
        for step in steps:
            run.step(step)
    assert repr(first.events).encode() == repr(second.events).encode()
    assert first.venue.rng.random() == second.venue.rng.random()


@models
@few
@given(streams)
def test_unheard(fill_model, steps):
    """Without a listener everything but the events is the same."""
    heard, unheard = (Run(fill_model=fill_model) for _ in range(2))
    unheard.venue.listeners.clear()
    for step in steps:
        assert heard.step(step) == unheard.step(step)
    assert heard.snapshot()[:-1] == unheard.snapshot()[:-1]
    assert unheard.events == []


@models
@few
@given(streams)
def test_events_tell_all(fill_model, steps):
    """Balances and order states that are put together from the events alone are the venue's."""
    run = Run(fill_model=fill_model)
    for step in steps:
        run.step(step)
    assert [event.seq for event in run.events] == list(range(1, run.venue.outbox.seq + 1))
    held, told = {}, {}
    for event in run.events:
        if isinstance(event, Execution):
            told[event.order] = (event.status, event.filled, event.quote_filled)
        else:
            held.update({(event.account, asset): amounts for asset, amounts in event.balances.items()})
    assert told == {order.id: (order.status, order.filled, order.quote_filled) for order in run.orders}
    for account in run.accounts:
        for asset, balance in account.balances.items():
            assert held.get((account.name, asset), (run.deposits.get(asset, 0) // 3, 0)) == (
                balance.free,
                balance.locked,
            )


class Meddler:
    """A listener that trades: it replaces what is filled and cancels what is old."""

    def __init__(self, run):
        self.run = run
        self.left = 30

    def __call__(self, event):
        self.run.check_money()
        self.run.check_guards()
        if not isinstance(event, Execution) or not self.left:
            return
        self.left -= 1
        order, account = event.order, self.run.accounts[event.seq % 3]
        if event.kind == "TRADE":
            self.run.step(("place", event.seq % 3, not order.is_buy, ("LIMIT", QTY, price_at(event.seq % 13))))
        elif event.seq % 2 and account.open_orders:
            self.run.venue.cancel(account.open_orders[0])


@models
@given(streams)
def test_meddling(fill_model, steps):
    """A listener may place and cancel orders; events keep their order and the venue stays right."""
    runs = [Run(fill_model=fill_model) for _ in range(2)]
    for run in runs:
        run.venue.listeners.append(Meddler(run))
        for step in steps:
            run.step(step)
            run.check()
    assert [event.seq for event in runs[0].events] == list(range(1, runs[0].venue.outbox.seq + 1))
    assert repr(runs[0].events) == repr(runs[1].events)
