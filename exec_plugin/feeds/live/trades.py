"""
One symbol's public trades: each once, in the order of their ids, whatever the connection does.

What a connection has missed is fetched by id. The newest thousand trades can be had one by one (``/api/v3/trades``);
what is older comes as aggregates (``/api/v3/aggTrades``), since the market-data-only hosts have no other list of it
(faqs/market_data_only.md). An aggregate of which a part is known one by one counts with the rest of its quantity.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.events import TRADE

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.core.events import Row

    from .payloads import Print

#: The most entries that one request lists (rest-api.md).
PAGE = 1000
#: Pages of aggregates that are fetched to bridge one gap: a hundred thousand, for a weight of 400.
MOST_PAGES = 100
#: How often, and after how many seconds, trades are asked for again that the list does not show yet.
TRIES, LATER = 3, 1.0
#: The most seconds between two looks for trades that are missing in the stream.
LONGEST_DELAY = 60.0
#: Trades whose quantities are remembered, to take them out of an aggregate.
REMEMBERED = 2 * PAGE
#: Trades held back while older ones are being fetched; an hour of a busy symbol.
MOST_HELD = 500_000


class Ask(NamedTuple):
    """Something to be fetched: of which list, for which symbol, with what parameters, and after how many seconds."""

    path: str
    symbol: str
    params: tuple[tuple[str, int], ...] = ()
    delay: float = 0.0


class TradeLine:
    """
    The trades of one symbol.

    ``ask`` is called with what must be fetched, ``note`` with what could not be had. ``since`` is where the past that
    is told otherwise ends: trades from that moment on are wanted; set before the first `catch_up`.
    """

    def __init__(self, name: str, ask: Callable[[Ask], None], note: Callable[[str], None]) -> None:
        self.name = name
        self.since = 0
        self.last_id = 0
        #: the id after those of the past; 0 as long as it is not known
        self.begin_id = 0
        self._last_time = 0
        self._ask = ask
        self._note = note
        self._waits = False
        self._tries = 0
        self._pages = 0
        # from where to where the list of single trades reached, the ids around a gap, and how many gaps turned out to be none
        self._oldest = self._newest = 0
        self._gap = (0, 0)
        self._alarms = 0
        self._held: dict[int, Print] = {}
        self._recent: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)

    @property
    def is_open(self) -> bool:
        """Whether all is known up to now."""
        return self.begin_id > 0 and not self._waits

    def catch_up(self, delay: float = 0.0) -> None:
        """A connection is new: find out what came before its first trade."""
        self._tries = 0
        self._waits = True
        self._ask(Ask("trades", self.name, (("limit", PAGE),), delay))

    def add(self, trade: Print, now: int) -> list[Row]:
        """A trade of the stream."""
        if trade.id <= self.last_id:
            return []
        if not self._waits and trade.id == self.last_id + 1:
            return [self._row(trade, now)]
        self._held[trade.id] = trade
        if not self._waits:
            self._gap = (self.last_id, trade.id)
            # ids that no trade has are no reason to ask again and again
            self.catch_up(min(2.0**self._alarms - 1, LONGEST_DELAY))
        elif len(self._held) > MOST_HELD:
            return self.give_up(now)
        return []

    def recent(self, trades: list[Print], now: int) -> list[Row]:
        """The newest trades, one by one; what they do not reach back to is asked for as aggregates."""
        is_all = len(trades) < PAGE
        self._oldest, self._newest = (trades[0].id, trades[-1].id) if trades else (0, 0)
        self._judge_gap(trades)
        if not self.begin_id:
            wanted = [trade for trade in trades if trade.time >= self.since]
            is_all = is_all or len(wanted) < len(trades)
            before = [trade.id for trade in trades if trade.time < self.since]
            self.last_id = max(before, default=0)
        else:
            wanted = [trade for trade in trades if trade.id > self.last_id]
            is_all = is_all or len(wanted) < len(trades) or wanted[0].id == self.last_id + 1
        self._held.update((trade.id, trade) for trade in wanted)
        if is_all or not (self.begin_id or self.since):
            return self._release(now)
        self._pages = 0
        self._ask_aggregates("startTime", self._last_time if self.begin_id else self.since)
        return []

    def aggregates(self, page: list[tuple[int, Print]], now: int) -> list[Row]:
        """Older trades in aggregates, up to the first of the list of single ones."""
        for _, whole in page:
            rest = self._unknown_part(whole)
            if rest is not None:
                self._held[rest.id] = rest
        self._pages += 1
        if len(page) == PAGE and page[-1][1].id < self._oldest - 1:
            if self._pages < MOST_PAGES:
                self._ask_aggregates("fromId", page[-1][0] + 1)
                return []
            first, last = page[-1][1].id + 1, self._oldest - 1
            self._note(f"{self.name}: trades {first} to {last} are too many to fetch and left out")
        return self._release(now)

    def give_up(self, now: int) -> list[Row]:
        """What was asked for cannot be had: go on with what is there."""
        self._tries, self._newest = TRIES, 0
        return self._release(now)

    def _judge_gap(self, trades: list[Print]) -> None:
        before, after = self._gap
        if after:
            is_real = any(before < trade.id < after for trade in trades) or not trades or trades[0].id > before + 1
            self._alarms = 0 if is_real else self._alarms + 1
            self._gap = (0, 0)

    def _ask_aggregates(self, name: str, value: int) -> None:
        self._ask(Ask("aggTrades", self.name, ((name, value), ("limit", PAGE))))

    def _unknown_part(self, whole: Print) -> Print | None:
        """An aggregate without the trades that are known one by one, under the last id of the others."""
        first, last, held = whole.first_id, whole.id, self._held
        ids = range(min(last, self._oldest - 1), max(first - 1, self.last_id), -1)
        unknown = next((number for number in ids if number not in held), 0)
        told = sum(qty for number, qty in self._recent if first <= number <= last)
        told += sum(held[number].qty for number in range(first, last + 1) if number in held)
        return whole._replace(id=unknown, qty=whole.qty - told) if unknown and whole.qty > told else None

    def _release(self, now: int) -> list[Row]:
        """What is known, in order, up to where the list of single trades lags behind the stream."""
        rows: list[Row] = []
        held, self._held = self._held, {}
        self._waits = False
        for number in sorted(held):
            if number <= self.last_id:
                continue
            if number > max(self.last_id, self._newest) + 1 and self.last_id:
                if self._tries < TRIES:
                    # the list lags behind the stream
                    self._tries += 1
                    self._waits = True
                    self._held = {later: held[later] for later in held if later >= number}
                    self._ask(Ask("trades", self.name, (("limit", PAGE),), LATER))
                    break
                self._note(f"{self.name}: trades {self.last_id + 1} to {number - 1} could not be had and are left out")
            rows.append(self._row(held[number], now))
        else:
            self._tries = 0
        self.begin_id = self.begin_id or self.last_id + 1
        return rows

    def _row(self, trade: Print, now: int) -> Row:
        self.begin_id = self.begin_id or trade.first_id
        self.last_id, self._last_time = trade.id, trade.time
        self._recent.append((trade.id, trade.qty))
        return (TRADE, now, self.name, trade.price, trade.qty, trade.taker_is_seller, trade.id, trade.time)
