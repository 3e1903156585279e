"""
Histories that are longer than one answer, page by page, at a price per minute that leaves room for trading.

Candles and public trades are asked by time and id, the account's own by id once the first of them is found, because
Binance tells no more than a day of those by time (rest-api.md, All orders and Account trade list).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from attrs import frozen

from exec_plugin.binance.errors import BinanceRequestError
from exec_plugin.binance.rows import Rows
from exec_plugin.core.clock import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from exec_plugin.binance.session import Session

T = TypeVar("T")

#: The most rows of one answer.
PAGE = 1000


@frozen
class Progress:
    """
    How far an iteration has come, told after each page.

    Args:
        rows: how many were given so far.
        pages: in how many answers.
        weight: what these cost of the request weight.
        moment: time of the last row in ms; None before the first.
        next_id: id to go on from (``from_id``), where the rows have ids.
        share: how much of the asked time is done, 0 to 1; None without an end.
    """

    rows: int
    pages: int
    weight: int
    moment: int | None
    next_id: int | None
    share: float | None


class Span(NamedTuple):
    """
    What is asked for, and how.

    ``start`` and ``end`` are in ms, both inclusive.
    """

    start: int | None = None
    end: int | None = None
    weight_per_minute: int = 1200
    progress: Callable[[Progress], None] | None = None


class Source(NamedTuple):
    """
    One kind of history.

    ``page`` asks for rows, ``weight`` is what that costs, ``moment`` a row's time in ms.
    """

    page: Callable[..., Awaitable[list[Any]]]
    weight: int
    moment: Callable[[Any], int]
    has_ids: bool = True


class Pages:
    """An iteration: what it has given and spent."""

    def __init__(self, client: Session, source: Source, span: Span) -> None:
        if span.start is not None and span.end is not None and span.end < span.start:
            msg = f"end={span.end} is before start={span.start}"
            raise BinanceRequestError(msg)
        if span.weight_per_minute < source.weight:
            msg = f"weight_per_minute={span.weight_per_minute} is less than one page costs, {source.weight}"
            raise BinanceRequestError(msg)
        self.client, self.source, self.span = client, source, span
        self.rows = self.pages = 0
        self._due = client.clock()
        self._first: int | None = span.start

    async def ask(self, **which: Any) -> list[Any]:
        """One page, when its turn has come."""
        wait = self._due - self.client.clock()
        if wait > 0:
            await self.client.sleep(wait)
        # a page that came late has not saved anything up
        pace = self.source.weight / self.span.weight_per_minute * (MINUTE / 1000)
        self._due = max(self._due, self.client.clock()) + pace
        self.pages += 1
        return await self.source.page(**which)

    def wanted(self, rows: list[Any]) -> list[Any]:
        """Those rows of a page that lie in the span."""
        start, end = self.span.start or 0, self.span.end
        moment = self.source.moment
        return [row for row in rows if moment(row) >= start and (end is None or moment(row) <= end)]

    def tell(self, rows: list[Any]) -> None:
        """Account for rows that were given."""
        self.rows += len(rows)
        if self.span.progress is None:
            return
        source, end = self.source, self.span.end
        last = source.moment(rows[-1]) if rows else None
        if self._first is None and rows:
            self._first = source.moment(rows[0])
        share = None
        if end is not None and last is not None and self._first is not None:
            share = min(max((last - self._first) / max(end - self._first, 1), 0.0), 1.0)
        next_id = int(rows[-1].id) + 1 if rows and source.has_ids else None
        weight = self.pages * source.weight
        self.span.progress(Progress(self.rows, self.pages, weight, last, next_id, share))


class History(Generic[T]):
    """
    Rows of a history, oldest first, asked for as they are iterated over: ``async for``, once.

    ``rows()`` awaits all that are left, as a list that becomes a table.
    """

    def __init__(self, rows: AsyncGenerator[T, None]) -> None:
        self._rows = rows

    def __aiter__(self) -> AsyncIterator[T]:
        return self._rows

    async def rows(self) -> Rows[T]:
        """All rows that are left."""
        return Rows([row async for row in self._rows])


async def by_time(client: Session, source: Source, span: Span) -> AsyncGenerator[Any, None]:
    """Rows that are asked by their time, each with a time of its own: candles."""
    pages, start = Pages(client, source, span), span.start or 0
    while True:
        rows = await pages.ask(start_time=start, end_time=span.end, limit=PAGE)
        wanted = pages.wanted(rows)
        for row in wanted:
            yield row
        pages.tell(wanted)
        if len(rows) < PAGE:
            return
        start = source.moment(rows[-1]) + 1


async def by_id(client: Session, source: Source, span: Span, from_id: int | None) -> AsyncGenerator[Any, None]:
    """Rows that are asked by their id once the first is known, which is looked for day by day where a start is given."""
    pages = Pages(client, source, span)
    if from_id is None and span.start is not None:
        from_id = await _first_since(pages, span.start)
        if from_id is None:
            return
    from_id = from_id or 0
    while True:
        rows = await pages.ask(from_id=from_id, limit=PAGE)
        wanted = pages.wanted(rows)
        for row in wanted:
            yield row
        pages.tell(wanted)
        is_over = rows and span.end is not None and source.moment(rows[-1]) > span.end
        if len(rows) < PAGE or is_over:
            return
        from_id = int(rows[-1].id) + 1


async def _first_since(pages: Pages, start: int) -> int | None:
    """The id of the first row at or after a moment."""
    end = pages.span.end if pages.span.end is not None else pages.client._get_timestamp()
    while start <= end:
        last = min(start + DAY - 1, end)
        rows = await pages.ask(start_time=start, end_time=last, limit=PAGE)
        # a full answer may be the last part of its day
        while len(rows) == PAGE and pages.source.moment(rows[0]) > start:
            earlier = await pages.ask(start_time=start, end_time=pages.source.moment(rows[0]) - 1, limit=PAGE)
            if not earlier:
                break
            rows = earlier
        if rows:
            return min(int(row.id) for row in rows)
        start = last + 1
    return None
