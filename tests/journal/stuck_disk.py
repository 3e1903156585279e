"""A disk that commits wait for until a test lets them go on."""

import asyncio
import threading


class StuckDisk:
    """Stands where a database commits."""

    def __init__(self, backend):
        self._backend = backend
        self._commit = backend.commit
        self._reached, self._free = threading.Semaphore(0), threading.Semaphore(0)
        self._why, self._late = None, False

    def __call__(self):
        self._reached.release()
        assert self._free.acquire(timeout=10)
        if self._why is None or self._late:
            self._commit()
        else:
            self._backend.roll_back()
        if self._why is not None:
            raise self._why

    async def is_reached(self):
        """A commit has come as far as the disk."""
        assert await asyncio.to_thread(self._reached.acquire, timeout=5)

    def goes_on(self, why=None, times=1, *, late=False):
        """So many commits are done, or fail; or both, where whoever waits is interrupted late."""
        self._why, self._late = why, late
        self._free.release(times)
