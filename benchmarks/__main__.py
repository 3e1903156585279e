"""
Benchmarks, one table after the other: ``python -m benchmarks``, or some of them, ``python -m benchmarks limits``.

Options are those that each of them takes, such as ``--rounds 3`` and ``--no-peers``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = ("ticks", "orders", "commits", "replay", "server", "limits", "limits_processes", "limits_waiters", "client")


def main() -> int:
    """Run each in a process of its own, so that none inherits the memory of another; 1 if any failed."""
    here = Path(__file__).resolve().parent
    options = list(sys.argv[1:])
    names = []
    while options and not options[0].startswith("-"):
        names.append(options.pop(0))
    if unknown := set(names).difference(NAMES):
        sys.exit(f"{', '.join(sorted(unknown))}: there is no such benchmark; there are {', '.join(NAMES)}")
    codes = []
    for name in names or NAMES:
        codes.append(subprocess.run([sys.executable, str(here / f"{name}.py"), *options], check=False).returncode)
        print(flush=True)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
