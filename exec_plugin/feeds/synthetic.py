"""
A made-up market: seeded, endless, and plausible, but not real.

What it has: returns whose size clusters (a quick GARCH part times a slow regime), symmetric and pulled gently to a
home price, so that months later it is still near; a spread of one to a few ticks; a book of twenty levels a side
that thickens away from the touch; trades that come in bursts, lean the way the price is about to go, and have
heavy-tailed sizes. What it has not: news, other people's reaction to your orders, and any relation between symbols
(ETHBTC does not follow ETHUSDT and BTCUSDT). Do not fit a strategy to it.

Only additions, multiplications, divisions and square roots touch its random numbers: IEEE arithmetic defines these
to the last bit, so one seed gives the same rows on every machine.
"""

from __future__ import annotations

from heapq import merge
from itertools import count
from math import sqrt
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.clock import DAY, HOUR
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.events import BOOK, DEPTH, TRADE
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import SCALE, parse_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exec_plugin.core.events import Row

#: Levels on each side of the book.
LEVELS = 20
#: How long the pull to the home price takes to act.
HOMEWARD = 45 * DAY
#: The quick part of the volatility: how much of it is the last squared return, how much the volatility before.
SHOCK, MEMORY = 0.05, 0.93
#: How long the slow part of the volatility keeps its level, and its bounds.
REGIME = 6 * HOUR
CALMEST, WILDEST = 0.25, 4.0
#: The largest return of one step, in average ones: a bound on what a seed can do.
LARGEST = 8.0
#: How much more often takers buy before the price rises by an average step.
LEAN = 0.05
#: Usual worth of the best level and of a trade, in dollars or so.
TOUCH_WORTH, TRADE_WORTH = 60_000, 900
#: Distance of the levels behind the touch, in home prices.
LEVEL_STEP = 0.00005
#: Time between two trades of the history.
HISTORY_STEP = 15_000
#: Most trades of one step.
BURST = 25


class Profile(NamedTuple):
    """How one symbol's market usually is; ``quote_worth`` is the price of its quote asset in dollars or so."""

    price: str
    tick: str
    step: str
    volatility: float
    quote_worth: float = 1.0


PROFILES = {
    "BTCUSDT": Profile("61800", "0.01", "0.00001", 0.025),
    "BTCUSDC": Profile("61790", "0.01", "0.00001", 0.025),
    "ETHUSDT": Profile("2680", "0.01", "0.0001", 0.032),
    "BNBUSDT": Profile("570", "0.1", "0.001", 0.028),
    "SOLUSDT": Profile("155", "0.01", "0.001", 0.042),
    "ETHBTC": Profile("0.04337", "0.00001", "0.0001", 0.018, 61_800.0),
}


class SyntheticFeed:
    """
    An endless made-up market; the same seed, symbol and start give the same rows everywhere.

    Args:
        symbols: names of `PROFILES`, or symbols of your own with a price in ``prices``; all of `PROFILES` by default.
        seed: another seed, another market.
        start: time of the first rows, in milliseconds since the epoch.
        interval_ms: time between two changes of a book; trades come in between.
        history_ms: so much time before ``start`` is told by a few trades a minute and no books, for candles to begin
            with; the rows then start that much earlier.
        prices: where each symbol's price starts and returns to, as text.
        reopens_at: where the price of a symbol stands at ``start``, in units, for a market that was seen before; its
            past is moved so that it leads there.

    Raises:
        ConfigError: for a symbol without a price, or an interval below a millisecond.
    """

    def __init__(
        self,
        symbols: Iterable[str | Symbol] | None = None,
        seed: int = 0,
        start: int = 0,
        *,
        interval_ms: int = 500,
        history_ms: int = 0,
        prices: Mapping[str, str] | None = None,
        reopens_at: Mapping[str, int] | None = None,
    ) -> None:
        if interval_ms < 1:
            msg = f"interval_ms was {interval_ms}; the least is 1"
            raise ConfigError(msg)
        self.seed = seed
        if history_ms < 0:
            msg = f"history_ms was {history_ms}; the least is 0"
            raise ConfigError(msg)
        self.start = start - history_ms
        self.opens = start
        self.interval_ms = interval_ms
        self._prices = dict(prices or {})
        self._reopens_at = dict(reopens_at or {})
        self.symbols = tuple(map(_symbol, PROFILES if symbols is None else symbols))
        self._by_name = {symbol.name: symbol for symbol in self.symbols}
        self._profiles = {symbol.name: self._profile(symbol) for symbol in self.symbols}

    def rows(self) -> Iterator[Row]:
        """All symbols' rows in time order, from the start; it never ends."""
        if len(self.symbols) == 1:
            return self.stream(self.symbols[0].name)
        return merge(*map(self.stream, self._by_name), key=itemgetter(1))

    def stream(self, symbol: str) -> Iterator[Row]:
        """
        One symbol's rows from the start, not depending on any other symbol.

        Raises:
            ConfigError: for a symbol that the feed does not have.
        """
        if symbol not in self._by_name:
            msg = f"the feed has no {symbol}; it has {', '.join(self._by_name)}"
            raise ConfigError(msg)
        market = self._market(symbol)
        if (price := self._reopens_at.get(symbol)) is not None:
            # returns depend on where the price is only by its pull home: from there the past leads very near
            market.pass_history(self.start, self.opens)
            begin = market.home * price / market.fair
            market = self._market(symbol)
            market.fair, market.reopens_at = begin, float(price)
        return market.rows(self.start, self.opens)

    def _market(self, symbol: str) -> _Market:
        random = Random(f"{self.seed}:{symbol}")
        return _Market(self._by_name[symbol], self._profiles[symbol], random, self.interval_ms)

    def _profile(self, symbol: Symbol) -> Profile:
        profile = PROFILES.get(symbol.name, Profile("", "", "", 0.03))
        price = self._prices.get(symbol.name, profile.price)
        if not price or parse_units(price) <= 0:
            msg = f"no price is known for {symbol.name}; pass prices={{{symbol.name!r}: ...}}"
            raise ConfigError(msg)
        return profile._replace(price=price)


def _symbol(symbol: str | Symbol) -> Symbol:
    if isinstance(symbol, Symbol):
        return symbol
    profile = PROFILES.get(symbol)
    if profile is None:
        return default_symbol(symbol)
    return default_symbol(symbol, tick=profile.tick, step=profile.step)


class _Market:
    """
    The state of one symbol's generator.

    Behind the touch, levels stand on a fixed lattice of prices, so that a move changes few of them.
    """

    def __init__(self, symbol: Symbol, profile: Profile, random: Random, interval: int) -> None:
        self.name = symbol.name
        self.random = random.random
        self.volatility = profile.volatility
        self.tick, self.lot = symbol.price.step, symbol.lot.step
        self.home = self.fair = float(parse_units(profile.price))
        #: where the price stands when the market opens; None for where its past leads to
        self.reopens_at: float | None = None
        self.lattice = max(1, int(self.home * LEVEL_STEP / self.tick)) * self.tick
        coins = SCALE * SCALE / self.home / profile.quote_worth / self.lot
        self.touch_lots, self.trade_lots = TOUCH_WORTH * coins, TRADE_WORTH * coins
        self._pace(interval)
        # Both parts of the volatility are factors around 1; the quick one is of the squared return.
        self.quick = self.regime = 1.0
        self.excitement = 0.0
        self.buyers = 0.5
        self.update_id = 0
        self._quote()

    def _pace(self, interval: int) -> None:
        """How far the price moves in one step."""
        self.interval = interval
        self.usual = self.volatility * sqrt(interval / DAY)
        self.pull = min(0.5, interval / HOMEWARD)
        self.settle = min(0.5, interval / REGIME)
        self.unsettle = 2.0 * sqrt(self.settle)

    def _history(self, start: int, end: int) -> Iterator[Row]:
        """Trades at a coarse pace, each as large as those it stands for."""
        fine = self.interval
        lots = self.trade_lots * HISTORY_STEP / fine
        self._pace(HISTORY_STEP)
        for time in range(start, end, HISTORY_STEP):
            self._move()
            self._quote()
            quantity = max(self.lot, int(lots * (0.2 + 1.6 * self.random())) * self.lot)
            sells = self.random() >= self.buyers
            yield (TRADE, time, self.name, self.bid if sells else self.ask, quantity, sells, 0, time)
        self._pace(fine)

    def pass_history(self, start: int, end: int) -> None:
        """Go through the past without telling it."""
        for _ in self._history(start, end):
            pass

    def rows(self, begin: int, start: int) -> Iterator[Row]:
        """The rows: the past from ``begin`` on in few trades, then the market itself."""
        yield from self._history(begin, start)
        if self.reopens_at is not None:
            self.fair = self.reopens_at
            self._quote()
        yield (TRADE, start, self.name, self.bid, max(self.lot, int(self.trade_lots) * self.lot), True, 0, start)
        yield self._book(start)
        # Symbols do not change in step.
        first = start + 1 + int(self.random() * self.interval)
        for end in count(first, self.interval):
            self._move()
            trades = self._trades(max(start, end - self.interval), end)
            yield from trades
            yield self._depth(end)

    def _move(self) -> None:
        """The next fair price, by the volatility that the last ones left behind."""
        # Three uniform numbers add up to a good bell curve, one is enough for what changes slowly.
        random, regime, quick = self.random, self.regime, self.quick
        scaled = sqrt(quick) * 2.0 * (random() + random() + random() - 1.5)
        if not -LARGEST < scaled < LARGEST:
            scaled = LARGEST if scaled > 0 else -LARGEST
        regime += self.settle * (1.0 - regime) + self.unsettle * (random() - 0.5) * regime
        self.regime = regime = CALMEST if regime < CALMEST else min(regime, WILDEST)
        self.quick = 1.0 - SHOCK - MEMORY + SHOCK * scaled * scaled + MEMORY * quick
        change = self.usual * regime * scaled
        self.fair *= 1.0 + max(change, -0.5) + self.pull * (self.home - self.fair) / self.home
        self.buyers = 0.5 + scaled * LEAN
        self.excitement = 0.6 * self.excitement + 0.5 * regime * abs(scaled)

    def _quote(self) -> None:
        """Best bid and ask around the fair price."""
        random = self.random
        width = 1 + int(random() * random() * (1.0 + 2.0 * self.regime))
        self.bid = max(self.tick, int(self.fair / self.tick - width / 2.0 + 0.5) * self.tick)
        self.ask = self.bid + width * self.tick
        self.bid_qty = self._quantity(0)
        self.ask_qty = self._quantity(0)

    def _quantity(self, level: int) -> int:
        random = self.random
        return (1 + int(self.touch_lots * (1.0 + 0.3 * level) * (0.02 + random() * random() * 3.5))) * self.lot

    def _trades(self, begin: int, end: int) -> list[Row]:
        """A burst of trades at the touch, none larger than what is left there."""
        random = self.random
        trades: list[Row] = []
        # A geometric number of trades has the mean that is wanted and the bursts that are real.
        more = (0.4 + self.excitement) / (1.4 + self.excitement)
        time, lot, name = begin, self.lot, self.name
        while random() < more and len(trades) < BURST:
            time += int(random() * (end - time) * 0.6)
            lots = int(self.trade_lots * (0.05 + random()) / sqrt(random() + 1e-6))
            quantity = (lots or 1) * lot
            if random() < self.buyers:
                quantity = min(quantity, self.ask_qty - lot)
                if quantity > 0:
                    self.ask_qty -= quantity
                    trades.append((TRADE, time, name, self.ask, quantity, False, 0, time))
            else:
                quantity = min(quantity, self.bid_qty - lot)
                if quantity > 0:
                    self.bid_qty -= quantity
                    trades.append((TRADE, time, name, self.bid, quantity, True, 0, time))
        self.excitement += 0.1 * len(trades)
        return trades

    def _book(self, time: int) -> Row:
        """The whole book."""
        low, high = self._lattice()
        size, quantity = self.lattice, self._quantity
        bids = {self.bid: self.bid_qty} | {(low - i) * size: quantity(i) for i in range(1, LEVELS) if low > i}
        asks = {self.ask: self.ask_qty} | {(high + i) * size: quantity(i) for i in range(1, LEVELS)}
        self.update_id += 1
        return (BOOK, time, self.name, bids, asks, self.update_id)

    def _lattice(self) -> tuple[int, int]:
        # Places on the lattice, of which the next ones lie behind the bid and the ask.
        return -(-self.bid // self.lattice), self.ask // self.lattice

    def _depth(self, time: int) -> Row:
        """The next quote, as changes to the book."""
        bids, asks = {self.bid: 0}, {self.ask: 0}
        old_low, old_high = self._lattice()
        self._quote()
        low, high = self._lattice()
        if low != old_low:
            self._shift(bids, old_low - LEVELS + 1, low - LEVELS + 1, low)
        if high != old_high:
            self._shift(asks, old_high + 1, high + 1, high)
        # Somewhere behind the touch somebody changes their mind.
        distance = 1 + int(self.random() * (LEVELS - 1))
        asks[(high + distance) * self.lattice] = self._quantity(distance)
        if low > distance:
            bids[(low - distance) * self.lattice] = self._quantity(distance)
        bids[self.bid] = self.bid_qty
        asks[self.ask] = self.ask_qty
        self.update_id += 1
        return (DEPTH, time, self.name, bids, asks, self.update_id)

    def _shift(self, changes: dict[int, int], old: int, new: int, touch: int) -> None:
        """Move a side's row of levels along the lattice, given the lowest place before and after."""
        size, levels = self.lattice, LEVELS - 1
        if new > old:
            gone, come = range(old, min(new, old + levels)), range(max(old + levels, new), new + levels)
        else:
            gone, come = range(max(new + levels, old), old + levels), range(new, min(old, new + levels))
        for place in gone:
            if place > 0:
                changes[place * size] = 0
        for place in come:
            if place > 0:
                changes[place * size] = self._quantity(abs(place - touch))
