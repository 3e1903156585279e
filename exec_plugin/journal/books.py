"""The accounts of one exchange that are written down: opened, kept, given up while the disk fails, and taken up again."""

from __future__ import annotations

import logging
import math
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.venue.chronicle import Chronicle, packed
from exec_plugin.core.venue.state import STATE_VERSION, clear, look_again, meet_missed, place, resume
from exec_plugin.journal.book import Book
from exec_plugin.journal.commit import Commit
from exec_plugin.journal.doors import this_machine
from exec_plugin.journal.entries import Fold, Step, dump, merge, read_step, unseal
from exec_plugin.journal.past import TablePast
from exec_plugin.journal.recorder import Changes, Recorder
from exec_plugin.journal.revival import Revival
from exec_plugin.journal.store import readable
from exec_plugin.journal.telling import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from exec_plugin.core.ledger import Account
    from exec_plugin.core.venue import Venue
    from exec_plugin.journal.doors import Door
    from exec_plugin.journal.entries import Entry
    from exec_plugin.journal.revival import Standing
    from exec_plugin.journal.store import Row, Store

_log = logging.getLogger(__name__)

#: Seconds between two looks at what moves without an event, and between two notes of where the market is.
SWEEP_EVERY, NOTE_EVERY = 1.0, 5.0
#: Seconds before a place that failed is tried again.
RETRY_AFTER = 1.0
#: The longest name of an account.
_LONGEST_NAME = 200


class Numbering(Protocol):
    """Who else numbers something that must not repeat, and counts the orders of accounts."""

    client_ids: int

    def order_use(self, account: str) -> dict[str, list[int]]:
        """What has to be remembered of an account's order counts."""

    def resume_order_use(self, account: str, told: Mapping[str, Sequence[int]]) -> None:
        """Let an account's order counts go on."""


class Journal:
    """
    Writes down what a venue's accounts do.

    Args:
        store: where.
        venue_name: tells one market from another: an account's orders make sense on its own one only.
        venue: whose accounts.
        numbering: whose numbers go on as well.
        advance: brings the market to the moment at which an account was written down last, where that makes sense.
        chronicle: what the accounts are told; nobody is without one.
        catches_up: whether the market's trades tell what happened while the accounts were closed, by the same ids.
        clock: seconds that go on steadily.
    """

    def __init__(
        self,
        store: Store,
        venue_name: str,
        venue: Venue,
        numbering: Numbering,
        *,
        chronicle: Chronicle | None = None,
        advance: Callable[[int], None] | None = None,
        catches_up: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._venue_name = venue_name
        self._venue = venue
        self._numbering = numbering
        self._chronicle = chronicle or Chronicle()
        self._advance = advance
        self._catches_up = catches_up
        self._clock = clock
        self._recorder = Recorder(venue)
        self._books: dict[str, Book] = {}
        self._swept = self._noted = clock()
        self._noted_at = venue.now
        self._failed_at = 0.0
        #: why the past could not be read just now
        self._unread = ""
        self._process = os.getpid()
        self._holder = ""
        self._served: list[str] = []
        self._commit: Commit | None = None
        #: why the accounts cannot be used at the moment; empty while they can
        self.failure = ""

    @property
    def is_dirty(self) -> bool:
        """Whether something has changed that nobody has begun to write down."""
        return self._recorder.is_dirty or self._chronicle.has_begun

    @property
    def is_behind(self) -> bool:
        """Whether something has changed that is not written down."""
        return self._commit is not None or self.is_dirty

    @property
    def waits(self) -> bool:
        """Whether a commit waits for a disk, or for a server."""
        return self.store.backend.waits

    def __contains__(self, name: object) -> bool:
        return name in self._books

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts that are open."""
        return tuple(self._books)

    # ------------------------------------------------------------------ opening

    def open(self, accounts: Mapping[str, Mapping[str, int]]) -> None:
        """
        Open accounts by their names; a new one starts with the balances given, in units.

        Raises:
            JournalError: when one of them is in use by another process, or cannot be read.
            ConfigError: when one has open orders on a symbol that is not traded here, or a name that is none.
        """
        self._await()
        standing: list[Standing] = []
        opened: list[Row] = []
        try:
            for name, balances in accounts.items():
                row = self._claim(name, opened)
                with readable(self.store.where):
                    row.check()
                    standing += self._load(row) if row.state else self._begin(row, balances)
            # the market as it was, before anybody's orders are in it again
            if self._advance is not None:
                self._advance(max((self._books[name].numbers["now"] for name in accounts), default=0))
            self._count_on(accounts)
            # those of an account that trades already have met what was printed
            others = [book.changes.account for name, book in self._books.items() if name not in accounts]
            is_first = not any(account.open_orders for account in others)
            self._resume(standing, self._met(accounts) if self._catches_up and is_first else {})
        except BaseException:
            # also Ctrl-C: they are not open then, and can be opened again
            for row in opened:
                self._drop(row)
            raise

    def _count_on(self, names: Iterable[str]) -> None:
        """Let order counts go on: an exchange does not forget them either."""
        for name in names:
            self._numbering.resume_order_use(name, self._books[name].numbers.get("counts", {}))

    def _met(self, names: Iterable[str]) -> dict[str, int]:
        """
        The last public trade by symbol that orders have met.

        One that an order met and that moved it is in an entry, so the latest entry of any account counts for all.
        """
        found: dict[str, int] = {}
        for name in names:
            for symbol, (trade_id, _) in self._books[name].numbers["trades"].items():
                if symbol in self._venue.markets:
                    found[symbol] = max(found.get(symbol, 0), trade_id)
        return found

    def _claim(self, name: str, opened: list[Row]) -> Row:
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            msg = f"account {name[:_LONGEST_NAME]!r} is no name: 1 to {_LONGEST_NAME} printable characters"
            raise ConfigError(msg)
        row = self.store.enrol(self._venue_name, name, self._venue.now)
        now = datetime.now(tz=UTC)
        self._holder = f"process {os.getpid()} on {this_machine()} since {now.isoformat(timespec='seconds')}"
        opened.append(row)
        self.store.claim(row, self._holder)
        # it may have gone on until just now
        return self.store.find(self._venue_name, name) or row

    def _drop(self, row: Row) -> None:
        self.store.backend.release(row.id)
        self._books.pop(row.name, None)
        self._recorder.watched.pop(row.name, None)

    def _begin(self, row: Row, balances: Mapping[str, int]) -> list[Standing]:
        account = self._venue.open_account(row.name, balances)
        account.past = self._past(row)
        held = {asset: [units, 0, 0] for asset, units in balances.items()}
        numbers = {"version": STATE_VERSION, "deposit": dict(balances), "balances": held, "desks": {}}
        book = self._watch(row, account, numbers)
        step = self._step(book)
        merge(book.numbers, step.numbers)
        self.store.fold(Fold(book.last, book.numbers, step))
        return []

    def _load(self, row: Row) -> list[Standing]:
        """Put an account into the venue as it was written down."""
        entries = self.store.entries(row)
        numbers = read_numbers(row, self.store.where)
        if entries:
            step = Step()
            for entry in entries:
                step.follow(read_step(entry.body))
            merge(numbers, step.numbers)
            self.store.fold(Fold(entries[-1], numbers, step))
            row = row._replace(folded=entries[-1].seq, crc=entries[-1].crc)
        account = self._venue.open_account(row.name)
        account.past = self._past(row)
        standing = Revival(account, self._venue, self.store, row.id).fill(numbers)
        self._numbering.client_ids = max(self._numbering.client_ids, numbers["clients"])
        self._watch(row, account, numbers)
        return standing

    def _past(self, row: Row) -> TablePast:
        def note(why: str) -> None:
            self._unread = why

        return TablePast(self.store, row.id, self._venue, note)

    def _watch(self, row: Row, account: Account, numbers: dict[str, Any]) -> Book:
        changes = Changes(account)
        book = self._books[row.name] = Book(row, changes, numbers)
        self._recorder.watched[row.name] = changes
        self._chronicle.keep(row.name, numbers.get("events"), self.store.told.past(row.id))
        return book

    def _resume(self, standing: Sequence[Standing], met: Mapping[str, int]) -> None:
        resume(self._venue, standing)
        for order, _ in standing:
            self._recorder.watched[order.desk.account.name].places[order.id] = place(order)
        meet_missed(self._venue, met)
        look_again(self._venue)

    def serve(self, doors: Mapping[str, Door]) -> None:
        """
        Leave beside accounts that are open here what lets other processes trade for them, until they are closed.

        Raises:
            JournalError: when that cannot be written down.
        """
        self._await()
        for name, door in doors.items():
            self.store.open_door(self._books[name].row.id, f"{self._holder}, served at {door.url}", door)
            self._served.append(name)

    # ------------------------------------------------------------------ writing

    def settle(self) -> bool:
        """
        Write down what has changed; False when that cannot be: the accounts are as they were written down last then.

        Where it failed before, it is tried again from time to time.
        """
        return self.finish() and self._is_ready() and self._succeeds(self._write)

    def start(self) -> Commit | None:
        """
        Begin to write down what has changed: as ``settle``, but what waits for the disk is left to do.

        Any thread may do that; then ``finish`` is called. None where nothing is left to do, or nothing can be written.
        """
        if self.finish() and self._is_ready():
            self._succeeds(self._begin_to_write)
        return self._commit

    def finish(self) -> bool:
        """Wait for what ``start`` began; False when it could not be written down, nor what has changed since."""
        commit = self._commit
        if commit is None or self._is_forked:
            # a child has nothing to wait for: the thread that waits is its parent's
            self._commit = None
            return True
        commit()
        self._commit = None
        if commit.error is not None:
            # it is to be said again that they are noted
            self._chronicle.has_begun = self._chronicle.has_begun or commit.begins
            why = str(commit.error) if isinstance(commit.error, JournalError) else repr(commit.error)
            self._give_up(why, None if isinstance(commit.error, Exception) else -math.inf)
            return False
        for name, last in commit.told.items():
            self._chronicle.written(name, last)
        return True

    def _await(self) -> None:
        """Have the database to oneself; what became of it is for ``finish`` to say."""
        if self._commit is not None and not self._is_forked:
            self._commit()

    @property
    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    def _is_ready(self) -> bool:
        if self.failure:
            self._try_again()
            if self.failure:
                return False
        if self._is_forked:
            # a connection to a database does not survive a fork
            self._give_up("they belong to another process: open the paper exchange after the fork")
            return False
        if self._unread:
            self._give_up(self._unread)
            return False
        return True

    def _succeeds(self, write: Callable[[], None]) -> bool:
        now = self._clock()
        if now - self._swept >= SWEEP_EVERY:
            self._swept = now
            self._recorder.sweep()
        try:
            if now - self._noted >= NOTE_EVERY:
                self._note(now)
            write()
        except JournalError as error:
            self._give_up(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - see below
            # whatever it is: what was to be written down may not be, and so nobody may be told of it
            _log.exception("paper accounts could not be put into words")
            self._give_up(repr(error))
            return False
        except BaseException as error:
            self.take_back(repr(error))
            raise
        return True

    def take_back(self, why: str) -> None:
        """Read the accounts as they were written down last: how far what was interrupted came, nobody knows."""
        try:
            self._await()
            if not (self.failure or self._is_forked):
                self._give_up(why, -math.inf)
            self._try_again()
        except BaseException:
            # once more: then it is for the next one who asks to begin anew
            self.failure = why
            raise

    def _write(self) -> None:
        for name, last in (self._put(self.store.append) or {}).items():
            self._chronicle.written(name, last)

    def _begin_to_write(self) -> None:
        begins = self._chronicle.has_begun
        told = self._put(self.store.begin)
        if told is not None:
            self._commit = Commit(self.store.backend.commit, told, begins=begins)

    def _put(self, write: Callable[[Sequence[Entry], Sequence[Told], Sequence[Fold]], None]) -> dict[str, int] | None:
        """Put into words what has changed and write it; None where nothing has, else whose events up to which may be told."""
        self._recorder.collect()
        steps = [(book, self._step(book)) for book in self._books.values() if book.changes.is_any or self._begins(book)]
        if not steps:
            # who is noted again after a restart is written down as such already
            self._chronicle.has_begun = False
            return None
        entries = [book.follow(step) for book, step in steps]
        due = [book for book, _ in steps if book.is_due]
        told = {book.row.name: each for book, _ in steps if (each := self._told(book)) is not None}
        write(entries, [*told.values()], [book.fold for book in due])
        self._chronicle.has_begun = False
        for book in due:
            book.folded()
        return {name: each.last for name, each in told.items()}

    def _begins(self, book: Book) -> bool:
        """Whether its events are noted from now on: who has begun to read them goes on after a restart."""
        return self._chronicle.has_begun and "events" not in book.numbers and self._chronicle.is_noted(book.row.name)

    def _step(self, book: Book) -> Step:
        step = book.changes.take(self._venue)
        step.numbers["clients"] = self._numbering.client_ids
        if counts := self._numbering.order_use(book.row.name):
            step.numbers["counts"] = counts
        name = book.row.name
        if self._chronicle.is_noted(name):
            step.numbers["events"] = self._chronicle.last(name) + len(self._chronicle.fresh(name))
        return step

    def _told(self, book: Book) -> Told | None:
        """What an account is told of a step, once that is written down."""
        last, fresh = self._chronicle.last(book.row.name), self._chronicle.fresh(book.row.name)
        return Told(book.row.id, last + 1, last + len(fresh), dump(packed(fresh))) if fresh else None

    def _note(self, now: float) -> None:
        self._noted = now
        if self._venue.now != self._noted_at:
            self._noted_at = self._venue.now
            prices = {name: market.last for name, market in self._venue.markets.items() if market.last}
            self.store.note_market(self._venue_name, {"now": self._venue.now, "prices": prices})

    # ------------------------------------------------------------------ listeners

    def heard(self, account: str) -> dict[str, int]:
        """The number of the last event that each listener of an account has acknowledged, by its name."""
        return self.store.told.heard(self._books[account].row.id)

    def acknowledge(self, account: str, listener: str, seq: int) -> None:
        """A listener has heard an account's events up to a number."""
        self._await()
        self.store.told.acknowledge(self._books[account].row.id, listener, seq)

    # ------------------------------------------------------------------ failing

    def _give_up(self, why: str, since: float | None = None) -> None:
        """Take the accounts out of the market, since when: nothing may happen to them that cannot be written down."""
        _log.error("paper accounts cannot be written down and are refused until they can: %s", why)
        self.failure, self._failed_at, self._unread = why, self._clock() if since is None else since, ""
        self._clear()

    def _clear(self) -> None:
        clear(self._venue)
        self._recorder.forget()
        self._chronicle.drop()

    def _try_again(self) -> None:
        if self._clock() - self._failed_at < RETRY_AFTER or self._is_forked:
            return
        self._failed_at = self._clock()
        standing: list[Standing] = []
        self._clear()
        try:
            # what was interrupted may have left it open
            self.store.backend.roll_back()
            self.store.backend.renew()
            self.store.note_market(self._venue_name, {**self.store.market(self._venue_name), "now": self._venue.now})
            for name in tuple(self._books):
                row = self.store.find(self._venue_name, name)
                if row is not None:
                    standing += self._load(row)
        except JournalError as error:
            self.failure = str(error)
            return
        self.failure = ""
        self._count_on(self._books)
        # the market has gone on meanwhile, and nobody was in it
        self._resume(standing, {})
        _log.warning("paper accounts can be written down again")

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Write down where everything stands, and let others have the accounts."""
        if self._is_forked:
            self._recorder.close()
            return
        if self.finish() and not self.failure:
            try:
                self._recorder.sweep()
                self._write()
                self._note(self._clock())
                for name in self._served:
                    self.store.close_door(self._books[name].row.id)
            except JournalError as error:
                _log.error("what moved last could not be written down: %s", error)
            except BaseException as error:
                # who closes it again must not write on
                self.failure = repr(error)
                raise
        self._recorder.close()
        self._chronicle.release()
        self.store.close()


def read_numbers(row: Row, where: str) -> dict[str, Any]:
    """
    An account's numbers.

    Raises:
        JournalError: when they cannot be read, or a newer version wrote them.
    """
    try:
        numbers: dict[str, Any] = unseal(row.state)
        version = numbers["version"]
    except (JournalError, ValueError, KeyError, TypeError) as error:
        raise JournalError(
            f"account {row.name!r} in {where} is damaged and left as it is; see exec-plugin account verify"
        ) from error
    if version > STATE_VERSION:
        raise JournalError(
            f"account {row.name!r} in {where} was written by a newer exec_plugin; it is left as it is. "
            "Upgrade exec_plugin, or name another account or db_url"
        )
    return numbers
