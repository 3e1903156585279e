"""What clients may ask for: request weight, raw requests and unfilled orders in fixed windows of the venue's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND
from exec_plugin.core.errors import ConfigError, VenueError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.ledger import Account

_LENGTHS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}


#: By how much the first fill of an order lowers the count (faqs/order_count_decrement.md, the examples).
TAKER_CREDIT, MAKER_CREDIT = 1, 5
#: The shortest and the longest ban (rest-api.md, IP Limits).
SHORTEST_BAN, LONGEST_BAN = 2 * MINUTE, 3 * DAY
#: How many requests may be refused in one window before the caller is banned: some are on their way already.
PATIENCE = 20


class TooMany(VenueError):
    """A limit is used up; ``retry_after`` is in whole seconds, ``until`` the moment at which it is over."""

    status = 429

    def __init__(self, code: int, msg: str, retry_after: int, until: int = 0) -> None:
        super().__init__(code, msg, f"wait {retry_after} s")
        self.retry_after = retry_after
        self.until = until


class Banned(TooMany):
    """The caller went on after it had been told to wait (rest-api.md, IP Limits)."""

    status = 418

    def __init__(self, now: int, until: int) -> None:
        advice = "Please use WebSocket Streams for live updates to avoid bans."
        msg = f"Way too much request weight used; IP banned until {until}. {advice}"
        super().__init__(-1003, msg, _seconds(until - now), until)


class Window:
    """One limit: counts per owner that start over with every window."""

    __slots__ = ("_counts", "_index", "entry", "length", "limit", "suffix")

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = dict(entry)
        self.length = _LENGTHS[entry["interval"]] * int(entry["intervalNum"])
        self.limit = int(entry["limit"])
        if self.length <= 0 or self.limit < 0:
            msg = f"rate limit {self.entry}: intervalNum is 1 or more, limit 0 or more"
            raise ConfigError(msg)
        self.suffix = f"{entry['intervalNum']}{entry['interval'][0]}"
        self._index = -1
        self._counts: dict[str, int] = {}

    def used(self, owner: str, now: int) -> int:
        """What an owner has used in the window of ``now``."""
        index = now // self.length
        if index != self._index:
            self._index = index
            self._counts.clear()
        return self._counts.get(owner, 0)

    def add(self, owner: str, amount: int, now: int) -> int:
        """Count, and answer the new sum, which never falls below zero."""
        total = max(self.used(owner, now) + amount, 0)
        self._counts[owner] = total
        return total

    def told(self, owner: str) -> list[int]:
        """The number of the window that was counted in last, and what an owner has used in it."""
        return [self._index, self._counts.get(owner, 0)]

    def go_on(self, owner: str, told: Sequence[int], now: int) -> None:
        """Count on from what was told, where that was told in the window of ``now``."""
        self.used(owner, now)
        if told[0] == self._index:
            self._counts[owner] = told[1]

    def most(self, now: int) -> int:
        """What the owner that has used most has used."""
        self.used("", now)
        return max(self._counts.values(), default=0)

    def end(self, now: int) -> int:
        """The moment at which the next window begins."""
        return now - now % self.length + self.length

    def wait(self, now: int) -> int:
        """Whole seconds until the next window."""
        return _seconds(self.end(now) - now)


class _Offender:
    """What is remembered of a caller that was told to wait."""

    __slots__ = ("banned_until", "bans", "refused", "wait_until")

    def __init__(self) -> None:
        self.refused = self.wait_until = self.bans = self.banned_until = 0


class Bans:
    """
    Who may ask nothing for a while, because it went on asking after it had been told to wait.

    Each ban of a caller is twice as long as the one before, from 2 minutes up to 3 days, and forgotten after 3 days of
    good conduct.
    """

    def __init__(self) -> None:
        self._offenders: dict[str, _Offender] = {}

    def check(self, caller: str, now: int) -> None:
        """
        Whether the caller may ask.

        Raises:
            Banned: when it may not.
        """
        found = self._offenders.get(caller) if self._offenders else None
        if found is not None and found.banned_until > now:
            raise Banned(now, found.banned_until)

    def refuse(self, caller: str, now: int, until: int) -> None:
        """Note that a caller was told to wait until a moment; who was told too often is banned."""
        found = self._offenders.setdefault(caller, _Offender())
        if found.wait_until != until:
            found.refused, found.wait_until = 0, until
        found.refused += 1
        if found.refused > PATIENCE:
            if now > found.banned_until + LONGEST_BAN:
                found.bans = 0
            self.ban(caller, now)

    def ban(self, caller: str, now: int) -> Banned:
        """Ban a caller, for longer than the last time; answers what its requests are refused with."""
        found = self._offenders.setdefault(caller, _Offender())
        # 2 minutes times 2 to the 12th is more than the longest
        found.banned_until = now + min(SHORTEST_BAN << min(found.bans, 12), LONGEST_BAN)
        found.bans += 1
        found.refused = 0
        return Banned(now, found.banned_until)


class Limits:
    """The limits of ``exchangeInfo.rateLimits``: weight and requests per caller, orders per account."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        windows = [Window(entry) for entry in entries]
        self.entries = [window.entry for window in windows]
        self.bans = Bans()
        self.weights = [window for window in windows if window.entry["rateLimitType"] == "REQUEST_WEIGHT"]
        self.requests = [window for window in windows if window.entry["rateLimitType"] == "RAW_REQUESTS"]
        self.orders = [window for window in windows if window.entry["rateLimitType"] == "ORDERS"]
        self._seen: dict[str, tuple[int, int]] = {}

    def spend(self, caller: str, weight: int, now: int) -> None:
        """
        Count a request; a refused one counts as well.

        Raises:
            TooMany: -1003 when a limit is exceeded; Banned when this is not the first time.
        """
        self.bans.check(caller, now)
        for windows, amount in ((self.weights, weight), (self.requests, 1)):
            for window in windows:
                if window.add(caller, amount, now) > window.limit:
                    self.bans.refuse(caller, now, window.end(now))
                    raise _too_much(window, now)

    def charge(self, caller: str, weight: int, now: int) -> None:
        """Count the weight of a request that is free only where it succeeds."""
        for window in self.weights:
            window.add(caller, weight, now)

    def check_orders(self, account: str, count: int, now: int) -> None:
        """
        Whether an account may place so many more orders.

        Raises:
            TooMany: -1015 when it may not.
        """
        for window in self.orders:
            if window.used(account, now) + count > window.limit:
                entry = window.entry
                msg = f"Too many new orders; current limit is {entry['limit']} orders per {entry['intervalNum']} "
                raise TooMany(-1015, f"{msg}{entry['interval']}.", window.wait(now), window.end(now))

    def add_orders(self, account: str, count: int, now: int) -> None:
        """Count accepted orders."""
        for window in self.orders:
            window.add(account, count, now)

    def settle(self, account: Account, now: int) -> None:
        """
        Take back what orders that began to fill had added (faqs/order_count_decrement.md).

        Counted when somebody looks or places: nothing can have been added since, so later is as good as at once.
        """
        seen = self._seen.get(account.name, (0, 0))
        begun = (account.first_takes, account.first_makes)
        if begun == seen:
            return
        self._seen[account.name] = begun
        credit = (begun[0] - seen[0]) * TAKER_CREDIT + (begun[1] - seen[1]) * MAKER_CREDIT
        for window in self.orders:
            window.add(account.name, -credit, now)

    def told(self, account: str) -> dict[str, list[int]]:
        """What has to be remembered of an account for its order counts to go on; empty where nothing is counted."""
        found = {window.suffix: window.told(account) for window in self.orders}
        if found:
            found["begun"] = list(self._seen.get(account, (0, 0)))
        return found

    def go_on(self, account: str, told: Mapping[str, Sequence[int]], now: int) -> None:
        """Count on from what was told of an account."""
        takes, makes = told.get("begun", (0, 0))
        self._seen[account] = (takes, makes)
        for window in self.orders:
            window.go_on(account, told.get(window.suffix, (-1, 0)), now)

    def order_counts(self, account: str, now: int) -> list[dict[str, Any]]:
        """The order limits with their counts."""
        return [{**window.entry, "count": window.used(account, now)} for window in self.orders]

    def weight_counts(self, caller: str, now: int) -> list[dict[str, Any]]:
        """The weight limits with what is used of them."""
        return [{**window.entry, "count": window.used(caller, now)} for window in self.weights]

    def weight_headers(self, caller: str, now: int) -> dict[str, str]:
        """``X-MBX-USED-WEIGHT`` headers."""
        found: dict[str, str] = {}
        for window in self.weights:
            used = str(window.used(caller, now))
            found.setdefault("X-MBX-USED-WEIGHT", used)
            found[f"X-MBX-USED-WEIGHT-{window.suffix}"] = used
        return found

    def order_headers(self, account: str, now: int) -> dict[str, str]:
        """``X-MBX-ORDER-COUNT`` headers."""
        return {f"X-MBX-ORDER-COUNT-{window.suffix}": str(window.used(account, now)) for window in self.orders}


def _too_much(window: Window, now: int) -> TooMany:
    entry = window.entry
    what = "request weight" if entry["rateLimitType"] == "REQUEST_WEIGHT" else "requests"
    msg = f"Too much request weight used; current limit is {entry['limit']} {what} per {entry['intervalNum']} "
    advice = " Please use WebSocket Streams for live updates to avoid polling the API."
    return TooMany(-1003, f"{msg}{entry['interval']}.{advice}", window.wait(now), window.end(now))


def _seconds(milliseconds: int) -> int:
    return -(-milliseconds // SECOND)
