import errno
import multiprocessing
import os
import signal
import stat
import struct
import threading
import warnings
from math import inf, nan

import pytest

from exec_plugin.core.errors import ConfigError
from exec_plugin.limit_store import CELLS, MappedStore, MemoryStore, mapped, open_store, state_path

pytestmark = pytest.mark.skipif(not mapped.AVAILABLE, reason="this system has no file locks")
SPAWN = multiprocessing.get_context("spawn")


def add(cells, amount):
    """A change."""
    cells[7] += amount
    return cells[7]


def die(cells):
    """A change whose process is killed in the middle."""
    cells[7] = 1e9
    os.kill(os.getpid(), signal.SIGKILL)


def add_many(path, count):
    """What another process does."""
    store = MappedStore(path)
    for _ in range(count):
        store.update(add, 1.0)


def die_inside(path):
    """What a killed process does."""
    MappedStore(path).update(die)


@pytest.fixture
def path(tmp_path):
    """Where a budget may be, its folder not yet made."""
    return tmp_path / "made" / "host.budget"


def test_shared(path):
    """Two stores of one file see each other's changes."""
    MappedStore(path).update(add, 2.5)
    assert MappedStore(path).update(add, 1.0) == 3.5


def test_private(path):
    """The file is its owner's only."""
    MappedStore(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes(path):
    """Processes take turns: no change is lost."""
    processes = [SPAWN.Process(target=add_many, args=(path, 2_000)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert MappedStore(path).update(add, 0.0) == 6_000


def test_threads(path):
    """Threads take turns too, whichever store of the file they have."""
    threads = [threading.Thread(target=add_many, args=(path, 500)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MappedStore(path).update(add, 0.0) == 2_000


def test_nested(path):
    """A change within a change of the same thread, as a signal's handler makes one, waits for nobody."""
    store, other = MappedStore(path), MappedStore(path)
    assert store.update(lambda cells: add(cells, 1.0) + other.update(add, 2.0)) == 4.0
    assert store.update(add, 0.0) == 3.0


def test_killed_inside(path):
    """What a process left half-changed when it was killed is not believed, and holds up nobody."""
    store = MappedStore(path)
    store.update(add, 5.0)
    process = SPAWN.Process(target=die_inside, args=(path,))
    process.start()
    process.join()
    with pytest.warns(RuntimeWarning, match="half-changed"):
        assert store.update(add, 1.0) == 1.0
    assert store.update(add, 1.0) == 2.0


def test_error_inside(path):
    """A change that fails is not believed either."""
    store = MappedStore(path)
    with pytest.raises(ZeroDivisionError):
        store.update(lambda cells: add(cells, 1 / 0))
    with pytest.warns(RuntimeWarning, match="half-changed"):
        assert store.update(add, 1.0) == 1.0


def test_reboot(path):
    """Another start of the machine has another clock: the state begins anew, without a word."""
    MappedStore(path, boot=1).update(add, 5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MappedStore(path, boot=2).update(add, 1.0) == 1.0


@pytest.mark.parametrize(
    "content",
    [
        b"SQLite format 3\0" + bytes(mapped.SIZE),
        b"short",
        b"\xff" * mapped.SIZE,
        bytes(mapped.SIZE),
        mapped._header(1)[:20] + struct.pack("<Q", 99) + bytes(mapped.SIZE - 28),
    ],
)
def test_foreign(path, content):
    """A file that is torn or of somebody else is recognised and begins anew, with a warning."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="not one of ours"):
        store = MappedStore(path, boot=1)
    assert store.update(add, 1.0) == 1.0
    assert path.stat().st_size == mapped.SIZE


@pytest.mark.parametrize(
    ("place", "kind", "number"),
    [(mapped._COUNTER, "Q", 2**64 - 2), *[(mapped._FIRST + 9, "d", number) for number in (nan, inf, -inf, 1e16)]],
)
def test_damaged(path, place, kind, number):
    """So is one in which stands what nobody has written: a number that is none, or beyond all bounds."""
    store = MappedStore(path, boot=1)
    store.update(add, 7.0)
    store.close()
    content = bytearray(path.read_bytes())
    struct.pack_into(kind, content, place * 8, number)
    path.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="is damaged"):
        store = MappedStore(path, boot=1)
    assert store.update(add, 1.0) == 1.0


def test_all_cells(path):
    """All cells are there, and are 0.0 at first."""
    assert MappedStore(path).update(lambda cells: list(cells[0:CELLS])) == [0.0] * CELLS


def test_close(path):
    """A closed store leaves the state to the others, and may be closed again."""
    store = MappedStore(path)
    store.update(add, 4.0)
    store.close()
    store.close()
    assert MappedStore(path).update(add, 0.0) == 4.0


def test_fork(path):
    """A forked child goes on with the same state."""
    store = MappedStore(path)
    child = os.fork()
    if not child:
        store.update(add, 3.0)
        os._exit(0)
    os.waitpid(child, 0)
    assert store.update(add, 0.0) == 3.0


def test_unusable(tmp_path):
    """Where there can be no file the process counts alone: one warning, one budget."""
    (tmp_path / "file").touch()
    where = tmp_path / "file" / "host.budget"
    with pytest.warns(RuntimeWarning, match="counts alone") as caught:
        stores = [open_store(where), open_store(where)]
    assert len(caught) == 1
    assert stores[0] is stores[1]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve a file's room")
def test_full_disk(path, monkeypatch):
    """On a full disk the process counts alone; it is not killed when it writes."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert isinstance(open_store(path), MemoryStore)


def test_no_home(monkeypatch, tmp_path):
    """A user without a home, as in many containers, counts alone unless he names a folder."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("EXEC_PLUGIN_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mapped.Path, "home", homeless)
    with pytest.warns(RuntimeWarning, match="home directory"):
        assert isinstance(open_store(None, "homeless.example"), MemoryStore)
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    assert state_path("homeless.example").is_relative_to(tmp_path)


def test_no_locks(tmp_path, monkeypatch):
    """A system without file locks counts in each process alone."""
    monkeypatch.setattr(mapped, "AVAILABLE", False)
    with pytest.warns(RuntimeWarning, match="no file locks"):
        assert isinstance(open_store(tmp_path / "x"), MemoryStore)


def test_where(tmp_path, monkeypatch):
    """By default there is one file for each host, in the user's state folder."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    assert state_path("api.binance.com").parent == tmp_path / "limits"
    assert state_path("a") != state_path("b")
    assert state_path("../../etc/passwd").parent == tmp_path / "limits"
    assert isinstance(open_store(None, "api.binance.com"), MappedStore)


def test_kinds():
    """A store is itself, "memory" is the caller's own, and an unknown URL is an error."""
    store = MemoryStore()
    assert open_store(store) is store
    assert open_store("memory") is not open_store("memory")
    with pytest.raises(ConfigError, match="gopher"):
        open_store("gopher://here")
