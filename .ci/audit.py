"""Run pip-audit over frozen requirements: 1 for a known hole, 0 otherwise, also where nothing can be known."""

from __future__ import annotations

import json
import subprocess
import sys

#: Seconds until it is given up: what is out of reach must not hold anybody up.
PATIENCE = 120


def main() -> int:
    """Audit and print."""
    program, requirements = sys.argv[1:]
    command = [program, "--requirement", requirements, "--no-deps", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off", "--timeout", "10"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, KeyError, ValueError):
        print("pip-audit cannot reach its data: skipped")
        return 0
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        print(f"pip-audit cannot reach its data about any of {len(packages)} packages: skipped")
        return 0
    holes = [package for package in known if package["vulns"]]
    for package in holes:
        for hole in package["vulns"]:
            fixed = ", ".join(hole["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {hole['id']}, mended in {fixed}")
    print(f"{len(known)} of {len(packages)} packages audited, {len(holes)} with known holes")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
