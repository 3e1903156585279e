"""Interpreters of their own: what turns the plugin on happens while one starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from exec_plugin.cli.run import environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def python(root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs code as ``exec-plugin run`` does, in a mode; without one as a plain interpreter does."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("EXEC_PLUGIN")}

    def run(code: str, mode: str | None = None, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        # a checkout that is not installed is found as well
        paths = os.pathsep.join(filter(None, [str(root), outside.get("PYTHONPATH")]))
        inside = {**outside, "PYTHONPATH": paths}
        if mode is not None:
            inside = environment(inside, mode, None)
        command = [sys.executable, *words, "-c", code]
        return subprocess.run(
            command, cwd=tmp_path, env={**inside, **variables}, capture_output=True, text=True, check=False, timeout=60
        )

    return run
