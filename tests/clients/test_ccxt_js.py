"""Plain ccxt from npm; ``NODE_PATH`` tells where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("ccxt_js.cjs")


@pytest.fixture(scope="module")
def node():
    """Node.js, where ccxt can be required from."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    if subprocess.run([found, "-e", "require.resolve('ccxt')"], check=False, capture_output=True).returncode:
        pytest.skip("ccxt is not installed from npm where NODE_PATH leads")
    return found


@pytest.mark.parametrize("scenario", ["trade", "cancel", "oco", "errors", "streams", "events"])
def test_ccxt(node, paper, scenario):
    """What the Python tests see of ccxt is what JavaScript sees: orders, lists, errors, streams and events."""
    done = subprocess.run(
        [node, SCRIPT, scenario],
        env={**os.environ, **paper.told},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
