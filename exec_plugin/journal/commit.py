"""A commit under way: its statements are done, and whoever comes first waits for the disk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor, Future


class Commit:
    """
    What is still to be done of a commit; called by any thread, it is done once and for all who call.

    Args:
        commit: waits for the disk.
        told: by account, up to which number its events may be told once it is done.
        begins: whether the events of one of them are noted from now on.
    """

    def __init__(self, commit: Callable[[], None], told: Mapping[str, int], *, begins: bool) -> None:
        self._commit = commit
        self.told = told
        self.begins = begins
        self._lock = threading.Lock()
        self._is_done = False
        #: why it failed
        self.error: BaseException | None = None

    def __call__(self) -> None:
        """Do it, or wait for who does; what goes wrong is left in ``error``, also an interruption, which is raised."""
        with self._lock:
            if self._is_done:
                return
            try:
                self._commit()
            except BaseException as error:
                # whatever it is: nobody may be told that it is written down
                self.error = error
                if not isinstance(error, Exception):
                    raise
            finally:
                self._is_done = True


def hand_over(commit: Commit, writer: Executor) -> Future[None]:
    """
    Have another thread wait for the disk; returns as soon as it does.

    A thread that was only told to would get its turn when this one has worked on for 5 ms (Python's switch interval): the
    disk would begin after what it is to be hidden behind.
    """
    has_begun = threading.Lock()
    has_begun.acquire()

    def wait() -> None:
        has_begun.release()
        commit()

    future = writer.submit(wait)
    has_begun.acquire()
    return future
