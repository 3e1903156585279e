"""All benchmarks, one table after the other; options are those that each of them takes, such as ``--rounds 3``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("ticks.py", "orders.py", "replay.py", "server.py")


def main() -> int:
    """Run each in a process of its own, so that none inherits the memory of another; 1 if any failed."""
    here = Path(__file__).resolve().parent
    codes = []
    for script in SCRIPTS:
        codes.append(subprocess.run([sys.executable, str(here / script), *sys.argv[1:]], check=False).returncode)
        print(flush=True)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
