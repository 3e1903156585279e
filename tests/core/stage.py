"""A small exchange for scenarios: amounts are texts, and what came of an order reads like a sentence."""

from __future__ import annotations

from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import FAR, parse_units, short_text
from exec_plugin.core.venue import Venue

UNKNOWN = None


def units(text):
    """Units of an amount; None is an unknown quantity."""
    return FAR if text is UNKNOWN else parse_units(text)


class Stage:
    """BTCUSDT with a tick of 0.01, a step of 0.001 and two rich accounts: ``alice``, who acts by default, and ``bob``."""

    name = "BTCUSDT"

    def __init__(self, symbol=None, balances=None, **options):
        symbol = symbol or default_symbol(self.name, step="0.001", min_notional="0")
        self.name = symbol.name
        self.venue = Venue([symbol], **options)
        self.market = self.venue.markets[symbol.name]
        rich = {symbol.base: "100000", symbol.quote: "10000000"}
        for owner in ("alice", "bob"):
            held = {asset: parse_units(amount) for asset, amount in (balances or rich).items()}
            setattr(self, owner, self.venue.open_account(owner, held))

    def quote(self, bid=None, bid_qty="0", ask=None, ask_qty="0"):
        """Show a touch; a side without a price is empty."""
        self.venue.quote(self.name, units(bid or "0"), units(bid_qty), units(ask), units(ask_qty))

    def book(self, bids, asks):
        """Show a whole book."""
        self.venue.book(self.name, _levels(bids), _levels(asks))

    def depth(self, bids=(), asks=()):
        """Show changed levels."""
        self.venue.depth(self.name, _levels(dict(bids)), _levels(dict(asks)))

    def sold(self, price, qty):
        """Print a trade whose taker is a seller."""
        self.venue.trade(self.name, units(price), units(qty), taker_is_seller=True)

    def bought(self, price, qty):
        """Print a trade whose taker is a buyer."""
        self.venue.trade(self.name, units(price), units(qty), taker_is_seller=False)

    def place(self, side, kind, qty="0", price="0", *, by=None, **options):
        """Place an order."""
        return self.venue.place(*self._order(side, kind, qty, price, by), **_amounts(options))

    def draft(self, side, kind, qty="0", price="0", *, by=None, **options):
        """An order of a list, not placed yet."""
        return self.venue.draft(*self._order(side, kind, qty, price, by), **_amounts(options))

    def _order(self, side, kind, qty, price, by):
        return by or self.alice, self.name, side == "BUY", kind, units(qty), units(price)

    def oco(self, *legs, name=""):
        """Place a pair of drafts that cancel each other; answers the list."""
        return self.venue.lists.place_oco(legs, name, lambda group: group)

    def oto(self, working, *pending, name="", pays=False):
        """Place a draft and those that follow it, sized by it where it pays for them; answers the list."""
        for order in pending if pays else ():
            order.qty = 0
        return self.venue.lists.place_oto(working, pending, name, lambda group: group, pays=pays)

    def prints(self, *prices, qty="0.001"):
        """Print trades of sellers at these prices, one after the other."""
        for price in prices:
            self.sold(price, qty)

    def buy(self, qty, price, **options):
        """Place a buy limit order."""
        return self.place("BUY", "LIMIT", qty, price, **options)

    def sell(self, qty, price, **options):
        """Place a sell limit order."""
        return self.place("SELL", "LIMIT", qty, price, **options)

    def fills(self, order):
        """An order's executions, as ``"1 at 100"``."""
        found = [fill for fill in order.desk.fills if fill.order_id == order.id]
        return [f"{short_text(fill.qty)} at {short_text(fill.price)}" for fill in found]

    def told(self, order):
        """An order's state, as ``"NEW 0/1"``."""
        return f"{order.status} {short_text(order.filled)}/{short_text(order.qty)}"

    def ahead(self, order):
        """What stands before an order in its queue, None when nobody knows."""
        gap = order.level.gap(order)
        return None if gap == FAR else short_text(gap)

    def shown(self):
        """The book as everybody sees it: bids and asks as ``"1 at 100"``, best first."""
        return [
            [f"{short_text(qty)} at {short_text(price)}" for price, qty in side] for side in self.market.depth_view(20)
        ]

    def tape(self):
        """The public trades, as ``"1 at 100"``."""
        return [f"{short_text(trade.qty)} at {short_text(trade.price)}" for trade in self.market.tape.trades()]

    def purse(self, account):
        """What an account has, as ``{asset: "free"}`` or ``"free+locked"``."""
        return {
            name: short_text(held.free) + (f"+{short_text(held.locked)}" if held.locked else "")
            for name, held in account.balances.items()
        }


def _amounts(options):
    return {
        key: units(value) if key in ("stop", "quote_qty", "iceberg") and value else value
        for key, value in options.items()
    }


def _levels(levels):
    return {units(price): units(qty) for price, qty in levels.items()}
