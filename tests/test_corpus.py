"""What fuzzing has found is taken as promised, for good; `python benchmarks/fuzz.py` looks for more."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.fixture(scope="module")
def benchmarks(root):
    """The folder of the benchmarks, to import from."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield import_module
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def readers(benchmarks):
    """What reads, by name."""
    return benchmarks("_parsers").READERS


def test_seeds(benchmarks, readers):
    """Each reader has inputs to begin with, and takes them."""
    seeds = benchmarks("_seeds").SEEDS
    assert set(seeds) == set(benchmarks("_seeds").WORDS) == set(readers)
    for name, inputs in seeds.items():
        assert inputs
        for data in inputs:
            readers[name](data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_found(readers, path):
    """An input that once failed is read, or refused as it should be."""
    readers[path.parent.name](path.read_bytes())


def test_corpus(readers):
    """The corpus is small, and each of its folders belongs to a reader."""
    assert {path.parent.name for path in FOUND} <= set(readers)
    assert sum(path.stat().st_size for path in FOUND) < 100_000


def test_failure(benchmarks):
    """What raises is a failure, told by its kind and place, and is shrunk to what it needs."""
    fuzzing = benchmarks("_fuzzing")

    def read(data):
        if b"!" in data:
            raise KeyError(data)

    kind, _ = fuzzing.failure(read, b"abc!def")
    assert kind.startswith("KeyError at ")
    assert fuzzing.failure(read, b"abc") == ("", "")
    assert fuzzing.shrunk(read, b"some text! and more") == b"!"


def test_watch(benchmarks, tmp_path):
    """Of each kind of failure the first input is kept."""
    fuzzing = benchmarks("_fuzzing")
    watch = fuzzing.Watch(lambda data: data.decode() and None, tmp_path)
    for data in (b"fine", b"\xff", b"\xfe", b"fine"):
        watch(data)
    assert watch.inputs == 4
    assert [path.read_bytes() for path in tmp_path.glob("*.input")] == [b"\xff"]
