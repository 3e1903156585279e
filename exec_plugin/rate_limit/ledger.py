"""
The ledger of windows: what the exchange counts, kept as the exchange counts it.

Binance counts in fixed windows of its own clock and says in every answer how far a window is used. What is counted
already is known from the highest counter; what is sent and unanswered may count in this window or the next and is
added to both. A request may leave when all that, with what others are likely to need, stays under the limit.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from exec_plugin.rate_limit import factor, server_clock
from exec_plugin.rate_limit.alone import Alone
from exec_plugin.rate_limit.answers import BANNED as BAN
from exec_plugin.rate_limit.answers import LONGEST, REFUSALS, REFUSED, TOO_MANY_ORDERS
from exec_plugin.rate_limit.cells import (
    ACCOUNT_SIZE,
    ACCOUNTS,
    BANNED,
    BLOCKED,
    BORN,
    CLEAR,
    CUT,
    FLIGHT,
    HIGH,
    KNOWN,
    LOW,
    MEMBERS,
    MISSING,
    ORDER_WINDOWS,
    ORDERS,
    ORDERS_BLOCKED,
    OWN_FLIGHT,
    OWN_ORDERS,
    RAW,
    REPORTED,
    REQUESTS,
    SENT,
    SETTLED,
    SLOT,
    STRANGE,
    STRANGERS,
    SWEPT,
    USED,
    WEIGHT,
)
from exec_plugin.rate_limit.curve import STEP
from exec_plugin.rate_limit.kept import FOR_ORDERS, LANDING, ORDER, PROBE, RELEASE, Kept
from exec_plugin.rate_limit.members import NOBODY, Member
from exec_plugin.rate_limit.view import describe
from exec_plugin.rate_limit.waiting import ORDERS as ORDERS_SHORT
from exec_plugin.rate_limit.windows import count, open_window, order_slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.limit_store import Cells, LimitStore
    from exec_plugin.rate_limit.answers import Answer
    from exec_plugin.rate_limit.queue import Reservation
    from exec_plugin.rate_limit.windows import Limits

#: A request that was sent so long ago counts by now or never will.
PATIENCE = 5.0
#: Binance's shortest ban, for one that does not say how long it is.
FIRST_BAN = 120.0
#: What a banned or forbidden client asks is not counted.
UNCOUNTED = (BAN, 403)
#: The part of the requests that is for what is not urgent.
FOR_MARKET = 0.98
#: What an answer says of the clocks is taken over when they are known better by so many seconds.
GAIN = 0.001


#: For a request of which nobody knows what was used when it was sent.
_UNMARKED = ((-1.0, 0.0, 0.0),) * 2

_ledgers: WeakSet[Ledger] = WeakSet()


def _leave_parent() -> None:
    for ledger in _ledgers:
        ledger.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parent)


class Ledger:
    """One member's view of the shared budget; ``account`` names whose orders it places."""

    def __init__(self, store: LimitStore, limits: Limits, account: str, wall: Callable[[], float]) -> None:
        self.store = store
        self._wall = wall
        self._me = Member(account)
        self._flight: deque[Reservation] = deque()
        self._alone = Alone()
        self.use(limits)
        #: What strangers had spent in the window in which they last did.
        self.strangers = 0.0
        _ledgers.add(self)

    def forked(self) -> None:
        """Be a member of one's own in a forked child: what is in flight is the parent's."""
        self._me.who = NOBODY
        self._flight.clear()

    def use(self, limits: Limits) -> None:
        """Keep to these limits from now on."""
        self.limits = limits
        self._kept = Kept(*limits.weight)
        # with so many there is certainly room for one more
        self._few = limits.raw[1] * FOR_MARKET - 1
        # where in an account's row each window of orders has its two slots
        self._order_windows = tuple(
            (ORDER_WINDOWS + 2 * SLOT * number, *window) for number, window in enumerate(limits.orders)
        )

    # ---- asking

    def reserve(self, request: Reservation) -> bool:
        """Reserve what a request costs; if it may not leave yet, ``retry`` says when to ask again."""
        store = self.store
        now, share = store.now(), store.share
        if not store.update(self._reserve, request, now, share):
            return False
        request.sent, request.open = now, True
        self._flight.append(request)
        if share < 1:
            # a store may try a change more than once: it is counted when it stands
            self._alone.spend("weight", request.weight)
            for number in range(len(request.marks)):
                self._alone.spend(f"orders {number}", request.orders)
        elif self._alone.parts:
            self._alone.over()
        return True

    def _reserve(self, cells: Cells, request: Reservation, now: float, share: float) -> bool:
        if cells[self._me.row] != self._me.who:
            self._join(cells, now)
        if cells[BLOCKED] > now:
            request.lack, request.retry = "weight", cells[BLOCKED]
            return False
        server = now + cells[LOW] - server_clock.DRIFT * (now - cells[KNOWN])
        seconds, limit = self.limits.weight
        index = server // seconds
        slot = WEIGHT + SLOT if index % 2 else WEIGHT
        if cells[slot] != index:
            open_window(cells, slot, index)
        if cells[REQUESTS] and now - cells[SWEPT] > PATIENCE:
            # nobody was answered for long, as when who sent all that is in flight was killed
            cells[SWEPT] = now
            self._me.sweep(cells, index * seconds - server_clock.high(cells, now) - PATIENCE)
        if cells[MISSING]:
            limit *= 1 - factor.missing(cells, now)
        weight = request.weight
        left = (index + 1) * seconds - server
        room = limit - cells[slot + USED] - weight
        if share < 1 and self._part(cells, slot, request.rank, share, left) < weight:
            request.lack, request.retry = "weight", server_clock.opens(cells, now, (index + 1) * seconds)
            return False
        held = self._kept.amount(cells, request.rank, index, left, now)
        if (
            room < 0
            or (
                room < cells[FLIGHT] + held
                and not self._kept.finds_out(cells, request.rank, room, left, now, known=cells[slot + USED] > 0)
            )
            or (not cells[REPORTED] and self._waits_for_probe(cells, request, now))
        ):
            end = server_clock.opens(cells, now, (index + 1) * seconds)
            request.lack = "weight"
            request.retry = end if room < 0 else min(end, now + self._wait(cells, request, room, left, now))
            return False
        # requests are seldom what is short: mostly both windows together have room for one more
        if (
            cells[RAW + USED] + cells[RAW + SLOT + USED] + cells[REQUESTS] > self._few
            and self._too_many(cells, request, server, now)
        ) or (request.orders and self._no_orders(cells, request, now, share)):
            return False
        request.index, request.used, request.settled = index, cells[slot + USED], cells[slot + SETTLED]
        self._me.take_off(cells, request, now)
        if request.kind <= ORDER:
            self._kept.urgent.add(cells, now, weight)
        return True

    def _join(self, cells: Cells, now: float) -> None:
        """Take a row of our own."""
        self._begin(cells, now)
        self._me.join(cells)

    def _begin(self, cells: Cells, now: float) -> None:
        """Begin the state if nobody did."""
        if not cells[BORN]:
            cells[BORN] = now
            server_clock.guess(cells, now, self._wall())
            self._kept.strange.add(cells, now, 0)
            self._kept.urgent.add(cells, now, 0)

    def _waits_for_probe(self, cells: Cells, request: Reservation, now: float) -> bool:
        """As long as nobody knows how much is used, one request finds out; what is urgent does not wait for it."""
        return (
            request.rank > ORDER
            and cells[REQUESTS] > 0
            and now - cells[self._me.row + SENT] < PROBE
            # answers that came without counters say that the next one will not tell either
            and not cells[WEIGHT + SETTLED]
            and not cells[WEIGHT + SLOT + SETTLED]
        )

    def _wait(self, cells: Cells, request: Reservation, room: float, left: float, now: float) -> float:
        """In how many seconds there may be room, if no answer comes that makes us look earlier."""
        if not cells[REPORTED] and self._waits_for_probe(cells, request, now):
            return cells[self._me.row + SENT] + PROBE - now
        wait = left
        if room >= cells[FLIGHT]:
            wait = self._kept.wait(cells, request.rank, room - cells[FLIGHT], left, now)
        if cells[FLIGHT]:
            # the answers to what is in flight, which other processes may see first, can leave more room than is known
            wait = min(wait, LANDING if request.rank <= ORDER else PATIENCE)
        return wait * (1 + server_clock.DRIFT) + server_clock.TICK

    def _too_many(self, cells: Cells, request: Reservation, server: float, now: float) -> bool:
        seconds, limit = self.limits.raw
        index = server // seconds
        slot = RAW + SLOT * int(index % 2)
        if cells[slot] != index:
            open_window(cells, slot, index)
        room = limit if request.rank <= ORDER else limit * FOR_MARKET
        if cells[slot + USED] + cells[REQUESTS] + 1 <= room:
            return False
        request.lack, request.retry = "weight", server_clock.opens(cells, now, (index + 1) * seconds)
        return True

    def _part(self, cells: Cells, slot: int, rank: int, share: float, left: float) -> float:
        """What is left of our part of the weight while the others are not seen; a little of it is for orders."""
        limit = self.limits.weight[1]
        mine, used = cells[self._me.row + OWN_FLIGHT] + cells[slot + SETTLED], cells[slot + USED] + cells[FLIGHT]
        part = self._alone.room("weight", cells[slot], limit, share, used=used, mine=mine)
        return part - (limit * share * FOR_ORDERS if rank > ORDER and left > RELEASE else 0.0)

    def _no_orders(self, cells: Cells, request: Reservation, now: float, share: float) -> bool:
        """Whether the account may not place so many orders now."""
        row = self._me.account_row(cells)
        request.lack, request.retry = ORDERS_SHORT, cells[row + ORDERS_BLOCKED]
        if request.retry > now:
            return True
        marks: list[tuple[float, float, float]] = []
        server = now + server_clock.low(cells, now)
        sent = cells[row + ORDERS]
        for at, seconds, limit in self._order_windows:
            index = server // seconds
            slot = row + at + SLOT if index % 2 else row + at
            if cells[slot] != index:
                open_window(cells, slot, index)
            room = limit - cells[slot + USED]
            if share < 1:
                mine = cells[self._me.row + OWN_ORDERS] + cells[slot + SETTLED]
                name, used = f"orders {len(marks)}", cells[slot + USED] + sent
                room = min(room, self._alone.room(name, index, limit, share, used=used, mine=mine) + sent)
            room -= request.orders
            if room < sent:
                end = server_clock.opens(cells, now, (index + 1) * seconds)
                # what is in flight is rejected by then, or counts
                request.retry = end if room < 0 else min(end, now + PATIENCE)
                return True
            marks.append((index, cells[slot + USED], cells[slot + SETTLED]))
        request.marks = tuple(marks)
        return False

    # ---- looking on

    def view(self) -> dict[str, Any]:
        """The state of the budget, as JSON."""
        return self.store.update(self._view, self.store.now())

    def _view(self, cells: Cells, now: float) -> dict[str, Any]:
        # looking takes no place among those who spend
        self._begin(cells, now)
        return {
            **describe(cells, self.limits, self._me.find_account(cells), now),
            "share": self.store.share,
            "factor": 1 - factor.missing(cells, now),
        }

    def forget(self) -> None:
        """Begin anew, for all who share the budget; the server's clock stays known, and a refusal in force."""
        self.store.update(self._forget)

    @staticmethod
    def _forget(cells: Cells) -> None:
        for slot in range(WEIGHT, ACCOUNTS, SLOT):
            cells[slot + USED] = cells[slot + SETTLED] = cells[slot + STRANGERS] = 0.0
        for row in range(ACCOUNTS, MEMBERS, ACCOUNT_SIZE):
            for slot in range(row + ORDER_WINDOWS, row + ACCOUNT_SIZE, SLOT):
                cells[slot + USED] = cells[slot + SETTLED] = 0.0
        cells[MISSING] = 0.0

    # ---- answers

    def settle(self, request: Reservation, answer: Answer) -> None:
        """Account for an answer."""
        store, flight = self.store, self._flight
        if flight and flight[0] is request:
            # behind the oldest nothing is overdue
            store.update(self._settle, request, answer, store.now(), None)
            flight.popleft()
        else:
            overdue = self._overdue(request.sent - PATIENCE, request)
            store.update(self._settle, request, answer, store.now(), overdue)
        request.open = False

    def withdraw(self, request: Reservation) -> None:
        """Free what was reserved for a request that was never sent."""
        if request.open:
            self.store.update(self._me.land, request)
            request.open = False

    def release(self) -> bool:
        """Let go of what was sent so long before this window that it cannot count in it; was there any?"""
        now = self.store.now()
        if not self._flight or self._flight[0].sent > now - PATIENCE:
            return False
        start = self.store.update(self._window_start, now)
        overdue = self._overdue(start - PATIENCE, None)
        if overdue:
            self.store.update(self._give_up, overdue)
        return bool(overdue)

    def _overdue(self, before: float, settling: Reservation | None) -> list[Reservation]:
        """Take out of the line of flight what is answered, and answer what was sent before and is not."""
        flight = self._flight
        found: list[Reservation] = []
        while flight and (not flight[0].open or flight[0].sent < before):
            request = flight.popleft()
            if request.open and request is not settling:
                found.append(request)
        return found

    def _window_start(self, cells: Cells, now: float) -> float:
        seconds = self.limits.weight[0]
        server = now + server_clock.low(cells, now)
        return server // seconds * seconds - server_clock.high(cells, now)

    def _settle(
        self, cells: Cells, request: Reservation, answer: Answer, now: float, overdue: list[Reservation] | None
    ) -> None:
        if cells[self._me.row] != self._me.who:
            self._join(cells, now)
        if request.open:
            self._me.land(cells, request)
        if overdue:
            self._give_up(cells, overdue)
        second, worth = answer.second, server_clock.DRIFT * (now - cells[KNOWN]) - GAIN
        if second and (second - now > cells[LOW] - worth or second + 1 - request.sent < cells[HIGH] + worth):
            server_clock.learn_from(cells, request, answer, now)
        if answer.exact:
            server_clock.learn(cells, request.sent, now, answer.exact, 0.001)
        server = answer.second or now + server_clock.low(cells, now)
        if answer.status in REFUSALS:
            self._stop(cells, request, answer, now)
        if answer.status not in UNCOUNTED:
            self._count_weight(cells, request, answer, server)
            if request.orders:
                self._count_orders(cells, request, answer, server)
        if now - cells[SWEPT] >= 1:
            cells[SWEPT] = now
            self._me.sweep(cells, request.sent - PATIENCE)

    def _count_weight(self, cells: Cells, request: Reservation, answer: Answer, server: float) -> None:
        seconds = self.limits.weight[0]
        index = server // seconds
        used = answer.used
        if used >= 0 and server % seconds < 1 and self._is_of_before(cells, request, used, index):
            index -= 1
        slot = WEIGHT + SLOT if index % 2 else WEIGHT
        if cells[slot] < index:
            open_window(cells, slot, index)
        if cells[slot] == index:
            weight = request.weight if request.open else 0.0
            if used > cells[slot + USED]:
                cells[slot + USED] = used
                cells[slot + SETTLED] += weight
            else:
                mark = (request.index, request.used, request.settled)
                count(cells, slot, mark, used, weight, late=server % seconds >= seconds - 1)
            if used >= 0:
                self._find_strangers(cells, slot, request.sent)
        if request.open:
            number = server // self.limits.raw[0]
            raw = RAW + SLOT if number % 2 else RAW
            if cells[raw] < number:
                open_window(cells, raw, number)
            if cells[raw] == number:
                cells[raw + USED] += 1

    def _is_of_before(self, cells: Cells, request: Reservation, used: int, index: float) -> bool:
        """
        Whether a counter belongs to the window before the one that ``Date`` names.

        A proxy may stamp an answer a little later than it was counted; a full window would then look like a full new
        one. A new window holds no more than what was in flight when it began.
        """
        before = WEIGHT + SLOT * int((index - 1) % 2)
        slot = WEIGHT + SLOT * int(index % 2)
        if request.index != index - 1 or cells[before] != request.index:
            return False
        likely = cells[FLIGHT] + request.weight + (cells[slot + USED] if cells[slot] == index else 0.0)
        return used >= cells[before + USED] and used > likely

    def _find_strangers(self, cells: Cells, slot: int, sent: float) -> None:
        """Growth of the counter that is not ours, neither settled nor in flight, is a stranger's."""
        known = cells[slot + STRANGERS]
        growth = cells[slot + USED] - cells[slot + SETTLED] - known
        if growth < 0:
            # some of ours cost less than the table says (successful order calls can be free)
            used, growth = cells[slot + USED], 0.0
            known = cells[slot + STRANGERS] = min(known, used)
            cells[slot + SETTLED] = used - known
        growth -= cells[FLIGHT]
        before = at = cells[REPORTED]
        if sent > before:
            at = cells[REPORTED] = sent
        if growth > 0:
            self.strangers = cells[slot + STRANGERS] = known + growth
            begun = cells[slot] * self.limits.weight[0] - server_clock.high(cells, at)
            # what was used before anybody looked says nothing about how fast
            self._kept.strange.add(cells, at, growth if before else 0.0, max(cells[CLEAR], cells[BORN], begun))
        elif at >= (cells[STRANGE] + 1) * STEP:
            self._kept.strange.add(cells, at, 0.0)
        if not cells[FLIGHT]:
            cells[CLEAR] = at

    def _count_orders(self, cells: Cells, request: Reservation, answer: Answer, server: float) -> None:
        """Orders count when they are accepted, which the counters say; without them, when nobody knows."""
        row, orders = self._me.account_row(cells), request.orders if request.open else 0
        for counter, (at, seconds, _), mark in zip(
            answer.orders, self._order_windows, request.marks or _UNMARKED, strict=False
        ):
            index = server // seconds
            slot = row + at + SLOT if index % 2 else row + at
            if cells[slot] < index:
                open_window(cells, slot, index)
            if cells[slot] != index or (counter < 0 and 400 <= answer.status < 500):  # noqa: PLR2004
                continue
            if counter > cells[slot + USED]:
                cells[slot + USED] = counter
                cells[slot + SETTLED] += orders
            else:
                count(cells, slot, mark, counter, orders, late=server % seconds >= seconds - 1)

    def _stop(self, cells: Cells, request: Reservation, answer: Answer, now: float) -> None:
        """A refusal stops everybody until the exchange wants to hear from us again."""
        seconds, limit = self.limits.weight
        server = now + server_clock.low(cells, now)
        silent = answer.retry_after
        if silent < 0 and answer.until:
            # the text alone says when the ban ends
            silent = 0.0
        elif silent < 0:
            silent = FIRST_BAN if answer.status == BAN else seconds - server % seconds
        until = now + silent
        if answer.until:
            until = max(until, min(server_clock.opens(cells, now, answer.until), now + LONGEST))
        of_orders = answer.code == TOO_MANY_ORDERS or (not answer.code and request.orders and 0 <= answer.used <= limit)
        if of_orders and answer.status == REFUSED:
            row = self._me.account_row(cells)
            cells[row + ORDERS_BLOCKED] = max(cells[row + ORDERS_BLOCKED], until)
            return
        cells[BLOCKED] = max(cells[BLOCKED], until)
        if answer.status == BAN:
            cells[BANNED] = cells[BLOCKED]
        # One surprise is one cut, however many requests were in flight; what was used before we came is none.
        if request.sent > cells[CUT] and cells[REPORTED] and request.sent > cells[BORN] + 1:
            factor.cut(cells, 0.5 if answer.status == BAN else 0.8, now)

    def _give_up(self, cells: Cells, overdue: list[Reservation]) -> None:
        """What was not answered in all that time is counted as settled."""
        for request in overdue:
            self._me.land(cells, request)
            self._assume(cells, request.weight, request.index)
            row = self._me.account_row(cells) if request.orders else 0
            for number, (index, _, _) in enumerate(request.marks):
                slot = order_slot(row, number, index)
                if cells[slot] == index:
                    cells[slot + USED] += request.orders
            request.open = False

    def _assume(self, cells: Cells, weight: float, index: float) -> None:
        slot = WEIGHT + SLOT * int(index % 2)
        if cells[slot] == index:
            cells[slot + SETTLED] += weight
            cells[slot + USED] = max(cells[slot + USED], cells[slot + SETTLED])
