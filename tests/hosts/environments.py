"""
Environments of hosts: each its own, with our wheel beside the host, and nothing of the host's changed.

``python tests/hosts/environments.py freqtrade --under DIR`` builds one by hand and prints where its programs are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that an installation may take.
PATIENCE = 900


class Host(NamedTuple):
    """What is installed, and for which Pythons it exists, the preferred one first."""

    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")


HOSTS = {
    "freqtrade": Host(("freqtrade",)),
    "vectorbt": Host(("vectorbt", "ccxt")),
    "investing-algorithm-framework": Host(("investing-algorithm-framework",)),
    "lumibot": Host(("lumibot",)),
    "basana": Host(("basana",)),
    # for Python 3.11 pip goes back to a numpy that it cannot build
    "octobot": Host(("OctoBot",), ("3.12", "3.13")),
}


class Unavailable(Exception):
    """A host cannot be installed here."""


class Environment:
    """
    An installed host.

    Args:
        home: where it is.
        before, after: its packages without and with ours, ``name==version``.
    """

    def __init__(self, home: Path, before: set[str], after: set[str]) -> None:
        self.home = home
        self.before = before
        self.after = after

    def program(self, name: str) -> str:
        """One of its programs."""
        return str(self.home / "bin" / name)


def find_python(versions: tuple[str, ...]) -> str:
    """The first of these Pythons that can be started."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in versions:
        candidates = [
            sys.executable,
            f"python{version}",
            *sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}"))),
        ]
        check = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
        for candidate in candidates:
            if (
                shutil.which(candidate)
                and subprocess.run([candidate, "-c", check], capture_output=True, check=False).returncode == 0
            ):
                return candidate
    raise Unavailable(f"none of Python {', '.join(versions)} is installed")


def build_wheel(folder: Path) -> Path:
    """Our wheel, made of this checkout."""
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    (wheel,) = folder.glob("exec_plugin-*.whl")
    return wheel


def build(name: str, under: Path, wheel: Path) -> Environment:
    """
    Install a host, or take the one that an earlier run has installed there, and our wheel as a user would.

    Raises:
        Unavailable: with the reason.
    """
    host, home = HOSTS[name], under / name
    if not (home / "installed").exists():
        shutil.rmtree(home, ignore_errors=True)
        _run([find_python(host.pythons), "-m", "venv", str(home)])
        python = str(home / "bin" / "python")
        # resolves the larger hosts in seconds, for which pip takes minutes; pip does where it is not to be had
        uv = _uv(under)
        install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        _run([*install, "--quiet", *host.requirements])
        (home / "installed").write_text("\n".join(sorted(_packages(home))), encoding="utf-8")
    before = set((home / "installed").read_text(encoding="utf-8").splitlines())
    _run(
        [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)]
    )
    _run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)])
    return Environment(home, before, _packages(home))


def _uv(under: Path) -> str | None:
    home = under / "uv"
    if not (home / "bin" / "uv").exists():
        try:
            _run([sys.executable, "-m", "venv", str(home)])
            _run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"])
        except Unavailable:
            return shutil.which("uv")
    return str(home / "bin" / "uv")


def _packages(home: Path) -> set[str]:
    listed = _run([str(home / "bin" / "python"), "-m", "pip", "list", "--format", "freeze"])
    return {line for line in listed.splitlines() if "==" in line}


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command[-3:])}: {error}") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unavailable(f"{' '.join(command[-3:])}: {told[-1]}")
    return done.stdout


def main() -> None:
    """Build one host's environment."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("host", choices=HOSTS)
    parser.add_argument("--under", type=Path, required=True, help="the folder of all environments")
    given = parser.parse_args()
    under = given.under.resolve()
    (under / "wheel").mkdir(parents=True, exist_ok=True)
    try:
        environment = build(given.host, under, build_wheel(under / "wheel"))
    except Unavailable as error:
        sys.exit(f"{given.host} cannot be installed here: {error}")
    sys.stdout.write(f"{environment.home / 'bin'}\n")


if __name__ == "__main__":
    main()
