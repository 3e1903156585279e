"""One parser fuzzed for a while, in a process of its own: each failing input is kept once, whatever else it fails with."""

from __future__ import annotations

import hashlib
import json
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

try:
    import atheris
except ImportError:
    atheris = None

if atheris is None:
    import _parsers
else:
    with atheris.instrument_imports(include=["exec_plugin"], enable_loader_override=False):
        import _parsers

from _seeds import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Bytes of the longest input, seconds of the processor that none may take, and seconds that none may wait.
LONGEST, SLOW, STUCK = 4096, 2.0, 30.0
#: Digits that conversions and containers may fear.
_MANY = (b"9" * 5000, b"[" * 3000, b"0" * 400)


def place(error: BaseException) -> str:
    """Which failure this is: what was raised, and where in the package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "_fuzz" not in Path(frame.filename).name]
    last = frames[-1] if frames else None
    where = f"{Path(last.filename).name}:{last.lineno}" if last is not None else "?"
    return f"{type(error).__name__} at {where}"


def failure(read: Callable[[bytes], None], data: bytes) -> tuple[str, str]:
    """How an input fails: which failure it is, and what it says; empty where it does not fail."""
    began, worked = time.perf_counter(), time.process_time()
    try:
        read(data)
    except Exception as error:  # noqa: BLE001  whatever it raises is what is looked for
        return place(error), f"{error!r}"[:300]
    # on a machine that is busy otherwise seconds pass by themselves
    taken, waited = time.process_time() - worked, time.perf_counter() - began
    if taken > SLOW:
        return f"slower than {SLOW:.0f} s", f"{taken:.1f} s"
    return (f"stuck for {STUCK:.0f} s", f"{waited:.1f} s") if waited > STUCK else ("", "")


class Watch:
    """Reads inputs; keeps the first of each failure in a folder."""

    def __init__(self, read: Callable[[bytes], None], folder: Path) -> None:
        self._read = read
        self._folder = folder
        self._seen: set[str] = set()
        self.inputs = 0

    def __call__(self, data: bytes) -> None:
        """Read one input."""
        self.inputs += 1
        kind, told = failure(self._read, data)
        if kind and kind not in self._seen:
            self._seen.add(kind)
            name = hashlib.sha256(data).hexdigest()[:12]
            (self._folder / f"{name}.input").write_bytes(data)
            (self._folder / f"{name}.json").write_text(json.dumps({"kind": kind, "told": told}), encoding="utf-8")


def shrunk(read: Callable[[bytes], None], data: bytes, seconds: float = 20.0) -> bytes:
    """The input without what its failure does not need."""
    wanted, end = failure(read, data)[0], time.monotonic() + seconds
    size = len(data) // 2
    while size and time.monotonic() < end:
        start = 0
        while start < len(data) and time.monotonic() < end:
            shorter = data[:start] + data[start + size :]
            if failure(read, shorter)[0] == wanted:
                data = shorter
            else:
                start += size
        size //= 2
    return data


def mutated(rng: Random, pool: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """An input made of known ones, for where there is no guidance by coverage."""
    data = bytearray(rng.choice(pool))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        start = rng.randint(0, len(data))
        end = min(start + rng.choice((0, 1, 1, 2, 4, 16)), len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[start:end] = rng.choice(words)
        elif kind == 1:
            data[start:end] = rng.randbytes(rng.randint(0, 4))
        elif kind == 2:  # a piece of another input
            other = rng.choice(pool)
            first = rng.randint(0, len(other))
            data[start:end] = other[first : first + rng.randint(0, 40)]
        elif kind == 3:
            del data[start:end]
        elif kind == 4:
            data[start:start] = data[start : start + rng.randint(1, 60)]
        elif end > start:
            data[start] ^= 1 << rng.randrange(8)
    return bytes(data)


def blindly(watch: Watch, pool: list[bytes], words: Sequence[bytes], seconds: float, seed: int) -> None:
    """Read mutations of the pool until the time is over."""
    rng, end = Random(seed), time.monotonic() + seconds
    while time.monotonic() < end:
        watch(mutated(rng, pool, words))


def guided(watch: Watch, work: Path, words: Sequence[bytes], seconds: float, seed: int) -> None:
    """The same led by what is covered; libFuzzer ends the process, and tells on stderr what was covered."""
    entries = ("".join(f"\\x{byte:02x}" for byte in word[:64]) for word in words)
    dictionary = work / "words"
    dictionary.write_text("".join(f'"{entry}"\n' for entry in entries), encoding="ascii")
    options = (
        f"-max_total_time={seconds:.0f}", f"-seed={seed}", f"-max_len={LONGEST}",
        f"-artifact_prefix={work}/", "-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1",
    )  # fmt: skip
    known = [f"-dict={dictionary}"] if words else []
    atheris.Setup([sys.argv[0], *options, *known, str(work / "pool")], watch)
    atheris.Fuzz()


def main() -> None:
    """Fuzz as stdin says: parser, seconds, seed, folders for the pool and for failures."""
    job: dict[str, Any] = json.load(sys.stdin)
    _parsers.quiet()
    work, folder = Path(job["work"]), Path(job["failures"])
    pool = [path.read_bytes() for path in sorted((work / "pool").iterdir())]
    words = [word.encode() for word in WORDS[job["parser"]]]
    watch = Watch(_parsers.READERS[job["parser"]], folder)
    for data in (*pool, *_MANY):
        watch(data)
    if atheris is not None:
        guided(watch, work, words, job["seconds"], job["seed"])
    blindly(watch, pool, [*words, *_MANY, b"\0", b"\n"], job["seconds"], job["seed"])
    print(json.dumps({"inputs": watch.inputs}))


if __name__ == "__main__":
    main()
