"""Other engines, each in a throwaway environment of its own that is built when it is first needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from _table import Sample, Skipped
from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
#: The newest releases of the peers ask for a newer Python than this package.
NEWER = ("3.13", "3.12")
#: Building an environment and one run take seconds to a minute.
PATIENCE = 900


@frozen
class Peers:
    """
    Where the peers' environments are, and whether they are wanted.

    Args:
        folder: one environment for each peer is made in it, and found again by the next run.
        python: the interpreter they are made with.
        wanted: without it every peer is skipped.
    """

    folder: Path
    python: str
    wanted: bool = True

    def run(self, package: str, script: str, request: dict[str, Any]) -> Sample:
        """
        One measurement by a peer, in a process of its own.

        Raises:
            Skipped: when the peer is not wanted, cannot be installed or fails.
        """
        answer = _call([str(self.python_of(package)), str(HERE / "peers" / script)], json.dumps(request))
        return Sample(**json.loads(answer.splitlines()[-1]))

    def python_of(self, package: str) -> Path:
        """
        The interpreter of a peer's environment, which is made if need be.

        Raises:
            Skipped: when the peer is not wanted or cannot be installed.
        """
        if not self.wanted:
            msg = "peers are not wanted"
            raise Skipped(msg)
        return _environment(self.folder, self.python, package)

    def alike(self) -> Peers:
        """The same by the interpreter that runs this, where a newer one would decide more than what is compared."""
        return evolve(self, folder=self.folder / "alike", python=sys.executable)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every benchmark with a peer takes, handed to the command as ``peers``."""

    def with_peers(*, peer_env: Path, peer_python: str, no_peers: bool, **rest: Any) -> None:
        command(peers=Peers(peer_env, peer_python or _newest_python(), wanted=not no_peers), **rest)

    with_peers.__doc__ = command.__doc__
    default = Path(tempfile.gettempdir()) / "exec-plugin-peers"
    for add in (
        click.option("--no-peers", is_flag=True, help="Measure exec_plugin only."),
        click.option("--peer-python", default="", help="The peers' Python; by default the newest that is found."),
        click.option(
            "--peer-env", type=click.Path(path_type=Path, file_okay=False), default=default, show_default=True,
            help="Folder of the peers' environments.",
        ),
    ):  # fmt: skip
        with_peers = add(with_peers)
    return with_peers


@cache
def _environment(folder: Path, python: str, package: str) -> Path:
    """The interpreter of a peer's environment."""
    home = folder / package
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # written last, so that a half-made environment is made anew
    ready = home / "ready"
    if not ready.exists():
        print(f"installing {package} into {home}", file=sys.stderr)
        _call([python, "-m", "venv", "--clear", str(home)])
        _call([str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])
        ready.touch()
    return inside


def _call(command: list[str], text: str = "") -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(str(error)) from error
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        msg = f"{Path(command[0]).name} {' '.join(command[1:3])} ended with {done.returncode}: {last}"
        raise Skipped(msg)
    return done.stdout


def _newest_python() -> str:
    return next(filter(_works, _candidates()), sys.executable)


def _candidates() -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in NEWER:
        yield f"python{version}"
        yield from map(str, pyenv.glob(f"{version}.*/bin/python"))


def _works(python: str) -> bool:
    # a launcher on the path may stand for a Python that is not there
    command = [python, "-c", "import ensurepip, venv"]
    quiet = partial(subprocess.run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    try:
        return quiet(command).returncode == 0
    except OSError:
        return False
