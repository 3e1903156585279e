"""Who spends a budget, and what each has in flight: the rest is there when one of them is killed."""

from __future__ import annotations

from random import getrandbits
from typing import TYPE_CHECKING
from zlib import crc32

from exec_plugin.rate_limit.cells import (
    ACCOUNT_ROWS,
    ACCOUNT_SIZE,
    ACCOUNTS,
    FLIGHT,
    KEY,
    MEMBER_ROWS,
    MEMBER_SIZE,
    MEMBERS,
    ORDER_WINDOWS,
    ORDERS,
    OWN_ACCOUNT,
    OWN_FLIGHT,
    OWN_ORDERS,
    OWN_REQUESTS,
    REQUESTS,
    SENT,
    SLOT,
)

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells
    from exec_plugin.rate_limit.queue import Reservation

_ROWS = range(MEMBERS, MEMBERS + MEMBER_ROWS * MEMBER_SIZE, MEMBER_SIZE)
_ACCOUNTS = range(ACCOUNTS, ACCOUNTS + ACCOUNT_ROWS * ACCOUNT_SIZE, ACCOUNT_SIZE)

#: The name that no member has.
NOBODY = -1.0


class Member:
    """One limiter among those that share a budget; ``account`` names whose orders it places."""

    def __init__(self, account: str) -> None:
        self.who = _name()
        self.row = 0
        self._key = float(crc32(account.encode()) + 1)
        self._account = 0

    def join(self, cells: Cells) -> None:
        """Take a row under a new name: a free one, or that of who was silent longest."""
        row = next((row for row in _ROWS if not cells[row]), 0) or min(_ROWS, key=lambda row: cells[row + SENT])
        self._clear(cells, row)
        # what was in flight before is not in flight under this name
        self.who, self.row = _name(), row
        cells[row] = self.who

    def take_off(self, cells: Cells, request: Reservation, now: float) -> None:
        """A request is in flight from now on."""
        me, weight = self.row, request.weight
        request.member = self.who
        cells[FLIGHT] += weight
        cells[REQUESTS] += 1
        cells[me + OWN_FLIGHT] += weight
        cells[me + OWN_REQUESTS] += 1
        cells[me + SENT] = now
        if request.orders:
            cells[self.account_row(cells) + ORDERS] += request.orders
            cells[me + OWN_ORDERS] += request.orders

    def land(self, cells: Cells, request: Reservation) -> None:
        """A request is no longer in flight; if its member was cleared meanwhile, it already was not."""
        me = self.row
        if cells[me] != self.who or request.member != self.who:
            return
        weight = request.weight
        cells[FLIGHT] -= weight
        cells[REQUESTS] -= 1
        cells[me + OWN_FLIGHT] -= weight
        cells[me + OWN_REQUESTS] -= 1
        if request.orders:
            # none of them is, if the account was forgotten meanwhile
            orders = min(request.orders, cells[me + OWN_ORDERS])
            cells[self.account_row(cells) + ORDERS] -= orders
            cells[me + OWN_ORDERS] -= orders

    def sweep(self, cells: Cells, before: float) -> None:
        """Clear members who sent nothing for so long that nothing of theirs can be on its way: they were killed."""
        for row in _ROWS:
            if row != self.row and cells[row + OWN_REQUESTS] and cells[row + SENT] < before:
                self._clear(cells, row)

    def _clear(self, cells: Cells, row: int) -> None:
        cells[FLIGHT] -= cells[row + OWN_FLIGHT]
        cells[REQUESTS] -= cells[row + OWN_REQUESTS]
        account = cells[row + OWN_ACCOUNT]
        # a damaged file may say anything
        if account in _ACCOUNTS:
            cells[int(account) + ORDERS] -= cells[row + OWN_ORDERS]
        for cell in range(row, row + MEMBER_SIZE):
            cells[cell] = 0.0

    def find_account(self, cells: Cells) -> int:
        """The row of our account; 0 if it has none."""
        row = self._account
        if not row or cells[row + KEY] != self._key:
            row = self._account = next((row for row in _ACCOUNTS if cells[row + KEY] == self._key), 0)
        return row

    def account_row(self, cells: Cells) -> int:
        """The row of our account, taken if need be."""
        row = self._account
        if row and cells[row + KEY] == self._key and cells[self.row + OWN_ACCOUNT] == row:
            return row
        row = self.find_account(cells)
        if not row:
            row = next((row for row in _ACCOUNTS if not cells[row + KEY]), 0) or self._forget_account(cells)
            cells[row + KEY] = self._key
            self._account = row
        cells[self.row + OWN_ACCOUNT] = row
        return row

    @staticmethod
    def _forget_account(cells: Cells) -> int:
        """More accounts than rows: empty the row of the one that has been idle longest."""
        account = min(_ACCOUNTS, key=lambda row: max(cells[row + ORDER_WINDOWS], cells[row + ORDER_WINDOWS + SLOT]))
        for cell in range(account, account + ACCOUNT_SIZE):
            cells[cell] = 0.0
        for row in _ROWS:
            if cells[row + OWN_ACCOUNT] == account:
                cells[row + OWN_ACCOUNT] = cells[row + OWN_ORDERS] = 0.0
        return account


def _name() -> float:
    return float(getrandbits(48) + 1)
