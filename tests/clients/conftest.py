"""Real clients meet a real server: ``exec-plugin serve`` in a process of its own, its market scripted test by test."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from paper_server import PaperServer


@pytest.fixture(scope="session")
def served():
    """The server as anybody starts it: address, key and secret are what it printed."""
    command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with ThreadPoolExecutor(1) as reader:
            lines = reader.submit(lambda: [process.stdout.readline() for _ in range(3)]).result(timeout=60)
        yield PaperServer(dict(line.strip().split("=", 1) for line in lines))
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture
def paper(served):
    """The server with a fresh account and a market that stands at 49990 to 50010 until the test moves it."""
    served.reset()
    return served


@pytest.fixture
def provoke():
    """Make something happen, again and again, until what is awaited has come of it; 20 seconds at most."""

    async def provoked(awaited, happen):
        async with asyncio.timeout(20):
            task = asyncio.ensure_future(awaited)
            while not task.done():
                happen()
                await asyncio.wait({task}, timeout=0.1)
            return task.result()

    return provoked
