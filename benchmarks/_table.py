"""Timing and printing: every case of a table runs in turn, round after round, so that a slow minute slows them all."""

from __future__ import annotations

import gc
import sys
from statistics import median
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Skipped(Exception):
    """A case cannot run here; the text says why."""


@frozen
class Sample:
    """One run of one case: how much was done in how many seconds, and by whom if not by us."""

    count: int
    seconds: float
    by: str = ""


@frozen
class Case:
    """
    One line of a table.

    Args:
        name: what is done.
        run: does it once, its preparation outside of the time it reports.
        ratios: column of the table -> the case with which that column compares this one.
    """

    name: str
    run: Callable[[], Sample]
    ratios: Mapping[str, str] = field(factory=dict)


@frozen
class Result:
    """What the rounds gave for one case."""

    case: Case
    samples: Sequence[Sample]

    @property
    def rates(self) -> list[float]:
        """Counts per second, one for each round."""
        return [sample.count / sample.seconds for sample in self.samples]

    @property
    def best(self) -> float:
        """The rate of the best round: what the machine can do when nobody disturbs it."""
        return max(self.rates)


def measure(cases: Sequence[Case], rounds: int) -> tuple[list[Result], list[str]]:
    """Run all cases ``rounds`` times, interleaved; answer the results and why some cases have none."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    skipped: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for case in cases:
            if case.name in skipped:
                continue
            _progress(f"round {number} of {rounds}: {case.name}")
            gc.collect()
            try:
                samples[case.name].append(case.run())
            except Skipped as reason:
                skipped[case.name] = f"{case.name}: skipped, {reason}"
    _progress("")
    results = [Result(case, samples[case.name]) for case in cases if samples[case.name]]
    return results, list(skipped.values())


def show(title: str, unit: str, results: Sequence[Result], notes: Sequence[str] = ()) -> None:
    """Print one table; ratios compare the best rounds."""
    by_name = {result.case.name: result for result in results}
    columns = list(dict.fromkeys(column for result in results for column in result.case.ratios))
    head = ["", "count", f"best {unit}/s", f"median {unit}/s", *columns]
    rows = [_row(result, by_name, columns) for result in results]
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    rounds = max((len(result.samples) for result in results), default=0)
    print(f"{title} (Python {sys.version.split()[0]}, {rounds} interleaved rounds, ratios of the best)\n")
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
    for note in (*_peers(results), *notes):
        print(f"\n{note}")


def _row(result: Result, by_name: Mapping[str, Result], columns: Sequence[str]) -> list[str]:
    ratios = []
    for column in columns:
        other = by_name.get(result.case.ratios.get(column, ""))
        ratios.append(_ratio(result.best / other.best) if other else "")
    count = result.samples[0].count
    return [result.case.name, f"{count:,}", f"{result.best:,.0f}", f"{median(result.rates):,.0f}", *ratios]


def _ratio(value: float) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}x"


def _peers(results: Sequence[Result]) -> list[str]:
    peers = sorted({sample.by for result in results for sample in result.samples if sample.by})
    return [f"Peer: {', '.join(peers)}."] if peers else []


def _progress(text: str) -> None:
    # a line that replaces itself is only for people
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
