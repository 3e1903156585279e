"""A disk that commits wait for until a test lets them go on."""

import asyncio
import threading


class StuckDisk:
    """Stands where a database commits."""

    def __init__(self, backend):
        self._backend = backend
        self._commit = backend.commit
        self._reached, self._free = threading.Semaphore(0), threading.Semaphore(0)
        self._why = None

    def __call__(self):
        self._reached.release()
        assert self._free.acquire(timeout=10)
        if self._why is not None:
            self._backend.roll_back()
            raise self._why
        self._commit()

    async def is_reached(self):
        """A commit has come as far as the disk."""
        assert await asyncio.to_thread(self._reached.acquire, timeout=5)

    def goes_on(self, why=None, times=1):
        """So many commits are done, or fail."""
        self._why = why
        self._free.release(times)
