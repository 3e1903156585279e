"""
A server that is killed at random moments while four writers trade, over one database: what is found after each start.

Writers place orders that fill, rest or belong to a pair, and cancel. After every start all that was acknowledged has to
be there, nothing may be half there, balances have to add up, and no id may come twice; exits with 1 where that does not
hold. ``--url`` names a database of your own, such as one on a PostgreSQL server; it should be empty.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click

# the writers and what is checked are those of the tests
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from journal.crashing import WRONGS, Trial


@click.command(help=__doc__)
@click.option("--kills", default=200, show_default=True, help="How often the server is killed.")
@click.option("--url", help="Where accounts are kept. Default: an SQLite file that is removed afterwards.")
@click.option("--durability", default="full", show_default=True, type=click.Choice(("full", "normal", "off")))
@click.option("--longest", default=1.0, show_default=True, help="Seconds that a server lives at most.")
@click.option("--seed", default=0, show_default=True, help="Of what is traded, and of when it ends.")
def main(kills: int, url: str | None, durability: str, longest: float, seed: int) -> None:
    """Kill, look, and print one table."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trial = Trial(folder, url or f"sqlite:///{folder}/accounts.sqlite", seed, durability)
        for number in range(kills):
            trial.life(longest)
            if sys.stderr.isatty():
                print(f"\r\033[K{number + 1} of {kills} kills", end="", file=sys.stderr, flush=True)
        tally = trial.end()
    print(f"Crash ({'SQLite' if url is None else url.partition(':')[0]}, durability {durability}, seed {seed})\n")
    print(f"{kills:>8}  kills in {time.perf_counter() - begun:,.0f} s")
    for what, count in sorted(tally.items()):
        print(f"{count:>8,}  {what}")
    for what in WRONGS:
        print(f"{trial.wrong[what]:>8,}  {what}")
    for detail in trial.details:
        print(detail)
    print(f"\nA start took {median(trial.starts):.1f} s (median), {max(trial.starts):.1f} s at most.")
    sys.exit(bool(trial.wrong))


if __name__ == "__main__":
    main()
