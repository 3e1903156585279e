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
        amounts = {key: units(options.pop(key)) for key in ("stop", "quote_qty") if key in options}
        is_buy = side == "BUY"
        return self.venue.place(
            by or self.alice, self.name, is_buy, kind, units(qty), units(price), **amounts, **options
        )

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

    def tape(self):
        """The public trades, as ``"1 at 100"``."""
        return [f"{short_text(trade.qty)} at {short_text(trade.price)}" for trade in self.market.tape.trades()]

    def purse(self, account):
        """What an account has, as ``{asset: "free"}`` or ``"free+locked"``."""
        return {
            name: short_text(held.free) + (f"+{short_text(held.locked)}" if held.locked else "")
            for name, held in account.balances.items()
        }


def _levels(levels):
    return {units(price): units(qty) for price, qty in levels.items()}
