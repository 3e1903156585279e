"""Who spends a budget, and what each has in flight: the rest is there when one of them is killed."""

from __future__ import annotations

from random import getrandbits
from typing import TYPE_CHECKING
from zlib import crc32

from exec_plugin.rate_limit.cells import (
    ACCOUNT_ROWS,
    ACCOUNT_SIZE,
    ACCOUNTS,
    ACTIVE,
    CLEARED,
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
)

if TYPE_CHECKING:
    from exec_plugin.limit_store import Cells
    from exec_plugin.rate_limit.queue import Reservation

_ROWS = range(MEMBERS, MEMBERS + MEMBER_ROWS * MEMBER_SIZE, MEMBER_SIZE)


class Member:
    """One limiter among those that share a budget; ``account`` names whose orders it places."""

    def __init__(self, account: str) -> None:
        self.who = float(getrandbits(48) + 1)
        self.row = 0
        self._key = float(crc32(account.encode()) + 1)
        self._account = 0

    def join(self, cells: Cells, now: float) -> int:
        """Take a row of our own: a free one, or that of who was silent longest."""
        row = next((row for row in _ROWS if not cells[row]), 0) or min(_ROWS, key=lambda row: cells[row + ACTIVE])
        self._clear(cells, row)
        cells[row], cells[row + ACTIVE], cells[row + OWN_ACCOUNT] = self.who, now, 0.0
        self.row = row
        return row

    def take_off(self, cells: Cells, request: Reservation, now: float) -> None:
        """A request is in flight from now on."""
        me = self.row
        request.cleared = cells[me + CLEARED]
        cells[FLIGHT] += request.weight
        cells[REQUESTS] += 1
        cells[me + OWN_FLIGHT] += request.weight
        cells[me + OWN_REQUESTS] += 1
        cells[me + SENT] = cells[me + ACTIVE] = now
        if request.orders:
            cells[self.account_row(cells) + ORDERS] += request.orders
            cells[me + OWN_ORDERS] += request.orders

    def land(self, cells: Cells, request: Reservation) -> None:
        """A request is no longer in flight; if its member was cleared meanwhile, it already was not."""
        me = self.row
        if cells[me] != self.who or cells[me + CLEARED] != request.cleared:
            return
        cells[FLIGHT] -= request.weight
        cells[REQUESTS] -= 1
        cells[me + OWN_FLIGHT] -= request.weight
        cells[me + OWN_REQUESTS] -= 1
        if request.orders:
            cells[self.account_row(cells) + ORDERS] -= request.orders
            cells[me + OWN_ORDERS] -= request.orders

    def sweep(self, cells: Cells, before: float) -> None:
        """Clear members who sent nothing for so long that nothing of theirs can be on its way: they were killed."""
        for row in _ROWS:
            if row != self.row and cells[row + OWN_REQUESTS] and cells[row + SENT] < before:
                self._clear(cells, row)

    def _clear(self, cells: Cells, row: int) -> None:
        cells[FLIGHT] -= cells[row + OWN_FLIGHT]
        cells[REQUESTS] -= cells[row + OWN_REQUESTS]
        account = int(cells[row + OWN_ACCOUNT])
        if account:
            cells[account + ORDERS] -= cells[row + OWN_ORDERS]
        cells[row + OWN_FLIGHT] = cells[row + OWN_REQUESTS] = cells[row + OWN_ORDERS] = 0.0
        cells[row + CLEARED] += 1

    def account_row(self, cells: Cells) -> int:
        """The row of our account, taken if need be."""
        row = self._account
        if row and cells[row + KEY] == self._key:
            return row
        rows = range(ACCOUNTS, ACCOUNTS + ACCOUNT_ROWS * ACCOUNT_SIZE, ACCOUNT_SIZE)
        row = next((row for row in rows if cells[row + KEY] in {self._key, 0.0}), 0)
        if not row:
            # More accounts than rows: the one that has been idle longest is forgotten.
            row = min(rows, key=lambda row: cells[row + ORDER_WINDOWS])
            for cell in range(row, row + ACCOUNT_SIZE):
                cells[cell] = 0.0
        cells[row + KEY] = self._key
        self._account = row
        cells[self.row + OWN_ACCOUNT] = row
        return row
