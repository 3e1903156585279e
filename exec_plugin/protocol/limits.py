"""What clients may ask for: request weight, raw requests and unfilled orders in fixed windows of the venue's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND
from exec_plugin.core.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.ledger import Account

_LENGTHS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}


#: By how much the first fill of an order lowers the count (faqs/order_count_decrement.md, the examples).
TAKER_CREDIT, MAKER_CREDIT = 1, 5


class TooMany(VenueError):
    """A limit is used up; ``retry_after`` is in whole seconds."""

    status = 429

    def __init__(self, code: int, msg: str, retry_after: int) -> None:
        super().__init__(code, msg, f"wait {retry_after} s")
        self.retry_after = retry_after


class Window:
    """One limit: counts per owner that start over with every window."""

    __slots__ = ("_counts", "_index", "entry", "length", "limit", "suffix")

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = dict(entry)
        self.length = _LENGTHS[entry["interval"]] * int(entry["intervalNum"])
        self.limit = int(entry["limit"])
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

    def wait(self, now: int) -> int:
        """Whole seconds until the next window."""
        return -(-(self.length - now % self.length) // SECOND)


class Limits:
    """The limits of ``exchangeInfo.rateLimits``: weight and requests per caller, orders per account."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        windows = [Window(entry) for entry in entries]
        self.entries = [window.entry for window in windows]
        self.weights = [window for window in windows if window.entry["rateLimitType"] == "REQUEST_WEIGHT"]
        self.requests = [window for window in windows if window.entry["rateLimitType"] == "RAW_REQUESTS"]
        self.orders = [window for window in windows if window.entry["rateLimitType"] == "ORDERS"]
        self._seen: dict[str, tuple[int, int]] = {}

    def spend(self, caller: str, weight: int, now: int) -> None:
        """
        Count a request; a refused one counts as well.

        Raises:
            TooMany: -1003 when a limit is exceeded.
        """
        for windows, amount in ((self.weights, weight), (self.requests, 1)):
            for window in windows:
                if window.add(caller, amount, now) > window.limit:
                    raise _too_much(window, now)

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
                raise TooMany(-1015, f"{msg}{entry['interval']}.", window.wait(now))

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

    def order_counts(self, account: str, now: int) -> list[dict[str, Any]]:
        """The order limits with their counts."""
        return [{**window.entry, "count": window.used(account, now)} for window in self.orders]

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
    return TooMany(-1003, f"{msg}{entry['interval']}.{advice}", window.wait(now))
