"""Hosts in environments of their own, what the documentation says of them, and what they print."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from environments import HOSTS, ROOT, Environment, Unavailable, build, build_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WANTED = os.environ.get("EXEC_PLUGIN_HOSTS", "").replace(",", " ").split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it takes long."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the environments are; ``EXEC_PLUGIN_HOSTS_UNDER`` keeps them for the next run."""
    kept = os.environ.get("EXEC_PLUGIN_HOSTS_UNDER")
    return Path(kept).resolve() if kept else tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stranger installs."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def environments() -> dict[str, Environment | Unavailable]:
    """What has been built so far."""
    return {}


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest, environments: dict[str, Environment | Unavailable]) -> Environment:
    """The environment of the module's ``HOST``; its tests are skipped where it is not wanted or not to be had."""
    name = request.module.HOST
    if name not in WANTED and "all" not in WANTED:
        pytest.skip(f"EXEC_PLUGIN_HOSTS does not name {name}; known are all, {', '.join(HOSTS)}")
    if name not in environments:
        folder, wheel = request.getfixturevalue("folder"), request.getfixturevalue("wheel")
        try:
            environments[name] = build(name, folder, wheel)
        except Unavailable as error:
            environments[name] = error
    found = environments[name]
    if isinstance(found, Unavailable):
        pytest.skip(f"{name} cannot be installed here: {found}")
    return found


@pytest.fixture
def documented() -> Callable[[str, str], list[str]]:
    """Reads the blocks of one language on a page of the documentation."""

    def read(page: str, language: str) -> list[str]:
        text = (ROOT / "docs" / "hosts" / f"{page}.md").read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)

    return read


class Shell:
    """Runs an environment's programs in a folder of their own, with nothing of this checkout in their path."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXEC_PLUGIN", "PYTHON"))}
        path = f"{environment.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # no paper account and no budget of the user's; host homes are theirs too
        homes = {"EXEC_PLUGIN_HOME": str(folder / "home"), "HOME": str(folder / "home"), "COLUMNS": "200"}
        self.variables = {**kept, **homes, "PATH": path}
        (folder / "home").mkdir(exist_ok=True)

    def run(self, *command: Any, timeout: float = 120, check: bool = True, **variables: str) -> str:
        """What a program prints, both ways, when it has ended by itself."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder, env={**self.variables, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout
        return done.stdout

    def run_until(
        self, done: Callable[[str], bool], *command: Any, timeout: float = 240, ending: int = signal.SIGINT
    ) -> str:
        """What a program prints, both ways, until ``done`` is content with it; it is interrupted then, and tidies up."""
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=self.folder, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        lines: list[str] = []

        def read() -> None:
            told = False
            for line in process.stdout or ():
                if not told:
                    lines.append(line)
                if not told and done(line):
                    # once: a second one would end it in the middle of its tidying up
                    told = True
                    process.send_signal(ending)

        try:
            with ThreadPoolExecutor(1) as reader:
                reading = reader.submit(read)
                try:
                    reading.result(timeout)
                finally:
                    process.kill()
        finally:
            process.communicate()
        return "".join(lines)

    @contextmanager
    def serving(self, *more: str, lines: int = 3) -> Iterator[dict[str, str]]:
        """A process of ``exec-plugin serve``: what it printed, by name."""
        command = ["exec-plugin", "serve", "--port", "0", "--symbols", "BTCUSDT,ETHUSDT", *more]
        with subprocess.Popen(
            command, cwd=self.folder, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                yield dict((process.stdout or io.StringIO()).readline().strip().split("=", 1) for _ in range(lines))
            finally:
                process.terminate()


@pytest.fixture
def shell(environment: Environment, tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(environment, tmp_path)
