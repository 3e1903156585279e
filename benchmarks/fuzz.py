"""Fuzzes what reads the bytes of strangers: requests, frames, control calls, recordings, limits, configuration."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import Any, NamedTuple

import _parsers
import click
from _fuzzing import failure, shrunk
from _seeds import SEEDS

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "tests" / "corpus"
_INITED = re.compile(r"INITED cov: (\d+)")
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+)")


class Found(NamedTuple):
    """What came of one parser: inputs read, what they covered first and last (-1: unknown), kinds of failures."""

    parser: str
    inputs: int
    covered: tuple[int, int]
    failures: list[dict[str, Any]]


def fuzz(name: str, seconds: float, seed: int, out: Path) -> Found:
    """Fuzz one parser; its failing inputs are shrunk and kept below ``out``."""
    with tempfile.TemporaryDirectory() as folder:
        work, failures = Path(folder), Path(folder) / "failures"
        failures.mkdir()
        _fill(work / "pool", name)
        job = {"parser": name, "seconds": seconds, "seed": seed, "work": folder, "failures": str(failures)}
        done = subprocess.run(
            [sys.executable, str(HERE / "_fuzzing.py")], input=json.dumps(job), capture_output=True, text=True,
            check=False, timeout=seconds * 2 + 300, errors="replace",
        )  # fmt: skip
        found = _counts(name, done)
        for path in sorted(failures.glob("*.json")):
            found.failures.append({**json.loads(path.read_text("utf-8")), "file": _keep(name, path, out)})
        # what libFuzzer itself ends with: an input that takes for ever, or all memory
        for path in [path for kind in ("timeout", "oom", "crash") for path in sorted(work.glob(f"{kind}-*"))]:
            found.failures.append(
                {"kind": path.name.partition("-")[0], "told": "", "file": _store(name, path.read_bytes(), out)}
            )
        if done.returncode and not found.failures:
            found.failures.append({"kind": f"ended with {done.returncode}", "told": done.stderr[-500:], "file": ""})
    return found


def _fill(pool: Path, name: str) -> None:
    """The inputs to begin with: the parser's own, and those of the corpus."""
    pool.mkdir()
    kept = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    for number, data in enumerate((*SEEDS[name], *kept)):
        (pool / f"{number:04d}").write_bytes(data)


def _counts(name: str, done: subprocess.CompletedProcess[str]) -> Found:
    last = _DONE.search(done.stderr)
    if last is not None:
        first = _INITED.search(done.stderr)
        return Found(name, int(last[1]), (int(first[1]) if first else 0, int(last[2])), [])
    lines = done.stdout.strip().splitlines()
    return Found(name, json.loads(lines[-1])["inputs"] if lines else 0, (-1, -1), [])


def _keep(name: str, path: Path, out: Path) -> str:
    data = path.with_suffix(".input").read_bytes()
    read = _parsers.READERS[name]
    # what fails only in the company of others is kept as it is
    return _store(name, shrunk(read, data) if failure(read, data)[0] else data, out)


def _store(name: str, data: bytes, out: Path) -> str:
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.iterdir()))
    path = folder / f"found_{number:03d}"
    path.write_bytes(data)
    return str(path)


def _line(found: Found) -> str:
    first, last = found.covered
    gained = f"{first:>9,}{last - first:>+8,}" if first >= 0 else f"{'-':>9}{'-':>8}"
    return f"{found.parser:<12}{found.inputs:>12,}{gained}{len(found.failures):>10}"


@click.command(help=__doc__)
@click.option("--minutes", default=10.0, show_default=True, help="For how long, all parsers together.")
@click.option("--only", multiple=True, type=click.Choice(sorted(_parsers.READERS)), help="This parser; repeatable.")
@click.option("--seed", type=int, help="Of chance; a random one unless given.")
@click.option(
    "--out",
    default=CORPUS,
    show_default="tests/corpus",
    type=click.Path(path_type=Path),
    help="Where failing inputs are kept.",
)
def main(minutes: float, only: tuple[str, ...], seed: int | None, out: Path) -> None:
    """Fuzz and print; exit code 1 if anything failed."""
    _parsers.quiet()
    names = only or tuple(_parsers.READERS)
    seed = SystemRandom().randrange(2**31) if seed is None else seed
    print(f"Fuzzing for {minutes:g} minutes, seed {seed} (Python {sys.version.split()[0]})\n")
    print(f"{'parser':<12}{'inputs':>12}{'covered':>9}{'new':>8}{'failures':>10}\n{'-' * 51}")
    failed = []
    for name in names:
        found = fuzz(name, minutes * 60 / len(names), seed, out)
        print(_line(found), flush=True)
        failed += [f"{name}: {one['kind']}: {one['told']}\n  {one['file']}" for one in found.failures]
    for text in failed:
        print(f"\n{text}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
