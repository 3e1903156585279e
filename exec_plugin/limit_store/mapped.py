"""
A budget in a file that all processes of a machine share, mapped into their memory.

The file is a header and the cells: fixed layout, one file for each host. A change is made under a lock of the file;
a counter in the header is odd while one is made, so that one that a killed process left half-made is recognised. A
file that is torn, foreign, damaged, of another layout or of another boot of the machine begins anew.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
import warnings
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING
from zlib import crc32

from exec_plugin.limit_store.base import CELLS, LAYOUT

try:
    import fcntl
except ImportError:  # no such locks here: open_store keeps to memory then
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.limit_store.base import Cells, T, Ts

#: Magic, layout, cells, boot, and a checksum of these four; after it the counter of changes, in a cell of its own.
_HEADER = struct.Struct("<8sIIQI4x")
_MAGIC = b"execlims"
_COUNTER = _HEADER.size // 8
_FIRST = _COUNTER + 1
SIZE = (_FIRST + CELLS) * 8
#: No moment and no count comes near it; what is beyond, or no number at all, nobody has written.
_LARGEST = 2**53
#: Locks are here, since they are needed before the process knows more.
AVAILABLE = fcntl is not None


class MappedStore:
    """
    The cells of a file; processes, and several of these in one process, take turns.

    Args:
        path: the file, made with its folder if there is none, readable by its owner only.
        clock: seconds since the machine was started, the same in all of its processes.
        boot: names the machine's start, so that its clock's times are not read after the next.

    Raises:
        OSError: when the file cannot be made, written or locked.
    """

    share = 1.0

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, boot: int | None = None) -> None:
        self.path = path
        self.now = clock
        self._boot = boot_number() if boot is None else boot
        self._header = _header(self._boot)
        self._turn = _turn_of(path)
        private_folder(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._map()
        except BaseException:
            os.close(self._file)
            raise

    def update(self, change: Callable[[Cells, *Ts], T], *args: *Ts) -> T:
        """Answer ``change(cells, *args)``, run while nobody else changes the cells."""
        counter, turn = self._counter, self._turn
        with turn.lock:
            if turn.busy:
                # a signal's handler, or a finalizer, in the middle of a change of this thread
                return change(self._cells, *args)
            turn.busy = True
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX)
                try:
                    count = counter[0]
                    if count & 1:
                        self._begin("was left half-changed by a process that ended")
                        count = counter[0]
                    counter[0] = count + 1
                    # An error in between leaves the counter odd: what was begun and not ended must not be believed.
                    answer = change(self._cells, *args)
                    counter[0] = count + 2
                    return answer
                finally:
                    fcntl.lockf(self._file, fcntl.LOCK_UN)
            finally:
                turn.busy = False

    def close(self) -> None:
        """Let go of the file; the state stays for the others."""
        with self._turn.lock:
            if self._file >= 0:
                self._cells.release()
                self._counter.release()
                self._memory.close()
                os.close(self._file)
                self._file = -1

    def _map(self) -> None:
        with self._turn.lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                size = os.fstat(self._file).st_size
                if size != SIZE:
                    os.ftruncate(self._file, SIZE)
                if hasattr(os, "posix_fallocate"):
                    # on a full disk this is an error; to write into a hole of the file would kill the process
                    os.posix_fallocate(self._file, 0, SIZE)
                self._memory = mmap.mmap(self._file, SIZE)
                view = memoryview(self._memory)
                self._counter = view[_COUNTER * 8 : _FIRST * 8].cast("Q")
                self._cells = view[_FIRST * 8 :].cast("d")
                found = bytes(view[: _HEADER.size])
                if size != SIZE or found != self._header:
                    self._begin("" if not size or _is_other_boot(found, self._header) else "is not one of ours")
                elif self._counter[0] >= _LARGEST or not all(-_LARGEST < cell < _LARGEST for cell in self._cells):
                    self._begin("is damaged")
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _begin(self, why: str) -> None:
        """Start anew, saying why unless that is in the order of things."""
        self._memory[:] = bytes(SIZE)
        self._memory[: _HEADER.size] = self._header
        if why:
            message = f"the budget in {self.path} {why}; it begins anew, and learns from the exchange's next answer"
            warnings.warn(message, RuntimeWarning, stacklevel=4)


def private_folder(path: Path) -> None:
    """
    A folder that only its owner can look into, and those above it that are missing.

    Raises:
        OSError: when it cannot be made.
    """
    for folder in (*reversed(path.parents), path):
        # what is there already has the rights that its owner gave it
        folder.mkdir(exist_ok=True, mode=0o700)


class Turn:
    """Whose turn it is among the threads of this process."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.busy = False


_turns: dict[str, Turn] = {}


def _turn_of(path: Path) -> Turn:
    """One for each file and process: the file's own lock does not keep a process from itself."""
    return _turns.setdefault(os.path.realpath(path), Turn())


if hasattr(os, "register_at_fork"):

    def _renew() -> None:
        for turn in _turns.values():
            turn.__init__()  # type: ignore[misc]

    os.register_at_fork(after_in_child=_renew)


def _header(boot: int) -> bytes:
    plain = _HEADER.pack(_MAGIC, LAYOUT, CELLS, boot, 0)
    return _HEADER.pack(_MAGIC, LAYOUT, CELLS, boot, crc32(plain))


def _is_other_boot(found: bytes, ours: bytes) -> bool:
    """Whether a header is whole and differs from ours in nothing but the machine's start."""
    magic, layout, cells, boot, _ = _HEADER.unpack(found)
    return (magic, layout, cells) == (_MAGIC, LAYOUT, CELLS) and found == _header(boot) and found != ours


def boot_number() -> int:
    """A number that this start of the machine has and no other."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        # Two clocks give the moment of the start, to within what they are set by.
        text = f"{round((time.time() - time.monotonic()) / 600)}"
    return crc32(text.encode()) + 1
