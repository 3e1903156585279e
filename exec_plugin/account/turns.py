"""Has what an exchange's accounts did written down on behalf of threads that wait for it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exec_plugin.account.house import PaperExchange


class Turns:
    """
    Threads that have asked something write down together what they did.

    Who comes first does it for all who have asked by then; who asks while it waits for the disk shares the next commit. One
    that is alone has nobody to do it for, and keeps the exchange to itself until it is done: that takes fewer statements.
    """

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange
        self._turn = threading.Lock()
        #: the threads that ask something just now
        self._asking: set[int] = set()

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """A thread asks something within; answers whether others do."""
        me = threading.get_ident()
        # each of these is done in one piece, whatever thread comes next
        self._asking.add(me)
        try:
            yield len(self._asking) > 1
        finally:
            self._asking.discard(me)

    @property
    def is_within(self) -> bool:
        """Whether this thread has the exchange's lock, as a plugin that is told something has: nobody can wait for it."""
        # the standard library asks a lock the same way, in threading.Condition
        is_owned: bool = self._exchange.lock._is_owned()  # type: ignore[attr-defined]
        return is_owned

    def settle_until(self, told: Sequence[object]) -> None:
        """Write down what has changed, or wait for who does, until one has been told what became of it; without the lock."""
        exchange = self._exchange
        try:
            with self._turn:
                # somebody may have had its answer leave while it waited for its turn
                if told:
                    return
                with exchange.lock:
                    commit = exchange.start_settling()
                if commit is not None:
                    commit()
                    with exchange.lock:
                        exchange.finish_settling()
        except BaseException as error:
            with exchange.lock:
                if not told:
                    exchange.take_back(error)
            raise
