"""Whatever listeners do, orders and money take the way that they take without any."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

import exec_plugin
from exec_plugin import hookimpl
from exec_plugin.core.errors import VenueError
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.core.venue import Venue
from exec_plugin.plugins.venues import attach

#: Kind of the step, side, price and quantity in whole units.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "market", "cancel", "quote"]), st.booleans(), st.integers(95, 105), st.integers(1, 9)
    )
)


def play(venue, steps):
    """Take the steps; what came of the orders, and the money."""
    account = venue.open_account("me", {"USDT": 2000 * SCALE, "BTC": 20 * SCALE})
    outcomes = []
    for kind, is_buy, price, qty in steps:
        if kind == "quote":
            venue.quote("BTCUSDT", (price - 1) * SCALE, qty * SCALE, price * SCALE, qty * SCALE)
            continue
        try:
            if kind == "cancel":
                order = venue.cancel(next(iter(account.open_orders)))
            else:
                limit = price * SCALE if kind == "limit" else 0
                order = venue.place(account, "BTCUSDT", is_buy, kind.upper(), qty * SCALE, limit)
            outcomes.append((order.status, order.filled, order.quote_filled))
        except (VenueError, StopIteration) as error:
            outcomes.append(str(error))
    return outcomes, {asset: (held.free, held.locked) for asset, held in account.balances.items()}


@given(STEPS)
def test_failing_listeners(steps):
    """Listeners that always raise, and a check that lets pass, change no order and no balance."""

    def fail(event):
        raise ValueError(event)

    def fail_too(fill, account):
        raise ValueError(fill, account)

    plugins = exec_plugin.load({})
    hooks = {"exec_order_event": fail, "exec_fill": fail_too, "exec_check_order": lambda order: None}
    plugins.register(SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()}), "mine")
    plain, watched = (Venue([default_symbol("BTCUSDT")]) for _ in range(2))
    attach(plugins, watched)
    assert play(watched, steps) == play(plain, steps)


@given(STEPS, st.integers(1, 9))
def test_checked(steps, most):
    """No order that a check refuses ever exists, and each fill is told once, with what it moved."""
    fills = []

    def check(order):
        return "too much" if order.quantity > most else None

    def note(fill):
        fills.append(fill)

    plugins = exec_plugin.load({})
    plugins.register(SimpleNamespace(exec_check_order=hookimpl(check), exec_fill=hookimpl(note)), "mine")
    venue = Venue([default_symbol("BTCUSDT")])
    attach(plugins, venue)
    play(venue, steps)
    desks = venue.accounts["me"].desks.values()
    assert all(order.qty <= most * SCALE for desk in desks for order in desk.orders)
    told = [(int(fill.id), int(fill.order_id), fill.quantity, fill.quote_quantity) for fill in fills]
    kept = [(each.id, each.order_id, each.qty, each.quote) for desk in desks for each in desk.fills]
    assert told == [(number, order, qty / SCALE, quote / SCALE) for number, order, qty, quote in kept]
