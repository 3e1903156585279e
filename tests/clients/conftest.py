"""Real clients meet a real server: ``exec-plugin serve`` in a process of its own, its market scripted test by test."""

from __future__ import annotations

import asyncio

import pytest
from paper_server import serve


@pytest.fixture(scope="session")
def served():
    """The server as anybody starts it."""
    with serve() as server:
        yield server


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
