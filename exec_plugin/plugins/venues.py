"""What plugins see of a venue: each order before it is placed, and what happens to it afterwards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from exec_plugin.core.errors import OrderRejected
from exec_plugin.core.events import Execution
from exec_plugin.core.models import MarketData
from exec_plugin.core.units import FAR, SCALE, short_text
from exec_plugin.core.values import event_order, fill_value, order_value, quick_decimal
from exec_plugin.hookspecs import OrderEvent
from exec_plugin.hookspecs.accounts import AccountView
from exec_plugin.plugins.observing import in_a_line, listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Event
    from exec_plugin.core.models import Order
    from exec_plugin.core.orders import LiveOrder
    from exec_plugin.core.venue import Venue
    from exec_plugin.plugins.manager import Plugins

#: How much of a plugin's reason goes over the wire.
_LONGEST = 200


def _at_once(tell: Callable[[], None]) -> None:
    tell()


def attach(plugins: Plugins, venue: Venue, leave: Callable[[Callable[[], None]], None] = _at_once) -> None:
    """
    Let the plugins that are active now check a venue's orders and hear of them.

    Where none wants to, the venue stays as it is and works as fast. ``leave`` has them told when they may be.
    """
    teller = Teller(plugins, leave)
    if teller:
        venue.listeners.append(teller)
    guard = Guard(plugins, venue)
    if guard:
        venue.guard = guard


class Teller:
    """
    A venue's listener that tells plugins in their own values.

    They are made at once, because orders go on changing, and told when ``leave`` lets them.
    """

    def __init__(self, plugins: Plugins, leave: Callable[[Callable[[], None]], None]) -> None:
        self._leave = leave
        self._orders = plugins.observer("exec_order_event")
        self._fills = plugins.observer("exec_fill")

    def __bool__(self) -> bool:
        return bool(self._orders or self._fills)

    def __call__(self, event: Event) -> None:
        """Hear one event of the venue."""
        if not isinstance(event, Execution):
            return
        order = event.order
        account, number = order.desk.account.name, str(order.id)
        if self._fills and event.fill is not None:
            self._leave(partial(self._fills, fill=fill_value(event.fill, number), account=account))
        if self._orders:
            told = event_order(event, number, order.client_id)
            about = OrderEvent(account, event.kind, told, event.time, event.reason)
            self._leave(partial(self._orders, event=about))


class Guard:
    """
    Asks the plugins that check orders; the first who answers decides.

    A check that raises, or answers what is no reason, refuses the order: what was not placed can be placed again.
    """

    def __init__(self, plugins: Plugins, venue: Venue) -> None:
        self._venue = venue
        self._checks = listeners(plugins.hook.exec_check_order)
        self._failures = plugins.failures

    def __bool__(self) -> bool:
        return bool(self._checks)

    def __call__(self, order: LiveOrder) -> None:
        """
        Let the plugins look at a draft.

        Raises:
            OrderRejected: when one of them refuses it, or fails.
        """
        values = {
            "order": self._order(order),
            "account": AccountView(order.desk.account),
            "market": self._market(order.symbol.name),
        }
        for check in self._checks:
            try:
                reason = check(values)
                if not isinstance(reason, str | None):
                    msg = f"a check answers None or a reason, not {reason!r}"
                    raise TypeError(msg)  # noqa: TRY301 - told like anything else that is wrong with it
            except Exception as error:
                self._failures.note(check.plugin, "exec_check_order", error)
                hint = f"{in_a_line(error)}; correct the plugin or block it"
                raise OrderRejected(f"Order refused: the check of plugin {check.plugin!r} failed.", hint) from error
            if reason is not None:
                raise OrderRejected(f"Order refused by plugin {check.plugin!r}: {reason[:_LONGEST]}")

    def _order(self, order: LiveOrder) -> Order:
        told = order_value(order, "", order.given_id)
        if not order.quote_qty:
            return told
        market = self._venue.markets[order.symbol.name]
        touch = (market.ask if market.ask < FAR else 0) if order.is_buy else market.bid
        price = touch or market.last
        quantity = quick_decimal(order.quote_qty * SCALE // price if price else 0)
        return evolve(told, quantity=quantity, info={"quoteOrderQty": short_text(order.quote_qty)})

    def _market(self, name: str) -> MarketData:
        market = self._venue.markets[name]
        amounts = (market.bid, market.ask if market.ask < FAR else 0, market.last, market.volume)
        bid, ask, last, volume = map(quick_decimal, amounts)
        return MarketData(name, bid, ask, last, volume, self._venue.now)
