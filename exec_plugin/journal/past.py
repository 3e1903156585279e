"""What of an account is only in the tables: read back when somebody asks."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import JournalError, failed
from exec_plugin.core.events import PreventedMatch
from exec_plugin.core.venue.state import LIST_ID, LIST_LEGS, LIST_SYMBOL, ORDER_ID, revive_list, revive_order
from exec_plugin.journal.entries import unseal
from exec_plugin.journal.store import LARGEST, PAGE, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.orders import LiveOrder, OrderList
    from exec_plugin.core.venue import Venue
    from exec_plugin.journal.store import Store

_log = logging.getLogger(__name__)


class TablePast:
    """
    A `core.history.Past` over the tables.

    What cannot be read is told as Binance's -1001, to be asked again.

    Args:
        store: where they are.
        row_id: the account's.
        venue: whose markets its orders belong to.
        on_failure: told why the database cannot be read; a damaged record concerns only who asks for it.
    """

    def __init__(self, store: Store, row_id: int, venue: Venue, on_failure: Callable[[str], None]) -> None:
        self._store = store
        self._row_id = row_id
        self._venue = venue
        self._on_failure = on_failure
        self._process = os.getpid()

    # ------------------------------------------------------------------ by their places

    def orders(self, desk: Desk, start: int, stop: int) -> list[LiveOrder]:
        """A desk's orders from one place to before another; those that are in memory as they are there."""
        rows = self._places("orders", "id, state", desk, start, stop)
        made = self._made(desk, [row for row in rows if row[0] not in desk.held])
        return [desk.held.get(row[0]) or made[row[0]] for row in rows]

    def fills(self, desk: Desk, start: int, stop: int) -> list[tuple[Any, ...]]:
        """A desk's executions, likewise."""
        rows = self._places("fills", "state", desk, start, stop)
        with self._whole():
            return [tuple(unseal(text)) for (text,) in rows]

    def prevented(self, desk: Desk, start: int, stop: int) -> list[PreventedMatch]:
        """A desk's prevented matches, likewise."""
        rows = self._places("prevented", "state", desk, start, stop)
        with self._whole():
            return [PreventedMatch(*unseal(text)) for (text,) in rows]

    def _places(self, table: str, columns: str, desk: Desk, start: int, stop: int) -> list[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM {table} WHERE account = ? AND symbol = ? AND n >= ? AND n < ? ORDER BY n"  # noqa: S608
        rows = self._run(sql, (self._row_id, desk.symbol.name, start, stop))
        with self._whole():
            if len(rows) != stop - start:
                msg = f"{table} of {desk.symbol.name} from {start} to {stop} are not all there"
                raise LookupError(msg)
        return rows

    # ------------------------------------------------------------------ by their ids

    def find(self, desk: Desk, order_ids: Iterable[int]) -> list[LiveOrder]:
        """Those of a desk's orders that have one of these ids and are not in memory."""
        rows = self._by_id("orders", order_ids, desk.symbol.name)
        return list(self._made(desk, rows).values())

    def named(self, desk: Desk, client_id: str) -> LiveOrder | None:
        """The order that was given a client id last, of those that are not in memory."""
        if not _can_be_kept(client_id):
            return None
        sql = (
            "SELECT id, state FROM orders WHERE account = ? AND symbol = ? AND client_id = ? AND client_id <> '' "
            "AND n < ? ORDER BY named DESC LIMIT ?"
        )
        most = len(desk.held) + 1
        rows = self._run(sql, (self._row_id, desk.symbol.name, client_id, desk.orders.gone, most))
        latest = [row for row in rows if row[0] not in desk.held][:1]
        return next(iter(self._made(desk, latest).values()), None)

    def _by_id(self, table: str, ids: Iterable[int], symbol: str = "") -> list[tuple[int, str]]:
        with self._reading():
            return self._store.lines_of(table, self._row_id, ids, symbol)

    def _made(self, desk: Desk, rows: Sequence[tuple[int, str]]) -> dict[int, LiveOrder]:
        """The orders of rows by their ids, with their lists."""
        with self._whole():
            states = [unseal(row[1]) for row in rows]
            made = {state[ORDER_ID]: revive_order(state, desk) for state in states}
            wanted = {state[LIST_ID] for state in states} - {None}
            if wanted:
                kept = [unseal(text) for _, text in self._by_id("lists", wanted)]
                if len(kept) != len(wanted):
                    msg = f"of the order lists {sorted(wanted)} some are missing"
                    raise LookupError(msg)
                self._grouped(desk, kept, dict(made))
        return made

    def _grouped(self, desk: Desk, kept: Sequence[Sequence[Any]], legs: dict[int, LiveOrder]) -> list[OrderList]:
        """Order lists by their states; ``legs`` are orders of them that are made already."""
        missing = {leg for state in kept for leg in state[LIST_LEGS]}.difference(legs)
        states = [unseal(text) for _, text in self._by_id("orders", missing)]
        legs.update((state[ORDER_ID], revive_order(state, desk)) for state in states)
        return [revive_list(state, [legs[leg] for leg in state[LIST_LEGS]]) for state in kept]

    # ------------------------------------------------------------------ order lists

    def find_list(self, account: Account, list_id: int) -> OrderList | None:
        """The order list of an id that is not in memory."""
        return next(self._lists(account, "id = ?", (list_id,)), None) if list_id <= LARGEST else None

    def named_list(self, account: Account, client_id: str) -> OrderList | None:
        """The latest order list of a client id, of those that are not in memory."""
        if not _can_be_kept(client_id):
            return None
        where = "client_id = ? AND client_id <> ''"
        return next(self._lists(account, where, (client_id,), newest_first=True), None)

    def lists(
        self, account: Account, first: int, window: tuple[int, int], *, newest_first: bool
    ) -> Iterator[OrderList]:
        """Order lists from an id on that changed last in a window of time and are not in memory."""
        where = "id >= ? AND time >= ? AND time <= ?"
        return self._lists(account, where, (first, *window), newest_first=newest_first)

    def _lists(
        self, account: Account, where: str, params: Sequence[Any], *, newest_first: bool = False
    ) -> Iterator[OrderList]:
        """Page by page; what is on a symbol that is not traded today is there again when it is."""
        here = {group.id for group in account.lists}
        past, way = ("id < ?", "DESC") if newest_first else ("id > ?", "ASC")
        sql = f"SELECT id, state FROM lists WHERE account = ? AND {where} AND {past} ORDER BY id {way} LIMIT {PAGE}"  # noqa: S608
        last = LARGEST if newest_first else -1
        while rows := self._run(sql, (self._row_id, *params, last)):
            last = rows[-1][0]
            with self._whole():
                kept = [unseal(text) for number, text in rows if number not in here]
                yield from self._of_many(account, kept)
            if len(rows) < PAGE:
                return

    def _of_many(self, account: Account, kept: Sequence[Sequence[Any]]) -> list[OrderList]:
        """Order lists on several symbols, in their order."""
        markets = self._venue.markets
        found: dict[int, OrderList] = {}
        for symbol in {state[LIST_SYMBOL] for state in kept if state[LIST_SYMBOL] in markets}:
            mine = [state for state in kept if state[LIST_SYMBOL] == symbol]
            groups = self._grouped(account.desk(markets[symbol].symbol), mine, {})
            found.update((group.id, group) for group in groups)
        return [found[state[0]] for state in kept if state[0] in found]

    # ------------------------------------------------------------------ failing

    def _run(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._store.backend.run(sql, params)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if os.getpid() != self._process:
            # a connection to a database does not survive a fork
            raise failed("accounts belong to another process: open the paper exchange after the fork")
        try:
            yield
        except JournalError as error:
            self._on_failure(str(error))
            raise failed(str(error)) from error

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is not what was written is told to who asks, and logged with what to do."""
        try:
            with readable(self._store.where):
                yield
        except JournalError as error:
            _log.error("%s", error)
            raise failed(str(error)) from error


def _can_be_kept(text: str) -> bool:
    """Whether a text can stand in a table: half a character cannot, nor can a zero on a server."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
